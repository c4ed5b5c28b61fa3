//! [`LineKind`]: the types of lines, with one target or with any.

use core::fmt;
use core::hash::Hash;

use dm_units::Sectors;

use crate::errors::parse_error::{ParseError, TextKind};
use crate::errors::problem::{InvalidField, Problem};
use crate::target::comparison::TableDifference;
use crate::target::health::Work;
use crate::target::{Target, parse};
use crate::text::fields::Fields;

/// The type parameter of a line: a [`Target`], if all lines have one target type, or [`Any`], if each line has its own.
///
/// `TableLine<Linear>` holds a linear table; `TableLine<Any>`, or just `TableLine`, an [`AnyTable`](crate::AnyTable).
/// Every `Target` implements this trait, so you need not implement it yourself.
pub trait LineKind: Copy + fmt::Debug + Eq {
    /// Whether devices of this kind only serve other devices; see [`Target::INTERNAL`].
    const INTERNAL: bool = false;

    /// The parsed params of a table line.
    type Table: Clone + fmt::Debug + Eq + Hash + fmt::Display;

    /// The parsed params of a status line.
    type Status: Clone + fmt::Debug + PartialEq + fmt::Display;

    /// The name of the target type of a table.
    fn table_type(table: &Self::Table) -> &str;

    /// The name of the target type of a status.
    fn status_type(status: &Self::Status) -> &str;

    /// Checks that a line of this kind can have this target type.
    ///
    /// # Errors
    ///
    /// [`Problem::Expected`]: the line has another type; the problem names the only possible type.
    fn check_type(target_type: &str) -> Result<(), Problem>;

    /// Parses a table of a target type that [`check_type`](Self::check_type) accepts.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not such a table.
    fn read_table(target_type: &str, fields: Fields<'_>) -> Result<Self::Table, ParseError>;

    /// Parses a status of a target type that [`check_type`](Self::check_type) accepts.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not such a status.
    fn read_status(target_type: &str, fields: Fields<'_>) -> Result<Self::Status, ParseError>;

    /// Whether this must be the only line of its table; see [`Target::SINGLETON`].
    fn is_singleton(table: &Self::Table) -> bool;

    /// Whether all lines of a table that contains this one must have the same target; see [`Target::IMMUTABLE`].
    fn is_immutable(table: &Self::Table) -> bool;

    /// Whether the table may contain key material; see [`Target::SECRET`].
    fn is_secret(table: &Self::Table) -> bool;

    /// Whether the kernel printed an error text in place of this table; see [`Target::has_failed`].
    #[must_use]
    fn has_failed(table: &Self::Table) -> bool;

    /// Removes one-time requests from a table that the kernel printed; see [`Target::remove_requests`].
    fn remove_requests(table: &mut Self::Table);

    /// The first field in which two tables differ; see [`Target::difference`].
    #[must_use]
    fn difference(one: &Self::Table, other: &Self::Table) -> Option<TableDifference>;

    /// The background work according to a status; see [`Target::health`].
    #[must_use]
    fn work(status: &Self::Status) -> Option<Work>;

    /// Checks that the kernel would neither refuse a table nor crash on it; see [`Target::check`].
    ///
    /// # Errors
    ///
    /// As [`Target::check`].
    fn check(table: &Self::Table, length: Sectors) -> Result<(), InvalidField>;
}

/// The type parameter of lines that can have any target type: `TableLine<Any>`, or just `TableLine`, has an
/// [`AnyTable`](crate::AnyTable). This type has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Any {}

impl<T: Target> LineKind for T {
    const INTERNAL: bool = T::INTERNAL;

    type Table = T::Table;
    type Status = T::Status;

    #[inline]
    fn table_type(_: &T::Table) -> &str {
        T::TYPE
    }

    #[inline]
    fn status_type(_: &T::Status) -> &str {
        T::TYPE
    }

    #[inline]
    fn check_type(target_type: &str) -> Result<(), Problem> {
        if target_type == T::TYPE { Ok(()) } else { Err(Problem::Expected(T::TYPE)) }
    }

    #[inline]
    fn read_table(_: &str, fields: Fields<'_>) -> Result<T::Table, ParseError> {
        parse::<T, _>(fields, TextKind::Table)
    }

    #[inline]
    fn read_status(_: &str, fields: Fields<'_>) -> Result<T::Status, ParseError> {
        parse::<T, _>(fields, TextKind::Status)
    }

    #[inline]
    fn is_singleton(_: &T::Table) -> bool {
        T::SINGLETON
    }

    #[inline]
    fn is_immutable(_: &T::Table) -> bool {
        T::IMMUTABLE
    }

    #[inline]
    fn is_secret(_: &T::Table) -> bool {
        T::SECRET
    }

    #[inline]
    fn has_failed(table: &T::Table) -> bool {
        <T as Target>::has_failed(table)
    }

    fn remove_requests(table: &mut T::Table) {
        <T as Target>::remove_requests(table);
    }

    #[inline]
    fn difference(one: &T::Table, other: &T::Table) -> Option<TableDifference> {
        <T as Target>::difference(one, other)
    }

    fn work(status: &T::Status) -> Option<Work> {
        T::health(status).work
    }

    #[inline]
    fn check(table: &T::Table, length: Sectors) -> Result<(), InvalidField> {
        <T as Target>::check(table, length)
    }
}
