//! Reads the dependencies that `dmsetup deps` and `dmsetup ls --tree` print.

use alloc::vec::Vec;

use dm_units::DeviceNumber;

use super::list::{number, numbered, read, wrong};
use crate::errors::table_error::TableError;

/// A line of the output of `dmsetup deps`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmsetupDeps<'a> {
    /// The name of the device, as in [`DmsetupLine::name`](crate::DmsetupLine::name); `None` if dmsetup was called for
    /// one device.
    pub name: Option<&'a str>,
    /// The text in parentheses for each used device: a number, or a name with `-o devname` or `-o blkdevname`.
    pub devices: Vec<&'a str>,
}

impl DmsetupDeps<'_> {
    /// The numbers of the devices; `None` for a device that is given by name.
    pub fn numbers(&self) -> impl Iterator<Item = Option<DeviceNumber>> {
        self.devices.iter().map(|device| number(device))
    }
}

/// Parses the output of `dmsetup deps`.
///
/// Each item is a line, or an error that names the invalid line.
///
/// ```
/// let list = dm_targets::dmsetup_deps("left right: 2 dependencies\t: (8, 0) (8, 16)\n").collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((list[0].name, &*list[0].devices), (Some("left right"), &["8, 0", "8, 16"][..]));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_deps(output: &str) -> impl Iterator<Item = Result<DmsetupDeps<'_>, TableError>> {
    numbered(output).map(|(line, at)| {
        read_deps(line).ok_or_else(|| wrong(line, at, "a number of dependencies and as many devices in brackets"))
    })
}

fn read_deps(line: &str) -> Option<DmsetupDeps<'_>> {
    let places = line.rmatch_indices(" dependencies\t:");
    let mut splits = places.filter_map(|(at, words)| Some((line.get(..at)?, line.get(at..)?.get(words.len()..)?)));
    splits.find_map(|(before, list)| {
        let (name, count) = match before.rsplit_once(": ") {
            Some((name, count)) => (Some(name), read(count)?),
            None => (None, read(before)?),
        };
        let list = list.trim_end();
        let devices: Vec<_> = match list.strip_prefix(" (").and_then(|list| list.strip_suffix(')')) {
            Some(list) => list.split(") (").collect(),
            None => list.is_empty().then(Vec::new)?,
        };
        (devices.len() == count as usize).then_some(DmsetupDeps { name, devices })
    })
}

/// A parsed line of `dmsetup ls --tree`, which [`dmsetup_tree`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmsetupNode<'a> {
    /// The number of steps from the node up to its root; 0 for a root. The parent of a node is the last node before it
    /// whose depth is one less.
    pub depth: usize,
    /// The name as dmsetup prints it; `None` for a device that is not a mapped device.
    pub name: Option<&'a str>,
    /// The kernel's name of the block device, with `-o blkdevname`.
    pub block_name: Option<&'a str>,
    /// The device number.
    pub number: DeviceNumber,
    /// The text that `-o active`, `rw`, `open` and `uuid` add in brackets, without the brackets.
    pub attributes: Option<&'a str>,
}

/// Parses the output of `dmsetup ls --tree -o notrunc` in ASCII, UTF-8 or VT100, but without the options `compact` and
/// `nodevice`.
///
/// Each item is a device, or an error that names the invalid line. Below a device are the devices that it uses, or with
/// `-o inverted` the devices that use it. Without `notrunc`, dmsetup cuts long lines at the width of the terminal (80
/// columns without a terminal), and a cut line is an error.
///
/// ```
/// let output = "top (254:1)\n |-base (254:0)\n |  `- (8:0)\n `- (8:16)\n";
/// let nodes = dm_targets::dmsetup_tree(output).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(nodes.iter().map(|node| node.depth).collect::<Vec<_>>(), [0, 1, 2, 1]);
/// assert_eq!((nodes[1].name, nodes[2].name), (Some("base"), None));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_tree(output: &str) -> impl Iterator<Item = Result<DmsetupNode<'_>, TableError>> {
    numbered(output)
        .map(|(line, at)| read_node(line).ok_or_else(|| wrong(line, at, "a name and a number such as (254:0)")))
}

/// The symbols before a node that is not a root, in ASCII, UTF-8 and for a VT100.
const BRANCHES: [&str; 6] = ["|-", "`-", "├─", "└─", "\x1b(0\x0ftq\x1b(B", "\x1b(0\x0fmq\x1b(B"];

/// The symbols for the levels above, in front of a branch.
const STEMS: [&str; 4] = ["  ", "| ", "│ ", "\x1b(0\x0fx\x1b(B "];

/// Removes the symbols that show the depth of a node, and returns the depth and the rest.
fn split_depth(line: &str) -> (usize, &str) {
    let (mut rest, mut depth) = (line, 0_usize);
    while let Some(column) = rest.strip_prefix(' ') {
        let find = |symbols: &[&str]| symbols.iter().find_map(|symbol| column.strip_prefix(symbol));
        depth = depth.saturating_add(1);
        match (find(&BRANCHES), find(&STEMS)) {
            (Some(node), _) => return (depth, node),
            (None, Some(after)) => rest = after,
            (None, None) => break,
        }
    }
    // Without a branch, the symbols are part of a name.
    (0, line)
}

fn read_node(line: &str) -> Option<DmsetupNode<'_>> {
    let (depth, text) = split_depth(line.trim_end());
    text.rmatch_indices(" (").find_map(|(at, _)| {
        let (name, rest) = (text.get(..at)?, text.get(at..)?.strip_prefix(" (")?);
        let (device, attributes) = rest.split_once(')')?;
        let attributes = match attributes {
            "" => None,
            _ => Some(attributes.strip_prefix(" [")?.strip_suffix(']')?),
        };
        let (name, block_name) = match name.strip_suffix('>').and_then(|name| name.rsplit_once(" <")) {
            Some((name, block_name)) => (name, Some(block_name)),
            None => (name, None),
        };
        let name = Some(name).filter(|name| !name.is_empty());
        Some(DmsetupNode { depth, name, block_name, number: number(device)?, attributes })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_must_match_their_count() {
        let output = "a: 1 dependencies\t: b: 2 dependencies\t: (254, 0) (dm (x))\nnone: 0 dependencies\t:\n";
        let list: Vec<_> = dmsetup_deps(output).map(Result::unwrap).collect();
        assert_eq!(list[0].name, Some("a: 1 dependencies\t: b"));
        assert_eq!(list[0].devices, ["254, 0", "dm (x)"]);
        assert_eq!(list[0].numbers().collect::<Vec<_>>(), [Some(DeviceNumber::new(254, 0)), None]);
        assert_eq!((list[1].name, list[1].devices.len()), (Some("none"), 0));
        let one = dmsetup_deps("1 dependencies\t: (8, 16)\n").next().unwrap().unwrap();
        assert_eq!((one.name, one.devices), (None, Vec::from(["8, 16"])));
        assert_eq!(dmsetup_deps("No devices found\n").count(), 0);
        for bad in
            ["2 dependencies\t: (8, 0)", "1 dependencies\t: (8, 0) (8, 1)", "1 dependencies\t: 8, 0", "x", "a: b"]
        {
            assert!(dmsetup_deps(bad).next().unwrap().is_err(), "{bad}");
        }
    }

    fn nodes(output: &str) -> Vec<(usize, Option<&str>, u32)> {
        dmsetup_tree(output).map(Result::unwrap).map(|node| (node.depth, node.name, node.number.minor)).collect()
    }

    #[test]
    fn a_tree_is_read_the_same_with_all_symbols() {
        let ascii =
            "top (254:1)\n |-a b (254:0)\n |  |- (8:0)\n |  `- (8:1)\n `-c (254:2)\n    `- (8:2)\nlone (254:3)\n";
        let expected = [
            (0, Some("top"), 1),
            (1, Some("a b"), 0),
            (2, None, 0),
            (2, None, 1),
            (1, Some("c"), 2),
            (2, None, 2),
            (0, Some("lone"), 3),
        ];
        assert_eq!(nodes(ascii), expected);
        let utf = ascii.replace("|-", "├─").replace("`-", "└─").replace("| ", "│ ");
        assert_eq!(nodes(&utf), expected);
        let [branch, last, stem] = ["tq", "mq", "x"].map(|symbols| format!("\x1b(0\x0f{symbols}\x1b(B"));
        let terminal = ascii.replace("|-", &branch).replace("`-", &last).replace("| ", &format!("{stem} "));
        assert_eq!(nodes(&terminal), expected);
    }

    #[test]
    fn a_node_may_have_a_block_device_and_attributes() {
        let output = "a (254:9) <b> <dm-1> (254:1) [ACTIVE, RW, 2, LVM-x]\n `- <sda> (8:0)\n  |- odd (254:2)\n";
        let list: Vec<_> = dmsetup_tree(output).map(Result::unwrap).collect();
        assert_eq!((list[0].name, list[0].block_name), (Some("a (254:9) <b>"), Some("dm-1")));
        assert_eq!(list[0].attributes, Some("ACTIVE, RW, 2, LVM-x"));
        assert_eq!((list[1].depth, list[1].name, list[1].block_name), (1, None, Some("sda")));
        assert_eq!((list[2].depth, list[2].name, list[2].attributes), (0, Some("  |- odd"), None));
        for bad in ["a", "a (254)", "a (254:0", "a (254:0) x"] {
            assert!(dmsetup_tree(bad).next().unwrap().is_err(), "{bad}");
        }
    }
}
