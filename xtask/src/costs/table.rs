//! The table of the guest's results.

use super::chart::Bar;
use super::grouped;
use super::limits::{Call, Limit};

/// The column headings.
pub(super) fn head() -> String {
    row_of(["call", "least", "ours", "ratio", "at most", "libdm", "ioctls", "at most"], "")
}

fn row_of(columns: [&str; 8], remark: &str) -> String {
    let [call, least, ours, ratio, limit, libdm, ioctls, most] = columns;
    format!("{call:<44}{least:>11}{ours:>11}{ratio:>8}{limit:>9}{libdm:>12}{ioctls:>9}{most:>9}{remark}")
}

/// Reads lines `CALL:SIZE:COUNT MINIMUM OURS LIBDM` from the guest, in the order of the calls.
pub(super) struct Table<'a> {
    calls: &'a [Call],
    unread: Vec<u8>,
    /// For each call, whether it is within its limits.
    results: Vec<bool>,
    bars: Vec<Bar>,
}

impl<'a> Table<'a> {
    pub(super) fn new(calls: &'a [Call]) -> Self {
        Self { calls, unread: Vec::new(), results: Vec::new(), bars: Vec::new() }
    }

    /// Reads output of the guest, and prints the rows that are complete.
    pub(super) fn take(&mut self, text: &[u8]) {
        self.unread.extend_from_slice(text);
        while let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
            let Some(row) = self.calls.get(self.results.len()).and_then(|call| row(call, self.unread.get(..end)?))
            else {
                break;
            };
            println!("{}", row.text);
            self.results.push(row.is_good);
            self.bars.extend(row.bar);
            self.unread.drain(..=end);
        }
    }

    /// Whether each call is within its limits; `None` if results are missing.
    pub(super) fn is_good(&self) -> Option<bool> {
        (self.results.len() == self.calls.len()).then(|| self.results.iter().all(|is_good| *is_good))
    }

    /// The calls that libdm also has.
    pub(super) fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// The output that is not a row, such as an error.
    pub(super) fn rest(&self) -> String {
        String::from_utf8_lossy(&self.unread).trim().to_owned()
    }
}

/// The cost of one call in one program.
#[derive(Clone, Copy)]
struct Cost {
    instructions: u64,
    ioctls: u64,
}

impl Cost {
    /// Parses `TIME/IOCTLS`, where the time is that of `count` calls.
    fn parse(word: &str, count: u32) -> Option<Self> {
        let (time, ioctls) = word.split_once('/')?;
        Some(Self { instructions: time.parse::<u64>().ok()?.checked_div(count.into())?, ioctls: ioctls.parse().ok()? })
    }
}

/// The result in a line for a call.
struct Row {
    is_good: bool,
    text: String,
    /// `None` if libdm does not have the call.
    bar: Option<Bar>,
}

/// Reads a line; `None` if it is not for the call.
fn row(call: &Call, line: &[u8]) -> Option<Row> {
    let line = std::str::from_utf8(line).ok()?;
    let words = line.strip_prefix(&format!("{}:{}:{} ", call.name, call.size, call.count))?;
    let mut costs = words.split_whitespace().map(|word| Cost::parse(word, call.count));
    let (least, ours, libdm) = (costs.next()??, costs.next()??, costs.next()?);
    let of_least = |cost: Cost| cost.instructions.checked_mul(1000)?.checked_div(least.instructions);
    let ratio = of_least(ours)?;
    let multiple = |thousandths| f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0;
    let bar = libdm.and_then(of_least).map(|libdm| Bar {
        summary: call.summary,
        ours: multiple(ratio),
        libdm: multiple(libdm),
    });
    let is_good = call.limit.allows(ours.instructions, ratio) && ours.ioctls <= call.ioctls;
    let limit = match call.limit {
        Limit::None => "-".to_owned(),
        Limit::Ratio(most) => thousandths(most),
        Limit::Instructions(most) => grouped(most),
    };
    let ioctls =
        format!("{} {} {}", least.ioctls, ours.ioctls, libdm.map_or("-".to_owned(), |it| it.ioctls.to_string()));
    let libdm = libdm.map_or("-".to_owned(), |cost| grouped(cost.instructions));
    let columns = [grouped(least.instructions), grouped(ours.instructions), thousandths(ratio), limit, libdm, ioctls];
    let [least, ours, ratio, limit, libdm, ioctls] = columns.each_ref().map(String::as_str);
    let remark = if is_good { "" } else { "  TOO MANY" };
    let text = row_of([call.summary, least, ours, ratio, limit, libdm, ioctls, &call.ioctls.to_string()], remark);
    Some(Row { is_good, text, bar })
}

/// Prints a number of thousandths with a decimal point: `1.050`.
fn thousandths(number: u64) -> String {
    format!("{}.{:03}", number.div_euclid(1000), number.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::{Call, Limit, Row, Table, row, thousandths};

    const CALL: Call =
        Call { name: "list", summary: "a list", size: 10, count: 4, limit: Limit::Ratio(1050), ioctls: 2 };

    fn is_good(call: &Call, line: &str) -> Option<bool> {
        row(call, line.as_bytes()).map(|row| row.is_good)
    }

    #[test]
    fn a_call_is_good_up_to_its_limits() {
        assert_eq!(is_good(&CALL, "list:10:4 4000/1 4200/2 9000/7"), Some(true));
        assert_eq!(is_good(&CALL, "list:10:4 4000/1 4208/2 9000/7"), Some(false));
        assert_eq!(is_good(&CALL, "list:10:4 4000/1 4200/3 9000/7"), Some(false), "an ioctl too many");
        let alone = Call { limit: Limit::Instructions(1000), ..CALL };
        assert_eq!(is_good(&alone, "list:10:4 400/1 4000/2 -"), Some(true));
        assert_eq!(is_good(&alone, "list:10:4 400/1 4004/2 -"), Some(false));
    }

    #[test]
    fn only_whole_lines_about_the_call_are_rows() {
        for line in ["list:10:4 0/1 4/1 -", "list:100:4 4/1 4/1 -", "list:10:4 4/1 4/1", "list:10:4 - 4/1 4/1"] {
            assert_eq!(is_good(&CALL, line), None, "{line}");
        }
    }

    #[test]
    fn calls_that_libdm_lacks_have_a_dash() {
        let Row { is_good, text, bar } =
            row(&Call { limit: Limit::None, ..CALL }, b"list:10:4 4000/1 80000/1 -").unwrap();
        assert_eq!(bar, None);
        let columns: Vec<_> = text.split_whitespace().skip(2).collect();
        assert_eq!(columns, ["1", "000", "20", "000", "20.000", "-", "-", "1", "1", "-", "2"]);
        assert!(is_good, "{text}");
    }

    #[test]
    fn rows_come_in_pieces_and_errors_are_kept() {
        let calls = [CALL];
        let mut table = Table::new(&calls);
        table.take(b"list:10");
        assert_eq!(table.is_good(), None);
        table.take(b":4 1000/1 1000/1 -\n");
        table.take(b"thread panicked\n");
        assert_eq!((table.is_good(), table.rest().as_str()), (Some(true), "thread panicked"));
    }

    #[test]
    fn thousandths_have_three_digits() {
        assert_eq!([1050, 999, 2000].map(thousandths), ["1.050", "0.999", "2.000"]);
    }
}
