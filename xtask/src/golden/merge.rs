//! Adds lines to a golden file; the README in the folder of the golden files describes the format.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

/// A word of at least this many hexadecimal digits is a key or a digest.
const LONG_HEX: usize = 16;

/// A golden file after the merge.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Merged {
    /// The complete file.
    pub(super) text: String,
    /// The number of new lines.
    pub(super) added: usize,
}

/// Adds captured entries to a golden file, unless it has one of the same kind for the series of their kernel.
///
/// # Errors
/// When a captured line is not in the section of a kernel.
pub(super) fn merge(file: &str, captured: &str) -> Result<Merged> {
    let mut sections = sections(file);
    let mut added = 0_usize;
    for section in self::sections(captured) {
        let series = section.series().context("the captured lines do not name a kernel")?;
        let known = sections.iter().filter(|known| known.series() == Some(series));
        let mut kinds: BTreeSet<String> = known.flat_map(Section::entries).map(|entry| kind(&entry)).collect();
        let new: Vec<_> = section.entries().into_iter().filter(|entry| kinds.insert(kind(entry))).flatten().collect();
        added = added.saturating_add(new.len());
        append(&mut sections, section.header, new);
    }
    let lines = sections.iter().flat_map(|section| [section.header].into_iter().chain(section.lines.iter().copied()));
    Ok(Merged { text: lines.map(|line| format!("{line}\n")).collect(), added })
}

/// A line that names an origin, and the lines up to the next one. Before the first such line, any line is a header.
struct Section<'a> {
    header: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    /// The first two numbers of the kernel's version. Texts do not change within a series.
    fn series(&self) -> Option<(&'a str, &'a str)> {
        let mut numbers = self.header.strip_prefix("kernel ")?.split('.');
        numbers.next().zip(numbers.next())
    }

    /// The tables and statuses, and the messages with their replies.
    fn entries(&self) -> Vec<Vec<&'a str>> {
        let mut entries: Vec<Vec<&str>> = Vec::new();
        for line in &self.lines {
            match (line.split(' ').next(), entries.last_mut()) {
                (Some("table" | "status" | "message"), _) => entries.push(vec![line]),
                (Some("reply"), Some(message)) => message.push(line),
                _ => {}
            }
        }
        entries
    }
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        let begins = line.starts_with("kernel ") || line.starts_with("source ");
        match sections.last_mut() {
            Some(section) if !begins => section.lines.push(line),
            _ => sections.push(Section { header: line, lines: Vec::new() }),
        }
    }
    sections
}

/// The kind of an entry: its text without the numbers, which differ between runs.
fn kind(entry: &[&str]) -> String {
    entry.iter().map(|line| kind_of_line(line) + "\n").collect()
}

fn kind_of_line(line: &str) -> String {
    let is_inner = |char: char| char.is_alphanumeric() || char == '_';
    let words = line.split_inclusive(|char| !is_inner(char)).map(|part| {
        let rest = part.trim_start_matches(is_inner);
        let is_number = part.strip_suffix(rest).is_some_and(is_number);
        if is_number { format!("#{rest}") } else { part.to_owned() }
    });
    words.collect()
}

fn is_number(word: &str) -> bool {
    let is_decimal = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal || word.len() >= LONG_HEX && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Appends lines to the last section with this header, or to a new one after those of other kernels.
fn append<'a>(sections: &mut Vec<Section<'a>>, header: &'a str, lines: Vec<&'a str>) {
    if lines.is_empty() {
        return;
    }
    if let Some(section) = sections.iter_mut().rfind(|section| section.header == header) {
        // An empty line separates the lines from a comment about earlier ones.
        let gap = section.lines.iter().any(|line| line.starts_with('#')).then_some("");
        section.lines.extend(gap.into_iter().chain(lines));
        return;
    }
    let last = sections.iter().rposition(|section| section.series().is_some());
    let at = last.map_or(sections.len(), |last| last.saturating_add(1));
    sections.insert(at, Section { header, lines });
}

#[cfg(test)]
mod tests {
    use super::{Merged, merge};

    const FILE: &str = "\
# What a disk does
kernel 6.12.117
table 0 100 delay 254:0 0 500
# dirty
status 0 100 delay 0 0 0
message key set 000102030405060708090a0b0c0d0e0f
reply
source 7.2
status 0 100 delay Fail
";

    /// The file after a merge.
    fn merged(captured: &str) -> String {
        merge(FILE, captured).unwrap().text
    }

    #[test]
    fn other_numbers_devices_and_keys_are_not_new() {
        let captured = "\
kernel 6.12.120
table 0 2048 delay 7:3 8 5
status 0 2048 delay 1 22 333
message key set 101112131415161718191a1b1c1d1e1f
reply
";
        assert_eq!(merge(FILE, captured).unwrap(), Merged { text: FILE.to_owned(), added: 0 });
    }

    #[test]
    fn new_lines_are_appended_to_their_section_once() {
        let captured = "\
kernel 6.12.117
status 0 2048 delay Fail
status 0 1024 delay Fail
message key set 101112131415161718191a1b1c1d1e1f
reply done
";
        let new = "\nstatus 0 2048 delay Fail\nmessage key set 101112131415161718191a1b1c1d1e1f\nreply done\n";
        assert_eq!(merged(captured), FILE.replace("source 7.2", &format!("{}\nsource 7.2", new.trim_end())));
        let again = merge(&merged(captured), captured).unwrap();
        assert_eq!(again, Merged { text: merged(captured), added: 0 });
    }

    #[test]
    fn another_kernel_gets_a_section_before_those_from_source() {
        // Text that is new for a kernel's series is added. Lines from the source of 7.2 do not count as printed by it.
        for version in ["6.1.176", "7.2.13"] {
            let section = format!("kernel {version}\nstatus 0 2048 delay Fail\n");
            assert_eq!(merged(&section), FILE.replace("source 7.2", &format!("{section}source 7.2")));
        }
        // Within a series, texts are the same although the version differs.
        let section = "kernel 6.12.120\nstatus 0 100 delay 0 0 0\nstatus 0 100 delay Error\n";
        let new = section.replace("status 0 100 delay 0 0 0\n", "");
        assert_eq!(merged(section), FILE.replace("source 7.2", &format!("{new}source 7.2")));
    }

    #[test]
    fn a_new_file_begins_with_the_kernel() {
        let section = "kernel 6.1.176\ntable 0 8 zero\n";
        assert_eq!(merge("", section).unwrap(), Merged { text: section.to_owned(), added: 1 });
    }

    #[test]
    fn digits_in_names_tell_kinds_apart() {
        let file = "kernel 6.1.1\ntable 0 8 raid raid5_ls 1 64 aes-plain64 hash:sha256 V4\n";
        for (word, other, new) in [
            ("raid5_ls", "raid6_ls", 1),
            ("plain64", "plain", 1),
            ("sha256", "sha512", 1),
            ("V4", "V3", 1),
            (" 64 ", " 8 ", 0),
        ] {
            assert_eq!(merge(file, &file.replace(word, other)).unwrap().added, new, "{other}");
        }
    }

    #[test]
    fn lines_without_a_kernel_are_refused() {
        assert_eq!(merge(FILE, "table 0 8 zero").unwrap_err().to_string(), "the captured lines do not name a kernel");
    }
}
