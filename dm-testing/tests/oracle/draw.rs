//! Random words, which are the same for the same seed.
//!
//! Most words are valid. The frequency of invalid ones is drawn for each table: about half of all tables have no fault,
//! and most others one or two, so that one fault does not hide another.

use dm_units::DeviceNumber;
use fastrand::Rng;

/// Draws the parts of a table.
pub(crate) struct Draw<'d> {
    random: Rng,
    /// One of this number of choices is invalid.
    wrong: Option<u32>,
    /// The disks that a table may use.
    disks: &'d [DeviceNumber],
}

/// The number of a disk that does not exist.
pub(crate) const NO_DISK: &str = "7:4000";

/// Words that the kernel and the library may parse differently.
const ODD: &[&str] = &[
    "0",
    "1",
    "+5",
    "007",
    "-1",
    "-",
    "x",
    "0x10",
    "1.5",
    "256",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "4294967297",
    "18446744073709551615",
    "18446744073709551616",
    NO_DISK,
    "/dev/none",
    "1:2:3",
];

impl<'d> Draw<'d> {
    /// Starts table number `index` of a target.
    pub(crate) fn new(seed: u64, target_type: &str, index: u64, disks: &'d [DeviceNumber]) -> Self {
        let mut hash = seed;
        for byte in target_type.bytes().map(u64::from).chain([index]) {
            hash = hash.rotate_left(7).wrapping_add(byte).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let mut random = Rng::with_seed(hash);
        let wrong = [None, None, Some(12), Some(30)][random.usize(..4)];
        Self { random, wrong, disks }
    }

    /// Whether the next choice is to be invalid.
    pub(crate) fn is_wrong(&mut self) -> bool {
        self.wrong.is_some_and(|one_in| self.random.u32(..one_in) == 0)
    }

    /// Returns `true` once in `count` times on average.
    pub(crate) fn one_in(&mut self, count: u32) -> bool {
        self.random.u32(..count) == 0
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.random.usize(..end.max(1))
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A number from `min` to `max`, often one of the two; if invalid, a number just outside.
    pub(crate) fn number(&mut self, min: u64, max: u64) -> u64 {
        if self.is_wrong() {
            let beside = [min.checked_sub(1), max.checked_add(1), Some(0), Some(u32::MAX.into())];
            return self.pick(&beside).unwrap_or(min);
        }
        match self.random.u32(..8) {
            0 => min,
            1 => max,
            2..=6 => min + self.random.u64(..=(max - min).min(64)),
            _ => self.random.u64(min..=max),
        }
    }

    /// A multiple of `unit` from `min` to `max`, mostly a small one.
    pub(crate) fn multiple(&mut self, min: u64, max: u64, unit: u64) -> u64 {
        let number = self.number(min.div_ceil(unit), max / unit).saturating_mul(unit);
        if self.is_wrong() { number.saturating_add(unit / 2) } else { number }
    }

    /// A power of two from `min` to `max`, which are powers of two.
    pub(crate) fn power(&mut self, min: u64, max: u64) -> u64 {
        let exponent = self.random.u32(min.ilog2()..=max.ilog2());
        match 1_u64 << exponent {
            _ if self.is_wrong() => self.pick(&[min / 2, max * 2, 0]),
            number if self.is_wrong() => number + 1,
            number => number,
        }
    }

    /// A length of a device in sectors: a small multiple of `unit`.
    pub(crate) fn length(&mut self, unit: u64) -> u64 {
        let length = unit.max(1) * self.random.u64(1..=64);
        if self.is_wrong() { length + 1 } else { length }
    }

    /// Different devices; if invalid, some may be equal.
    pub(crate) fn devices(&mut self, count: usize) -> Vec<String> {
        let first = self.below(self.disks.len());
        let disk = |at: usize| self.disks[(first + at) % self.disks.len()].to_string();
        let mut devices: Vec<String> = (0..count).map(disk).collect();
        if self.is_wrong() && count > 1 {
            devices[1] = devices[0].clone();
        } else if self.is_wrong() {
            let at = self.below(count);
            devices[at] = self.pick(ODD).to_owned();
        }
        devices
    }

    /// The words of a template.
    ///
    /// A word `a|b|c` in it stands for one of these. `<min..max>` stands for a number, `<min..max*unit>` for a multiple
    /// of `unit`, `<min..max^>` for a power of two, and `@` at the end for a disk.
    pub(crate) fn words(&mut self, template: &str) -> Vec<String> {
        template.split_whitespace().map(|word| self.word(word)).collect()
    }

    fn word(&mut self, template: &str) -> String {
        let word = self.pick(&template.split('|').collect::<Vec<_>>());
        if let Some((start, rest)) = word.split_once('<') {
            let (range, rest) = rest.split_once('>').expect("a range ends");
            let (number, rest) = (self.number_in(range), if rest.is_empty() { String::new() } else { self.word(rest) });
            return format!("{start}{number}{rest}");
        }
        match word.strip_suffix('@') {
            Some(start) => format!("{start}{}", self.devices(1).remove(0)),
            // Most keywords are case-insensitive.
            None if self.one_in(40) => word.to_ascii_uppercase(),
            None => word.to_owned(),
        }
    }

    fn number_in(&mut self, range: &str) -> u64 {
        let (min, rest) = range.split_once("..").expect("a range has two dots");
        let number = |text: &str| text.parse().expect("a range has numbers");
        if let Some(max) = rest.strip_suffix('^') {
            self.power(number(min), number(max))
        } else if let Some((max, unit)) = rest.split_once('*') {
            self.multiple(number(min), number(max), number(unit))
        } else {
            self.number(number(min), number(rest))
        }
    }

    /// Some of these options in any order, each given by a template; sometimes one is repeated.
    pub(crate) fn options(&mut self, options: &[&str]) -> Vec<String> {
        let mut left = options.to_vec();
        let count = self.below(options.len() + 1).min(self.below(options.len() + 1));
        let mut words = Vec::new();
        for _ in 0..count {
            let at = self.below(left.len());
            let option = if self.is_wrong() { left[at] } else { left.remove(at) };
            words.extend(self.words(option));
        }
        words
    }

    /// The words after their number.
    pub(crate) fn counted(&mut self, words: Vec<String>) -> Vec<String> {
        let count = match words.len() {
            _ if self.is_wrong() => self.below(words.len() + 2),
            count => count,
        };
        [count.to_string()].into_iter().chain(words).collect()
    }

    /// As [`counted`](Self::counted), but usually empty if there are no words; sometimes 0.
    pub(crate) fn counted_if_any(&mut self, words: Vec<String>) -> Vec<String> {
        if words.is_empty() && !self.one_in(4) { words } else { self.counted(words) }
    }

    /// Changes a table by a typical mistake.
    pub(crate) fn spoil(&mut self, words: &mut Vec<String>) {
        if words.is_empty() || !self.is_wrong() && !self.is_wrong() {
            return;
        }
        let at = self.below(words.len());
        match self.below(7) {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at].clone()),
            2 => words.swap(at, 0),
            3 => words.push(self.pick(ODD).to_owned()),
            4 => words[at] = words[at].to_ascii_uppercase(),
            _ => words[at] = self.pick(ODD).to_owned(),
        }
    }
}
