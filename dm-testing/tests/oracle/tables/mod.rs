//! Generators of tables for each target.

mod caches;
mod plain;
mod secure;
mod sets;

use dm_targets::AnyTable;

use crate::draw::Draw;
use crate::judge::{Verdict, judge};
use crate::lab::Lab;

/// A target, a generator of tables, and exceptions for the comparison.
pub(crate) struct Subject {
    pub(crate) target_type: &'static str,
    /// Generates a table, which is valid or nearly so; `POOL` stands for the pool with the thin devices 0 to 2, `ZONED`
    /// for a zoned disk.
    make: fn(&mut Draw<'_>) -> Line,
    /// Whether the kernel prints a table in words that differ from those that were loaded.
    pub(crate) changes: fn(&AnyTable) -> bool,
    /// The kernel's reasons for refusals that only it can know.
    pub(crate) reasons: &'static [&'static str],
    /// The kernel's reasons for refusals because of the disks, after it has read and checked all words.
    pub(crate) disks: &'static [&'static str],
    /// Whether the kernel's reply depends on the machine.
    pub(crate) depends: fn(&AnyTable) -> bool,
    /// The library's reasons for refusals where the kernel should refuse but does not.
    pub(crate) stricter: &'static [&'static str],
    /// Whether the kernel reads the disks when a table is loaded, and treats zeros as a new one.
    pub(crate) reads_disks: bool,
}

/// A line of a table, as text.
pub(crate) struct Line {
    pub(crate) length: u64,
    pub(crate) words: Vec<String>,
    pub(crate) read_only: bool,
}

impl Line {
    fn new(length: u64, words: Vec<String>) -> Self {
        Self { length, words, read_only: false }
    }
}

impl Subject {
    /// A target that prints params as they were given.
    const fn new(target_type: &'static str, make: fn(&mut Draw<'_>) -> Line) -> Self {
        Self {
            target_type,
            make,
            changes: |_| false,
            reasons: &[],
            disks: &[],
            depends: |_| false,
            stricter: &[],
            reads_disks: false,
        }
    }

    /// Some tables are printed in other words.
    const fn changes(self, changes: fn(&AnyTable) -> bool) -> Self {
        Self { changes, ..self }
    }

    const fn reasons(self, reasons: &'static [&'static str]) -> Self {
        Self { reasons, ..self }
    }

    const fn disks(self, disks: &'static [&'static str]) -> Self {
        Self { disks, ..self }
    }

    const fn depends(self, depends: fn(&AnyTable) -> bool) -> Self {
        Self { depends, ..self }
    }

    const fn stricter(self, stricter: &'static [&'static str]) -> Self {
        Self { stricter, ..self }
    }

    const fn reads_disks(self) -> Self {
        Self { reads_disks: true, ..self }
    }

    /// Loads a table and judges the reply.
    pub(crate) fn attempt(&self, lab: &mut Lab<'_>, draw: &mut Draw<'_>) -> (Verdict, String) {
        let mut line = (self.make)(draw);
        draw.spoil(&mut line.words);
        for word in &mut line.words {
            match word.as_str() {
                "POOL" => *word = lab.pool().to_string(),
                "ZONED" => *word = lab.zoned().to_string(),
                _ => {}
            }
        }
        let text = format!("0 {} {} {}", line.length, self.target_type, line.words.join(" "));
        if is_dangerous(&line.words) {
            return (Verdict::Machine, format!("table `{text}`: is not loaded"));
        }
        if self.reads_disks {
            lab.clear_disks();
        }
        let answer = lab.ask(self.target_type, &line);
        let (verdict, why) = judge(self, &text, &answer);
        (verdict, format!("table `{text}`: {why}"))
    }
}

/// Whether the table would crash the kernel, as the docs of `crypt` and `raid` describe.
fn is_dangerous(words: &[String]) -> bool {
    let any = |is: fn(&str) -> bool| words.iter().any(|word| is(word));
    let has_no_profile = any(|word| word.starts_with("integrity:") && word.matches(':').count() < 2);
    let has_key = any(|word| word.starts_with("integrity_key_size:")) && any(|word| word.ends_with(":aead"));
    let misses_device = words.windows(2).any(|pair| pair == ["-", "-"]);
    let moves_data = any(|word| word.eq_ignore_ascii_case("data_offset")) && misses_device;
    has_no_profile || moves_data || has_key && !any(|word| word.starts_with("capi:authenc("))
}

/// All targets with a generator.
pub(crate) fn subjects() -> impl Iterator<Item = &'static Subject> {
    [plain::SUBJECTS, caches::SUBJECTS, sets::SUBJECTS, secure::SUBJECTS].into_iter().flatten()
}
