//! Whether the library and the kernel agree on a table.

use std::fmt;

use dm_targets::{ParseError, Problem, Table, TableErrorKind, TableLine};
use nix::errno::Errno;

use crate::draw::NO_DISK;
use crate::lab::Answer;
use crate::tables::Subject;

/// The result for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Both accept it.
    Taken,
    /// Both refuse it.
    Refused,
    /// The library refuses it, as documented, although the kernel accepts it.
    Stricter,
    /// The kernel refuses it for a reason that the library cannot know: a device, an algorithm, or a word of a later
    /// version.
    Machine,
    /// One accepts it without such a reason, or they print it differently.
    Disagreement,
}

/// Errors that depend on the machine.
const MACHINE: [Errno; 8] = [
    Errno::EIO,
    Errno::ENOENT,
    Errno::ENODEV,
    Errno::ENXIO,
    Errno::EBUSY,
    Errno::ENOMEM,
    Errno::ENOTBLK,
    Errno::ENOKEY,
];

/// The kernel's reasons that depend on the machine.
const REASONS: &[&str] = &["too small for target", "not aligned to h/w logical block size"];

/// Judges a table. Returns the reason for a disagreement.
pub(crate) fn judge(subject: &Subject, text: &str, answer: &Answer) -> (Verdict, String) {
    let ours = text.parse::<Table>();
    match (ours, answer) {
        (Ok(table), Answer::Taken(printed)) => match compare(subject, &table, printed) {
            Ok(()) => (Verdict::Taken, String::new()),
            Err(problem) => (Verdict::Disagreement, problem),
        },
        (Ok(_), Answer::Refused { reasons, .. }) if says(reasons, subject.disks) => (Verdict::Taken, String::new()),
        (Ok(table), Answer::Refused { errno, reasons }) => {
            let verdict =
                if is_of_machine(subject, &table, *errno, reasons) { Verdict::Machine } else { Verdict::Disagreement };
            (verdict, format!("only the kernel refuses it: {}: {}", Errno::from_raw(*errno), reasons.join("; ")))
        }
        (Err(error), Answer::Taken(_)) => {
            let strict = matches!(error.kind(), TableErrorKind::Parse(error) if is_strict(&error, text))
                || subject.stricter.iter().any(|known| error.to_string().contains(known));
            (
                if strict { Verdict::Stricter } else { Verdict::Disagreement },
                format!("only the library refuses it: {error}"),
            )
        }
        (Err(_), Answer::Refused { .. }) => (Verdict::Refused, String::new()),
    }
}

/// Compares the loaded table with the one that the kernel prints.
fn compare(subject: &Subject, table: &Table, printed: &str) -> Result<(), String> {
    let [line] = table.lines() else { return Err("it has several lines".to_owned()) };
    let text = format!("0 {} {} {printed}", line.length, subject.target_type);
    let back = TableLine::parse_printed(&text).map_err(|error| format!("the kernel prints `{printed}`: {error}"))?;
    if format!("{back:#}") != text {
        return Err(format!("the kernel prints `{printed}`, which prints back as `{:#}`", back.params));
    }
    if (subject.changes)(&line.params) || back == *line {
        return Ok(());
    }
    Err(format!("the kernel prints `{printed}`, but `{:#}` was expected", line.params))
}

/// Whether the kernel has given one of these reasons.
fn says(reasons: &[String], known: &[&str]) -> bool {
    known.iter().any(|text| reasons.iter().any(|reason| reason.contains(text)))
}

fn is_of_machine(subject: &Subject, table: &Table, errno: i32, reasons: &[String]) -> bool {
    MACHINE.contains(&Errno::from_raw(errno))
        || says(reasons, REASONS)
        || says(reasons, subject.reasons)
        || table
            .lines()
            .iter()
            .any(|line| (subject.depends)(&line.params) || is_unknown(&line.params, &line.params.to_string()))
}

/// Whether a table or message contains a device that does not exist, or words that the library accepts because a later
/// kernel may support them.
pub(crate) fn is_unknown(value: &impl fmt::Debug, text: &str) -> bool {
    let debug = format!("{value:?}");
    let fields = debug.match_indices("other").filter_map(|(start, _)| debug.get(start..)?.split_once(": "));
    let mut kept = fields.filter(|(name, value)| !name.contains([' ', ',']) && !value.starts_with("[]"));
    let is_other = ["Other(", "Other {", "Path("].iter().any(|name| debug.contains(name));
    is_other || text.contains(NO_DISK) || kept.next().is_some()
}

/// Whether the library refuses this as documented, although the kernel accepts it: a repeated option, a number that is
/// too large for its field and that the kernel truncates, or a `+` before a number.
pub(crate) fn is_strict(error: &ParseError, text: &str) -> bool {
    let word = text.get(error.span()).unwrap_or_default();
    let value = word.rsplit_once(':').map_or(word, |(_, value)| value);
    let is_wide = |max: u64| value.parse::<u64>().map_or(true, |number| number > max);
    match error.problem() {
        Problem::Repeated => true,
        Problem::NotDecimal => value.starts_with('+'),
        Problem::Expected("0") => is_wide(u32::MAX.into()) && value.bytes().all(|byte| byte.is_ascii_digit()),
        Problem::OutOfRange { max, .. } => {
            [8, 16, 32, 64].iter().any(|bits| max == u64::MAX >> (64 - bits)) && is_wide(max)
        }
        _ => false,
    }
}
