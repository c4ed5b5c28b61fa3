//! [`Dot`]: prints a tree of devices as a graph for Graphviz.

use std::fmt;

use super::DeviceTree;

impl DeviceTree {
    /// The tree as a graph for Graphviz. `dot -Tsvg` draws it.
    #[must_use]
    pub const fn to_dot(&self) -> Dot<'_> {
        Dot(self)
    }
}

/// Prints a [`DeviceTree`] as a graph for Graphviz: a node for each device, and an arrow from each device to each
/// device that it uses.
#[derive(Clone, Copy, Debug)]
pub struct Dot<'t>(&'t DeviceTree);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph devices {{")?;
        for (number, node) in self.0.iter() {
            let shape = if node.name.is_some() { "box" } else { "cylinder" };
            // A mangled name has neither quotes nor line feeds; its backslashes must be doubled.
            let label = self.0.label(number).replace('\\', "\\\\");
            writeln!(f, "    \"{number}\" [label=\"{label}\" shape={shape}];")?;
            for used in &node.uses {
                writeln!(f, "    \"{number}\" -> \"{used}\";")?;
            }
        }
        writeln!(f, "}}")
    }
}
