//! The results for the tables of one target.

use crate::judge::Verdict;

/// The maximum number of disagreements that are shown; further ones are only counted.
const SHOWN: usize = 12;

/// Counts verdicts.
#[derive(Default)]
pub(crate) struct Report {
    counts: [u64; 5],
    /// The descriptions of the disagreements.
    shown: Vec<String>,
}

impl Report {
    pub(crate) const HEADING: &'static str =
        "target                tried   taken refused stricter machine disagreements";

    pub(crate) fn add(&mut self, verdict: Verdict, text: String) {
        self.counts[verdict as usize] += 1;
        if verdict == Verdict::Disagreement && self.shown.len() < SHOWN {
            self.shown.push(text);
        }
    }

    pub(crate) fn count(&self, verdict: Verdict) -> u64 {
        self.counts[verdict as usize]
    }

    pub(crate) fn row(&self, name: &str) -> String {
        let tried: u64 = self.counts.iter().sum();
        let [taken, refused, stricter, machine, disagreements] = self.counts;
        format!("{name:<20} {tried:>6} {taken:>7} {refused:>7} {stricter:>8} {machine:>7} {disagreements:>13}")
    }

    /// Prints the disagreements.
    pub(crate) fn show(&self, target_type: &str) {
        self.shown.iter().for_each(|text| println!("{target_type} {text}"));
    }
}
