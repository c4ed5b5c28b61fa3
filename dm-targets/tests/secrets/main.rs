//! No parser shows a key or leaves one in freed memory, wherever the key is in the text.
#![expect(clippy::arithmetic_side_effects, clippy::expect_used, reason = "tests fail by panicking")]

mod memory;
mod readers;
mod texts;

use std::collections::HashSet;

use memory::leftovers;
use readers::READERS;
use texts::texts;

/// Four bytes of a key, as eight digits.
const DIGITS: usize = 8;

/// A key that is planted in test texts, and all of its parts of four bytes.
pub(crate) struct Planted {
    digits: &'static str,
    parts: HashSet<&'static str>,
}

impl Planted {
    fn new(digits: &'static str) -> Self {
        Self { digits, parts: (0..=digits.len() - DIGITS).filter_map(|at| digits.get(at..at + DIGITS)).collect() }
    }

    /// Whether a text contains four bytes of the key.
    fn is_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let rows = text.split(|char: char| !char.is_ascii_hexdigit()).filter(|row| row.len() >= DIGITS);
        let mut parts = rows.flat_map(|row| (0..=row.len() - DIGITS).filter_map(move |at| row.get(at..at + DIGITS)));
        parts.any(|part| self.parts.contains(part))
    }
}

/// Two keys of 32 bytes: one that cannot be taken for a number, and one that begins with many decimal digits.
fn keys() -> [Planted; 2] {
    [
        Planted::new("c0ffee5eedfacade0ddba11deadbea7fa11e7bedfeedf00dc0dedbadcafed00d"),
        Planted::new("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
    ]
}

#[test]
fn no_reader_shows_a_key() {
    for key in keys() {
        for text in texts(key.digits) {
            for (name, reader) in READERS {
                let shown = reader(&text);
                assert!(!key.is_in(&shown), "{name} of\n{text}\nshows\n{shown}");
            }
        }
    }
}

#[test]
fn no_reader_leaves_a_key_in_freed_memory() {
    for key in keys() {
        for text in texts(key.digits) {
            for (name, reader) in readers::SILENT {
                let left = leftovers(key.digits, || reader(&text));
                assert_eq!(left, 0, "{name} of\n{text}");
            }
        }
    }
}

#[test]
fn the_test_notices_a_key_that_is_shown() {
    let [key, _] = keys();
    assert!(key.is_in("see C0FFEE5E here"));
    assert!(!key.is_in("see c0ffee5 here"));
}

#[test]
fn the_test_notices_a_key_that_is_left_in_memory() {
    let [key, _] = keys();
    let copy = key.digits.to_owned();
    assert_eq!(leftovers(key.digits, || drop(copy)), 1);
    assert_eq!(leftovers(key.digits, || drop(vec![0_u8; 64])), 0);
}

#[test]
fn there_are_texts_for_every_target_with_keys() {
    let all = texts("00112233").join("\n");
    for target in ["crypt", "inlinecrypt", "integrity"] {
        assert!(all.contains(&format!(" {target} ")), "{target}");
    }
}
