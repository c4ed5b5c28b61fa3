//! A `clone` that becomes its destination when everything is copied.

use dm_targets::clone::CloneTable;
use dm_targets::devices::{CloneDev, DevError};
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use super::{MOMENT, SHORT, first_byte, linear, one, wait};

on_both_kernels! { ["clone", "linear"];
    a_clone_becomes_its_destination,
}

fn a_clone_becomes_its_destination(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let [metadata, dest, source] = [8 << 20, 1 << 20, 1 << 20].map(|size| kernel.disk(Bytes(size)));
    kernel.write(source, Sectors(512), &[7; 4096]).unwrap();
    let table = CloneTable::new(metadata, dest, source, Sectors(8)).no_hydration();
    let clone = CloneDev::create(&host, kernel.name("clone"), &one(SHORT, table)).unwrap();
    let number = clone.number(&host).unwrap();
    let _in_use = kernel.open(number).unwrap();
    assert_eq!(clone.progress(&host, MOMENT).count(), 0, "it waits to be told");
    kernel.write(number, Sectors(0), &[3; 4096]).unwrap();
    let error = clone.finish(&host).unwrap_err();
    assert!(matches!(error, DevError::NotCopied { regions, .. } if regions.total == 128), "{error}");

    clone.set_hydration(&host, 16, 4).unwrap();
    let core = clone.figures(&host).unwrap().core;
    assert_eq!((core.hydration_threshold, core.hydration_batch_size), (Some(16), Some(4)));
    clone.pause_hydration(&host).unwrap();
    wait(clone.hydrate(&host, MOMENT).unwrap());
    let home = clone.finish(&host).unwrap();
    assert_eq!(home.table(&host).unwrap(), linear(dest, SHORT));
    assert_eq!([0, 512].map(|start| first_byte(kernel, number, start)), [3, 7]);
    assert!(clone.status(&host).is_err());
}
