//! Splitting, quoting and parsing of words.

use std::fmt;

use dm_targets::linear::LinearTable;
use dm_targets::{
    Device, Fields, InvalidField, Linear, OtherTable, Printer, Problem, Target, TextKind, Usage, WordBuf,
};
use dm_units::{DeviceNumber, MetaBlocks, Sectors};
use proptest::prelude::*;

/// The remaining words, separated by bars.
fn rest(fields: &mut Fields<'_>) -> String {
    let words = fields.read_rest("words").unwrap();
    words.iter().map(WordBuf::as_str).collect::<Vec<_>>().join("|")
}

fn path(text: &str) -> LinearTable {
    LinearTable::new(Device::new(text).unwrap(), Sectors(0))
}

#[test]
fn a_backslash_quotes_in_input_but_not_in_printed_text() {
    let input = Linear::parse_input(r"/dev/my\ disk\\1 0").unwrap();
    assert_eq!(input, path(r"/dev/my disk\1"));
    let printed = Linear::parse_table(r"/dev/mapper/my\x20disk 0").unwrap();
    assert_eq!(printed, path(r"/dev/mapper/my\x20disk"));

    // It is quoted for the kernel, so that it names the same device.
    assert_eq!(printed.to_string(), r"/dev/mapper/my\\x20disk 0");
    assert_eq!(format!("{printed:#}"), r"/dev/mapper/my\x20disk 0");
}

#[test]
fn a_backslash_at_the_end_quotes_nothing() {
    let mut fields = Fields::input(r"a b\");
    assert_eq!(rest(&mut fields), r"a|b\");
}

#[test]
fn all_white_space_of_the_kernel_separates_words() {
    let mut fields = Fields::input("\n a\tb\u{b}c\u{c}d\re\n");
    assert_eq!(rest(&mut fields), "a|b|c|d|e");
}

#[test]
fn other_control_characters_do_not_separate_words() {
    let mut fields = Fields::printed("a\u{1}b\u{1f}c d");
    assert_eq!(rest(&mut fields), "a\u{1}b\u{1f}c|d");
}

#[test]
fn a_character_with_the_byte_a0_is_refused() {
    // The kernel would split `à`, which is C3 A0, and the no-break space, C2 A0.
    for text in ["/dev/à", "/dev/\u{a0}", "\\à"] {
        let error = Linear::parse_input(&format!("{text} 0")).unwrap_err();
        assert_eq!(error.problem(), Problem::ForbiddenByte(0xa0), "{text}");
        assert_eq!(WordBuf::new(text), Err(Problem::ForbiddenByte(0xa0)));
    }
    assert_eq!(Linear::parse_input("/dev/é 0").unwrap(), path("/dev/é"));
    assert_eq!(WordBuf::new("a\0"), Err(Problem::ForbiddenByte(0)));
    assert_eq!(WordBuf::new(""), Err(Problem::Missing));
}

#[test]
fn devices_are_numbers_or_paths() {
    let number = |major, minor| Ok(Device::Number(DeviceNumber::new(major, minor)));
    assert_eq!(Device::new("253:7"), number(253, 7));
    assert_eq!(Device::new("4095:1048575"), number(4095, 1_048_575));
    for too_large in ["4096:0", "0:1048576", "253:4294967296"] {
        assert_eq!(Device::new(too_large), Err(Problem::DeviceNumberTooLarge), "{too_large}");
    }
    for path in ["/dev/sda", "253:7x", "253:", ":7", "-1:0", "PARTUUID=00-01"] {
        let device = Device::new(path).unwrap();
        assert_eq!(device.number(), None, "{path}");
        let Device::Path(word) = &device else { panic!("{path}") };
        assert_eq!([word.as_str(), &word.to_string(), &device.to_string()], [path; 3]);
    }
    assert!(matches!(Device::new("128"), Err(Problem::Expected(_))));
}

#[test]
fn numbers_are_plain_decimals_that_fit() {
    let read = |text| Fields::printed(text).read::<u32>("number").map_err(|error| error.problem());
    assert_eq!(read("010"), Ok(10));
    assert_eq!(read("4294967295"), Ok(u32::MAX));
    let too_large = Err(Problem::OutOfRange { min: 0, max: u32::MAX.into() });
    assert_eq!(read("4294967296"), too_large);
    assert_eq!(read("18446744073709551616"), too_large);
    for text in ["+1", "-1", "0x1", "1.0", "1k", "١"] {
        assert_eq!(read(text), Err(Problem::NotDecimal), "{text}");
    }
    assert_eq!(read(""), Err(Problem::Missing));
}

#[test]
fn groups_contain_the_counted_words() {
    let mut fields = Fields::printed("2 a b c");
    let mut group = fields.read_group("#words").unwrap();
    assert_eq!(rest(&mut group), "a|b");
    assert_eq!(rest(&mut fields), "c");

    let error = Fields::printed("3 a b").read_group("#words").unwrap_err();
    assert_eq!(error.to_string(), "line: word 1, #words, counts 3 words, but 2 follow");
    let error = Fields::printed("4294967295 a").read_group("#words").unwrap_err();
    assert_eq!(error.problem(), Problem::TooFewWords { counted: u32::MAX, found: 1 });
}

#[test]
fn words_after_a_group_continue_its_numbering() {
    let mut fields = Fields::printed("1 a x");
    fields.read_group("#words").unwrap();
    let error = fields.read::<u32>("number").unwrap_err();
    assert_eq!((error.word(), error.span()), (3, 4..5));
}

#[test]
fn usage_is_two_numbers() {
    let read = |text| Fields::printed(text).read::<Usage<MetaBlocks>>("usage").map_err(|error| error.problem());
    assert_eq!(read("1/2"), Ok(Usage { used: MetaBlocks(1), total: MetaBlocks(2) }));
    assert!(matches!(read("12"), Err(Problem::Expected(_))));
    assert_eq!(read("1/2/3"), Err(Problem::NotDecimal));
    assert_eq!(read("/2"), Err(Problem::NotDecimal));
}

#[test]
fn an_unknown_table_is_kept_unchanged_and_not_shown() {
    let line: dm_targets::TableLine = dm_targets::TableLine::parse_printed("0 8 bow 254:0  a\\b ").unwrap();
    assert_eq!(format!("{line:#}"), "0 8 bow 254:0  a\\b ");
    assert_eq!(line.to_string(), "0 8 bow 254:0  a\\\\b ");
    assert_eq!(line.to_string().parse(), Ok(line.clone()));
    assert!(!format!("{line:?}").contains("254"));
    assert_eq!(OtherTable::new("bow", "254:0").to_string(), "254:0");
}

#[test]
fn an_unknown_status_is_kept_and_possible_keys_are_not_shown() {
    let line: dm_targets::StatusLine = "0 8 bow 254:0  7 0011223344".parse().unwrap();
    assert_eq!(line.to_string(), "0 8 bow 254:0  7 *");
    assert!(!format!("{line:?}").contains("2233"));
    let dm_targets::AnyStatus::Other(status) = line.status else { panic!() };
    assert_eq!((status.target_type(), status.text()), ("bow", "254:0  7 0011223344"));
}

#[test]
fn keys_are_not_accepted_in_place_of_other_words() {
    let key = "c0ffee2233445566778899aabbccddeeff";
    let problem = |text: &str| dm_targets::Crypt::parse_table(text).unwrap_err().problem();
    for text in [
        format!("{key} 00 0 8:0 0"),
        format!("aes-{key} 00 0 8:0 0"),
        format!("aes 00 0 {key} 0"),
        format!("aes :17:{key}:a 0 8:0 0"),
        format!("aes 00 0 8:0 0 1 integrity:8:{key}"),
    ] {
        assert_eq!(problem(&text), Problem::MayBeKey, "{text}");
    }
    // Keys are accepted in their own place, and in words that are not shown.
    for text in [format!("aes {key} 0 8:0 0"), format!("aes {key} 0 8:0 0 1 new:{key} {key}")] {
        assert!(dm_targets::Crypt::parse_table(&text).is_ok(), "{text}");
    }
    assert_eq!(dm_targets::Crypt::parse_status(key).unwrap_err().problem(), Problem::MayBeKey);
    assert!(dm_targets::Crypt::parse_status("new words 7").is_ok());
}

proptest! {
    /// A word of any characters is quoted so that the kernel splits the same word again.
    #[test]
    fn quoting_is_undone_by_splitting(text in "[a-c\\\\ \t\n\u{b}é]{1,12}") {
        let table = path(&format!("/{text}"));
        let printed = table.to_string();
        prop_assert_eq!(crate::properties::split_args(&printed), [format!("/{text}"), "0".to_owned()]);
        prop_assert_eq!(Linear::parse_input(&printed), Ok(table));
    }
}

#[test]
fn words_are_read_one_by_one() {
    let mut fields = Fields::printed("zones AAD 2 x y Merge failed and more");
    fields.read_literal("zones", "zones").unwrap();
    assert_eq!(
        fields.clone().read_literal("word", "zones").unwrap_err().to_string(),
        "line: word 2, word, must be zones"
    );
    assert_eq!(
        fields.clone().read_letters::<WordBuf>("health", 2).unwrap_err().to_string(),
        "line: word 2, health, must be one letter for each device"
    );
    assert_eq!(fields.read_letters::<WordBuf>("health", 3).unwrap().len(), 3);
    let mut group = fields.read_group("count").unwrap();
    assert_eq!(rest(&mut group), "x|y");
    assert!(!fields.take_all("Merge failed"));
    assert_eq!(fields.remainder(), " Merge failed and more");
    assert_eq!(fields.read_optional::<WordBuf>("word").unwrap().unwrap().as_str(), "Merge");
    let error = fields.blame(InvalidField::new("it", Problem::Unknown)).within::<Linear>(TextKind::Status);
    assert_eq!((error.to_string(), error.target()), ("linear status: word 6, it, is not known".to_owned(), "linear"));
    let mut fields = Fields::printed(" Merge  failed ");
    assert!(fields.take_all("Merge failed") && fields.is_empty());
    assert_eq!(fields.read_optional::<WordBuf>("word"), Ok(None));
}

#[test]
fn the_words_of_a_group_are_counted() {
    struct Groups(&'static [u64]);

    impl fmt::Display for Groups {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut out = Printer::new(f);
            out.group(|out| {
                out.all(self.0).group(|out| {
                    out.word("inner");
                });
            });
            out.optional_group(|out| {
                out.all(self.0);
            });
            out.space().end()
        }
    }

    assert_eq!(Groups(&[]).to_string(), "2 1 inner ");
    assert_eq!(Groups(&[7, 8]).to_string(), "4 7 8 1 inner 2 7 8 ");
    assert_eq!(Printer::count_words(|out| _ = out.word("one").all(&[2_u64, 3]).space().letters(&[4_u64, 5])), 4);
}

/// A group within a group, with words that may be too long for the printer to hold back.
struct Nested {
    outer: usize,
    inner: usize,
    word: String,
    /// The text of a word that is written without being held back.
    secret: &'static str,
}

impl Nested {
    fn words(&self, out: &mut Printer<'_, '_>, count: usize) {
        for _ in 0..count {
            out.next_word(|out| {
                out.write_quoted(&self.word)?;
                out.write_secret(self.secret)
            });
        }
    }

    /// The items to print.
    fn expected(&self) -> String {
        let words = |count| format!(" {}{}", self.word, self.secret).repeat(count);
        let inner = if self.inner > 0 { format!(" {}{}", self.inner, words(self.inner)) } else { String::new() };
        let count = self.outer + self.inner + usize::from(self.inner > 0);
        format!("before {count}{}{inner} 0 after ", words(self.outer))
    }
}

impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.word("before").group(|out| {
            self.words(out, self.outer);
            out.optional_group(|out| self.words(out, self.inner));
        });
        out.group(|_| {}).optional_group(|_| {}).word("after").space().end()
    }
}

#[test]
fn groups_of_any_size_are_preceded_by_their_count() {
    for (outer, inner) in [(0, 0), (1, 0), (0, 1), (3, 7), (9, 0), (10, 0), (4, 5), (5, 12), (99, 1), (0, 120)] {
        for length in (0..8).map(|power| 1 << power).chain(115..130) {
            for secret in ["", "c0ffee"] {
                let nested = Nested { outer, inner, word: "é".repeat(length), secret };
                assert_eq!(nested.to_string(), nested.expected());
            }
        }
    }
}

#[test]
fn an_output_that_fails_fails_the_printer() {
    /// Accepts a limited number of writes.
    struct Full(usize);

    impl fmt::Write for Full {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(1).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let nested = Nested { outer: 3, inner: 2, word: "long".repeat(80), secret: "c0ffee" };
    let pieces = (0..).find(|pieces| fmt::write(&mut Full(*pieces), format_args!("{nested}")).is_ok());
    assert!(pieces.is_some_and(|pieces| pieces > 5), "{pieces:?}");
}

#[test]
fn parts_of_a_word_are_printed_as_one_word() {
    struct Pieces;

    impl fmt::Display for Pieces {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let piece = |out: &mut Printer<'_, '_>| {
                out.write_number(7)?;
                out.write_quoted(" ")?;
                out.write_secret("c0ffee")
            };
            Printer::new(f).word("a").next_word(piece).end()
        }
    }

    assert_eq!([Pieces.to_string(), format!("{Pieces:#}")], ["a 7\\ c0ffee", "a 7 c0ffee"]);
}
