//! `linear`, `striped`, `unstriped`, `error`, `zero`.

use dm_targets::error::ErrorTable;
use dm_targets::linear::LinearTable;
use dm_targets::striped::{Stripe, StripeHealth, StripedTable};
use dm_targets::unstriped::UnstripedTable;
use dm_targets::zero::ZeroTable;
use dm_targets::{Concern, ErrorTarget, Linear, Striped, Unstriped, Zero};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{concerns, disk, has, map, map_changed};

const LENGTH: Sectors = Sectors(1024);

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_linear_device_maps_a_range() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = disk(&scratch, 1);
    let linear = map::<Linear>(&scratch, "linear", LENGTH, LinearTable::new(disk.number(), Sectors(8)));
    Pattern::new(1).write(&linear.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(1).moved(Sectors(0), Sectors(8)).verify(disk.path(), Sectors(8), LENGTH).unwrap();
    linear.swap(LinearTable::new(disk.number(), Sectors(0)));
    assert_eq!(linear.table(), LinearTable::new(disk.number(), Sectors(0)));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_striped_device_takes_turns() {
    let Some(scratch) = Scratch::new(&[require::target("striped"), require::target("flakey")]) else { return };
    let [one, two] = [1, 2].map(|_| disk(&scratch, 1));
    let faulty = FaultyDisk::over(&scratch, "faulty", two.number(), two.size()).unwrap();
    let stripes = [Stripe::new(one.number(), Sectors(0)), Stripe::new(faulty.number(), Sectors(128))];
    let striped = map::<Striped>(&scratch, "striped", LENGTH, StripedTable::new(Sectors(64), stripes));
    let health = || striped.status().stripes.into_iter().map(|stripe| stripe.health).collect::<Vec<_>>();
    assert_eq!(health(), [StripeHealth::Alive, StripeHealth::Alive]);
    assert_eq!(concerns::<Striped>(&striped.status()), []);
    let devices: Vec<_> = striped.status().stripes.into_iter().map(|stripe| stripe.device).collect();
    assert_eq!(devices, [one.number(), faulty.number()]);
    // The second chunk is on the second disk.
    faulty.set(&Fault::Errors).unwrap();
    Pattern::new(1).verify(&striped.device().path(), Sectors(64), Sectors(64)).unwrap_err();
    assert_eq!(health(), [StripeHealth::Alive, StripeHealth::Dead]);
    assert_eq!(concerns::<Striped>(&striped.status()), [Concern::FailedLegs]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_unstriped_device_is_one_stripe() {
    let Some(scratch) = Scratch::new(&[require::target("unstriped")]) else { return };
    let disk = disk(&scratch, 1);
    Pattern::new(1).write(disk.path(), Sectors(0), disk.size()).unwrap();
    let table = UnstripedTable::new(2, 64, 1, disk.number(), Sectors(0));
    let second = map::<Unstriped>(&scratch, "second", LENGTH, table);
    Pattern::new(1).moved(Sectors(64), Sectors(0)).verify(&second.device().path(), Sectors(0), Sectors(64)).unwrap();
    Pattern::new(1).moved(Sectors(192), Sectors(64)).verify(&second.device().path(), Sectors(64), Sectors(64)).unwrap();
    map::<Unstriped>(&scratch, "offset", LENGTH, UnstripedTable::new(1, 64, 0, disk.number(), Sectors(8)));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_error_device_fails_all_io() {
    let Some(scratch) = Scratch::new(&[require::target("error")]) else { return };
    let disk = disk(&scratch, 1);
    let error = map::<ErrorTarget>(&scratch, "error", LENGTH, ErrorTable::new());
    Pattern::new(1).write(&error.device().path(), Sectors(0), LENGTH).unwrap_err();
    if has::<ErrorTarget>(&scratch, "device") {
        // Accepted, but not printed.
        let table = ErrorTable::new().like(disk.number(), Sectors(8));
        let like = map_changed::<ErrorTarget>(&scratch, "like", LENGTH, table);
        assert_eq!(like.table(), ErrorTable::new());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_zero_device_reads_zeros() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let zero = map::<Zero>(&scratch, "zero", LENGTH, ZeroTable);
    Pattern::new(1).write(&zero.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::zeros().verify(&zero.device().path(), Sectors(0), LENGTH).unwrap();
}
