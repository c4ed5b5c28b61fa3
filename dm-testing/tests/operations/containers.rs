//! A container: a separate `/dev` and IPC namespace, and `/run/udev` of the host.

use std::path::Path;
use std::time::{Duration, Instant};

use dm_core::Host;
use dm_core::paths::{is_device, mapper_path};
use dm_testing::{Scratch, require};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::support::{PATIENTLY, settle, with_own_mounts, zero};

/// Much shorter than the timeout of 30 s, and long enough for a slow guest.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn in_a_separate_dev_the_node_is_made_at_once() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let [quick, slow] = ["quick", "slow"].map(|suffix| scratch.name(suffix).unwrap());
    settle();
    with_own_mounts(|| {
        unshare(CloneFlags::CLONE_NEWIPC).unwrap();
        let nothing = None::<&str>;
        mount(nothing, "/dev", Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).unwrap();
        assert!(Path::new("/run/udev/control").exists());
        // This also makes the control node.
        let host = Host::open().unwrap();
        for name in [&quick, &slow] {
            let begun = Instant::now();
            let number = host.create(name, [zero()]).unwrap().number();
            assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
            assert!(is_device(&mapper_path(name), number));
            assert_eq!(host.path(name).unwrap(), mapper_path(name));
        }
        host.rename(&quick, scratch.name("renamed").unwrap()).unwrap();
        assert!(mapper_path(&quick).symlink_metadata().is_err());
        host.remove_with(&slow, PATIENTLY).unwrap();
        assert!(mapper_path(&slow).symlink_metadata().is_err());
    });
}
