//! The read-ahead is set and shown as dmsetup does.

use dm_core::block::ReadAhead;
use dm_core::{ReloadOptions, ResumePolicy, SetupOptions};
use dm_units::{DeviceNumber, Sectors};

use crate::original::{dmsetup, scratch};
use crate::support::zero;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn dmsetup_shows_the_read_ahead_that_operations_have_set() {
    let Some(scratch) = scratch() else { return };
    let (host, name) = (scratch.host(), scratch.name("device").unwrap());
    let shown = || {
        let shown = dmsetup(&["info", "-c", "--noheadings", "-o", "read_ahead", &name.to_string()]).unwrap();
        let ours = host.read_ahead(&name).unwrap();
        assert_eq!(shown.trim().parse(), Ok(ours.0));
        ours
    };
    host.create_with(&name, [zero()], SetupOptions::new().read_ahead(ReadAhead::Exactly(Sectors(512)))).unwrap();
    assert_eq!(shown(), Sectors(512));
    let reload = ReloadOptions::new().read_ahead(ReadAhead::AtLeast(Sectors(2048)));
    host.reload_with(&name, [zero()], reload).unwrap();
    assert_eq!(shown(), Sectors(2048));
    host.suspend(&name).unwrap();
    host.resume_with(&name, ResumePolicy::new().read_ahead(ReadAhead::AtLeast(Sectors(8)))).unwrap();
    assert_eq!(shown(), Sectors(2048));
    host.set_read_ahead(&name, ReadAhead::Exactly(Sectors(0))).unwrap();
    assert_eq!(shown(), Sectors(0));
    // `Auto` changes nothing.
    host.set_read_ahead(&name, ReadAhead::Auto).unwrap();
    assert_eq!(shown(), Sectors(0));
    // No block driver has this major number.
    let missing = host.set_read_ahead(DeviceNumber::new(4000, 1), ReadAhead::Auto).unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
}
