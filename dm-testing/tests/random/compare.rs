//! One sequence on two kernels.

use std::thread;
use std::time::{Duration, Instant};

use dm_testing::{MemoryKernel, TestKernel};
use dm_units::DeviceNumber;

use crate::step::Step;
use crate::world::{DISK, World, may_wait};

/// How long the real kernel may take for what it does in the background: to remove a device that was closed, and to close what
/// such a device used.
pub(crate) const SOON: Duration = Duration::from_secs(2);

/// A real kernel, and two of its disks.
pub(crate) type Real<'k> = (&'k dyn TestKernel, [DeviceNumber; 2]);

/// Runs a sequence in memory, and on a real kernel if there is one; returns in what they differ first.
pub(crate) fn first_difference(steps: &[Step], memory: &MemoryKernel, real: Option<Real<'_>>) -> Option<String> {
    let mut model = World::new(memory, [(); 2].map(|()| memory.disk(DISK.to_bytes()).number()));
    let mut world = real.map(|(kernel, disks)| World::new(kernel, disks));
    let mut difference = difference_in(steps, memory, &mut model, world.as_mut());
    for world in [Some(&mut model), world.as_mut()].into_iter().flatten() {
        let left = world.clean_up();
        difference = difference.or_else(|| (!left.is_empty()).then(|| format!("can't be removed: {left}")));
    }
    difference
}

fn difference_in(
    steps: &[Step],
    memory: &MemoryKernel,
    model: &mut World<'_>,
    mut world: Option<&mut World<'_>>,
) -> Option<String> {
    for (index, step) in steps.iter().enumerate() {
        if may_wait(memory, step) {
            continue;
        }
        let expected = model.run(index, step);
        let Some(world) = world.as_deref_mut() else { continue };
        let mut answer = world.run(index, step);
        let start = Instant::now();
        while answer != expected && start.elapsed() < SOON && (step.changes_nothing() || answer.contains("Some(16)")) {
            thread::sleep(Duration::from_millis(5));
            answer = world.run(index, step);
        }
        if answer != expected {
            return Some(format!("step {index}, {step:?}:\n  in memory: {expected}\n  real:      {answer}"));
        }
        if let Some(difference) = compared("the list", || model.list(true, None), || world.list(true, None)) {
            return Some(format!("step {index}, {step:?}: {difference}"));
        }
    }
    let everything = |world: &World<'_>| world.everything().join("\n             ");
    world.and_then(|world| compared("in the end", || everything(model), || everything(world)))
}

/// Compares what two kernels have, as soon as the real one is done with what it does in the background.
fn compared(what: &str, memory: impl Fn() -> String, real: impl Fn() -> String) -> Option<String> {
    let (expected, start) = (memory(), Instant::now());
    loop {
        let found = real();
        if found == expected {
            return None;
        }
        if start.elapsed() > SOON {
            return Some(format!("{what}:\n  in memory: {expected}\n  real:      {found}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}
