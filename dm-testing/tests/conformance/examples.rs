//! The short examples work on both kinds of kernels.

use dm_core::{RemovePolicy, Retry};
use dm_targets::crypt::CryptKey;
use dm_targets::devices::{LinearDev, VerityVolume};
use dm_targets::{Key, WordBuf};
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use crate::support::{LENGTH, SOON, exists, zero};

#[path = "../../examples/after_a_crash.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod after_a_crash;
#[path = "../../examples/boot.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod boot;
#[path = "../../examples/dmsetup/date.rs"]
mod date;
#[path = "../../examples/device_tree.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod device_tree;
#[path = "../../examples/encrypted.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod encrypted;
#[path = "../../examples/first_device.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod first_device;
#[path = "../../examples/io_rates.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod io_rates;
#[path = "../../examples/thin_pool.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod thin_pool;
#[path = "../../examples/verified.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod verified;

on_both_kernels! { ["linear", "zero", "crypt", "verity", "thin-pool", "thin"];
    the_first_device_is_the_second_mib_of_a_disk,
    a_pool_and_its_volumes_are_found_again,
    an_encrypted_device_works_again_after_its_key_was_forgotten,
    a_verified_device_reads_what_was_hashed,
    the_tree_shows_what_a_device_uses,
    after_a_crash_nothing_is_left_half_made,
    requests_are_counted,
    the_command_line_makes_devices_one_on_the_other,
}

const MIB: Bytes = Bytes(1 << 20);

fn name(kernel: &dyn TestKernel, suffix: &str) -> String {
    kernel.name(suffix).to_string()
}

fn patiently() -> RemovePolicy {
    RemovePolicy::new().retry(Retry::within(SOON))
}

fn the_first_device_is_the_second_mib_of_a_disk(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(2 * MIB.0)));
    let device = first_device::create(&host, &name(kernel, "first"), disk.into()).unwrap();
    kernel.write(device.number(&host).unwrap(), Sectors(0), &[7; 512]).unwrap();
    let mut data = [0; 512];
    kernel.read(disk, Sectors(2048), &mut data).unwrap();
    assert_eq!(data, [7; 512]);
    device.remove_with(&host, patiently()).unwrap();
}

fn a_pool_and_its_volumes_are_found_again(kernel: &dyn TestKernel) {
    let (host, metadata, data) = (kernel.host(), kernel.disk(Bytes(2 * MIB.0)), kernel.disk(Bytes(4 * MIB.0)));
    let [pool_name, home] = ["pool", "home"].map(|suffix| name(kernel, suffix));
    let set_up = || thin_pool::pool(&host, &pool_name, metadata.into(), data.into(), Sectors(8192)).unwrap();
    let pool = set_up();
    let (volume, snapshot) = thin_pool::volume_and_snapshot(&host, &pool, &home, Sectors(8192)).unwrap();
    kernel.write(volume.number(&host).unwrap(), Sectors(0), &[7; 512]).unwrap();
    assert_eq!(pool.figures(&host).unwrap().data.used.0, 1);
    assert_eq!(set_up(), pool, "it runs already");
    for device in [snapshot.id(), volume.id(), pool.id()] {
        host.remove_with(device, patiently()).unwrap();
    }
    let pool = set_up();
    let error = thin_pool::volume_and_snapshot(&host, &pool, &home, Sectors(8192)).unwrap_err();
    let error = error.downcast::<dm_targets::devices::DevError>().unwrap();
    assert!(error.is_already_exists(), "the pool was made anew: {error}");
}

fn an_encrypted_device_works_again_after_its_key_was_forgotten(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(MIB));
    let key = || CryptKey::Hex(Key::from_hex(&"5a".repeat(64)).unwrap());
    let device = encrypted::create(&host, &name(kernel, "secret"), disk.into(), Sectors(2048), key()).unwrap();
    let number = device.number(&host).unwrap();
    kernel.write(number, Sectors(0), &[7; 512]).unwrap();
    device.lock(&host).unwrap();
    assert!(device.resume(&host).is_err(), "it has no key");
    device.unlock(&host, key()).unwrap();
    let mut data = [0; 512];
    kernel.read(number, Sectors(0), &mut data).unwrap();
    assert_eq!(data, [7; 512]);
}

fn a_verified_device_reads_what_was_hashed(kernel: &dyn TestKernel) {
    let (host, data, hashes) = (kernel.host(), kernel.disk(MIB), kernel.disk(MIB));
    kernel.write(data, Sectors(8), &[7; 512]).unwrap();
    let volume = VerityVolume::new(data, hashes);
    let root = verified::format(&host, &volume).unwrap();
    let device = verified::open(&host, &name(kernel, "verified"), &volume, &root).unwrap();
    let mut block = [0; 4096];
    kernel.read(device.number(&host).unwrap(), Sectors(8), &mut block).unwrap();
    assert_eq!((&block[..512], &block[512..]), (&[7; 512][..], &[0; 3584][..]));
}

fn the_tree_shows_what_a_device_uses(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(2 * MIB.0)));
    let first = name(kernel, "first");
    let device = first_device::create(&host, &first, disk.into()).unwrap();
    let number = device.number(&host).unwrap();
    let text = device_tree::show(host.dm(), false).unwrap();
    assert!(text.contains(&format!("{first} ({number})\n  {disk}\n")), "{text}");
    let graph = device_tree::show(host.dm(), true).unwrap();
    assert!(graph.contains("->") && graph.contains(&first), "{graph}");
}

fn after_a_crash_nothing_is_left_half_made(kernel: &dyn TestKernel) {
    let (host, dm) = (kernel.host(), kernel.host().dm().clone());
    let [half, held, whole] = ["half", "held", "whole"].map(|suffix| name(kernel, suffix));
    dm.device_create(half.as_str()).unwrap();
    for device in [&held, &whole] {
        host.create(device.as_str(), [zero(LENGTH)]).unwrap();
    }
    dm.device_suspend(held.as_str()).unwrap();
    let report = after_a_crash::recover(&host, kernel.prefix()).unwrap();
    assert_eq!(report.lines().count(), 2, "{report}");
    assert!(report.contains(&format!("{half} (")) && report.contains(&format!("{held} (")), "{report}");
    assert!(!exists(kernel, half.as_str()) && !dm.device_info(held.as_str()).unwrap().is_suspended());
    assert_eq!(after_a_crash::recover(&host, kernel.prefix()).unwrap(), "");
}

fn requests_are_counted(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(2 * MIB.0)));
    let first = name(kernel, "first");
    let device: LinearDev = first_device::create(&host, &first, disk.into()).unwrap();
    let program = WordBuf::new("io_rates").unwrap();
    let mut counters = io_rates::Counters::begin(&host, &first, &program).unwrap();
    kernel.write(device.number(&host).unwrap(), Sectors(0), &[7; 512]).unwrap();
    let line = counters.line(&host).unwrap();
    assert!(line.contains("requests/s") && !line.starts_with("0 "), "{line}");
    counters.end(&host).unwrap();
}

#[test]
fn a_parameter_is_found_on_the_command_line_as_the_kernel_finds_it() {
    for (line, value) in [
        ("quiet dm-mod.create=a,b root=/dev/x\n", Some("a,b")),
        ("quiet dm_mod.create=\"a, b\" root=/dev/x", Some("a, b")),
        ("\"dm-mod.create=a, b\" root=/dev/x", Some("a, b")),
        ("dm-mod.create=a,\"b c\" root=/dev/x", Some("a,\"b c\"")),
        ("dm-mod.create=\"a, b", Some("a, b")),
        ("dm-mod.create=a dm-mod.create=b", Some("b")),
        ("xdm-mod.create=a dm-mod.created=b dm-mod.create", None),
        ("init=\"x dm-mod.create=a\" dm-mod.create=b", Some("b")),
        ("init=/dm-mod.create=a", None),
        ("quiet -- dm-mod.create=a", None),
    ] {
        assert_eq!(boot::parameter(line, "dm-mod.create"), value, "{line}");
    }
}

#[test]
fn dates_are_those_of_ctime() {
    for (time, date) in [
        (0, "Thu Jan  1 00:00:00 1970"),
        (951_782_400, "Tue Feb 29 00:00:00 2000"),
        (1_793_580_848, "Mon Nov  2 00:54:08 2026"),
        (4_107_542_399, "Sun Feb 28 23:59:59 2100"),
        (4_107_542_400, "Mon Mar  1 00:00:00 2100"),
        (253_402_300_799, "Fri Dec 31 23:59:59 9999"),
    ] {
        assert_eq!(date::date(time).as_deref(), Some(date));
    }
    assert_eq!([253_402_300_800, u64::MAX].map(date::date), [None, None]);
}

fn the_command_line_makes_devices_one_on_the_other(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(MIB));
    let [below, above] = ["below", "above"].map(|suffix| name(kernel, suffix));
    let below_table = format!("{below},,,rw,0 64 linear {disk} 0");
    let path = format!("/dev/mapper/{below}");
    let line = format!("quiet dm-mod.create=\"{below_table};{above},U-{above},,ro,0 32 linear {path} 8\" root=/dev/x");
    assert_eq!(boot::create(&host, &line).unwrap().len(), 2);
    let info = host.info(above.as_str()).unwrap();
    assert!(info.is_read_only() && info.uuid().is_some_and(|uuid| uuid.to_string() == format!("U-{above}")));
    assert_eq!(boot::create(&host, "quiet root=/dev/x").unwrap(), [""; 0].map(std::path::PathBuf::from));
}
