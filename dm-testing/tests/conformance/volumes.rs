//! The example `volumes`: on both kinds of kernels, and in memory with a failure at every command.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_core::{DmNameBuf, Host, RemovePolicy, Retry};
use dm_testing::{MemoryKernel, Outcome, Sweep, TestKernel};
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

use example::{Disk, Error, Layout, Volumes};

#[path = "../../examples/volumes/volumes.rs"]
mod example;

on_both_kernels! { ["thin-pool", "thin", "linear"];
    a_pool_grows_by_a_disk_while_its_volumes_are_in_use,
    snapshots_contain_the_old_data,
    a_start_makes_missing_devices_and_removes_unwanted_ones,
}

const SIZE: Bytes = Bytes(4 << 20);
const LENGTH: Sectors = Sectors(8192);

fn disk(kernel: &dyn TestKernel) -> Disk {
    Disk { number: kernel.disk(SIZE), size: Sectors(8192) }
}

fn prefix(kernel: &dyn TestKernel) -> String {
    format!("{}v-", kernel.prefix())
}

fn started(kernel: &dyn TestKernel, disks: &[Disk]) -> Volumes {
    let layout = Layout { disks: disks.to_vec(), volumes: BTreeMap::new() };
    Volumes::start(kernel.host(), &prefix(kernel), layout).unwrap()
}

fn number(host: &Host, volumes: &Volumes, name: &str) -> DeviceNumber {
    volumes.device(name).unwrap().number(host).unwrap()
}

fn first_byte(kernel: &dyn TestKernel, number: DeviceNumber) -> u8 {
    let mut data = [0; 512];
    kernel.read(number, Sectors(0), &mut data).unwrap();
    data[0]
}

fn a_pool_grows_by_a_disk_while_its_volumes_are_in_use(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let mut volumes = started(kernel, &[disk(kernel)]);
    volumes.create("home", LENGTH).unwrap();
    let home = number(&host, &volumes, "home");
    kernel.write(home, Sectors(0), &[7; 512]).unwrap();
    assert_eq!(volumes.usage().unwrap(), (DataBlocks(1), DataBlocks(32)));
    let open = kernel.open(home).unwrap();
    volumes.add_disk(disk(kernel)).unwrap();
    assert_eq!(volumes.usage().unwrap(), (DataBlocks(1), DataBlocks(96)));
    volumes.grow("home", Sectors(2 * LENGTH.0)).unwrap();
    drop(open);
    kernel.write(home, Sectors(2 * LENGTH.0 - 1), &[8; 512]).unwrap();
    assert_eq!(first_byte(kernel, home), 7);
    volumes.stop().unwrap();
    let prefix = DmNameBuf::new(&prefix(kernel)).unwrap();
    let options = dm_core::ListOptions::new().name_prefix(&prefix);
    let list = host.dm().list_devices_with(options);
    assert!(list.map_or(true, |list| list.iter().next().is_none()));
}

fn snapshots_contain_the_old_data(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let mut volumes = started(kernel, &[disk(kernel)]);
    volumes.create("home", LENGTH).unwrap();
    let home = number(&host, &volumes, "home");
    kernel.write(home, Sectors(0), &[1; 512]).unwrap();
    volumes.snapshot("home", "before").unwrap();
    kernel.write(home, Sectors(0), &[2; 512]).unwrap();
    assert_eq!(first_byte(kernel, number(&host, &volumes, "before")), 1);
    assert!(matches!(volumes.snapshot("home", "before").unwrap_err(), Error::Taken(_)));
    assert!(matches!(volumes.snapshot("nothing", "other").unwrap_err(), Error::NoVolume(_)));
    volumes.destroy("home").unwrap();
    assert_eq!(first_byte(kernel, number(&host, &volumes, "before")), 1);
}

fn a_start_makes_missing_devices_and_removes_unwanted_ones(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let mut volumes = started(kernel, &[disk(kernel)]);
    volumes.create("home", LENGTH).unwrap();
    volumes.create("other", LENGTH).unwrap();
    kernel.write(number(&host, &volumes, "home"), Sectors(0), &[7; 512]).unwrap();
    let mut layout = volumes.layout().clone();
    layout.volumes.remove("other");
    // The state after a crash during a change.
    let patiently = RemovePolicy::new().retry(Retry::within(Duration::from_secs(60)));
    host.remove_with(volumes.device("home").unwrap(), patiently).unwrap();
    host.dm().device_suspend(&*DmNameBuf::new(&format!("{}pool", prefix(kernel))).unwrap()).unwrap();
    let volumes = Volumes::start(kernel.host(), &prefix(kernel), layout).unwrap();
    assert_eq!(first_byte(kernel, number(&host, &volumes, "home")), 7);
    assert!(matches!(volumes.device("other").unwrap_err(), Error::NoVolume(_)));
    let other = DmNameBuf::new(&format!("{}volume-other", prefix(kernel))).unwrap();
    assert!(host.dm().device_info(&other).unwrap_err().is_not_found());
    // Everything is as requested, so nothing is done.
    let layout = volumes.layout().clone();
    Volumes::start(kernel.host(), &prefix(kernel), layout).unwrap().stop().unwrap();
}

/// After any failure while a disk is added, no data is lost and a second attempt works.
#[test]
fn adding_a_disk_can_fail_anywhere_and_be_tried_again() {
    let disks = [0, 1].map(|minor| Disk { number: DeviceNumber::new(4001, minor), size: Sectors(8192) });
    let prepare = |memory: &MemoryKernel| {
        let _ = [disk(memory), disk(memory)];
        let mut volumes = started(memory, &disks[..1]);
        volumes.create("home", LENGTH).unwrap();
        memory.write(number(&memory.host(), &volumes, "home"), Sectors(0), &[7; 512]).unwrap();
    };
    let one_volume = |disks: &[Disk]| {
        let home = example::Volume { id: dm_targets::thin::ThinDevId::new(1).unwrap(), length: LENGTH };
        Layout { disks: disks.to_vec(), volumes: BTreeMap::from([("home".to_owned(), home)]) }
    };
    let program = |memory: &MemoryKernel| {
        let mut volumes = Volumes::start(memory.host(), &prefix(memory), one_volume(&disks[..1]))?;
        volumes.add_disk(disks[1])
    };
    let report = Sweep::new(prepare).pairs(false).run(program, |memory, _: &Outcome<Result<(), Error>>| {
        let volumes = Volumes::start(memory.host(), &prefix(memory), one_volume(&disks)).unwrap();
        assert_eq!(volumes.usage().unwrap(), (DataBlocks(1), DataBlocks(96)));
        assert_eq!(first_byte(memory, number(&memory.host(), &volumes, "home")), 7);
    });
    assert!(report.runs > report.commands);
}
