//! The life of a whole device of every kind, with something going wrong at every command.

use dm_core::{DmNameBuf, DmUuid, Prefix, SetupOptions, TargetLine};
use dm_targets::devices::{DevError, MappedDev};
use dm_targets::{HealthState, Table, TableLine, Target, TargetVisitor, visit_targets};
use dm_testing::{MemoryKernel, Outcome, Sweep};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::every::{LATER, TABLES, with_disks};

/// The kinds that need devices below them other than disks, or disks that hold something.
const LAYERED: &[(&str, u64, &str)] = &[
    ("thin-pool", 2048, "A B 128 0"),
    // Of the first device, which is the pool.
    ("thin", 2048, "4000:0 1"),
    ("snapshot", 2048, "A B P 16"),
    ("snapshot-merge", 2048, "A B P 16"),
];

const NAME: &str = "tdevice";

fn disk(number: u32) -> DeviceNumber {
    DeviceNumber::new(4001, number)
}

fn text_line(
    length: Sectors,
    target: &'static str,
    params: String,
) -> [TargetLine<dm_core::LineText<'static, String>>; 1] {
    [TargetLine::text(Sectors(0), length, target, params)]
}

/// Makes what the device is laid over.
fn prepare<T: Target>(memory: &MemoryKernel) {
    (0..6).for_each(|_| drop(memory.disk(Bytes(4 << 20))));
    let host = memory.host();
    if T::TYPE == "thin" {
        let pool = text_line(Sectors(2048), "thin-pool", format!("{} {} 128 0", disk(0), disk(1)));
        host.create("tpool", pool).unwrap();
        host.dm().target_msg("tpool", "create_thin 1").unwrap();
    }
    if T::TYPE == "snapshot-merge" {
        let snapshot = text_line(Sectors(2048), "snapshot", format!("{} {} P 16", disk(0), disk(1)));
        host.create("tsnapshot", snapshot).unwrap();
        host.remove("tsnapshot").unwrap();
    }
}

fn table<T: Target>() -> Table<T> {
    let layered = LAYERED.iter().find(|(target, ..)| *target == T::TYPE).copied();
    let disks = TABLES.iter().map(|(target, length, params, _)| (*target, *length, *params));
    let (_, length, params) = layered.or(disks.clone().find(|(target, ..)| *target == T::TYPE)).unwrap();
    let params = with_disks(params, |place| disk(u32::try_from(place).unwrap()).to_string());
    let params = T::parse_input(&params).unwrap();
    Table::new([TableLine::<T> { start: Sectors(0), length: Sectors(length), params }]).unwrap()
}

fn set_up<T: Target>(memory: &MemoryKernel) -> Result<MappedDev<T>, DevError> {
    let options = SetupOptions::new().read_only(T::TYPE == "verity");
    MappedDev::setup_with(&memory.host(), NAME, &table(), options)
}

type Step<T> = fn(&MemoryKernel, &mut MappedDev<T>) -> Result<(), DevError>;

/// The operations on a device of any kind. Each can be repeated.
fn steps<T: Target>() -> [(&'static str, Step<T>); 6] {
    [
        ("take over", |memory, _| set_up::<T>(memory).map(drop)),
        ("set_table", |memory, device| device.set_table(&memory.host(), &table())),
        ("change", |memory, device| device.change(&memory.host(), |_| ())),
        ("suspend and resume", |memory, device| {
            device.suspend(&memory.host())?;
            device.resume(&memory.host())
        }),
        ("rename", |memory, device| match device.rename(&memory.host(), "tother") {
            Err(error) if error.is_not_found() => device.info(&memory.host()).map(drop),
            renamed => renamed,
        }),
        ("remove", |memory, device| match device.remove(&memory.host()) {
            Err(error) if error.is_not_found() => Ok(()),
            removed => removed,
        }),
    ]
}

fn is_undone(error: &DevError) -> bool {
    error.operation().is_none_or(dm_core::OpError::is_undone)
}

/// No device is suspended, unless the error says so or the program was stopped, and then a new start puts it right.
fn recover(what: &str, memory: &MemoryKernel, outcome: &Outcome<Result<(), DevError>>) {
    let (dm, host) = (memory.dm(), memory.host());
    let is_left = match outcome {
        Outcome::Returned(Ok(())) => false,
        // Between the two, that it is suspended is the program's wish.
        Outcome::Returned(Err(error)) => what.starts_with("suspend") || !is_undone(error),
        Outcome::Stopped => true,
    };
    for device in &dm.list_devices().unwrap() {
        let info = dm.device_info(device.unwrap().name).unwrap();
        assert!(is_left || !info.is_suspended(), "{what}: {outcome:?}: {info:?}");
    }
    let all = DmNameBuf::new("t").unwrap();
    host.recover(Prefix::Name(&all)).unwrap();
    assert_eq!(host.leftovers(Prefix::Name(&all)).unwrap(), [], "{what}: {outcome:?}");
}

fn assert_good<T: Target>(what: &str, memory: &MemoryKernel, device: &MappedDev<T>) {
    let host = memory.host();
    let status = device.status(&host).unwrap_or_else(|error| panic!("{what}: {error}"));
    let state = T::health(&status).state();
    assert_ne!(state, HealthState::Failed, "{what}: {status}");
    assert!(!device.info(&host).unwrap().is_suspended(), "{what}");
}

/// Runs all steps of a kind.
fn live<T: Target>() {
    let what = format!("set up {}", T::TYPE);
    let report = Sweep::new(prepare::<T>).run(
        |memory| set_up::<T>(memory).map(drop),
        |memory, outcome| {
            recover(&what, memory, outcome);
            let device = set_up::<T>(memory).unwrap_or_else(|error| panic!("{what}: {outcome:?}: {error}"));
            assert_good(&what, memory, &device);
        },
    );
    assert!(report.commands > 2, "{report:?}");
    let made = |memory: &MemoryKernel| {
        prepare::<T>(memory);
        set_up::<T>(memory).unwrap();
    };
    let open = |memory: &MemoryKernel| {
        MappedDev::<T>::open(&memory.host(), NAME).or_else(|_| MappedDev::open(&memory.host(), "tother"))
    };
    for (step, run) in steps::<T>() {
        // The kernel merges one snapshot at a time into an origin, and a second table is one more.
        if T::TYPE == "snapshot-merge" && ["set_table", "change"].contains(&step) {
            continue;
        }
        let what = format!("{step} {}", T::TYPE);
        let program = |memory: &MemoryKernel| run(memory, &mut open(memory)?);
        Sweep::new(made).run(program, |memory, outcome| {
            recover(&what, memory, outcome);
            if let Ok(mut device) = open(memory) {
                let again = run(memory, &mut device);
                assert!(again.is_ok(), "{what}: {outcome:?}: {again:?}");
            }
            match open(memory) {
                Ok(device) => assert_good(&what, memory, &device),
                Err(error) => assert!(step == "remove" && error.is_not_found(), "{what}: {error}"),
            }
        });
    }
}

/// A device that another process has removed, and whose name and number another device has now.
fn vanish<T: Target>() {
    let memory = MemoryKernel::new();
    prepare::<T>(&memory);
    let host = memory.host();
    let options = SetupOptions::new().uuid(DmUuid::new("TEST-1").unwrap()).read_only(T::TYPE == "verity");
    let mut device = MappedDev::<T>::setup_with(&host, NAME, &table(), options).unwrap();
    let number = device.number(&host).unwrap();
    host.remove(NAME).unwrap();
    let options = SetupOptions::new().minor(number.minor);
    host.create_with(NAME, text_line(Sectors(8), "zero", String::new()), options).unwrap();
    let other = host.info(NAME).unwrap();

    let calls: [(&str, Result<(), DevError>); 9] = [
        ("number", device.number(&host).map(drop)),
        ("path", device.path(&host).map(drop)),
        ("table", device.table(&host).map(drop)),
        ("status", device.status(&host).map(drop)),
        ("set_table", device.set_table(&host, &table())),
        ("suspend", device.suspend(&host)),
        ("resume", device.resume(&host)),
        ("rename", device.rename(&host, "tother")),
        ("remove", device.remove(&host)),
    ];
    for (call, result) in calls {
        assert!(result.as_ref().is_err_and(DevError::is_not_found), "{call} of {}: {result:?}", T::TYPE);
    }
    assert_eq!(host.info(NAME).unwrap(), other, "{}", T::TYPE);
    let again = MappedDev::<T>::setup(&host, NAME, &table()).map(drop);
    assert!(T::TYPE == "zero" || again.is_err_and(|error| error.is_already_exists()), "{}", T::TYPE);
}

/// A test of every kind, and the kinds with which it fails.
struct EveryKind {
    vanishes: bool,
    failing: Vec<&'static str>,
}

impl TargetVisitor for EveryKind {
    fn visit<T: Target>(&mut self) {
        let test = if self.vanishes { vanish::<T> } else { live::<T> };
        if !LATER.contains(&T::TYPE) && std::panic::catch_unwind(test).is_err() {
            self.failing.push(T::TYPE);
        }
    }
}

fn assert_every_kind(vanishes: bool) {
    let mut kinds = EveryKind { vanishes, failing: Vec::new() };
    visit_targets(&mut kinds);
    assert_eq!(kinds.failing, [""; 0]);
}

#[test]
fn a_device_of_every_kind_is_set_up_taken_over_changed_and_removed_whatever_fails() {
    assert_every_kind(false);
}

#[test]
fn a_device_of_any_kind_that_has_vanished_is_not_found_and_another_one_in_its_place_is_left_alone() {
    assert_every_kind(true);
}
