//! `--select`: conditions on the fields of a row, such as `name=~^vg && (open=0 || suspended=Active)`.

use regex::bytes::Regex;

use crate::Result;
use crate::report::{Column, find};

/// A selection that was read.
pub(crate) enum Selection<'c, T> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(&'c Column<T>, Comparison),
    /// Every row.
    Every,
}

/// The value or pattern with which a field is compared.
pub(crate) enum Comparison {
    Text { value: String, is_equal: bool },
    Number { value: u64, matches: fn(&u64, &u64) -> bool },
    Pattern { pattern: Regex, is_match: bool },
}

impl<'c, T> Selection<'c, T> {
    pub(crate) fn parse(columns: &'c [Column<T>], text: &str) -> Result<Self> {
        if matches!(text.trim(), "" | "all") {
            return Ok(Self::Every);
        }
        let mut parser = Parser { columns, rest: text };
        let selection = parser.any()?;
        if parser.rest.trim_start().is_empty() { Ok(selection) } else { Err(parser.error("a logical operator")) }
    }

    pub(crate) fn has(&self, row: &T) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.has(row)),
            Self::Any(parts) => parts.iter().any(|part| part.has(row)),
            Self::Not(part) => !part.has(row),
            Self::Is(column, comparison) => comparison.holds(&column.show(row)),
            Self::Every => true,
        }
    }
}

impl Comparison {
    fn holds(&self, field: &str) -> bool {
        match self {
            Self::Text { value, is_equal } => (field == value) == *is_equal,
            Self::Number { value, matches } => field.parse().is_ok_and(|field| matches(&field, value)),
            Self::Pattern { pattern, is_match } => pattern.is_match(field.as_bytes()) == *is_match,
        }
    }
}

struct Parser<'c, 't, T> {
    columns: &'c [Column<T>],
    rest: &'t str,
}

/// The longer ones first.
const OPERATORS: [&str; 8] = ["=~", "!~", "!=", ">=", "<=", "=", ">", "<"];

/// The quotes of values and of regular expressions, before and after.
const QUOTES: [(char, char); 2] = [('"', '"'), ('\'', '\'')];
const PATTERN_QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('(', ')'), ('[', ']'), ('{', '}')];

/// The words at which a value without quotes ends.
const ENDS: [&str; 6] = ["&&", "||", ",", "#", "(", ")"];

impl<'c, 't, T> Parser<'c, 't, T> {
    fn error(&self, expected: &str) -> Box<dyn std::error::Error> {
        format!("Selection syntax error at '{}': expected {expected}.", self.rest).into()
    }

    fn takes(&mut self, tokens: &[&str]) -> bool {
        let rest = self.rest.trim_start();
        let found = tokens.iter().find_map(|token| rest.strip_prefix(token));
        found.is_some_and(|after| {
            self.rest = after;
            true
        })
    }

    fn any(&mut self) -> Result<Selection<'c, T>> {
        let mut parts = vec![self.all()?];
        while self.takes(&["||", "#"]) {
            parts.push(self.all()?);
        }
        Ok(Selection::Any(parts))
    }

    fn all(&mut self) -> Result<Selection<'c, T>> {
        let mut parts = vec![self.unit()?];
        while self.takes(&["&&", ","]) {
            parts.push(self.unit()?);
        }
        Ok(Selection::All(parts))
    }

    fn unit(&mut self) -> Result<Selection<'c, T>> {
        let is_negated = self.takes(&["!"]);
        if !self.takes(&["("]) {
            return if is_negated { Err(self.error("a left parenthesis")) } else { self.comparison() };
        }
        let inner = self.any()?;
        if !self.takes(&[")"]) {
            return Err(self.error("a right parenthesis"));
        }
        Ok(if is_negated { Selection::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Selection<'c, T>> {
        let rest = self.rest.trim_start();
        let (name, rest) = rest.split_at(rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()));
        let column = find(self.columns, name)?;
        self.rest = rest.trim_start();
        let operator = OPERATORS.into_iter().find(|operator| self.rest.starts_with(operator));
        let operator = operator.ok_or_else(|| self.error("a comparison operator"))?;
        self.rest = self.rest.get(operator.len()..).unwrap_or_default();
        let is_pattern = operator.ends_with('~');
        let value = self.value(if is_pattern { &PATTERN_QUOTES } else { &QUOTES })?;
        if is_pattern && value.is_empty() {
            return Err(self.error("a regular expression"));
        }
        let number = |matches| Ok(Comparison::Number { value: value.parse()?, matches });
        let comparison: Result<Comparison> = match (operator, column.is_number()) {
            ("=~" | "!~", false) => Ok(Comparison::Pattern { pattern: Regex::new(value)?, is_match: operator == "=~" }),
            ("=" | "!=", false) => Ok(Comparison::Text { value: value.to_owned(), is_equal: operator == "=" }),
            ("=", true) => number(u64::eq),
            ("!=", true) => number(u64::ne),
            (">=", true) => number(u64::ge),
            (">", true) => number(u64::gt),
            ("<=", true) => number(u64::le),
            ("<", true) => number(u64::lt),
            _ => Err(self.error("an operator for the type of this field")),
        };
        Ok(Selection::Is(column, comparison?))
    }

    /// A value in quotes, or up to white space or a logical operator.
    fn value(&mut self, quotes: &[(char, char)]) -> Result<&'t str> {
        let rest = self.rest.trim_start();
        let quoted = quotes.iter().find_map(|(first, last)| Some((rest.strip_prefix(*first)?, *last)));
        let (value, after) = match quoted {
            Some((text, last)) => text.split_once(last).ok_or_else(|| self.error("an end quote"))?,
            None => {
                let ends = ENDS.iter().filter_map(|end| rest.find(end)).chain(rest.find(char::is_whitespace));
                rest.split_at(ends.min().unwrap_or(rest.len()))
            }
        };
        self.rest = after;
        Ok(value)
    }
}
