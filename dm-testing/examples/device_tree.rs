//! Prints the tree of mapped devices and the disks they use, as text or as a graph for `dot`.
//!
//! ```text
//! device_tree [--dot]
//! ```

use std::error::Error;

use dm_core::Dm;

/// The tree of all devices.
pub(crate) fn show(dm: &Dm, is_graph: bool) -> Result<String, Box<dyn Error>> {
    let tree = dm.device_tree()?;
    Ok(if is_graph { tree.to_dot().to_string() } else { tree.to_string() })
}

fn main() -> Result<(), Box<dyn Error>> {
    let is_graph = std::env::args().any(|argument| argument == "--dot");
    print!("{}", show(&Dm::open()?, is_graph)?);
    Ok(())
}
