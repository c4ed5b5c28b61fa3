//! Explains what is wrong in output of dmsetup, read from standard input or from a file.
//!
//! ```text
//! dmsetup status | cargo run --example explain
//! dmsetup table | cargo run --example explain -- --all
//! cargo run --example explain -- --json saved.txt
//! ```
//!
//! It recognizes the output of `table`, `status`, `table --concise`, `ls`, `ls --tree`, `info`, `info -c`, `deps`,
//! `targets`, `udevcookies` and `measure`. Devices without problems are only shown with `--all`. Keys are not shown.
//!
//! Exit status: 0 if everything is good, 1 if a device is not good, 2 if something could not be read or parsed.

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

mod kinds;
mod lists;
mod report;
mod status;
mod table;
mod words;

use report::Report;

const USAGE: &str = "usage: explain [--all] [--json] [FILE]";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("explain: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<ExitCode> {
    let (mut all, mut json, mut file) = (false, false, None);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--all" => all = true,
            "--json" => json = true,
            _ if argument.starts_with('-') || file.is_some() => return Err(io::Error::other(USAGE)),
            _ => file = Some(argument),
        }
    }
    let text = match file {
        Some(path) => fs::read(path)?,
        None => {
            let mut text = Vec::new();
            io::copy(&mut io::stdin().lock(), &mut text)?;
            text
        }
    };
    let report = explain(&text_of(&text));
    let shown = if json { report.to_json() } else { report.to_text(all) };
    io::stdout().lock().write_all(shown.as_bytes())?;
    Ok(ExitCode::from(report.exit_status()))
}

/// The output as text. Bytes of names that are not UTF-8 are shown as dmsetup's `--manglename hex` does.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

/// The report on an output.
fn explain(text: &str) -> Report {
    let mut report = match kinds::kind_of(text) {
        kinds::Output::Tables => table::explain(text),
        kinds::Output::Statuses => status::explain(text),
        kinds::Output::Concise => table::explain_concise(text),
        kinds::Output::List => lists::explain_list(text),
        kinds::Output::Tree => lists::explain_tree(text),
        kinds::Output::InfoColumns => lists::explain_info_columns(text),
        kinds::Output::Info => lists::explain_info(text),
        kinds::Output::Deps => lists::explain_deps(text),
        kinds::Output::Targets => lists::explain_targets(text),
        kinds::Output::Cookies => lists::explain_cookies(text),
        kinds::Output::Measurements => lists::explain_measurements(text),
    };
    report.annotate(text);
    report
}

#[cfg(test)]
mod tests;
