use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::*;
use crate::fake_host::{FakeDevice, FakeHost, bare, number, serving};
use crate::wire::Command::{ListDevices, TableDeps};

/// Devices by minor number, named after it, over the ones they use. A number without an entry is a disk.
fn tree(devices: &[(u32, &[u32])]) -> DeviceTree {
    let name = |minor: u32| DmNameBuf::new(&format!("d {minor}")).unwrap();
    DeviceTree::new(
        devices.iter().map(|&(minor, uses)| (number(minor), name(minor), uses.iter().copied().map(number).collect())),
    )
}

fn minors(numbers: &[DeviceNumber]) -> Vec<u32> {
    numbers.iter().map(|number| number.minor).collect()
}

/// Two volumes on a pool on two disks, and another device that uses one of the volumes and a disk.
fn sample() -> DeviceTree {
    tree(&[(0, &[100, 101]), (1, &[0]), (2, &[0]), (3, &[1, 101])])
}

#[test]
fn a_shared_part_is_printed_once_and_referred_to() {
    assert_eq!(
        sample().to_string(),
        r"d\x202 (253:2)
  d\x200 (253:0)
    253:100
    253:101
d\x203 (253:3)
  d\x201 (253:1)
    d\x200 (253:0) (see above)
  253:101
"
    );
}

#[test]
fn devices_are_ordered_by_number_or_by_name() {
    let name = |name: &str| DmNameBuf::new(name).unwrap();
    let tree = DeviceTree::new([
        (number(1), name("z"), BTreeSet::from([number(2), number(3), number(100)])),
        (number(2), name("y"), BTreeSet::new()),
        (number(3), name("x"), BTreeSet::new()),
        (number(4), name("a"), BTreeSet::new()),
    ]);
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let by_number = ["z (253:1)", "  y (253:2)", "  x (253:3)", "  253:100", "a (253:4)"];
    assert_eq!(lines(tree.display(TreeOrder::Number).to_string()), by_number);
    assert_eq!(lines(tree.to_string()), by_number);
    let by_name = ["a (253:4)", "z (253:1)", "  x (253:3)", "  y (253:2)", "  253:100"];
    assert_eq!(lines(tree.display(TreeOrder::Name).to_string()), by_name);
    assert_eq!(minors(&tree.children(number(1), TreeOrder::Name)), [3, 2, 100]);
    assert_eq!((tree.find("x"), tree.find("w"), tree.find("a/b")), (Some(number(3)), None, None));
}

#[test]
fn dot_has_a_node_and_an_arrow_for_each() {
    assert_eq!(
        tree(&[(0, &[100])]).to_dot().to_string(),
        r#"digraph devices {
    "253:0" [label="d\\x200 (253:0)" shape=box];
    "253:0" -> "253:100";
    "253:100" [label="253:100" shape=cylinder];
}
"#
    );
}

#[test]
fn names_reach_neither_the_terminal_nor_graphviz() {
    let nasty: &[u8] = b"\x1b]0;x\x07\"]; evil [\\\n\xff\xc2\x9b{|}<b>";
    let tree = DeviceTree::new([(number(0), DmNameBuf::new(nasty).unwrap(), BTreeSet::from([number(1)]))]);
    let plain = |text: &str| text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte));
    let (text, dot) = (tree.to_string(), tree.to_dot().to_string());
    assert!(plain(&text) && text.lines().count() == 2, "{text}");
    assert!(plain(&dot) && dot.lines().count() == 5, "{dot}");
    let label = dot.lines().nth(1).unwrap();
    assert_eq!(label.matches('"').count(), 4, "{label}");
    assert!(!label.replace("\\\\", "").contains('\\'), "{label}");
}

#[test]
fn orders_put_users_before_what_they_use() {
    assert_eq!(minors(&sample().top_down(number(3))), [3, 1, 0]);
    assert_eq!(minors(&sample().users_first(number(101))).len(), 4, "not the disk itself");
    let order = minors(&sample().users_first(number(0)));
    let place = |minor| order.iter().position(|&other| other == minor).unwrap();
    assert!(order.len() == 4 && place(3) < place(1) && place(1) < place(0) && place(2) < place(0), "{order:?}");
    assert_eq!(sample().top_down(number(99)), [], "an unknown device");
}

#[test]
fn a_diamond_is_walked_once_and_in_order() {
    let diamond = tree(&[(0, &[]), (1, &[0]), (2, &[0, 1]), (3, &[0, 2, 1])]);
    assert_eq!(minors(&diamond.top_down(number(3))), [3, 2, 1, 0]);
    assert_eq!(minors(&diamond.users_first(number(0))), [3, 2, 1, 0]);
}

#[test]
fn devices_with_other_users_are_not_only_used_by_the_device() {
    assert_eq!(minors(&sample().only_used_by(number(3))), [3, 1], "the pool has another volume");
    let diamond = tree(&[(0, &[]), (1, &[0]), (2, &[0]), (3, &[1, 2])]);
    let all = minors(&diamond.only_used_by(number(3)));
    assert!(all.len() == 4 && all[0] == 3 && all[3] == 0, "{all:?}");
    // Device 0 is kept, since device 1 uses it and is kept.
    let chain = tree(&[(0, &[]), (1, &[0]), (2, &[1]), (3, &[1])]);
    assert_eq!(minors(&chain.only_used_by(number(3))), [3]);
}

#[test]
fn a_cycle_is_found_before_it_is_made() {
    assert_eq!(minors(&sample().cycle(number(0), [number(3)]).unwrap()), [3, 1, 0]);
    assert_eq!(minors(&sample().cycle(number(0), [number(0)]).unwrap()), [0]);
    assert_eq!(sample().cycle(number(3), [number(0), number(2)]), None);
}

#[test]
fn a_tree_with_a_circle_is_walked_and_printed_to_its_end() {
    let looped = tree(&[(0, &[1]), (1, &[0]), (2, &[1])]);
    assert_eq!(looped.top_down(number(2)).len(), 3);
    assert_eq!(looped.users_first(number(0)).len(), 3);
    assert_eq!(looped.only_used_by(number(2)), [number(2)]);
    let lines = ["d\\x202 (253:2)", "  d\\x201 (253:1)", "    d\\x200 (253:0)", "      d\\x201 (253:1) (see above)"];
    assert_eq!(looped.to_string().lines().collect::<Vec<_>>(), lines);
    assert_eq!(looped.cycle(number(5), [number(0)]), None);
    let no_top = tree(&[(0, &[1]), (1, &[0]), (2, &[2])]).to_string();
    for minor in 0..3 {
        assert!(no_top.contains(&format!("(253:{minor})")), "{no_top}");
    }
}

#[test]
fn the_text_and_graph_of_a_lattice_are_linear_in_its_size() {
    // Each level has two devices that both use both of the next: 2^60 ways down.
    let levels: Vec<(u32, [u32; 2])> = (0..120).map(|minor| (minor, [minor / 2 * 2 + 2, minor / 2 * 2 + 3])).collect();
    let lattice = tree(&levels.iter().map(|(minor, uses)| (*minor, &uses[..])).collect::<Vec<_>>());
    assert!(lattice.to_string().lines().count() <= 122 + 240);
    assert_eq!(lattice.to_dot().to_string().lines().count(), 2 + 122 + 240);
    assert_eq!(lattice.top_down(number(0)).len(), 119);
    assert_eq!(lattice.cycle(number(500), [number(0), number(1)]), None);
}

#[test]
fn a_deep_tree_takes_no_stack_and_its_text_is_linear() {
    const DEPTH: u32 = 20_000;
    let devices: Vec<_> = (0..DEPTH).map(|minor| (minor, [minor + 1])).collect();
    let deep = tree(&devices.iter().map(|(minor, uses)| (*minor, &uses[..])).collect::<Vec<_>>());
    assert_eq!(deep.top_down(number(0)).len(), DEPTH as usize);
    assert_eq!(deep.users_first(number(DEPTH)).len(), DEPTH as usize);
    assert_eq!(deep.only_used_by(number(0)).len(), DEPTH as usize);
    assert!(deep.cycle(number(DEPTH - 1), [number(0)]).is_some());
    let text = deep.to_string();
    assert!(text.len() < DEPTH as usize * 200, "{} bytes", text.len());
    let line = text.lines().nth(65).unwrap();
    assert_eq!((line.len() - line.trim_start().len(), line.trim_start()), (128, r"[65] d\x2065 (253:65)"));
}

#[test]
fn all_devices_below_a_wide_one_are_found_in_linear_time() {
    // This thread's processor time, which depends on nothing else that runs.
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let time = |width: u32| {
        let below: Vec<u32> = (1..width).collect();
        let mut devices: Vec<(u32, &[u32])> = vec![(0, &below)];
        devices.extend(below.iter().map(|&minor| (minor, &[][..])));
        let start = now();
        assert_eq!(tree(&devices).only_used_by(number(0)).len(), width as usize);
        now() - start
    };
    // Ten times as many devices take about ten times as long; with a search for each device, a hundred times.
    let (narrow, wide) = (time(5_000), time(50_000));
    assert!(wide < narrow * 40, "{narrow:?}, then {wide:?}");
}

fn host() -> FakeHost {
    let pool = FakeDevice { open_count: 2, uses: vec![100], ..serving(0, "pool", "u0") };
    let home = FakeDevice { suspended: true, uses: vec![0], ..serving(1, "home", "u1") };
    let new = FakeDevice { inactive_uses: Some(vec![0, 101]), ..bare(2, "new", "") };
    FakeHost::new(48, [home, new, pool])
}

#[test]
fn a_tree_is_read_with_names_and_states_in_one_pass() {
    let host = host();
    let tree = host.dm().device_tree().unwrap();
    // One more for the inactive table.
    assert_eq!(host.sent(), [ListDevices, TableDeps, TableDeps, TableDeps, TableDeps]);
    let node = |minor| tree.get(number(minor)).unwrap();
    let pool = node(0).info.as_ref().unwrap();
    assert_eq!((pool.open_count(), pool.is_suspended(), pool.has_active_table()), (2, false, true));
    assert!(node(1).info.as_ref().unwrap().is_suspended());
    assert!(node(2).info.as_ref().unwrap().has_inactive_table());
    assert_eq!(node(0).uuid.as_deref().and_then(|uuid| uuid.to_str()), Some("u0"));
    assert_eq!((node(2).uuid.as_ref(), node(100).info.as_ref(), node(100).name.as_ref()), (None, None, None));
    assert_eq!(node(2).uses, BTreeSet::from([number(0), number(101)]), "an inactive table counts");
    assert_eq!(node(0).used_by, BTreeSet::from([number(1), number(2)]));
    assert_eq!(minors(&tree.tops().collect::<Vec<_>>()), [1, 2]);
}

#[test]
fn a_tree_is_read_from_a_kernel_that_does_not_report_inactive_tables() {
    let host = host();
    host.lock().minor = 15;
    assert!(host.dm().device_tree().unwrap().find("new").is_some());
}

#[test]
fn a_device_that_vanishes_meanwhile_is_left_out() {
    for before in 1..=4 {
        let host = host();
        let mut deps = 0;
        host.lock().meanwhile = Some(Box::new(move |command, state| {
            deps += usize::from(command == TableDeps);
            if deps == before {
                state.devices.retain(|device| device.name != "new");
            }
        }));
        let tree = host.dm().device_tree().unwrap();
        assert_eq!(tree.find("new").is_some(), before == 4, "{before}");
        assert_eq!(tree.get(number(101)).is_some(), before == 4, "{before}");
        assert!(tree.find("pool").is_some() && tree.find("home").is_some());
    }
}

#[test]
fn other_errors_end_the_reading() {
    for command in [ListDevices, TableDeps] {
        let host = host();
        host.lock().fail = Some((command, nix::errno::Errno::ENOMEM));
        assert!(host.dm().device_tree().unwrap_err().is_out_of_memory());
    }
}

#[test]
fn a_device_that_is_removed_while_a_stack_is_read_has_no_name_and_one_that_cannot_be_read_is_an_error() {
    let stack = || {
        let used = FakeDevice { uses: vec![1, 2], ..serving(0, "top", "") };
        FakeHost::new(48, [used, serving(1, "kept", ""), serving(2, "gone", "")])
    };
    let host = stack();
    host.lock().meanwhile = Some(Box::new(|command, state| {
        if command == TableDeps {
            state.devices.retain(|device| device.minor != 2);
        }
    }));
    let tree = host.dm().device_tree_of("top").unwrap();
    assert_eq!(minors(&tree.children(number(0), TreeOrder::Number)), [1, 2]);
    assert_eq!((tree.find("kept"), tree.find("gone")), (Some(number(1)), None));

    let host = stack();
    let mut reads = 0;
    host.lock().meanwhile = Some(Box::new(move |_, state| {
        reads += 1;
        state.fail = (reads == 2).then_some((TableDeps, nix::errno::Errno::ENOMEM));
    }));
    assert!(host.dm().device_tree_of("top").unwrap_err().is_out_of_memory());
}
