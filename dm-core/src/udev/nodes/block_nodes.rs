//! Tests with block nodes and other owners, which only root can make: for another user, these tests prove nothing.

use super::*;
use crate::udev::alive::fake::Fake;
use crate::udev::{Strategy, Udev};

const NUMBER: DeviceNumber = DeviceNumber { major: 4000, minor: 7 };
const OTHER: DeviceNumber = DeviceNumber { major: 4000, minor: 8 };

/// A device `x` in sysfs, and a host's udev that makes its nodes in an empty `/dev`. `None` if this user cannot make
/// nodes.
fn scene(mode: NodeMode) -> Option<(Fake, Udev)> {
    let fake = Fake::with_udev();
    make_node(&fake.path("probe"), NUMBER).ok()?;
    fake.file("sys/dev/block/4000:7/dm/name", "x\n");
    let udev = Udev::new(Strategy::MakeNodes).dev_dir(fake.path("dev")).node_mode(mode);
    let facts = fake.facts();
    Some((fake, Udev { facts, ..udev }))
}

fn name() -> &'static DmName {
    DmName::new("x").unwrap()
}

#[test]
fn a_device_without_a_node_gets_one_and_keeps_it() {
    let Some((fake, udev)) = scene(NodeMode::Link) else { return };
    let node = fake.path("dev/mapper/x");
    assert!(!udev.has_node(name(), NUMBER));
    assert_eq!(udev.make_node(name(), NUMBER).unwrap(), Some(node.clone()));
    assert!(is_block_node(&node, NUMBER) && !is_block_node(&node, OTHER));
    assert!(udev.has_node(name(), NUMBER) && !udev.has_node(name(), OTHER));
    assert_eq!(udev.make_node(name(), NUMBER).unwrap(), None);
}

#[test]
fn a_block_node_has_the_owner_and_exactly_the_permissions_that_were_set() {
    let Some((fake, udev)) = scene(NodeMode::node(1, 2, 0o100_660)) else { return };
    let node = udev.make_node(name(), NUMBER).unwrap().unwrap();
    assert_eq!(node, fake.path("dev/mapper/x"));
    let metadata = fs::symlink_metadata(&node).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (1, 2, 0o660));
    assert!(is_block_node(&node, NUMBER));
}

#[test]
fn the_kernels_node_is_made_if_udevs_link_leads_nowhere() {
    let Some((fake, udev)) = scene(NodeMode::Link) else { return };
    let (link, kernels) = (fake.path("dev/mapper/x"), fake.path("dev/dm-7"));
    symlink("../dm-7", &link).unwrap();
    assert_eq!(udev.make_node(name(), NUMBER).unwrap(), Some(kernels.clone()));
    assert!(link.is_symlink() && is_block_node(&kernels, NUMBER));
}

#[test]
fn a_link_to_a_file_in_the_place_of_the_kernels_node_is_replaced() {
    let Some((fake, udev)) = scene(NodeMode::Link) else { return };
    let (link, kernels) = (fake.path("dev/mapper/x"), fake.path("dev/dm-7"));
    symlink("../dm-7", &link).unwrap();
    fs::write(&kernels, "").unwrap();
    assert_eq!(udev.make_node(name(), NUMBER).unwrap(), Some(link.clone()));
    assert!(is_block_node(&link, NUMBER) && kernels.is_file());
}

#[test]
fn the_directory_belongs_to_root_or_to_the_owner_of_dev() {
    let Some((fake, udev)) = scene(NodeMode::Link) else { return };
    let change = udev.dev.change(name(), NUMBER, NodeChange::Present);
    let own = |path: &str, user| lchown(fake.path(path), Some(user), None).unwrap();
    own("dev/mapper", 1);
    assert!(matches!(udev.dev.make_directory(&change), Err(UdevError::Directory { .. })));
    own("dev", 1);
    udev.dev.make_directory(&change).unwrap();
    own("dev/mapper", 0);
    udev.dev.make_directory(&change).unwrap();
}

#[test]
fn a_directory_or_file_that_another_process_has_just_made_or_removed_is_as_wanted() {
    let fake = Fake::new();
    for _ in 0..2 {
        assert!(make_own(&fake.path("mapper")).unwrap().is_dir());
    }
    let missing = make_own(&fake.path("no/mapper")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(gone(Ok(())).is_ok() && gone(Err(Errno::ENOENT.into())).is_ok());
    assert_eq!(gone(Err(Errno::EACCES.into())).unwrap_err().raw_os_error(), Some(Errno::EACCES as i32));
}
