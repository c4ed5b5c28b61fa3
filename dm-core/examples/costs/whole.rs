//! Complete calls including the kernel's part, compared with the minimum of ioctls and with libdm.

use std::process::Command;

use dm_core::Dm;
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};

use crate::calls;
use crate::counting::Counting;
use crate::operations;
use crate::scene::Scene;

/// The number of runs of each program, in turn, and of rounds in each run. The time that the kernel needs varies
/// slowly.
const RUNS: usize = 9;
const ROUNDS: usize = 6;

/// The exit status of a program that does not implement a call: see `measure.h`.
const NO_CALL: i32 = 3;

/// Makes each call, given as `CALL:SIZE:COUNT`, with the devices it needs. Prints the cost by hand, with dm-core and
/// with libdm: each as `TIME/IOCTLS`, or `-`.
pub(crate) fn compare(floor: &str, libdm: &str, calls: &[&str]) {
    let this = std::env::current_exe().expect("this program has a path");
    let this = this.to_str().expect("the path is text");
    let mut scene = Scene::new();
    for call in calls {
        let [name, size, count] = call.split(':').collect::<Vec<_>>()[..] else {
            panic!("{call} is not a CALL:SIZE:COUNT")
        };
        scene.prepare(name, size.parse().expect("SIZE is a number"));
        let programs = [vec![floor, name], vec![this, "whole", name], vec![libdm, name]];
        let results = measure_in_turn(&programs, size, count);
        println!("{call} {}", results.join(" "));
    }
    scene.remove();
}

/// The result of each program, as its first words, for a call.
fn measure_in_turn(programs: &[Vec<&str>], size: &str, count: &str) -> Vec<String> {
    let ioctls: Vec<_> = programs.iter().map(|words| run(words, [size, count, "0"])).collect();
    let mut times = vec![Vec::new(); programs.len()];
    for _ in 0..RUNS {
        for ((words, times), _) in programs.iter().zip(&mut times).zip(&ioctls).filter(|(_, ioctls)| ioctls.is_some()) {
            // A handle has only one first call.
            let rounds = if words.iter().any(|word| word.starts_with("first_")) { 1 } else { ROUNDS };
            times.extend(run(words, [size, count, &rounds.to_string()]).expect("the call is known"));
        }
    }
    let result = |(ioctls, times): (Option<Vec<u64>>, Vec<u64>)| match ioctls.as_deref() {
        Some([ioctls]) => format!("{}/{ioctls}", typical(times)),
        _ => "-".to_owned(),
    };
    ioctls.into_iter().zip(times).map(result).collect()
}

/// The numbers that a program prints; `None` if it does not implement the call.
fn run(words: &[&str], more: [&str; 3]) -> Option<Vec<u64>> {
    let (program, first) = words.split_first().expect("a program has a path");
    let output = Command::new(program).args(first).args(more).output().expect("the program runs");
    if output.status.code() == Some(NO_CALL) {
        return None;
    }
    assert!(output.status.success(), "{words:?} {more:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().map(|line| line.parse().expect("a number")).collect())
}

/// The median, which excludes interruptions and a first round in which memory grows.
///
/// Of single long rounds, the kernel often counts only a part, depending on its clock ticks, and one may be
/// interrupted: of those, the second longest.
fn typical(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    let middle = times[times.len() / 2];
    if times.len() > RUNS || middle < SHORT { middle } else { times[times.len() - 2] }
}

/// A shorter round is seldom interrupted by a clock tick.
const SHORT: u64 = 1_000_000;

/// Makes a call `count` times in each round. Prints the processor time of each call in nanoseconds; without rounds, the
/// number of ioctls of one call.
pub(crate) fn measure(call: &str, size: usize, count: usize, rounds: usize) {
    let dm = Dm::open().expect("the device mapper");
    if rounds == 0 {
        return count_ioctls(&dm, call, size);
    }
    if call.starts_with("first_") {
        // Otherwise the page faults of the program's code would be measured, which depend on the linker.
        calls::find(Dm::open().expect("the device mapper"), call, size)();
    }
    let mut run = calls::find(dm.clone(), call, size);
    for _ in 0..rounds {
        operations::prepare(&dm, call);
        let start = now();
        (0..count).for_each(|_| run());
        println!("{}", now() - start);
    }
}

fn count_ioctls(dm: &Dm, call: &str, size: usize) {
    let counting = Counting::new(dm.transport());
    let mut run = calls::find(Dm::with_transport(counting.clone()), call, size);
    let mut ioctls = || {
        operations::prepare(dm, call);
        let before = counting.count();
        run();
        counting.count() - before
    };
    // For most calls the second one counts, since the handle then knows the length of the reply.
    let first = ioctls();
    println!("{}", if call.starts_with("first_") { first } else { ioctls() });
}

fn now() -> i64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock").num_nanoseconds()
}
