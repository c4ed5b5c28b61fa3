//! The tree of devices, and operations on stacks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dm_core::{DeviceTree, LineText, TargetLine};
use dm_testing::{LoopDevice, MappedDevice, Pattern, Scratch, require, wait_until};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{LENGTH, PATIENTLY, SOON, exists, info, linear};

/// `upper` uses `lower` and `middle`, which uses `lower`, which uses a disk.
struct Stack {
    disk: Arc<LoopDevice>,
    lower: MappedDevice,
    middle: MappedDevice,
    upper: MappedDevice,
}

impl Stack {
    fn new(scratch: &Scratch) -> Self {
        let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
        let lower = scratch.map("lower", [linear(disk.number())]).unwrap();
        let middle = scratch.map("middle", [linear(lower.number())]).unwrap();
        let upper = scratch.map("my upper", both(lower.number(), middle.number())).unwrap();
        Self { disk, lower, middle, upper }
    }

    /// The numbers from top to bottom.
    fn numbers(&self) -> [DeviceNumber; 3] {
        [&self.upper, &self.middle, &self.lower].map(MappedDevice::number)
    }
}

/// A table with its first half on one device and its second half on another one.
fn both(first: DeviceNumber, second: DeviceNumber) -> [TargetLine<LineText<'static, String>>; 2] {
    [(0, first), (32, second)]
        .map(|(start, below)| TargetLine::text(Sectors(start), Sectors(32), "linear", format!("{below} {start}")))
}

fn tree(scratch: &Scratch) -> DeviceTree {
    scratch.dm().device_tree().unwrap()
}

/// A device without an active table, but with an inactive one.
fn prepared(scratch: &Scratch, below: DeviceNumber) -> MappedDevice {
    let device = scratch.create("prepared").unwrap();
    scratch.dm().table_load(&device, [linear(below)]).unwrap();
    device
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_tree_shows_what_tables_use() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stack = Stack::new(&scratch);
    let [upper, middle, lower] = stack.numbers();
    let prepared = prepared(&scratch, lower).number();
    let tree = tree(&scratch);

    assert_eq!(tree.find(stack.upper.name()), Some(upper));
    assert_eq!(tree.get(upper).unwrap().uses, BTreeSet::from([lower, middle]));
    assert_eq!(tree.get(prepared).unwrap().uses, BTreeSet::from([lower]), "an inactive table counts");
    assert_eq!(tree.get(lower).unwrap().used_by, BTreeSet::from([upper, middle, prepared]));
    let disk = tree.get(stack.disk.number()).unwrap();
    assert!(disk.name.is_none() && disk.used_by == BTreeSet::from([lower]));
    let tops: BTreeSet<_> = tree.tops().collect();
    assert!(tops.is_superset(&BTreeSet::from([upper, prepared])) && !tops.contains(&middle));

    assert_eq!(tree.top_down(upper), [upper, middle, lower]);
    let order = tree.users_first(stack.disk.number());
    let place = |number| order.iter().position(|&other| other == number).unwrap();
    assert!(order.len() == 4 && place(upper) < place(middle) && place(middle) < place(lower), "{order:?}");
    assert!(place(prepared) < place(lower), "{order:?}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_tree_is_printed_as_text_and_as_a_graph() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stack = Stack::new(&scratch);
    let ([upper, middle, lower], disk, prefix) = (stack.numbers(), stack.disk.number(), scratch.prefix());
    let tree = tree(&scratch);
    let text = format!(
        "{prefix}my\\x20upper ({upper})\n  {prefix}lower ({lower})\n    {disk}\n  {prefix}middle ({middle})\n    \
         {prefix}lower ({lower}) (see above)\n"
    );
    assert!(tree.to_string().contains(&text), "{tree}\n{text}");
    let dot = tree.to_dot().to_string();
    for (from, to) in [(upper, lower), (upper, middle), (middle, lower), (lower, disk)] {
        assert!(dot.contains(&format!("    \"{from}\" -> \"{to}\";\n")), "{dot}");
    }
    assert!(dot.contains(&format!("    \"{disk}\" [label=\"{disk}\" shape=cylinder];\n")), "{dot}");
}

/// The cycle would make the kernel hang, so it is not created.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_that_would_close_a_circle_is_found() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stack = Stack::new(&scratch);
    let [upper, middle, lower] = stack.numbers();
    let tree = tree(&scratch);
    assert_eq!(tree.cycle(lower, [middle]), Some(vec![middle, lower]));
    let circle = tree.cycle(lower, [upper]).unwrap();
    assert!(circle == [upper, lower] || circle == [upper, middle, lower], "{circle:?}");
    assert_eq!(tree.cycle(upper, [middle, stack.disk.number()]), None);
    assert_eq!(tree.cycle(lower, [lower]), Some(vec![lower]));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_stack_is_removed_without_what_other_devices_use() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stack = Stack::new(&scratch);
    let [upper, middle, lower] = stack.numbers();
    let prepared = prepared(&scratch, lower).number();
    let remove = |number| scratch.host().remove_stack_with(number, PATIENTLY).unwrap();
    let removal = remove(upper);
    assert_eq!((removal.removed, removal.kept), (vec![upper, middle], vec![lower]));
    assert!(exists(&scratch, lower));
    let removal = remove(prepared);
    assert_eq!((removal.removed, removal.kept), (vec![prepared, lower], vec![]));
    assert!(!exists(&scratch, lower));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_is_removed_with_its_users() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stack = Stack::new(&scratch);
    let [upper, middle, lower] = stack.numbers();
    // The upper device is open, so nothing is done.
    let user = std::fs::File::open(stack.upper.path()).unwrap();
    let error = scratch.host().remove_and_users(middle).unwrap_err();
    assert!(error.is_busy() && error.is_undone(), "{error}");
    assert!(exists(&scratch, middle));
    drop(user);
    let removal = scratch.host().remove_and_users_with(middle, PATIENTLY).unwrap();
    assert_eq!(removal.removed, [upper, middle]);
    // The disk itself is not a mapped device.
    let removal = scratch.host().remove_and_users_with(stack.disk.number(), PATIENTLY).unwrap();
    assert_eq!(removal.removed, [lower]);
    let missing = DeviceNumber::new(4000, 1);
    assert!(scratch.host().remove_and_users_with(missing, PATIENTLY).unwrap_err().is_not_found());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_stack_is_suspended_and_resumed_under_io() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stack = Stack::new(&scratch);
    let numbers = stack.numbers();
    let host = scratch.host();
    for round in 0..3 {
        let suspended = host.suspend_stack(&stack.upper).unwrap();
        assert_eq!(suspended, numbers);
        assert!(numbers.iter().all(|&number| info(&scratch, number).is_suspended()));
        let (path, pattern) = (stack.upper.path(), Pattern::new(round));
        let writer = thread::spawn(move || pattern.write(&path, Sectors(0), LENGTH));
        wait_until("the writer", SOON, || info(&scratch, stack.upper.number()).open_count() > 0).unwrap();
        thread::sleep(Duration::from_millis(50));
        let finished = writer.is_finished();
        host.resume_stack(&suspended).unwrap();
        writer.join().unwrap().unwrap();
        assert!(!finished, "I/O ended while the stack was suspended");
        assert!(!numbers.iter().any(|&number| info(&scratch, number).is_suspended()));
        pattern.verify(stack.disk.path(), Sectors(0), LENGTH).unwrap();
    }
}
