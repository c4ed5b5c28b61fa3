//! Explains the output of `dmsetup table` or `dmsetup status`, read from standard input.
//!
//! ```text
//! dmsetup table | cargo run --example explain
//! dmsetup status | cargo run --example explain
//! ```
//!
//! It finds out by itself which of the two a line is. Keys are not shown.

use std::io::{self, Write};
use std::process::ExitCode;

use dm_targets::delay::DelayTable;
use dm_targets::thin::{ThinStatus, ThinTable};
use dm_targets::thin_pool::ThinPoolStatus;
use dm_targets::{
    AnyStatus, AnyTable, DmsetupLine, StatusLine, TableError, TableErrorKind, TableLine, dmsetup_status, dmsetup_table,
};
use dm_units::Sectors;

fn main() -> io::Result<ExitCode> {
    let text = io::read_to_string(io::stdin())?;
    let mut out = io::stdout().lock();
    let mut result = ExitCode::SUCCESS;
    for line in text.lines() {
        if !explain_line(&mut out, line)? {
            result = ExitCode::FAILURE;
        }
    }
    Ok(result)
}

/// Explains a line, or says what is wrong with it. `false` if it is neither a table nor a status.
fn explain_line(out: &mut impl Write, line: &str) -> io::Result<bool> {
    let table = dmsetup_table(line).next();
    let status = dmsetup_status(line).next();
    match (table, status) {
        (None, _) | (_, None) => {}
        (Some(Ok(DmsetupLine { name, line: Some(table) })), _) => explain_table(out, name, &table)?,
        (_, Some(Ok(DmsetupLine { name, line: Some(status) }))) => explain_status(out, name, &status)?,
        (Some(Ok(DmsetupLine { name, line: None })), _) | (_, Some(Ok(DmsetupLine { name, line: None }))) => {
            writeln!(out, "{}: no table", name.unwrap_or("device"))?;
        }
        (Some(Err(table)), Some(Err(status))) => {
            writeln!(out, "neither a table nor a status:")?;
            complain(out, line, table)?;
            complain(out, line, status)?;
            return Ok(false);
        }
    }
    Ok(true)
}

fn complain(out: &mut impl Write, line: &str, error: TableError) -> io::Result<()> {
    match error.kind() {
        TableErrorKind::Parse(cause) => writeln!(out, "{}", cause.annotate(line)),
        other => writeln!(out, "{other}"),
    }
}

fn explain_head(
    out: &mut impl Write,
    name: Option<&str>,
    start: Sectors,
    length: Sectors,
    target_type: &str,
) -> io::Result<()> {
    let name = name.unwrap_or("device");
    write!(out, "{name}: {target_type}, {length:#} from sector {start}")
}

fn explain_table(out: &mut impl Write, name: Option<&str>, line: &TableLine) -> io::Result<()> {
    explain_head(out, name, line.start, line.length, line.target_type())?;
    match &line.params {
        AnyTable::Linear(table) => writeln!(out, "\n  is {} from sector {} on", table.device, table.start),
        AnyTable::Zero(_) => writeln!(out, "\n  reads as zeros and forgets what is written"),
        AnyTable::Error(_) => writeln!(out, "\n  fails every request"),
        AnyTable::Striped(table) => {
            let [count, chunk] = [table.stripes.len().to_string(), format!("{:#}", table.chunk_size)];
            writeln!(out, "\n  goes to {count} devices in turn, {chunk} at a time")?;
            table
                .stripes
                .iter()
                .try_for_each(|stripe| writeln!(out, "    {} from sector {} on", stripe.device, stripe.offset))
        }
        AnyTable::Delay(DelayTable::All(class)) => {
            writeln!(out, "\n  is {} from sector {} on, {} ms late", class.device, class.offset, class.delay)
        }
        AnyTable::Thin(ThinTable::Device { pool, id, .. }) => writeln!(out, "\n  is number {id} in the pool {pool}"),
        AnyTable::ThinPool(table) => {
            writeln!(out, "\n  has blocks of {:#} on {}", table.block_size, table.data)?;
            writeln!(out, "  keeps track of them on {}", table.metadata)
        }
        AnyTable::Other(_) => writeln!(out, "\n  is of a target that is not known here"),
        other => explain_fields(out, &format!("{other:#?}")),
    }
}

fn explain_status(out: &mut impl Write, name: Option<&str>, line: &StatusLine) -> io::Result<()> {
    explain_head(out, name, line.start, line.length, line.target_type())?;
    match &line.status {
        AnyStatus::Thin(ThinStatus::Working { mapped, .. }) => writeln!(out, "\n  has {mapped:#} of its own")?,
        AnyStatus::ThinPool(ThinPoolStatus::Working(pool)) => {
            writeln!(out, "\n  uses {} of {} data blocks", pool.data.used, pool.data.total)?;
            writeln!(out, "  uses {} of {} metadata blocks", pool.metadata.used, pool.metadata.total)?;
            writeln!(out, "  is at transaction {}", pool.transaction_id)?;
        }
        AnyStatus::Other(other) => writeln!(out, "\n  says {}", other.text())?,
        status if status.to_string().is_empty() => writeln!(out, "\n  has nothing to say")?,
        other => explain_fields(out, &format!("{other:#?}"))?,
    }
    match line.status.health() {
        Some(health) => writeln!(out, "  health: {health}"),
        None => Ok(()),
    }
}

/// Shows the fields of a value as `Debug` does, a line each, without brackets and without what is not there.
fn explain_fields(out: &mut impl Write, debug: &str) -> io::Result<()> {
    let indent = |line: &str| line.len().saturating_sub(line.trim_start().len());
    let level = debug.lines().find(|line| line.contains(": ")).map_or(usize::MAX, indent);
    let mut fields: Vec<String> = Vec::new();
    for line in debug.lines() {
        let text = without_brackets(line);
        match fields.last_mut() {
            _ if text.is_empty() => {}
            Some(field) if indent(line) > level => *field = format!("{field} {text}"),
            _ => fields.push(text.to_owned()),
        }
    }
    writeln!(out)?;
    let absent = |field: &String| matches!(field.split_once(": "), Some((_, "None" | "[]" | "{}" | "false")));
    fields.iter().filter(|field| !absent(field)).try_for_each(|field| writeln!(out, "  {field}"))
}

/// What a line of a value's `Debug` says: a name, a name and a value, or just a value.
fn without_brackets(line: &str) -> &str {
    let text = line.trim().trim_end_matches(',');
    if matches!(text, "}" | ")" | "]") {
        ""
    } else if text.ends_with(['{', '(', '[']) {
        // What is opened here is of no interest, only what it is called.
        text.find(':').and_then(|end| text.get(..=end)).unwrap_or_default()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::explain_line;

    fn explain(line: &str) -> String {
        let mut out = Vec::new();
        explain_line(&mut out, line).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tables_and_statuses_are_told_apart() {
        assert_eq!(
            explain("home: 0 2048 linear 254:0 8"),
            "home: linear, 1 MiB from sector 0\n  is 254:0 from sector 8 on\n"
        );
        assert_eq!(
            explain("0 2048 thin 1024 2047"),
            "device: thin, 1 MiB from sector 0\n  has 512 KiB of its own\n  health: good\n"
        );
        assert_eq!(explain("empty:"), "empty: no table\n");
    }

    #[test]
    fn fields_that_need_no_words_of_their_own_are_listed() {
        let text = explain("0 8 era 254:0 254:16 64");
        assert!(text.contains("block_size: "), "{text}");
        assert!(!text.contains('{') && !text.contains('}'), "{text}");
    }

    #[test]
    fn keys_are_not_shown() {
        let text = explain(&format!("0 8 crypt aes-xts-plain64 {} 0 254:0 0", "7e".repeat(64)));
        assert!(text.contains("254:0") && !text.contains("7e7e"), "{text}");
    }

    #[test]
    fn what_is_wrong_is_shown_in_its_place() {
        let text = explain("0 8 thin 254:0 x");
        assert!(text.starts_with("neither a table nor a status:\n"), "{text}");
        assert!(text.contains("must be a decimal number") && text.contains('^'), "{text}");
    }
}
