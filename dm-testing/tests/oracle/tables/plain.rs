//! Targets that only map requests and store nothing.

use dm_targets::AnyTable;

use super::{Line, Subject};
use crate::draw::Draw;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("linear", |draw| simple(draw, "@ <0..1000>")),
    Subject::new("striped", striped),
    Subject::new("unstriped", unstriped)
        .reasons(&["Couldn't get striped device"])
        .stricter(&["stripe number must be", "stripe count"]),
    // The kernel does not print its arguments.
    Subject::new("error", |draw| {
        let words = draw.pick(&["", "@ <0..64>", "@ <0..64>", "some words here"]);
        simple(draw, words)
    })
    .changes(|_| true),
    Subject::new("zero", |draw| simple(draw, "")),
    Subject::new("delay", delay),
    Subject::new("flakey", flakey).changes(|table| {
        // The kernel prints the feature that it uses by default, and does not print a probability of 0.
        let AnyTable::Flakey(table) = table else { return false };
        let features = &table.features;
        *features == Default::default()
            || [features.random_read_corrupt, features.random_write_corrupt].contains(&Some(0))
    }),
    Subject::new("dust", |draw| {
        let length = draw.length(8);
        Line::new(length, draw.words("@ <0..64> <512..4096^>"))
    }),
    Subject::new("ebs", |draw| {
        let words = draw.pick(&["@ <0..64*8> <1..8^>", "@ <0..64*8> <1..8^> <1..8^>"]);
        simple(draw, words)
    }),
    Subject::new("log-writes", |draw| {
        let (length, devices) = (draw.length(8), draw.devices(2));
        Line::new(length, devices)
    }),
    Subject::new("switch", switch),
    Subject::new("snapshot-origin", |draw| simple(draw, "@")),
    Subject::new("zoned", |draw| {
        // A zoned disk must not follow another disk: an unformatted one crashes the kernel, as the docs of `zoned`
        // describe.
        let words = match draw.one_in(8) {
            true => draw.pick(&["@", "@ @", "ZONED ZONED", "ZONED ZONED ZONED"]),
            false => "ZONED",
        };
        simple(draw, words)
    })
    // Refusals for the kind and format of the devices.
    .reasons(&[
        "a regular device",
        "not a zoned device",
        "Too many",
        "Metadata initialization failed",
        "Invalid regular device",
    ]),
];

/// A table with these words, of any length.
pub(super) fn simple(draw: &mut Draw<'_>, words: &str) -> Line {
    let length = draw.length(1);
    Line::new(length, draw.words(words))
}

fn striped(draw: &mut Draw<'_>) -> Line {
    let stripes = draw.number(1, 4);
    let chunk = draw.number(1, 128);
    let length = draw.length((stripes * chunk).min(1 << 16));
    let mut words = vec![stripes.to_string(), chunk.to_string()];
    for _ in 0..stripes.min(5) {
        words.extend(draw.words("@ <0..64>"));
    }
    Line::new(length, words)
}

fn unstriped(draw: &mut Draw<'_>) -> Line {
    let stripes = draw.number(1, 5);
    let chunk = draw.number(1, 128);
    let stripe = draw.number(0, stripes.saturating_sub(1));
    let length = draw.length(chunk.min(1 << 16));
    let mut words = vec![stripes.to_string(), chunk.to_string(), stripe.to_string()];
    words.extend(draw.words("@ <0..64>"));
    Line::new(length, words)
}

fn delay(draw: &mut Draw<'_>) -> Line {
    let classes = draw.number(1, 3).min(4);
    let mut line = simple(draw, "");
    for _ in 0..classes {
        line.words.extend(draw.words("@ <0..64> <0..4294967295>"));
    }
    line
}

fn flakey(draw: &mut Draw<'_>) -> Line {
    let intervals = draw.pick(&["<0..1000> <1..1000>", "<0..1> <0..1>", "<0..4294967295> <0..4294967295>"]);
    let mut line = simple(draw, "@ <0..64>");
    line.words.extend(draw.words(intervals));
    let features = draw.options(&[
        "error_reads",
        "drop_writes",
        "error_writes",
        "corrupt_bio_byte <1..4294967295> r|w <0..255> <0..4294967295>",
        "random_read_corrupt <0..1000000000>",
        "random_write_corrupt <0..1000000000>",
    ]);
    line.words.extend(draw.counted_if_any(features));
    line
}

fn switch(draw: &mut Draw<'_>) -> Line {
    let paths = draw.number(1, 5).min(6);
    let mut line = simple(draw, "");
    line.words = vec![paths.to_string()];
    line.words.extend(draw.words("<1..4294967295>"));
    line.words.extend(draw.counted(Vec::new()));
    for _ in 0..paths {
        line.words.extend(draw.words("@ <0..64>"));
    }
    line
}
