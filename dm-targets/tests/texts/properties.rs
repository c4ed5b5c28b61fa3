//! Properties of the texts of all targets, checked on golden lines with words removed, repeated and changed.
//!
//! A new target needs no code here: its golden lines are enough.

use dm_targets::stats::{StatsArea, StatsMessage, StatsRegion};
use dm_targets::{Fields, Params, ParseError, Problem, Target, TargetVisitor, TextForm, Word, visit_targets};
use proptest::collection;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

use crate::device::reply_lines;
use crate::lines::{Golden, Kind, golden};

/// A change to one word of a text.
#[derive(Clone, Debug)]
enum Edit {
    Remove(Index),
    Double(Index),
    Change(Index, String),
}

impl Edit {
    fn apply(&self, words: &mut Vec<String>) {
        if words.is_empty() {
            return;
        }
        match self {
            Self::Remove(at) => drop(words.remove(at.index(words.len()))),
            Self::Double(at) => {
                let at = at.index(words.len());
                words.insert(at, words[at].clone());
            }
            Self::Change(at, word) => {
                let at = at.index(words.len());
                words[at] = word.clone();
            }
        }
    }
}

/// Words that a text could contain: some of this target, numbers of all sizes, and unusual ones.
fn any_word(known: Vec<String>) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(known),
        2 => prop_oneof![Just(0), Just(1), 2..300_u64, any::<u32>().prop_map(u64::from), any::<u64>()]
            .prop_map(|number| number.to_string()),
        1 => (any::<u16>(), 0..1_048_576).prop_map(|(major, minor)| format!("{major}:{minor}")),
        1 => select(vec!["-", "+1", "0x10", "1.5", "é", "à", "/dev/sd\u{e4}", "4294967296", "18446744073709551616"])
            .prop_map(String::from),
        1 => "[!-~]{1,12}",
    ]
}

fn edit(known: Vec<String>) -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<Index>().prop_map(Edit::Remove),
        any::<Index>().prop_map(Edit::Double),
        (any::<Index>(), any_word(known)).prop_map(|(at, word)| Edit::Change(at, word)),
    ]
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(String::from).collect()
}

/// The golden texts of one kind, with up to `edits` changes each.
fn edited(texts: &[String], edits: usize) -> impl Strategy<Value = (String, Vec<Edit>, String)> + use<> {
    let mut known: Vec<String> = texts.iter().flat_map(|text| words(text)).collect();
    known.push("7".to_owned());
    let edits = collection::vec(edit(known), 1..=edits);
    (select(texts.to_vec()), edits).prop_map(|(text, edits)| {
        let mut words = words(&text);
        edits.iter().for_each(|edit| edit.apply(&mut words));
        (text, edits, words.join(" "))
    })
}

fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> TestCaseResult) {
    // PROPTEST_CASES sets the number of cases.
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, test).unwrap_or_else(|error| panic!("{error}"));
}

/// The texts of one kind of a target, and their parser.
struct Texts<P> {
    golden: Vec<String>,
    form: TextForm,
    /// Whether errors must not show the text.
    secret: bool,
    parse: fn(&str) -> Result<P, ParseError>,
    /// Parses what `Display` prints.
    parse_back: fn(&str) -> Result<P, ParseError>,
}

impl<P: Params> Texts<P> {
    /// An edited golden line is refused, or keeps its meaning when it is printed and parsed again.
    fn check(&self) {
        // The unedited golden lines, since edits could by chance leave none of them intact.
        for text in &self.golden {
            let value = (self.parse)(text).unwrap_or_else(|error| panic!("{}", error.annotate(text)));
            self.check_round_trip(&value).unwrap_or_else(|error| panic!("{error}"));
        }
        run(&edited(&self.golden, 4), |(_, _, text)| {
            if let Ok(value) = (self.parse)(&text) {
                self.check_round_trip(&value)?;
            }
            self.check_error(&text)
        });
        run(&edited(&self.golden, 1), |(original, edits, text)| self.check_edit(&original, &edits, &text));
        run(&collection::vec(any::<char>(), 0..30), |chars| self.check_error(&String::from_iter(chars)));
        run(&"[-0-9:/ a-z\\\\\t\n]*", |text| self.check_error(&text));
    }

    /// The amount of white space between words has no meaning.
    fn check_white_space(self) -> Self {
        for text in &self.golden {
            let spaced = format!("\t{}\u{b}", text.replace(' ', "\t "));
            let [apart, together] = [&spaced, text].map(|text| (self.parse)(text));
            assert!(text.contains('\\') || apart.ok() == together.ok(), "{spaced:?}");
        }
        self
    }

    /// The printed text is parsed as the same value, and printed again as the same text.
    fn check_round_trip(&self, value: &P) -> TestCaseResult {
        let text = value.to_string();
        let back = (self.parse_back)(&text);
        prop_assert_eq!(back.as_ref(), Ok(value), "{}", text);
        prop_assert_eq!(back.unwrap().to_string(), text);
        Ok(())
    }

    /// No word is lost or parsed as another word without an error.
    fn check_edit(&self, original: &str, edits: &[Edit], text: &str) -> TestCaseResult {
        let Ok(value) = (self.parse)(text) else { return Ok(()) };
        let removed = matches!(edits, [Edit::Remove(_)]);
        if removed && (self.parse)(original).as_ref() == Ok(&value) {
            return Ok(());
        }
        let mut printed = words(&format!("{value:#}"));
        for word in words(&self.unquoted(text)) {
            let at = printed.iter().position(|printed| is_same_word(printed, &word));
            prop_assert!(at.is_some(), "{} of `{}` is lost in {:?}", word, text, value);
            printed.remove(at.unwrap());
        }
        Ok(())
    }

    /// The text without backslashes that quote.
    fn unquoted(&self, text: &str) -> String {
        let words = Fields::new(text, self.form).read_rest("words").expect("what was read has words");
        words.iter().map(|word| format!("{word} ")).collect()
    }

    /// Parsing does not panic, and an error points to the word that it names.
    fn check_error(&self, text: &str) -> TestCaseResult {
        let Err(error) = (self.parse)(text) else { return Ok(()) };
        let word = text.get(error.span()).expect("the span is in the text");
        let mut fields = Fields::new(text, self.form);
        let named = std::iter::from_fn(|| fields.next_word()).nth(error.word() - 1);
        prop_assert_eq!(word, named.map_or("", Word::spelling), "{}", error);
        let annotated = error.annotate(text).to_string();
        let [_, shown, carets] = annotated.lines().collect::<Vec<_>>()[..] else { panic!("{annotated}") };
        prop_assert!(carets.ends_with('^'));
        prop_assert!(!self.secret || shown.chars().all(|char| matches!(char, ' ' | '*')), "{}", shown);
        Ok(())
    }
}

/// Ignores the case of letters and leading zeros of numbers.
fn is_same_word(a: &str, b: &str) -> bool {
    let number = |word: &str| word.parse::<u64>().ok();
    a.eq_ignore_ascii_case(b) || number(a).is_some_and(|a| number(b) == Some(a))
}

/// Calls [`Texts::check`] for the tables, statuses and messages of every target.
struct EachTarget;

impl TargetVisitor for EachTarget {
    fn visit<T: Target>(&mut self) {
        let lines = golden(T::TYPE);
        let of = |kind| -> Vec<String> {
            lines.iter().filter(|line| line.kind == kind).map(|line: &Golden| line.params().to_owned()).collect()
        };
        let secret = T::SECRET;
        Texts {
            golden: of(Kind::Table),
            secret,
            form: TextForm::Printed,
            parse: T::parse_table,
            parse_back: T::parse_input,
        }
        .check_white_space()
        .check();
        Texts {
            golden: of(Kind::Status),
            secret,
            form: TextForm::Printed,
            parse: T::parse_status,
            parse_back: T::parse_status,
        }
        .check_white_space()
        .check();
        let messages = of(Kind::Message);
        if !messages.is_empty() {
            Texts {
                golden: messages,
                secret,
                form: TextForm::Input,
                parse: T::parse_message,
                parse_back: T::parse_message,
            }
            .check_white_space()
            .check();
        }
    }
}

#[test]
fn texts_of_targets_are_refused_or_keep_their_meaning() {
    visit_targets(&mut EachTarget);
}

/// Tests messages about I/O statistics and the lines of their replies.
#[test]
fn texts_of_statistics_mean_what_they_say() {
    let messages = golden("device/stats").into_iter().filter(|line| line.kind == Kind::Message);
    let messages = messages.map(|line| line.text).collect();
    let parse: fn(&str) -> Result<StatsMessage, _> = str::parse;
    Texts { golden: messages, form: TextForm::Input, secret: false, parse, parse_back: parse }
        .check_white_space()
        .check();
    let [regions, areas] = reply_lines();
    let parse: fn(&str) -> Result<StatsRegion, _> = str::parse;
    // An empty name is a word between two spaces.
    Texts { golden: regions, form: TextForm::Printed, secret: false, parse, parse_back: parse }.check();
    let parse: fn(&str) -> Result<StatsArea, _> = str::parse;
    Texts { golden: areas, form: TextForm::Printed, secret: false, parse, parse_back: parse }.check();
}

proptest! {
    /// Words are split as a simple model of `dm_split_args` does, byte by byte, unless that would remove a backslash from a
    /// letter.
    #[test]
    fn words_are_split_as_the_kernel_splits_them(text in "([ab]|\\\\[a\\\\ \t]|[ \t\u{b}])*\\\\?") {
        let mut fields = Fields::input(&text);
        let rest = fields.read_rest("words");
        let quotes_a_letter = text.replace("\\\\", "").contains("\\a");
        if quotes_a_letter {
            prop_assert_eq!(rest.unwrap_err().problem(), Problem::NeedlessBackslash);
        } else {
            let rest = rest.unwrap();
            let found: Vec<&str> = rest.iter().map(|word| word.as_str()).collect();
            prop_assert_eq!(found, split_args(&text));
        }
    }
}

/// A model of `dm_split_args` in `drivers/md/dm-table.c`.
pub(crate) fn split_args(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            ('\\', Some(_)) => word.get_or_insert_default().extend(chars.next()),
            (' ' | '\t' | '\u{b}', _) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}
