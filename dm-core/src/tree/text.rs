//! [`TreeText`]: prints a tree of devices as indented text.

use std::collections::BTreeSet;
use std::fmt;

use dm_units::DeviceNumber;

use super::{DeviceTree, TreeOrder};

/// Above this level, the level is printed as a number instead of more indentation, so that the length of the text is
/// linear.
const MAX_INDENT: usize = 64;

impl DeviceTree {
    /// Returns the tree as text, with the devices in the given order. `Display` of the tree orders them by number.
    #[must_use]
    pub const fn display(&self, order: TreeOrder) -> TreeText<'_> {
        TreeText { tree: self, order }
    }
}

/// As [`TreeText`], ordered by number.
impl fmt::Display for DeviceTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(TreeOrder::Number).fmt(f)
    }
}

/// Prints a [`DeviceTree`] as indented text. Each mapped device that no other device uses is at the left. The devices
/// that a device uses are indented below it.
///
/// If several devices use the same device, that device is printed below each of them, but the devices that it uses are
/// printed only the first time. After that, it is a single line: `pool (253:1) (see above)`. Names are
/// [mangled](crate::DmName::mangled). The devices at the left have level 0. Lines from level 65 on have no more
/// indentation, and start with their level: `[65] pool (253:1)`.
#[derive(Clone, Copy, Debug)]
pub struct TreeText<'t> {
    tree: &'t DeviceTree,
    order: TreeOrder,
}

impl fmt::Display for TreeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = BTreeSet::new();
        let tops = self.tree.tops().collect();
        for top in self.tree.in_order(tops, self.order) {
            self.write_from(f, top, &mut printed)?;
        }
        // If tables change while they are read, a device may seem to use itself. Such a cycle has no top.
        let mapped = self.tree.iter().filter(|(_, node)| node.name.is_some()).map(|(number, _)| number);
        let left = mapped.filter(|number| !printed.contains(number)).collect();
        for number in self.tree.in_order(left, self.order) {
            if !printed.contains(&number) {
                self.write_from(f, number, &mut printed)?;
            }
        }
        Ok(())
    }
}

impl TreeText<'_> {
    fn write_from(
        &self,
        f: &mut fmt::Formatter<'_>,
        top: DeviceNumber,
        printed: &mut BTreeSet<DeviceNumber>,
    ) -> fmt::Result {
        let children = |number| self.tree.children(number, self.order).into_iter();
        printed.insert(top);
        self.write_line(f, 0, top, "")?;
        // The devices still to print at each level.
        let mut path = vec![children(top)];
        while let Some(rest) = path.last_mut() {
            let Some(number) = rest.next() else {
                path.pop();
                continue;
            };
            let is_new = printed.insert(number);
            let below = children(number);
            let again = if is_new || below.len() == 0 { "" } else { " (see above)" };
            self.write_line(f, path.len(), number, again)?;
            path.extend(is_new.then_some(below));
        }
        Ok(())
    }

    fn write_line(&self, f: &mut fmt::Formatter<'_>, level: usize, number: DeviceNumber, again: &str) -> fmt::Result {
        for _ in 0..level.min(MAX_INDENT) {
            f.write_str("  ")?;
        }
        if level > MAX_INDENT {
            write!(f, "[{level}] ")?;
        }
        writeln!(f, "{}{again}", self.tree.label(number))
    }
}
