//! Names that an operation does not change.

use dm_core::paths::is_device;
use dm_testing::{Scratch, require};

use crate::support::zero;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_rename_to_its_own_name_changes_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let name = scratch.name("device").unwrap();
    let number = scratch.host().create(&name, [zero()]).unwrap().number();
    assert_eq!(scratch.host().rename(&name, &name).unwrap().name(), Some(&*name));
    assert_eq!(scratch.host().rename(number, &name).unwrap().number(), number);
    assert!(is_device(&scratch.host().path(&name).unwrap(), number));
}
