//! Tables with a disk that is in use.

use dm_core::TargetLine;
use dm_testing::{Scratch, require};
use dm_units::{Bytes, Sectors};
use nix::mount::{MsFlags, mount, umount};

use crate::support::{in_full, info, run, settle, zero};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_table_names_the_line_the_disk_and_its_user() {
    let needs = [require::target("linear"), require::target("zero"), require::program("mkfs.ext4")];
    let Some(scratch) = Scratch::new(&needs) else { return };
    let [free, used] = [(); 2].map(|()| scratch.loop_device(Bytes(8 << 20)).unwrap());
    run("mkfs.ext4", &["-q", used.path().to_str().unwrap()]);
    settle();
    let folder = tempfile::tempdir().unwrap();
    mount(Some(used.path()), folder.path(), Some("ext4"), MsFlags::empty(), None::<&str>).unwrap();
    let line = |start, below: &str| TargetLine::text(Sectors(start), Sectors(64), "linear", format!("{below} 0"));
    let lines = || [line(0, &free.number().to_string()), line(64, &used.number().to_string())];

    let device = scratch.map("device", [zero()]).unwrap();
    let name = scratch.name("new").unwrap();
    let errors =
        [scratch.host().create(&name, lines()).unwrap_err(), scratch.host().reload(&device, lines()).unwrap_err()];
    umount(folder.path()).unwrap();
    for error in errors {
        // The device itself is not busy.
        assert!(error.is_disk_unusable() && !error.is_busy() && error.is_undone(), "{error}");
        let disk = error.disk().unwrap();
        assert!(disk.line == 1 && disk.name == used.number().to_string(), "{disk:?}");
        assert_eq!(disk.mounts.len(), 1, "{disk:?}");
        let text = in_full(&error);
        assert!(text.contains(&format!("line 1 uses {}", used.number())), "{text}");
        assert!(text.contains(&folder.path().display().to_string()), "{text}");
    }
    assert!(!info(&scratch, &device).has_inactive_table());
}
