//! The protocol between the guest's scripts and the host: marked lines between the output of the jobs.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The word at the start of all marked lines of a run. It differs in each run, so that no output of a program is taken for
/// a marked line.
#[derive(Clone, Debug)]
pub(crate) struct Mark(String);

impl Mark {
    /// A mark that no other run uses.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(format!("@xtask-{:x}-{:x}", std::process::id(), now.as_nanos()))
    }

    /// A given mark, for tests.
    #[cfg(test)]
    pub(crate) fn fixed(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The event that a marked line reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The guest has started and is about to run the jobs.
    Ready {
        /// The seconds since its kernel started, with a fraction.
        uptime: String,
        /// Whether the kernel lists a device mapper.
        device_mapper: bool,
        /// The kernel's version.
        release: String,
    },
    /// A job starts.
    Begin(usize),
    /// A job left something behind.
    Leftover(usize, String),
    /// A job ended with an exit status.
    End(usize, i32),
    /// The guest has run all jobs; their number.
    Verdict(usize),
    /// The guest cannot be used.
    Failed(String),
    /// A marked line that this protocol does not define.
    Unknown(String),
}

impl Event {
    /// Parses the text after the mark.
    fn parse(line: &str) -> Self {
        Self::parse_known(line).unwrap_or_else(|| Self::Unknown(line.to_owned()))
    }

    fn parse_known(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        Some(match word {
            "ready" => {
                let (uptime, rest) = rest.split_once(' ')?;
                let (device_mapper, release) = rest.split_once(' ')?;
                let device_mapper = match device_mapper {
                    "yes" => true,
                    "no" => false,
                    _ => return None,
                };
                Self::Ready { uptime: uptime.to_owned(), device_mapper, release: release.to_owned() }
            }
            "begin" => Self::Begin(rest.parse().ok()?),
            "leftover" => {
                let (job, what) = rest.split_once(' ')?;
                Self::Leftover(job.parse().ok()?, what.to_owned())
            }
            "end" => {
                let (job, status) = rest.split_once(' ')?;
                Self::End(job.parse().ok()?, status.parse().ok()?)
            }
            "verdict" => Self::Verdict(rest.parse().ok()?),
            "failed" => Self::Failed(rest.to_owned()),
            _ => return None,
        })
    }
}

/// A piece of the guest's console.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Output of the guest or of a job, as it comes, not split into lines.
    Text(Vec<u8>),
    /// A marked line.
    Event(Event),
}

/// Splits the text of the console into output and marked lines.
pub(crate) struct Splitter {
    mark: Vec<u8>,
    pending: Vec<u8>,
}

impl Splitter {
    /// A splitter for one run.
    pub(crate) fn new(mark: &Mark) -> Self {
        Self { mark: format!("{mark} ").into_bytes(), pending: Vec::new() }
    }

    /// Adds bytes, and returns the pieces that are now complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.pending.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(piece) = self.next_piece() {
            pieces.push(piece);
        }
        pieces
    }

    /// The rest of the output, when the console was closed.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.pending
    }

    fn next_piece(&mut self) -> Option<Piece> {
        let text_end = self.find_mark().unwrap_or_else(|| self.pending.len().saturating_sub(self.partial_mark()));
        if text_end > 0 {
            return Some(Piece::Text(self.pending.drain(..text_end).collect()));
        }
        if !self.pending.starts_with(&self.mark) {
            return None;
        }
        let line_end = self.pending.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.pending.drain(..=line_end).skip(self.mark.len()).collect();
        Some(Piece::Event(Event::parse(String::from_utf8_lossy(&line).trim_end())))
    }

    /// The position of the first complete mark.
    fn find_mark(&self) -> Option<usize> {
        self.pending.windows(self.mark.len()).position(|window| window == self.mark)
    }

    /// The number of bytes at the end that may be the start of a mark.
    fn partial_mark(&self) -> usize {
        let longest = self.mark.len().min(self.pending.len());
        let fits = |length: &usize| self.mark.get(..*length).is_some_and(|start| self.pending.ends_with(start));
        (1..=longest).rev().find(fits).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Mark, Piece, Splitter};

    fn text(text: &str) -> Piece {
        Piece::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn output_passes_at_once_and_marks_are_taken_out() {
        let mut splitter = Splitter::new(&Mark::fixed("@m"));
        assert_eq!(splitter.push(b"test a ... "), [text("test a ... ")]);
        assert_eq!(
            splitter.push(b"ok\n@m end 3 0\nmore"),
            [text("ok\n"), Piece::Event(Event::End(3, 0)), text("more")]
        );
        assert_eq!(splitter.push(b"no newline@m verdict 4\r\n"), [text("no newline"), Piece::Event(Event::Verdict(4))]);
    }

    #[test]
    fn a_mark_may_come_in_parts() {
        let mut splitter = Splitter::new(&Mark::fixed("@m"));
        assert_eq!(splitter.push(b"x@"), [text("x")]);
        assert_eq!(splitter.push(b"m beg"), []);
        assert_eq!(splitter.push(b"in 0\n"), [Piece::Event(Event::Begin(0))]);
        assert_eq!(splitter.push(b"me@"), [text("me")]);
        assert_eq!(splitter.push(b"home"), [text("@home")]);
        assert_eq!(splitter.push(b"@"), []);
        assert_eq!(splitter.finish(), b"@");
    }

    #[test]
    fn every_event_is_read() {
        for (word, device_mapper) in [("yes", true), ("no", false)] {
            let ready = Event::Ready { uptime: "1.93".to_owned(), device_mapper, release: "6.1.0".to_owned() };
            assert_eq!(Event::parse(&format!("ready 1.93 {word} 6.1.0")), ready);
        }
        assert_eq!(Event::parse("leftover 2 mapped device a b"), Event::Leftover(2, "mapped device a b".to_owned()));
        assert_eq!(Event::parse("end 2 -1"), Event::End(2, -1));
        assert_eq!(Event::parse("failed no modules"), Event::Failed("no modules".to_owned()));
        for odd in ["", "verdict", "verdict x", "begin -1", "end 1", "wave 1", "ready 1.9 6.1.0"] {
            assert_eq!(Event::parse(odd), Event::Unknown(odd.to_owned()));
        }
    }
}
