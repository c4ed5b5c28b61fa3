//! All parsers of texts, and everything that they show of a text.

use std::fmt::{Debug, Display};

use dm_targets::crypt::CryptMessage;
use dm_targets::{
    Any, Concise, ConciseErrorKind, Crypt, DeviceMessage, InlineCrypt, Integrity, LineKind, ParseError, StatusLine,
    Table, TableErrorKind, TableLine, Target, dmsetup_status, dmsetup_table,
};

/// Everything that a parser shows of a text: its value or error, except the `Display` of a table, which contains its key.
pub(crate) type Reader = fn(&str) -> String;

pub(crate) const READERS: &[(&str, Reader)] = &[
    ("a table", |text| lines(text, |text| error_of(text, TableLine::parse_printed(text)))),
    ("a table to be loaded", |text| error_of(text, text.parse::<TableLine>())),
    ("a table of crypt", |text| error_of(text, TableLine::<Crypt>::parse_printed_as(text))),
    ("a table of inlinecrypt", |text| error_of(text, TableLine::<InlineCrypt>::parse_printed_as(text))),
    ("a table of integrity", |text| error_of(text, TableLine::<Integrity>::parse_printed_as(text))),
    ("a status", |text| status::<Any>(text)),
    ("a status of crypt", |text| status::<Crypt>(text)),
    ("a status of inlinecrypt", |text| status::<InlineCrypt>(text)),
    ("a status of integrity", |text| status::<Integrity>(text)),
    ("the params of crypt", |text| params::<Crypt>(text)),
    ("the params of inlinecrypt", |text| params::<InlineCrypt>(text)),
    ("the params of integrity", |text| params::<Integrity>(text)),
    ("a reply", |text| {
        let reply = Crypt::parse_reply(&CryptMessage::KeyWipe, text);
        let shown = reply.as_ref().map(|reply| format!("{reply} {}", json(reply))).unwrap_or_default();
        shown + &error_of(text, reply)
    }),
    ("a message to a device", |text| error_of(text, text.parse::<DeviceMessage>())),
    ("a whole table", |text| {
        let texts = [text.to_owned(), format!("{text}\n65536 8 linear 8:0 x"), format!("0 8 linear 8:0 x\n{text}")];
        texts.iter().map(|text| table(text, text.parse()) + &table(text, Table::parse_printed(text))).collect()
    }),
    ("devices in the concise form", |text| {
        let bad = "b,,,rw,0 8 linear 8:0 x";
        let good = "b,,,rw,0 8 linear 8:0 8";
        let device = format!("a,,,rw,{text}");
        let orders = [device.clone(), format!("{device};{bad}"), format!("{bad};{device}"), format!("{good};{device}")];
        orders.iter().map(|text| concise(text)).collect()
    }),
    ("the output of dmsetup table", |text| in_output(text).iter().map(|text| dmsetup_tables(text)).collect()),
    ("the output of dmsetup status", |text| in_output(text).iter().map(|text| dmsetup_statuses(text)).collect()),
    ("the output of dmsetup table --concise", |text| {
        let device = format!("a,,,rw,{text}");
        let orders = [device.clone(), format!("{device};b,,,rw,0 8 linear x"), format!("b,,,rw,0 8 linear x;{device}")];
        let show = |text: &String| {
            let result = dm_targets::dmsetup_concise(text);
            let error = result.as_ref().err().map(|error| in_devices(text, error.kind()));
            shown(&result) + &error.unwrap_or_default()
        };
        orders.iter().map(show).collect()
    }),
];

/// A parser whose value or error is dropped.
pub(crate) type Silent = fn(&str);

/// The parsers, whose result is dropped.
pub(crate) const SILENT: &[(&str, Silent)] = &[
    ("a table", |text| drop(TableLine::parse_printed(text))),
    ("a table to be loaded", |text| drop(text.parse::<TableLine>())),
    ("a status", |text| drop(text.parse::<StatusLine>())),
    ("the params of crypt", |text| {
        drop((
            Crypt::parse_table(text),
            Crypt::parse_input(text),
            Crypt::parse_status(text),
            Crypt::parse_message(text),
        ));
    }),
    ("the params of inlinecrypt", |text| drop((InlineCrypt::parse_table(text), InlineCrypt::parse_input(text)))),
    ("the params of integrity", |text| {
        drop((Integrity::parse_table(text), Integrity::parse_input(text), Integrity::parse_status(text)));
    }),
    ("a reply", |text| drop(Crypt::parse_reply(&CryptMessage::KeyWipe, text))),
    ("a message to a device", |text| drop(text.parse::<DeviceMessage>())),
    ("a whole table", |text| drop((text.parse::<Table>(), Table::parse_printed(text)))),
    ("devices in the concise form", |text| drop(text.parse::<Concise>())),
    ("the output of dmsetup table", |text| dmsetup_table(text).for_each(drop)),
    ("the output of dmsetup status", |text| dmsetup_status(text).for_each(drop)),
    ("the output of dmsetup table --concise", |text| drop(dm_targets::dmsetup_concise(text))),
];

/// The text in the output of dmsetup: for one device, for a device with a name, between other lines, and before a line whose
/// line feed was lost.
fn in_output(text: &str) -> Vec<String> {
    let named = format!("home: {text}");
    let between = format!("b: 0 8 linear x\n{named}\nc: 0 8 linear y");
    // Text that does not begin like a line, or is alone in a line, cannot be distinguished from a name.
    let merged = (text.starts_with("0 ") && !text.contains('\n')).then(|| format!("{named}b: 0 8 zero "));
    [text.to_owned(), named, between].into_iter().chain(merged).collect()
}

/// Everything that is shown of each line of a text.
fn lines(text: &str, show: impl Fn(&str) -> String) -> String {
    text.lines().map(show).collect()
}

fn shown<T: Debug, E: Debug + Display>(result: &Result<T, E>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?} {error}"),
    }
}

fn error_of<T: Debug>(text: &str, result: Result<T, ParseError>) -> String {
    let annotated = result.as_ref().err().map(|error| error.annotate(text).to_string());
    shown(&result) + &annotated.unwrap_or_default()
}

fn status<K: LineKind>(text: &str) -> String
where
    K::Status: Json,
{
    let result = text.parse::<StatusLine<K>>();
    let status = result.as_ref().map(|line| format!("{line} {}", json(&line.status))).unwrap_or_default();
    status + &error_of(text, result)
}

fn params<T: Target>(text: &str) -> String
where
    T::Status: Json,
{
    let status = T::parse_status(text);
    let shown = status.as_ref().map(|status| format!("{status} {}", json(status))).unwrap_or_default();
    shown
        + &error_of(text, status)
        + &error_of(text, T::parse_table(text))
        + &error_of(text, T::parse_input(text))
        + &error_of(text, T::parse_message(text))
}

fn table(text: &str, result: Result<Table, dm_targets::TableError>) -> String {
    let annotated = result.as_ref().err().map(|error| in_lines(text, error.line(), error.kind()));
    shown(&result) + &annotated.unwrap_or_default()
}

/// An error, annotated with its line and also with the whole text, as a careless caller might do.
fn in_lines(text: &str, line: usize, kind: TableErrorKind) -> String {
    let TableErrorKind::Parse(error) = kind else { return String::new() };
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    format!("{} {}", error.annotate(line), error.annotate(text))
}

fn concise(text: &str) -> String {
    let result = text.parse::<Concise>();
    let error = result.as_ref().err().map(|error| in_devices(text, error.kind()));
    shown(&result) + &error.unwrap_or_default()
}

/// An error in one of several devices.
fn in_devices(text: &str, kind: ConciseErrorKind) -> String {
    let ConciseErrorKind::Table(table) = kind else { return String::new() };
    let TableErrorKind::Parse(error) = table.kind() else { return String::new() };
    error.annotate(text).to_string()
}

fn dmsetup_tables(text: &str) -> String {
    let show = |line: Result<_, dm_targets::TableError>| {
        let error = line.as_ref().err().map(|error| in_lines(text, error.line(), error.kind()));
        shown(&line) + &error.unwrap_or_default()
    };
    dmsetup_table(text).map(show).collect()
}

fn dmsetup_statuses(text: &str) -> String {
    let show = |item: Result<dm_targets::DmsetupLine<'_, StatusLine>, dm_targets::TableError>| {
        let error = item.as_ref().err().map(|error| in_lines(text, error.line(), error.kind()));
        let status = item.as_ref().ok().and_then(|item| item.line.as_ref());
        let status = status.map(|line| format!("{line} {}", json(&line.status)));
        shown(&item) + &error.unwrap_or_default() + &status.unwrap_or_default()
    };
    dmsetup_status(text).map(show).collect()
}

/// The value as JSON, if the feature `serde` is on.
#[cfg(feature = "serde")]
pub(crate) trait Json: serde::Serialize {}
#[cfg(feature = "serde")]
impl<T: serde::Serialize> Json for T {}

#[cfg(not(feature = "serde"))]
pub(crate) trait Json {}
#[cfg(not(feature = "serde"))]
impl<T> Json for T {}

#[cfg(feature = "serde")]
fn json<T: Json>(value: &T) -> String {
    serde_json::to_string(value).expect("a status can be written")
}

#[cfg(not(feature = "serde"))]
fn json<T: Json>(_: &T) -> String {
    String::new()
}
