//! Plans: from the existing devices to the wanted ones.

use dm_core::plan::{PlanCause, PlanError, PlanStep, Wanted, WantedDevice, WantedLine};
use dm_core::{DmName, DmNameBuf, Host, Prefix, StatusOptions, TargetLine};
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
    let error = host.plan(Wanted::new().device(device(lower).read_only(true))).unwrap_err();
    assert!(matches!(error, PlanError::Differs { .. }), "{error}");
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
