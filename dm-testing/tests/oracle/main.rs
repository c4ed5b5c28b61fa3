//! Random tables of every target are loaded, and the results of [`check`](dm_targets::Target::check) and of printing
//! are compared with those of the kernel.
//!
//! Most tables are valid or nearly so. They are the same for the same seed; `cargo xtask oracle` sets the seed, the
//! time and the target. A table that only one of the two accepts is a fault, unless this depends on the machine or the
//! library documents that it is stricter.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod draw;
mod judge;
mod lab;
mod messages;
mod report;
mod tables;
#[path = "../targets/zoned_disk.rs"]
#[expect(dead_code, reason = "the tests of targets use all of it")]
mod zoned_disk;

use std::env;
use std::time::{Duration, Instant};

use dm_testing::{Scratch, require};

use crate::draw::Draw;
use crate::judge::Verdict;
use crate::lab::Lab;
use crate::messages::{LISTENERS, Messages};
use crate::report::Report;
use crate::tables::Subject;

/// The time for questions about one target before the next target's turn, and their minimum number: some tables take
/// the kernel longer.
const TURN: (Duration, u64) = (Duration::from_millis(100), 2);

/// The settings of `cargo xtask oracle`.
struct Settings {
    time: Duration,
    /// The lowest minor version of the kernel's interface. The checks are those of recent kernels; the task reports
    /// what differs on older ones.
    interface: u32,
    seed: u64,
    target: Option<String>,
}

impl Settings {
    fn read() -> Self {
        let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number"));
        let seconds = number("DM_TESTING_ORACLE_SECONDS");
        Self {
            time: Duration::from_secs(seconds.unwrap_or(8)),
            interface: if seconds.is_some() { 0 } else { 48 },
            seed: number("DM_TESTING_ORACLE_SEED").unwrap_or(1),
            target: env::var("DM_TESTING_ORACLE_TARGET").ok(),
        }
    }

    fn wants(&self, target_type: &str) -> bool {
        self.target.as_ref().is_none_or(|target| target == target_type)
    }
}

/// The questions to the kernel.
enum Questions {
    Tables(&'static Subject),
    Messages(Messages),
}

/// Questions about one target.
struct Series {
    target_type: &'static str,
    questions: Questions,
    next: u64,
    is_missing: bool,
    report: Report,
}

impl Series {
    fn new(target_type: &'static str, questions: Questions) -> Self {
        Self { target_type, questions, next: 0, is_missing: false, report: Report::default() }
    }

    fn name(&self) -> String {
        match self.questions {
            Questions::Tables(_) => self.target_type.to_owned(),
            Questions::Messages(_) => format!("{} messages", self.target_type),
        }
    }

    /// Asks for one turn, at most until the time is over, and at least once if the kernel has the target.
    fn run(&mut self, lab: &mut Lab<'_>, seed: u64, end: Instant) {
        self.is_missing |= self.next == 0 && !lab.has(self.target_type);
        let (name, disks) = (self.name(), lab.disks());
        let (start, first) = (Instant::now(), self.next);
        while !self.is_missing {
            let mut draw = Draw::new(seed, &name, self.next, &disks);
            let (verdict, text) = match &mut self.questions {
                Questions::Tables(subject) => subject.attempt(lab, &mut draw),
                Questions::Messages(messages) => messages.attempt(lab, &mut draw),
            };
            self.report.add(verdict, format!("{} {text}", self.next));
            self.next += 1;
            let is_over = start.elapsed() >= TURN.0 && self.next - first >= TURN.1;
            if is_over || Instant::now() >= end {
                return;
            }
        }
    }
}

/// A series for each requested target.
fn series(settings: &Settings) -> Vec<Series> {
    let tables = tables::subjects().map(|subject| Series::new(subject.target_type, Questions::Tables(subject)));
    let messages = LISTENERS
        .iter()
        .map(|listener| Series::new(listener.target_type, Questions::Messages(Messages::new(listener))));
    tables.chain(messages).filter(|series| settings.wants(series.target_type)).collect()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_kernel_accepts_what_check_accepts_and_prints_tables_alike() {
    let settings = Settings::read();
    let Some(scratch) = Scratch::new(&[require::interface(settings.interface)]) else { return };
    let end = Instant::now() + settings.time;
    let mut lab = Lab::new(&scratch);
    let mut all = series(&settings);
    while Instant::now() < end && !all.iter().all(|series| series.is_missing) {
        for series in &mut all {
            if Instant::now() < end {
                series.run(&mut lab, settings.seed, end);
            }
        }
    }
    println!("\nseed {}\n{}", settings.seed, Report::HEADING);
    for series in &all {
        // A missing target is detected at once.
        let row = if series.is_missing {
            format!("{:<20} not in this kernel", series.name())
        } else {
            series.report.row(&series.name())
        };
        println!("{row}");
    }
    all.iter().for_each(|series| series.report.show(series.target_type));
    let count = |verdict| all.iter().map(|series| series.report.count(verdict)).sum::<u64>();
    assert_ne!(count(Verdict::Taken), 0, "the kernel took nothing");
    assert_eq!(count(Verdict::Disagreement), 0, "the kernel and the library disagree");
}
