//! Properties of the texts of all targets: nothing panics, and printed text is parsed as the same value.
//!
//! An input is the target type, a space and the text, for messages followed by a line with the target's reply.
//!
//! ```text
//! cargo xtask fuzz               # all programs, starting from the golden lines
//! cargo run --example seed       # only writes the golden lines to corpus/
//! cargo +nightly fuzz run table  # or status, or message
//! ```

use std::hint::black_box;

use dm_targets::{Message, Params, ParseError, Table, Target, TargetVisitor, visit_targets};
use dm_units::Sectors;

/// Parses all lines of an output.
fn read_all<T>(lines: impl Iterator<Item = T>) {
    for line in lines {
        let _ = black_box(line);
    }
}

/// Parses an input as a table.
pub fn table(input: &str) {
    struct Read<'a>(Input<'a>);

    impl TargetVisitor for Read<'_> {
        fn visit<T: Target>(&mut self) {
            let Some(text) = self.0.of::<T>() else { return };
            for table in [read(text, T::parse_table), read(text, T::parse_input)].into_iter().flatten() {
                let _ = black_box(T::check(&table, Sectors(text.len() as u64)));
                assert_eq!(T::parse_input(&table.to_string()).as_ref(), Ok(&table));
                black_box(format!("{table:#}{table:?}"));
            }
        }
    }

    visit_targets(&mut Read(Input::new(input)));
    let _ = black_box(input.parse::<Table>());
    let _ = black_box(Table::parse_printed(input));
    read_all(dm_targets::dmsetup_table(input));
    read_all(dm_targets::dmsetup_measure(input));
    read_all(dm_targets::dmsetup_ls(input));
    read_all(dm_targets::dmsetup_info(input));
    read_all(dm_targets::dmsetup_targets(input));
    drop(black_box(dm_targets::dmsetup_concise(input)));
}

/// Parses an input as a status.
pub fn status(input: &str) {
    struct Read<'a>(Input<'a>);

    impl TargetVisitor for Read<'_> {
        fn visit<T: Target>(&mut self) {
            let Some(status) = self.0.of::<T>().and_then(|text| read(text, T::parse_status)) else { return };
            assert_eq!(T::parse_status(&status.to_string()).as_ref(), Ok(&status));
            black_box(format!("{status:?}"));
        }
    }

    visit_targets(&mut Read(Input::new(input)));
    read_all(dm_targets::dmsetup_status(input));
}

/// Parses an input as a message and, from its second line on, as its reply.
pub fn message(input: &str) {
    struct Read<'a>(Input<'a>);

    impl TargetVisitor for Read<'_> {
        fn visit<T: Target>(&mut self) {
            let Some(text) = self.0.of::<T>() else { return };
            let (text, answer) = text.split_once('\n').unwrap_or((text, ""));
            let Some(message) = read(text, T::parse_message) else { return };
            assert_eq!(T::parse_message(&message.to_string()).as_ref(), Ok(&message));
            check_answer::<T>(&message, answer);
        }
    }

    visit_targets(&mut Read(Input::new(input)));
}

fn check_answer<T: Target>(message: &T::Message, answer: &str) {
    let parse = |text: &str| -> Result<<T::Message as Message>::Reply, ParseError> { T::parse_reply(message, text) };
    if let Some(reply) = read(answer, parse) {
        assert_eq!(parse(&reply.to_string()).as_ref(), Ok(&reply));
    }
}

/// Parses a text, and shows the error.
fn read<P: Params>(text: &str, parse: impl Fn(&str) -> Result<P, ParseError>) -> Option<P> {
    parse(text)
        .map_err(|error| {
            assert!(text.get(error.span()).is_some());
            black_box(error.annotate(text).to_string());
        })
        .ok()
}

/// The target type and the text of an input.
struct Input<'a> {
    target_type: &'a str,
    text: &'a str,
}

impl<'a> Input<'a> {
    fn new(input: &'a str) -> Self {
        let (target_type, text) = input.split_once(' ').unwrap_or((input, ""));
        Self { target_type, text }
    }

    fn of<T: Target>(&self) -> Option<&'a str> {
        (self.target_type == T::TYPE).then_some(self.text)
    }
}
