//! Dates as C's `ctime` prints them.

/// The days of a week that begins on the weekday of 1970-01-01.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

/// The last year with four digits.
const LAST_YEAR: u64 = 9999;

/// Prints a time in seconds since 1970, in UTC, such as `Thu Jan  1 00:00:00 1970`. `None` if its year has more than four digits.
pub(crate) fn date(time: u64) -> Option<String> {
    let (days, seconds) = (time / 86_400, time % 86_400);
    let weekday = DAYS.get(usize::try_from(days % 7).ok()?)?;
    let (mut year, mut left) = (1970_u64, days);
    while let Some(rest) = left.checked_sub(365_u64.saturating_add(leap_day(year))) {
        (year, left) = (year.saturating_add(1), rest);
        if year > LAST_YEAR {
            return None;
        }
    }
    for (month, length) in MONTHS {
        let length = if month == "Feb" { length.saturating_add(leap_day(year)) } else { length };
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => {
                let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                return Some(format!(
                    "{weekday} {month} {:2} {hour:02}:{minute:02}:{second:02} {year}",
                    left.saturating_add(1)
                ));
            }
        }
    }
    None
}

/// The number of days that a year has more than others.
fn leap_day(year: u64) -> u64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    u64::from(is_leap)
}
