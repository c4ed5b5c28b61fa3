//! The arithmetic of the units, the same for each of them.

/// Panics for an operator that has no result.
///
/// A wrapped result would be a wrong size or a wrong place on a disk, so this is the same in every build profile.
#[cold]
#[track_caller]
#[expect(
    clippy::panic,
    reason = "the documented contract of the operators, as of those of integers; checked_* are beside them"
)]
pub(crate) fn no_result(message: &str) -> ! {
    panic!("{message}")
}

/// Implements one operator through a function that returns an `Option`, by value and by reference.
macro_rules! operator {
    ($operator:ident::$method:ident($lhs:ty, $rhs:ty) -> $output:ty = $checked:expr, $message:expr) => {
        impl core::ops::$operator<$rhs> for $lhs {
            type Output = $output;

            #[inline]
            #[track_caller]
            fn $method(self, rhs: $rhs) -> $output {
                match $checked(self, rhs) {
                    Some(result) => result,
                    None => $crate::arithmetic::no_result($message),
                }
            }
        }

        operator!(by_reference $operator::$method($lhs, &$rhs) -> $output);
        operator!(by_reference $operator::$method(&$lhs, $rhs) -> $output);
        operator!(by_reference $operator::$method(&$lhs, &$rhs) -> $output);
    };
    (by_reference $operator:ident::$method:ident($lhs:ty, $rhs:ty) -> $output:ty) => {
        impl core::ops::$operator<$rhs> for $lhs {
            type Output = $output;

            #[inline]
            #[track_caller]
            fn $method(self, rhs: $rhs) -> $output {
                // Each operand is a `Copy` value or a reference to one, and `clone` returns the value of both.
                core::ops::$operator::$method(self.clone(), rhs.clone())
            }
        }
    };
}

/// Implements an assigning operator through the plain one, by value and by reference.
macro_rules! assign_operator {
    ($assign:ident::$assign_method:ident, $operator:ident::$method:ident, $unit:ty) => {
        impl core::ops::$assign<$unit> for $unit {
            #[inline]
            #[track_caller]
            fn $assign_method(&mut self, rhs: $unit) {
                *self = core::ops::$operator::$method(*self, rhs);
            }
        }

        impl core::ops::$assign<&$unit> for $unit {
            #[inline]
            #[track_caller]
            fn $assign_method(&mut self, rhs: &$unit) {
                *self = core::ops::$operator::$method(*self, *rhs);
            }
        }
    };
}

/// Implements an operator with an integer on the right, and its assigning form. One implementation for all integers, so
/// that the compiler knows the result of `unit * 2` before it has chosen a type for the 2.
macro_rules! factor_operator {
    ($operator:ident::$method:ident, $assign:ident::$assign_method:ident, $unit:ident, $number:ident,
     $checked:ident, $message:expr) => {
        impl<N: $crate::Factor<$number>> core::ops::$operator<N> for $unit {
            type Output = $unit;

            #[inline]
            #[track_caller]
            fn $method(self, rhs: N) -> $unit {
                let Some(rhs) = $crate::factor::sealed::Sealed::to_number(rhs) else {
                    $crate::arithmetic::no_result(concat!($message, " by a number out of range"))
                };
                match self.$checked(rhs) {
                    Some(result) => result,
                    None => $crate::arithmetic::no_result(factor_operator!(@reason $operator, $message)),
                }
            }
        }

        impl<N: $crate::Factor<$number>> core::ops::$operator<N> for &$unit {
            type Output = $unit;

            #[inline]
            #[track_caller]
            fn $method(self, rhs: N) -> $unit {
                core::ops::$operator::$method(*self, rhs)
            }
        }

        impl<N: $crate::Factor<$number>> core::ops::$assign<N> for $unit {
            #[inline]
            #[track_caller]
            fn $assign_method(&mut self, rhs: N) {
                *self = core::ops::$operator::$method(*self, rhs);
            }
        }
    };
    (@reason Mul, $message:expr) => { concat!($message, " with overflow") };
    (@reason $operator:ident, $message:expr) => { concat!($message, " by zero") };
}

/// Implements `integer * unit`, by value and by reference.
macro_rules! integer_times {
    ($unit:ident: $($integer:ident)+) => {$(
        impl core::ops::Mul<$unit> for $integer {
            type Output = $unit;

            #[inline]
            #[track_caller]
            fn mul(self, rhs: $unit) -> $unit {
                core::ops::Mul::mul(rhs, self)
            }
        }

        operator!(by_reference Mul::mul($integer, &$unit) -> $unit);
        operator!(by_reference Mul::mul(&$integer, $unit) -> $unit);
        operator!(by_reference Mul::mul(&$integer, &$unit) -> $unit);
    )+};
}

/// Implements the constants, the checked and saturating arithmetic, and the operators of a unit.
macro_rules! arithmetic {
    ($unit:ident, $number:ident) => {
        impl $unit {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// The largest value of this type.
            pub const MAX: Self = Self($number::MAX);

            const fn some(number: Option<$number>) -> Option<Self> {
                match number {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// Adds, or returns `None` on overflow.
            #[inline]
            pub const fn checked_add(self, rhs: Self) -> Option<Self> {
                Self::some(self.0.checked_add(rhs.0))
            }

            /// Subtracts, or returns `None` if `rhs` is larger.
            #[inline]
            pub const fn checked_sub(self, rhs: Self) -> Option<Self> {
                Self::some(self.0.checked_sub(rhs.0))
            }

            /// Multiplies by a number, or returns `None` on overflow.
            #[inline]
            pub const fn checked_mul(self, rhs: $number) -> Option<Self> {
                Self::some(self.0.checked_mul(rhs))
            }

            /// Divides by a number and rounds down, or returns `None` if `rhs` is zero.
            #[inline]
            pub const fn checked_div(self, rhs: $number) -> Option<Self> {
                Self::some(self.0.checked_div(rhs))
            }

            /// Returns the remainder of dividing by a number, or `None` if `rhs` is zero.
            #[inline]
            pub const fn checked_rem(self, rhs: $number) -> Option<Self> {
                Self::some(self.0.checked_rem(rhs))
            }

            /// Returns how many times `rhs` fits into this, or `None` if `rhs` is zero.
            #[inline]
            pub const fn checked_div_unit(self, rhs: Self) -> Option<$number> {
                self.0.checked_div(rhs.0)
            }

            /// Returns the remainder of dividing by `rhs`, or `None` if `rhs` is zero.
            #[inline]
            pub const fn checked_rem_unit(self, rhs: Self) -> Option<Self> {
                self.checked_rem(rhs.0)
            }

            /// Adds, or returns [`MAX`](Self::MAX) on overflow.
            #[inline]
            pub const fn saturating_add(self, rhs: Self) -> Self {
                Self(self.0.saturating_add(rhs.0))
            }

            /// Subtracts, or returns [`ZERO`](Self::ZERO) if `rhs` is larger.
            #[inline]
            pub const fn saturating_sub(self, rhs: Self) -> Self {
                Self(self.0.saturating_sub(rhs.0))
            }

            /// Multiplies by a number, or returns [`MAX`](Self::MAX) on overflow.
            #[inline]
            pub const fn saturating_mul(self, rhs: $number) -> Self {
                Self(self.0.saturating_mul(rhs))
            }

            /// Whether this is a multiple of `size`. The only multiple of zero is zero.
            #[inline]
            pub const fn is_multiple_of(self, size: Self) -> bool {
                match self.0.checked_rem(size.0) {
                    Some(rest) => rest == 0,
                    None => self.0 == 0,
                }
            }

            /// Rounds down to a multiple of `size`. Returns `None` if `size` is zero.
            #[inline]
            pub const fn align_down(self, size: Self) -> Option<Self> {
                match self.0.checked_rem(size.0) {
                    Some(rest) => Self::some(self.0.checked_sub(rest)),
                    None => None,
                }
            }

            /// Rounds up to a multiple of `size`. Returns `None` if `size` is zero or on overflow.
            #[inline]
            pub const fn align_up(self, size: Self) -> Option<Self> {
                Self::some(self.0.checked_next_multiple_of(size.0))
            }
        }

        operator!(Add::add($unit, $unit) -> $unit = $unit::checked_add,
            concat!("attempt to add ", stringify!($unit), " with overflow"));
        operator!(Sub::sub($unit, $unit) -> $unit = $unit::checked_sub,
            concat!("attempt to subtract ", stringify!($unit), " with overflow"));
        operator!(Div::div($unit, $unit) -> $number = $unit::checked_div_unit,
            concat!("attempt to divide ", stringify!($unit), " by zero"));
        operator!(Rem::rem($unit, $unit) -> $unit = $unit::checked_rem_unit,
            concat!("attempt to divide ", stringify!($unit), " by zero"));

        factor_operator!(Mul::mul, MulAssign::mul_assign, $unit, $number, checked_mul,
            concat!("attempt to multiply ", stringify!($unit)));
        factor_operator!(Div::div, DivAssign::div_assign, $unit, $number, checked_div,
            concat!("attempt to divide ", stringify!($unit)));
        factor_operator!(Rem::rem, RemAssign::rem_assign, $unit, $number, checked_rem,
            concat!("attempt to divide ", stringify!($unit)));
        integer_times!($unit: u8 u16 u32 u64 usize i32);

        assign_operator!(AddAssign::add_assign, Add::add, $unit);
        assign_operator!(SubAssign::sub_assign, Sub::sub, $unit);
        assign_operator!(RemAssign::rem_assign, Rem::rem, $unit);

        impl core::iter::Sum for $unit {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, core::ops::Add::add)
            }
        }

        impl<'a> core::iter::Sum<&'a $unit> for $unit {
            fn sum<I: Iterator<Item = &'a Self>>(iter: I) -> Self {
                iter.copied().sum()
            }
        }
    };
}
