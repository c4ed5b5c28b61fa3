//! The identifiers and punctuation of a Rust file, without comments and literals.

/// An identifier, `::`, or any other single character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// Its line, counted from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    /// Whether it can be part of a path.
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_part)
    }
}

/// Reads a file. Invalid code gives some tokens, but never an error.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut reader = Reader { rest: text, line: 1 };
    std::iter::from_fn(|| reader.next_token()).collect()
}

fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn next_token(&mut self) -> Option<Token<'a>> {
        loop {
            let line = self.line;
            let first = self.rest.chars().next()?;
            if first.is_whitespace() {
                self.take(first.len_utf8());
            } else if self.rest.starts_with("//") {
                self.take_until("\n");
            } else if self.rest.starts_with("/*") {
                self.take_block_comment();
            } else if first == '"' {
                self.take_quoted('"');
            } else if first == '\'' {
                self.take_character_or_lifetime();
            } else if first.is_ascii_digit() {
                self.take_word();
            } else if is_word_part(first) {
                let text = self.take_word();
                if !(matches!(text, "r" | "br" | "cr") && self.take_raw_string()) {
                    return Some(Token { text, line });
                }
            } else {
                let len = if self.rest.starts_with("::") { 2 } else { first.len_utf8() };
                return Some(Token { text: self.take(len), line });
            }
        }
    }

    /// Takes this number of bytes, or the rest.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.line = self.line.saturating_add(taken.matches('\n').count());
        self.rest = rest;
        taken
    }

    /// Takes everything up to the next mark, including it.
    fn take_until(&mut self, mark: &str) {
        let len = self.rest.find(mark).map_or(self.rest.len(), |start| start.saturating_add(mark.len()));
        self.take(len);
    }

    fn take_word(&mut self) -> &'a str {
        self.take(self.rest.find(|c| !is_word_part(c)).unwrap_or(self.rest.len()))
    }

    /// Block comments nest.
    fn take_block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            if self.rest.starts_with("/*") {
                depth = depth.saturating_add(1);
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth = depth.saturating_sub(1);
                self.take(2);
            } else {
                let Some(first) = self.rest.chars().next() else { return };
                self.take(first.len_utf8());
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A string or character, in which a backslash can quote the end.
    fn take_quoted(&mut self, quote: char) {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, c)| {
            let is_end = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            is_end
        });
        self.take(end.map_or(self.rest.len(), |(start, _)| start.saturating_add(1)));
    }

    /// Distinguishes the character `'a'` from the lifetime `'a`.
    fn take_character_or_lifetime(&mut self) {
        let mut next = self.rest.chars().skip(1);
        let is_character = match (next.next(), next.next()) {
            (Some('\\'), _) => true,
            (_, after) => after == Some('\''),
        };
        if is_character {
            self.take_quoted('\'');
        } else {
            self.take(1);
            self.take_word();
        }
    }

    /// Reads the part of a raw string after its `r`; returns whether it is one. `r#` before a word is an identifier.
    fn take_raw_string(&mut self) -> bool {
        let hashes = self.rest.len().saturating_sub(self.rest.trim_start_matches('#').len());
        let (marks, rest) = self.rest.split_at_checked(hashes).unwrap_or((self.rest, ""));
        if rest.starts_with('"') {
            let end = format!("\"{marks}");
            self.take(hashes.saturating_add(1));
            self.take_until(&end);
            true
        } else {
            // A raw identifier is read like the word after it.
            self.take(hashes);
            hashes > 0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, tokens};

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_and_punctuation_are_distinguished() {
        assert_eq!(texts("use crate::id::{A, b};"), ["use", "crate", "::", "id", "::", "{", "A", ",", "b", "}", ";"]);
        assert_eq!(texts("r#type 0x1f_u8 1..x"), ["type", ".", ".", "x"]);
    }

    #[test]
    fn comments_hold_no_tokens() {
        assert_eq!(texts("a // crate::b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(texts("a /* never closed"), ["a"]);
        assert_eq!(texts("a // at the end"), ["a"]);
    }

    #[test]
    fn literals_hold_no_tokens() {
        assert_eq!(texts(r#"f("crate::a \" b", b"c", 'd', '\'', b'\\', '"') e"#).join(" "), "f ( , b , , , b , ) e");
        assert_eq!(texts("r\"\\\" a br#\" \"b\" \"# c"), ["a", "c"]);
        assert_eq!(texts("\"never closed"), [""; 0]);
    }

    #[test]
    fn lifetimes_are_not_characters() {
        assert_eq!(texts("&'a str, &'static b 'c: loop"), ["&", "str", ",", "&", "b", ":", "loop"]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let lines: Vec<_> = tokens("a\n\"x\ny\" b /*\n\n*/ c").into_iter().map(|Token { line, .. }| line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }
}
