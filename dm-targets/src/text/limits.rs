//! Ranges of numeric fields.

use crate::errors::problem::{InvalidField, Problem};
use crate::text::value::Number;

/// The name of a numeric field, and the numbers that the kernel accepts for it.
///
/// [`Fields::read_within`](crate::Fields::read_within) checks a number in a text against the limits.
/// [`check`](Self::check) checks a number in a value that was built in code.
///
/// ```
/// use dm_targets::Limits;
///
/// const BLOCK_SIZE: Limits = Limits::new("data block size", 128, 1 << 21).multiple_of(128);
///
/// let error = BLOCK_SIZE.check(200_u64).unwrap_err();
/// assert_eq!(error.to_string(), "data block size must be a multiple of 128");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    field: &'static str,
    min: u64,
    max: u64,
    power_of_two: bool,
    unit: u64,
}

impl Limits {
    /// Accepts the numbers from `min` to `max`, inclusive, for the field named `field`.
    #[must_use]
    pub const fn new(field: &'static str, min: u64, max: u64) -> Self {
        Self { field, min, max, power_of_two: false, unit: 1 }
    }

    /// Accepts only powers of two within the range.
    #[must_use]
    pub const fn power_of_two(self) -> Self {
        Self { power_of_two: true, ..self }
    }

    /// Accepts only multiples of `unit` within the range. If `unit` is 0, every number is refused.
    #[must_use]
    pub const fn multiple_of(self, unit: u64) -> Self {
        Self { unit, ..self }
    }

    /// The name of the field, in the kernel's terms.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// Checks that `number` is within the limits.
    ///
    /// # Errors
    ///
    /// [`Problem::OutOfRange`], [`Problem::NotPowerOfTwo`], [`Problem::NotMultipleOf`]: the kernel would refuse the number.
    pub fn check(&self, number: impl Number) -> Result<(), InvalidField> {
        self.problem(number.get()).map_or(Ok(()), |problem| Err(InvalidField::new(self.field, problem)))
    }

    fn problem(&self, number: u64) -> Option<Problem> {
        let Self { min, max, power_of_two, unit, .. } = *self;
        if !(min..=max).contains(&number) {
            Some(Problem::OutOfRange { min, max: self.largest() })
        } else if power_of_two && !number.is_power_of_two() {
            Some(Problem::NotPowerOfTwo)
        } else if number.checked_rem(unit) != Some(0) {
            Some(Problem::NotMultipleOf(unit))
        } else {
            None
        }
    }

    /// The largest number within the limits, or `u64::MAX` without an upper limit.
    fn largest(&self) -> u64 {
        let Self { max, power_of_two, unit, .. } = *self;
        match max.checked_ilog2() {
            _ if max == u64::MAX => max,
            Some(exponent) if power_of_two => 1 << exponent,
            _ => max.saturating_sub(max.checked_rem(unit).unwrap_or_default()),
        }
    }
}
