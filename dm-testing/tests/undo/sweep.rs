//! Every operation with failures at every command, at every two commands, and from every command on.

use dm_core::Command;
use nix::libc::{EBUSY, EINTR, EINVAL, ENOMEM};

use crate::cases::{Case, all};
use crate::check::check_error;
use crate::kernel::{FAULTS, Fault, Kernel, Plan};
use crate::model::State;
use crate::quiet;

/// Runs a case with a plan, and returns the commands it sent.
fn run(case: &Case, plan: &Plan, expected: Option<&State>) -> Vec<Command> {
    let kernel = Kernel::new(&case.before);
    let host = kernel.host();
    kernel.set_plan(plan.clone());
    let what = format!("{} with {plan:?}", case.name);
    // An operation that cannot read its device does not know whether it was suspended.
    let is_blind = plan.faults.iter().any(|(n, ..)| *n == 1) || plan.all_from.is_some_and(|(n, _)| n == 1);
    let result = if (is_blind || case.name == "recovery") && kernel.has_suspended() {
        (case.run)(&host)
    } else {
        quiet::watched(&kernel, &what, || (case.run)(&host))
    };
    let (sent, now) = (kernel.sent(), kernel.state());
    match (&result, expected) {
        _ if is_unknowable(case, plan, &sent) => {}
        (Ok(()), Some(expected)) => assert_eq!(now, *expected, "{what}"),
        (Ok(()), None) => panic!("{what}: succeeded, which it does not without faults"),
        (Err(error), _) => check_error(&what, error, &case.before, &now),
    }
    sent
}

/// A message whose reply was lost cannot be distinguished from one that was not executed, and neither can a table that
/// replaced another one in the inactive slot.
fn is_unknowable(case: &Case, plan: &Plan, sent: &[Command]) -> bool {
    let first_load = sent.iter().position(|command| *command == Command::TableLoad);
    let had_inactive = case.before.devices.values().any(|device| device.inactive.is_some());
    let after = plan.faults.iter().filter(|(_, fault, _)| *fault == Fault::After);
    after.map(|(n, ..)| n - 1).any(|index| match sent.get(index) {
        Some(Command::TargetMsg) => case.name.contains("while_suspended") || case.name.contains("message"),
        Some(Command::TableLoad) => Some(index) == first_load && had_inactive,
        _ => false,
    })
}

/// The state after success without faults, if the case succeeds, and its commands.
fn without_faults(case: &Case) -> (Option<State>, Vec<Command>) {
    let kernel = Kernel::new(&case.before);
    let result = (case.run)(&kernel.host());
    if let Err(error) = &result {
        check_error(&case.name, error, &case.before, &kernel.state());
    }
    (result.is_ok().then(|| kernel.state()), kernel.sent())
}

/// The kernel returns EBUSY only if the command had no effect, and the library relies on that.
fn is_possible(fault: Fault, errno: i32) -> bool {
    fault != Fault::After || errno != EBUSY
}

fn errnos_of(fault: Fault) -> Vec<i32> {
    [EINVAL, ENOMEM, EBUSY, EINTR].into_iter().filter(|errno| is_possible(fault, *errno)).collect()
}

/// The possible failures of a command; a resume can also fail in the middle.
fn faults_of(command: Command) -> &'static [Fault] {
    if command == Command::DeviceResume { &FAULTS } else { &FAULTS[..2] }
}

#[test]
fn when_any_command_fails_the_state_is_what_the_error_says() {
    let mut runs = 0;
    for case in all() {
        let (expected, commands) = without_faults(&case);
        for (n, command) in (1..).zip(commands) {
            for fault in faults_of(command) {
                for errno in errnos_of(*fault) {
                    run(&case, &Plan { faults: vec![(n, *fault, errno)], ..Plan::default() }, expected.as_ref());
                    runs += 1;
                }
            }
        }
    }
    assert!(runs > 1000, "{runs}");
}

fn errno_of(fault: Fault) -> i32 {
    if fault == Fault::Before { EINVAL } else { ENOMEM }
}

#[test]
fn when_two_commands_fail_the_state_is_what_the_error_says() {
    let mut runs = 0;
    for case in all() {
        let (expected, commands) = without_faults(&case);
        for (n, command) in (1..).zip(commands) {
            for first in faults_of(command).iter().map(|fault| (n, *fault, errno_of(*fault))) {
                let sent = run(&case, &Plan { faults: vec![first], ..Plan::default() }, expected.as_ref());
                for (m, command) in (1..).zip(sent).skip(n) {
                    for second in faults_of(command).iter().map(|fault| (m, *fault, errno_of(*fault))) {
                        let plan = Plan { faults: vec![first, second], ..Plan::default() };
                        run(&case, &plan, expected.as_ref());
                        runs += 1;
                    }
                }
            }
        }
    }
    assert!(runs > 5000, "{runs}");
}

#[test]
fn when_all_commands_fail_from_one_on_the_error_says_so() {
    for (index, case) in all().iter().enumerate() {
        let (expected, commands) = without_faults(case);
        for n in 1..=commands.len() {
            // Interrupted commands are repeated many times.
            let errnos = if index % 16 == 0 { &[EINVAL, ENOMEM, EINTR][..] } else { &[EINVAL, ENOMEM][..] };
            for errno in errnos {
                let plan = Plan { all_from: Some((n, *errno)), ..Plan::default() };
                run(case, &plan, expected.as_ref());
            }
        }
    }
}
