//! Plans: from the existing devices to the wanted ones.

use dm_core::plan::{Numbers, PlanCause, PlanError, PlanStep, Wanted, WantedDevice, WantedLine};
use dm_core::{DmName, DmNameBuf, DmUuidBuf, Host, Prefix, StatusOptions, TargetLine};
use dm_testing::{MemoryKernel, Outcome, Sweep, TestKernel};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::support::exists_on;

on_both_kernels! { ["linear", "zero", "error"];
    devices_are_made_bottom_up_and_then_nothing_is_left_to_do,
    tables_are_loaded_before_anything_is_suspended,
    a_new_device_waits_for_the_one_below_that_changes,
    unwanted_devices_are_removed_users_first,
    a_failed_step_undoes_those_before_it,
    devices_that_contradict_each_other_are_refused,
    devices_are_found_by_their_uuid_and_get_their_new_names,
    a_device_becomes_read_only_and_writable_again_with_its_table,
    a_plan_of_many_devices_is_carried_out_and_undone,
}

const LENGTH: Sectors = Sectors(64);

/// A device on a disk, and one on that device.
struct Names {
    lower: DmNameBuf,
    upper: DmNameBuf,
}

impl Names {
    fn new(kernel: &dyn TestKernel) -> Self {
        Self { lower: kernel.name("lower"), upper: kernel.name("upper") }
    }
}

fn linear<'a>(below: DeviceNumber, start: u64) -> Vec<WantedLine<'a>> {
    vec![TargetLine::text(Sectors(0), LENGTH, "linear", format!("{below} {start}")).boxed()]
}

/// The upper device comes first, since the order does not matter.
fn stack<'a>(names: &'a Names, disk: DeviceNumber, starts: [u64; 2]) -> Wanted<'a> {
    let upper = WantedDevice::new(&names.upper, move |numbers| Some(linear(numbers.get(&names.lower)?, starts[1])));
    let lower = WantedDevice::new(&names.lower, move |_| Some(linear(disk, starts[0])));
    Wanted::new().device(upper.uses([&*names.lower])).device(lower)
}

fn steps(host: &Host, wanted: Wanted<'_>) -> Vec<String> {
    let plan = host.plan(wanted).unwrap();
    let steps = plan.to_string();
    host.carry_out(&plan).unwrap();
    steps.lines().map(str::to_owned).collect()
}

fn table(host: &Host, name: &DmName) -> Vec<String> {
    let table = host.dm().table_status_with(name, StatusOptions::table()).unwrap();
    table.iter().map(|line| line.unwrap().to_string()).collect()
}

fn disk(kernel: &dyn TestKernel) -> DeviceNumber {
    kernel.disk(Bytes(1 << 20))
}

fn devices_are_made_bottom_up_and_then_nothing_is_left_to_do(kernel: &dyn TestKernel) {
    let (host, names, disk) = (kernel.host(), Names::new(kernel), disk(kernel));
    let Names { lower, upper } = &names;
    assert_eq!(steps(&host, stack(&names, disk, [0, 0])), [format!("create {lower}"), format!("create {upper}")]);
    let plan = host.plan(stack(&names, disk, [0, 0])).unwrap();
    assert!(plan.is_empty(), "{plan}");
    let dot = plan.to_dot().to_string();
    assert!(dot.contains(&format!("\"{upper}\" -> \"{lower}\";")), "{dot}");
    let number = host.dm().device_info(lower).unwrap().number();
    assert_eq!(table(&host, upper), [format!("0 64 linear {number} 0")]);
}

fn tables_are_loaded_before_anything_is_suspended(kernel: &dyn TestKernel) {
    let (host, names, disk) = (kernel.host(), Names::new(kernel), disk(kernel));
    let Names { lower, upper } = &names;
    steps(&host, stack(&names, disk, [0, 0]));
    let only_lower = [format!("load {lower}"), format!("suspend {lower}"), format!("resume {lower}")];
    assert_eq!(steps(&host, stack(&names, disk, [8, 0])), only_lower);
    assert_eq!(table(&host, lower), [format!("0 64 linear {disk} 8")]);
    // A device that was left suspended is repaired together with the other.
    host.dm().device_suspend(upper).unwrap();
    let plan = host.plan(stack(&names, disk, [0, 0])).unwrap();
    let both = [
        PlanStep::Load(lower.clone()),
        PlanStep::Load(upper.clone()),
        PlanStep::Suspend(upper.clone()),
        PlanStep::Suspend(lower.clone()),
        PlanStep::Resume(lower.clone()),
        PlanStep::Resume(upper.clone()),
    ];
    assert_eq!(plan.steps(), both);
    host.carry_out(&plan).unwrap();
    assert!(!host.dm().device_info(upper).unwrap().is_suspended());
    assert!(host.plan(stack(&names, disk, [0, 0])).unwrap().is_empty());
}

fn a_new_device_waits_for_the_one_below_that_changes(kernel: &dyn TestKernel) {
    let (host, names, disk) = (kernel.host(), Names::new(kernel), disk(kernel));
    let Names { lower, upper } = &names;
    let half = || TargetLine::text(Sectors(0), Sectors(32), "linear", format!("{disk} 0")).boxed();
    steps(&host, Wanted::new().device(WantedDevice::new(lower, |_| Some(vec![half()]))));
    let expected =
        [format!("load {lower}"), format!("suspend {lower}"), format!("resume {lower}"), format!("create {upper}")];
    // It is as long as the lower one will be.
    assert_eq!(steps(&host, stack(&names, disk, [0, 0])), expected);
}

fn unwanted_devices_are_removed_users_first(kernel: &dyn TestKernel) {
    let (host, names, disk) = (kernel.host(), Names::new(kernel), disk(kernel));
    let Names { lower, upper } = &names;
    steps(&host, stack(&names, disk, [0, 0]));
    let prefix = DmNameBuf::new(kernel.prefix()).unwrap();
    let nothing = || Wanted::new().only(Prefix::Name(&prefix));
    assert_eq!(steps(&host, nothing()), [format!("remove {upper}"), format!("remove {lower}")]);
    assert!(!exists_on(host.dm(), lower) && !exists_on(host.dm(), upper));
    assert!(host.plan(nothing()).unwrap().is_empty());
}

fn a_failed_step_undoes_those_before_it(kernel: &dyn TestKernel) {
    let (host, names, disk) = (kernel.host(), Names::new(kernel), disk(kernel));
    let Names { lower, upper } = &names;
    // The upper device does not fit on the lower one.
    let plan = host.plan(stack(&names, disk, [0, 1])).unwrap();
    let error = host.carry_out(&plan).unwrap_err();
    assert_eq!(error.step(), Some(&PlanStep::Create(upper.clone())), "{error}");
    assert!(error.is_undone() && error.errno() == Some(22), "{error}");
    assert_eq!(error.to_string(), format!("the step 'create {upper}' failed; the steps before it were undone"));
    assert!(!exists_on(host.dm(), lower) && !exists_on(host.dm(), upper));
    // The new table of the upper device does not fit either. The resume detects that after the lower device has
    // changed.
    steps(&host, stack(&names, disk, [0, 0]));
    let plan = host.plan(stack(&names, disk, [8, 1])).unwrap();
    let error = host.carry_out(&plan).unwrap_err();
    assert_eq!(error.step(), Some(&PlanStep::Resume(upper.clone())), "{error}");
    assert!(error.is_undone(), "{error}");
    assert!(host.plan(stack(&names, disk, [0, 0])).unwrap().is_empty());
}

fn devices_that_contradict_each_other_are_refused(kernel: &dyn TestKernel) {
    let (host, names, disk) = (kernel.host(), Names::new(kernel), disk(kernel));
    let Names { lower, upper } = &names;
    let device = |name: &DmName| WantedDevice::new(name, move |_| Some(linear(disk, 0)));
    let error = host.plan(Wanted::new().device(device(lower)).device(device(lower))).unwrap_err();
    assert!(matches!(error, PlanError::Twice(name) if name == *lower));
    let error = host.plan(Wanted::new().device(device(lower).uses([&**upper]))).unwrap_err();
    assert!(matches!(error, PlanError::Unknown { used, .. } if used == *upper));
    let circle = Wanted::new().device(device(lower).uses([&**upper])).device(device(upper).uses([&**lower]));
    let error = host.plan(circle).unwrap_err();
    assert!(matches!(error, PlanError::Cycle(names) if names.len() == 2));
    // The table of the lower device uses the upper one without declaring it.
    let undeclared = || WantedDevice::new(lower, |numbers| Some(linear(numbers.get(upper)?, 0)));
    let plan = host.plan(Wanted::new().device(undeclared())).unwrap();
    let error = host.carry_out(&plan).unwrap_err();
    assert!(matches!(&error, PlanError::Step { source: PlanCause::Undeclared(_), .. }) && error.is_undone(), "{error}");
    assert!(host.dm().device_info(lower).unwrap_err().is_not_found());
    host.create(lower, linear(disk, 0)).unwrap();
    let error = host.plan(Wanted::new().device(undeclared())).unwrap_err();
    assert!(matches!(error, PlanError::Undeclared(name) if name == *lower));
    let uuid = DmUuidBuf::new(&format!("{lower}-uuid")).unwrap();
    for device in [device(lower).uuid(&uuid), device(lower).minor(1_000_000)] {
        let error = host.plan(Wanted::new().device(device)).unwrap_err();
        assert!(matches!(error, PlanError::Differs { .. }), "{error}");
    }
    let twice = Wanted::new().device(device(lower).uuid(&uuid)).device(device(upper).uuid(&uuid));
    assert!(matches!(host.plan(twice).unwrap_err(), PlanError::Twice(_)));
}

/// Three devices, whose uuids are given and whose names are in the given order.
fn by_uuid<'a>(uuids: &'a [DmUuidBuf; 3], names: [&DmName; 3]) -> Wanted<'a> {
    let zero = || TargetLine::text(Sectors(0), LENGTH, "zero", "").boxed();
    let pairs = uuids.iter().zip(names);
    pairs.fold(Wanted::new(), |wanted, (uuid, name)| {
        wanted.device(WantedDevice::new(name, move |_| Some(vec![zero()])).uuid(uuid))
    })
}

fn devices_are_found_by_their_uuid_and_get_their_new_names(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let [a, b, c, d, e] = ["a", "b", "c d", "d", "e"].map(|suffix| kernel.name(suffix));
    let uuids = ["1", "2", "3"].map(|suffix| DmUuidBuf::new(&format!("{}{suffix}", kernel.prefix())).unwrap());
    let numbers = |names: [&DmName; 3]| names.map(|name| host.dm().device_info(name).unwrap().number());
    steps(&host, by_uuid(&uuids, [&a, &b, &c]));
    let before = numbers([&a, &b, &c]);
    // A chain, in which each name is free when it is taken; then a circle of two, one of three, and the way back.
    let change = |names: [&DmName; 3], count: usize| {
        let prefix = DmNameBuf::new(kernel.prefix()).unwrap();
        let printed = steps(&host, by_uuid(&uuids, names).only(Prefix::Name(&prefix)));
        assert!(printed.len() == count && printed.iter().all(|step| step.starts_with("rename ")), "{printed:?}");
        assert_eq!(numbers(names), before);
        assert!(host.plan(by_uuid(&uuids, names)).unwrap().is_empty());
    };
    change([&b, &c, &d], 3);
    change([&c, &b, &d], 3);
    change([&d, &c, &b], 4);
    change([&a, &b, &c], 4);
    let escaped = host.plan(by_uuid(&uuids, [&c, &b, &a])).unwrap().to_string();
    assert!(escaped.contains(r"c\x20d"), "{escaped}");
    // Another device has the name, or gets it before the plan is carried out.
    let plan = host.plan(by_uuid(&uuids, [&b, &a, &e])).unwrap();
    host.create(&e, [TargetLine::text(Sectors(0), LENGTH, "zero", "")]).unwrap();
    let error = host.plan(by_uuid(&uuids, [&b, &a, &e])).unwrap_err();
    assert!(matches!(&error, PlanError::Differs { device, .. } if *device == e), "{error}");
    let error = host.carry_out(&plan).unwrap_err();
    assert!(error.is_undone() && matches!(error.step(), Some(PlanStep::Rename { .. })), "{error}");
    assert_eq!(numbers([&a, &b, &c]), before);
}

fn a_device_becomes_read_only_and_writable_again_with_its_table(kernel: &dyn TestKernel) {
    let (host, name, disk) = (kernel.host(), kernel.name("device"), disk(kernel));
    let wanted =
        |read_only| Wanted::new().device(WantedDevice::new(&name, move |_| Some(linear(disk, 0))).read_only(read_only));
    for read_only in [false, true, false] {
        assert!(!steps(&host, wanted(read_only)).is_empty());
        assert_eq!(host.dm().device_info(&name).unwrap().is_read_only(), read_only);
        assert!(host.plan(wanted(read_only)).unwrap().is_empty());
    }
}

/// A disk that 100 devices share, in pairs, and one device over all of them, which is refused at first.
fn a_plan_of_many_devices_is_carried_out_and_undone(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), disk(kernel));
    let (lower, upper): (Vec<_>, Vec<_>) =
        (0..16).map(|index| (kernel.name(&format!("l{index}")), kernel.name(&format!("u{index}")))).unzip();
    let top = kernel.name("top");
    let uppers = &upper;
    let wanted = |length| {
        let over_all = move |numbers: &Numbers| {
            let lines = uppers.iter().zip(0_u64..).map(|(name, index)| {
                let params = format!("{} 0", numbers.get(name)?);
                Some(TargetLine::text(Sectors(index * 64), length, "linear", params).boxed())
            });
            lines.collect()
        };
        let all = WantedDevice::new(&top, over_all).uses(upper.iter().map(|name| &**name));
        let pairs = lower.iter().zip(&upper);
        pairs.fold(Wanted::new().device(all), |wanted, (lower, upper)| {
            let one = WantedDevice::new(upper, |numbers| Some(linear(numbers.get(lower)?, 0))).uses([&**lower]);
            wanted.device(one).device(WantedDevice::new(lower, move |_| Some(linear(disk, 0))))
        })
    };
    let plan = host.plan(wanted(Sectors(65))).unwrap();
    assert_eq!(plan.steps().len(), 33);
    let error = host.carry_out(&plan).unwrap_err();
    assert!(error.is_undone() && error.step() == Some(&PlanStep::Create(top.clone())), "{error}");
    assert!(lower.iter().chain(&upper).all(|name| !exists_on(host.dm(), name)));
    assert_eq!(steps(&host, wanted(LENGTH)).len(), 33);
    assert!(host.plan(wanted(LENGTH)).unwrap().is_empty());
    let prefix = DmNameBuf::new(kernel.prefix()).unwrap();
    assert_eq!(steps(&host, Wanted::new().only(Prefix::Name(&prefix))).len(), 33);
}

#[test]
fn plans_can_be_sent_to_other_threads() {
    const fn sent<T: Send + Sync>() {}
    sent::<dm_core::plan::Plan<'_>>();
}

/// Every rename is undone as well.
#[test]
fn devices_that_cannot_exchange_their_names_keep_them() {
    let uuids = ["1", "2", "3"].map(|text| DmUuidBuf::new(text).unwrap());
    let names = |memory: &MemoryKernel| ["a", "b", "c"].map(|suffix| memory.name(suffix));
    let wanted = |order: [usize; 3], names: &[DmNameBuf; 3]| order.map(|index| names[index].clone());
    let plan = |memory: &MemoryKernel, order| {
        let (host, names) = (memory.host(), wanted(order, &names(memory)));
        let plan = host.plan(by_uuid(&uuids, names.each_ref().map(|name| &**name)))?;
        Ok::<_, PlanError>(plan.is_empty()).and_then(|is_empty| host.carry_out(&plan).map(|()| is_empty))
    };
    let report = Sweep::new(|memory: &MemoryKernel| assert!(!plan(memory, [0, 1, 2]).unwrap())).run(
        |memory| plan(memory, [1, 2, 0]),
        |memory, outcome| {
            if matches!(outcome, Outcome::Returned(Err(error)) if error.is_undone()) {
                assert!(plan(memory, [0, 1, 2]).unwrap(), "{outcome:?}");
            }
            plan(memory, [1, 2, 0]).unwrap();
        },
    );
    assert!(report.runs > report.commands);
}

/// At any failure, the error tells whether everything is unchanged; then nothing is suspended. A second attempt works.
#[test]
fn a_plan_that_fails_anywhere_is_undone_or_says_what_is_left() {
    type Starts = [u64; 2];
    let states: [(&str, Option<Starts>, Starts); 3] =
        [("new", None, [0, 0]), ("lower changes", Some([0, 0]), [8, 0]), ("both change", Some([8, 0]), [0, 0])];
    for (what, before, after) in states {
        let prepare = |memory: &MemoryKernel| {
            let (names, disk) = (Names::new(memory), disk(memory));
            if let Some(starts) = before {
                steps(&memory.host(), stack(&names, disk, starts));
            }
        };
        let first_disk = DeviceNumber::new(4001, 0);
        let program = |memory: &MemoryKernel| {
            let (host, names) = (memory.host(), Names::new(memory));
            let plan = host.plan(stack(&names, first_disk, after))?;
            host.carry_out(&plan)
        };
        let report = Sweep::new(prepare).run(program, |memory, outcome: &Outcome<Result<(), PlanError>>| {
            let (host, names) = (memory.host(), Names::new(memory));
            let Outcome::Returned(result) = outcome else { return };
            match (result, before) {
                (Ok(()), _) => {}
                (Err(error), Some(starts)) if error.is_undone() => {
                    let plan = host.plan(stack(&names, first_disk, starts)).unwrap();
                    assert!(plan.is_empty(), "{what}: {error}: {plan}");
                }
                (Err(error), None) if error.is_undone() => {
                    assert!(
                        !exists_on(host.dm(), &names.lower) && !exists_on(host.dm(), &names.upper),
                        "{what}: {error}"
                    );
                }
                (Err(_), _) => {}
            }
            steps(&host, stack(&names, first_disk, after));
        });
        assert!(report.runs > report.commands, "{what}");
    }
}
