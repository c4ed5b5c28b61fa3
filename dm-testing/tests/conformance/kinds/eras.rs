//! An `era` target attached to a device in use.

use dm_targets::Any;
use dm_targets::devices::{DevError, EraDev, LinearDev, MappedDev};
use dm_targets::era::{EraMessage, EraTable};
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use super::{MOMENT, SHORT, first_byte, linear};

on_both_kernels! { ["era", "linear"];
    an_era_target_is_attached_to_a_device_in_use,
}

fn an_era_target_is_attached_to_a_device_in_use(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let [disk, metadata] = [1 << 20, 2 << 20].map(|size| kernel.disk(Bytes(size)));
    let home = LinearDev::create(&host, kernel.name("home"), &linear(disk, SHORT)).unwrap();
    let number = home.number(&host).unwrap();
    let _in_use = kernel.open(number).unwrap();
    kernel.write(number, Sectors(0), &[1; 4096]).unwrap();
    let table = |origin| EraTable::new(metadata, origin, Sectors(128));
    let (origin, era) = EraDev::attach(&host, &home, kernel.name("origin"), table).unwrap();
    kernel.write(number, Sectors(8), &[2; 4096]).unwrap();

    let first = era.figures(&host).unwrap().era;
    assert_eq!(era.checkpoint(&host).unwrap(), first + 1);
    let root = era.reserve_metadata_snapshot(&host).unwrap();
    assert_eq!(era.figures(&host).unwrap().held_root, Some(root));
    assert!(era.reserve_metadata_snapshot(&host).unwrap_err().is_invalid());
    era.release_metadata_snapshot(&host).unwrap();
    assert!(era.release_metadata_snapshot(&host).unwrap_err().is_invalid());

    // The target would never reply.
    era.suspend(&host).unwrap();
    let errors = [era.checkpoint(&host).map(drop), era.figures(&host).map(drop), era.release_metadata_snapshot(&host)];
    assert!(errors.iter().all(|error| matches!(error, Err(DevError::Suspended(_)))), "{errors:?}");
    let any = MappedDev::<Any>::open(&host, &era).unwrap();
    let errors = [
        era.status(&host).map(drop),
        era.message(&host, &EraMessage::Checkpoint).map(drop),
        era.progress(&host, MOMENT).try_for_each(|work| work.map(drop)),
        any.statuses(&host).map(drop),
    ];
    assert!(errors.iter().all(|error| matches!(error, Err(DevError::Suspended(_)))), "{errors:?}");
    era.resume(&host).unwrap();

    let home = era.detach(&host).unwrap();
    assert_eq!(home.table(&host).unwrap(), linear(origin.number(&host).unwrap(), SHORT));
    assert_eq!([0, 8].map(|start| first_byte(kernel, number, start)), [1, 2]);
}
