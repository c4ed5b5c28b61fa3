//! Parses table lines in the format of `dmsetup table`.

use dm_units::Sectors;

use super::line::{LineText, TargetLine};

/// Why a text is not a valid line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The start is missing or not a number of sectors.
    #[error("a line of a table begins with its first sector, a number")]
    Start,
    /// The length is missing or not a number of sectors.
    #[error("the second word of a table's line is its length in sectors, a number")]
    Length,
    /// The target type is missing.
    #[error("the third word of a table's line is its target type, such as linear")]
    TargetType,
}

impl<'a> TargetLine<LineText<'a, &'a str>> {
    /// Parses a line in the format of `dmsetup table NAME`: start, length, target type, params.
    ///
    /// The params are kept as text. The crate `dm-targets` parses params into typed values, and reports errors in them.
    ///
    /// ```
    /// use dm_core::TargetLine;
    ///
    /// let line = TargetLine::parse("0 2048 linear 7:0 0")?;
    /// assert_eq!(line.to_string(), "0 2048 linear 7:0 0");
    /// # Ok::<(), dm_core::LineError>(())
    /// ```
    ///
    /// # Errors
    /// [`LineError::Start`], [`LineError::Length`] or [`LineError::TargetType`]: the named word is missing or
    /// malformed. The error does not show the text, because the text may contain a key.
    pub fn parse(line: &'a str) -> Result<Self, LineError> {
        let (start, rest) = word(line);
        let (length, rest) = word(rest);
        let (target_type, params) = word(rest);
        let number = |text: &str| text.parse().map(Sectors).ok();
        let start = number(start).ok_or(LineError::Start)?;
        let length = number(length).ok_or(LineError::Length)?;
        if target_type.is_empty() {
            return Err(LineError::TargetType);
        }
        Ok(Self::text(start, length, target_type, params.trim_ascii()))
    }
}

/// Splits a text into its first word and the rest.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_ascii_start();
    text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back_as_they_print() {
        for line in ["0 2048 linear 7:0 0", "8 8 zero ", "0 64 striped 2 16 7:0 0  7:1 0"] {
            assert_eq!(TargetLine::parse(line).unwrap().to_string(), line);
        }
        assert_eq!(TargetLine::parse("\t0  8\tzero\n").unwrap().to_string(), "0 8 zero ");
    }

    #[test]
    fn the_error_of_a_line_names_the_missing_word_without_the_text() {
        let says = |line| TargetLine::parse(line).unwrap_err();
        assert_eq!(
            (says(""), says("x 8 zero"), says("-1 8 zero")),
            (LineError::Start, LineError::Start, LineError::Start)
        );
        assert_eq!((says("0"), says("0 x zero")), (LineError::Length, LineError::Length));
        assert_eq!(says("0 8 "), LineError::TargetType);
        assert!(TargetLine::parse("0 8 crypt aes 00ff").unwrap().to_string().find("00ff").is_none());
    }
}
