//! `ls --tree`, from the tree that the library reads in one pass.

use dm_core::{DeviceTree, Host, TreeOrder};
use dm_units::DeviceNumber;

use crate::Result;
use crate::devices::human;
use crate::options::Options;

pub(crate) fn print(host: &Host, options: &Options) -> Result<()> {
    if options.has("options") {
        return Err("A tree is printed in one way only.".into());
    }
    let tree = host.dm().device_tree()?;
    let mut tops: Vec<_> = tree.tops().filter_map(|number| Some((tree.get(number)?.name.clone()?, number))).collect();
    tops.sort();
    if tops.is_empty() {
        println!("No devices found");
    }
    for (_, top) in tops {
        println!("{}", label(host, &tree, top));
        below(host, &tree, top, " ");
    }
    Ok(())
}

fn below(host: &Host, tree: &DeviceTree, number: DeviceNumber, indent: &str) {
    let children = tree.children(number, TreeOrder::Name);
    for (index, child) in children.iter().enumerate() {
        let is_last = index.saturating_add(1) == children.len();
        println!("{indent}{}{}", if is_last { "`-" } else { "|-" }, label(host, tree, *child));
        below(host, tree, *child, &format!("{indent}{}", if is_last { "   " } else { "|  " }));
    }
}

fn label(host: &Host, tree: &DeviceTree, number: DeviceNumber) -> String {
    let name = tree.get(number).and_then(|node| node.name.as_deref());
    format!("{} ({}:{})", human(host, name), number.major, number.minor)
}
