//! Runs one sequence on two kernels.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use dm_testing::{MemoryKernel, TestKernel};
use dm_units::DeviceNumber;

use crate::say;
use crate::settle::Background;
use crate::step::Step;
use crate::world::{DISKS, SIZES, World};

/// The time that the real kernel may need for background work: to remove a closed device, and to close the devices that
/// it used.
pub(crate) const SOON: Duration = Duration::from_secs(2);

/// Longer than any step takes, even on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Longer than the workers of a real kernel pause in the middle of background work.
const QUIET: Duration = Duration::from_millis(40);

/// A real kernel and its disks.
pub(crate) type Real<'k> = (&'k dyn TestKernel, [DeviceNumber; DISKS]);

/// Runs a sequence in memory, and on a real kernel if there is one. Returns the first difference.
pub(crate) fn first_difference(steps: &[Step], memory: &MemoryKernel, real: Option<Real<'_>>) -> Option<String> {
    let disks = SIZES.map(|size| memory.disk(size.to_bytes()).number());
    let mut model = World::new(memory, disks, Background::of(steps, Duration::ZERO));
    let mut world = real.map(|(kernel, disks)| World::new(kernel, disks, Background::of(steps, QUIET)));
    let mut difference = difference_in(steps, &mut model, world.as_mut());
    for world in [Some(&mut model), world.as_mut()].into_iter().flatten() {
        let left = world.clean_up();
        difference = difference.or_else(|| (!left.is_empty()).then(|| format!("can't be removed: {left}")));
    }
    difference
}

fn difference_in(steps: &[Step], model: &mut World<'_>, mut world: Option<&mut World<'_>>) -> Option<String> {
    for (index, step) in steps.iter().enumerate() {
        if model.may_wait(step) {
            continue;
        }
        let expected = model.run(index, step);
        model.finish_merging();
        let Some(world) = world.as_deref_mut() else { continue };
        let mut answer = watched(index, steps, || world.run(index, step));
        world.finish_merging();
        let start = Instant::now();
        while !agree(&expected, &answer)
            && start.elapsed() < SOON
            && (step.changes_nothing() || answer.contains("Some(16)"))
        {
            thread::sleep(Duration::from_millis(5));
            answer = world.run(index, step);
        }
        if !agree(&expected, &answer) {
            return Some(format!("step {index}, {step:?}:\n  in memory: {expected}\n  real:      {answer}"));
        }
        let missing: Vec<_> = model.numbers.changed().difference(world.numbers.changed()).collect();
        if !missing.is_empty() {
            return Some(format!("step {index}, {step:?}: no event of {missing:?}"));
        }
        if let Some(difference) = compared("the list", || model.list(true, None), || world.list(true, None)) {
            return Some(format!("step {index}, {step:?}: {difference}"));
        }
    }
    let everything = |world: &World<'_>| world.everything().join("\n             ");
    world.and_then(|world| compared("in the end", || everything(model), || everything(world)))
}

/// Executes a step. If the kernel does not return, the sequence is printed, since the wait cannot be ended.
fn watched<T>(index: usize, steps: &[Step], step: impl FnOnce() -> T) -> T {
    let (done, end) = mpsc::channel::<()>();
    let steps = steps.to_vec();
    thread::spawn(move || {
        if end.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            say(&format!("step {index} has not returned for {LONG:?}: {steps:?}"));
        }
    });
    let result = step();
    drop(done);
    result
}

/// Compares the states of two kernels, after the real one has completed its background work.
fn compared(what: &str, memory: impl Fn() -> String, real: impl Fn() -> String) -> Option<String> {
    let (expected, start) = (memory(), Instant::now());
    loop {
        let found = real();
        if agree(&expected, &found) {
            return None;
        }
        if start.elapsed() > SOON {
            return Some(format!("{what}:\n  in memory: {expected}\n  real:      {found}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the kernel in memory answers as the real one. There, sectors that were encrypted with another key or not at all are
/// read as mixed bytes, which this ignores.
fn agree(memory: &str, real: &str) -> bool {
    let (mut memory, mut real) = (memory.split([',', '\n']), real.split([',', '\n']));
    loop {
        match (memory.next(), real.next()) {
            (None, None) => return true,
            (Some(memory), Some(real)) if memory == real || real.trim() == "mixed" => {}
            _ => return false,
        }
    }
}
