//! Refuses the lines that git writes around a conflict.

use super::Finding;

/// The number of equal characters at the beginning of a marker.
const LENGTH: usize = 7;

/// Checks one file. A file with a NUL is not text, as for git.
pub(super) fn check(file: &str, content: &[u8]) -> Vec<Finding> {
    if content.contains(&0) {
        return Vec::new();
    }
    let lines = content.split(|byte| *byte == b'\n').zip(1..);
    let markers = lines.filter(|(line, _)| is_marker(line.strip_suffix(b"\r").unwrap_or(line)));
    markers.map(|(_, number)| Finding::new(file, number, "is the marker of a conflict: resolve it")).collect()
}

/// Whether a line is a marker: seven times the same character and, except in the middle of a conflict, a label.
fn is_marker(line: &[u8]) -> bool {
    let Some((marker, label)) = line.split_at_checked(LENGTH) else { return false };
    let is_repeated = |byte: u8| marker.iter().all(|other| *other == byte);
    let has_label = label.is_empty() || label.starts_with(b" ");
    (b"<|>".iter().any(|byte| is_repeated(*byte)) && has_label) || (is_repeated(b'=') && label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{LENGTH, check};

    /// The numbers of the lines that are found.
    fn found(text: &str) -> Vec<usize> {
        check("README.md", text.as_bytes()).iter().map(|finding| finding.line).collect()
    }

    /// A marker, made here so that this file has none.
    fn marker(character: &str) -> String {
        character.repeat(LENGTH)
    }

    #[test]
    fn each_marker_of_a_conflict_is_found_with_its_line() {
        let [ours, base, theirs, middle] = ["<", "|", ">", "="].map(marker);
        let text = format!("a\n{ours} HEAD\nb\n{base} 1234\n{middle}\nc\n{theirs} 5678 (d)\n");
        assert_eq!(found(&text), [2, 4, 5, 7]);
        assert_eq!(found(&text.replace('\n', "\r\n")), [2, 4, 5, 7]);
        assert_eq!(found(&format!("{ours}\n{theirs}")), [1, 2]);
        let finding = check("dm-core/README.md", middle.as_bytes());
        assert_eq!(finding[0].to_string(), "dm-core/README.md:1: is the marker of a conflict: resolve it");
    }

    #[test]
    fn other_lines_of_the_same_characters_are_allowed() {
        let [ours, base, theirs, middle] = ["<", "|", ">", "="].map(marker);
        for line in [
            format!("{middle}="),
            format!("{middle} a"),
            format!(" {middle}"),
            format!("{ours}a"),
            format!("{theirs}>"),
            format!("{base}---"),
            "<".repeat(LENGTH - 1),
        ] {
            assert_eq!(found(&line), [0; 0], "{line}");
        }
    }

    #[test]
    fn files_that_are_not_text_are_not_searched() {
        assert_eq!(found(&format!("\0\n{}", marker("="))), [0; 0]);
    }
}
