//! Conversions between typed lines and the lines that dm-core loads and reads.

use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use dm_core::plan::WantedLine;
use dm_core::{FieldDifference, Payload, PayloadWriter, TargetLine, TargetParams, TargetStatus, Text};

use crate::AnyTable;
use crate::errors::parse_error::{ParseError, Place};
use crate::errors::problem::Problem;
use crate::table::{StatusLine, Table, TableLine};
use crate::target::kind::{Any, LineKind};
use crate::target::{Message, Target};
use crate::targets::{self, with_targets};
use crate::text::fields::Fields;

/// A typed table as the params of a [`TargetLine`], for code that is generic over the kind of line.
#[derive(Clone, Copy, Debug)]
pub struct TypedParams<'a, K: LineKind>(&'a K::Table);

impl<'a, K: LineKind> TypedParams<'a, K> {
    /// Wraps the table of a line of the kind `K`.
    #[must_use]
    pub const fn new(table: &'a K::Table) -> Self {
        Self(table)
    }
}

impl Payload for AnyTable {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        TypedParams::<Any>::new(self).write(out)
    }

    fn may_hold_key(&self) -> bool {
        Any::is_secret(self)
    }
}

impl TargetParams for AnyTable {
    fn target_type(&self) -> &str {
        self.target_type()
    }

    fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
        TypedParams::<Any>::new(self).difference(printed)
    }
}

impl<K: LineKind> Payload for TypedParams<'_, K> {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }

    fn may_hold_key(&self) -> bool {
        K::is_secret(self.0)
    }
}

impl<K: LineKind> TargetParams for TypedParams<'_, K> {
    fn target_type(&self) -> &str {
        K::table_type(self.0)
    }

    /// Compares the table with params that the kernel has printed, by their meaning.
    fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
        let read = |text| K::read_table(self.target_type(), Fields::printed(text)).ok();
        let Some(printed) = printed.to_str().ok().and_then(read) else {
            return Some(FieldDifference { field: "params", is_layout: true });
        };
        let difference = K::difference(self.0, &printed)?;
        Some(FieldDifference { field: difference.field, is_layout: difference.is_layout })
    }
}

/// Implements params for tables, so that a line can be made directly: `TargetLine::new(start, length, &table)`.
macro_rules! loadable {
    ($($name:ident($module:ident::$target:ident, $table:ident) $($boxed:ident)?;)+) => {$(
        impl Payload for targets::$module::$table {
            #[inline]
            fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
                TypedParams::<targets::$target>::new(self).write(out)
            }

            fn may_hold_key(&self) -> bool {
                targets::$target::SECRET
            }
        }

        impl TargetParams for targets::$module::$table {
            fn target_type(&self) -> &str {
                targets::$target::TYPE
            }

            fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
                TypedParams::<targets::$target>::new(self).difference(printed)
            }
        }
    )+};
}

with_targets!(loadable);

/// Converts a typed line into a line for `table_load`: `dm.table_load(name, table.lines().iter().map(Into::into))`.
///
/// The params are printed directly into the request.
impl<'a, K: LineKind> From<&'a TableLine<K>> for TargetLine<TypedParams<'a, K>> {
    fn from(line: &'a TableLine<K>) -> Self {
        Self::new(line.start, line.length, TypedParams(&line.params))
    }
}

/// The params of a typed line that owns its table.
#[derive(Debug)]
struct OwnedParams<K: LineKind>(K::Table);

impl<K: LineKind> Payload for OwnedParams<K> {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        TypedParams::<K>(&self.0).write(out)
    }

    fn may_hold_key(&self) -> bool {
        K::is_secret(&self.0)
    }
}

impl<K: LineKind> TargetParams for OwnedParams<K> {
    fn target_type(&self) -> &str {
        K::table_type(&self.0)
    }

    fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
        TypedParams::<K>(&self.0).difference(printed)
    }
}

/// The lines of a table, for a plan.
pub(super) fn wanted_lines<'a, K: LineKind + 'a>(table: Table<K>) -> Vec<WantedLine<'a>> {
    let line = |line: TableLine<K>| TargetLine::new(line.start, line.length, OwnedParams::<K>(line.params)).boxed();
    table.into_lines().into_iter().map(line).collect()
}

/// The lines of a table, to be loaded.
pub(super) fn lines<K: LineKind>(table: &Table<K>) -> impl Iterator<Item = TargetLine<TypedParams<'_, K>>> {
    table.lines().iter().map(Into::into)
}

/// A typed message to a target. If the target takes keys, the message may contain one.
pub(super) struct TypedMessage<'a, T: Target>(pub(super) &'a T::Message);

impl<T: Target> Payload for TypedMessage<'_, T>
where
    T::Message: Message,
{
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }

    fn may_hold_key(&self) -> bool {
        T::SECRET
    }
}

/// Parses a line of a table, read by [`table_status_with`](dm_core::Dm::table_status_with) with
/// [`StatusOptions::table`](dm_core::StatusOptions::table).
impl<K: LineKind> TryFrom<TargetStatus<'_>> for TableLine<K> {
    type Error = ParseError;

    fn try_from(line: TargetStatus<'_>) -> Result<Self, ParseError> {
        let params = read::<K, _>(&line, K::read_table)?;
        Ok(Self { start: line.start, length: line.length, params })
    }
}

/// Parses a line of a status that [`table_status`](dm_core::Dm::table_status) has returned.
impl<K: LineKind> TryFrom<TargetStatus<'_>> for StatusLine<K> {
    type Error = ParseError;

    fn try_from(line: TargetStatus<'_>) -> Result<Self, ParseError> {
        let status = read::<K, _>(&line, K::read_status)?;
        Ok(Self { start: line.start, length: line.length, status })
    }
}

fn read<'a, K: LineKind, T>(
    line: &TargetStatus<'a>,
    read: impl FnOnce(&str, Fields<'a>) -> Result<T, ParseError>,
) -> Result<T, ParseError> {
    // Positions are words of the whole line, which begins with start and length.
    let error = |number, field, problem| ParseError::new(Place { number, start: 0, end: 0 }, field, problem);
    // The kernel returns any bytes, for example of a path in another encoding.
    let text =
        |text: Text<'a>, number, field| text.to_str().map_err(|_| error(number, field, Problem::Expected("UTF-8")));
    let target_type = text(line.target_type, 3, "target type")?;
    K::check_type(target_type).map_err(|problem| error(3, "target type", problem))?;
    read(target_type, Fields::printed(text(line.params, 4, "params")?))
}

#[cfg(test)]
mod tests {
    use dm_core::{Payload as _, TargetParams as _, Text};
    use dm_units::{DeviceNumber, Sectors};

    use super::{TargetLine, TargetStatus};
    use crate::linear::LinearTable;
    use crate::{AnyTable, Crypt, Linear, StatusLine, TableLine, Thin};

    #[test]
    fn a_line_is_loaded_as_it_prints() {
        let table = LinearTable::new(DeviceNumber::new(7, 0), Sectors(8));
        let line = TableLine::<Linear>::new(Sectors(0), Sectors(16), table.clone());
        assert_eq!(TargetLine::from(&line).to_string(), "0 16 linear 7:0 8");
        let line: TableLine = TableLine::new(Sectors(0), Sectors(16), AnyTable::from(table));
        assert_eq!(TargetLine::from(&line).to_string(), "0 16 linear 7:0 8");
    }

    #[test]
    fn a_table_stands_in_a_line_by_itself() {
        let table = LinearTable::new(DeviceNumber::new(7, 0), Sectors(8));
        assert_eq!(TargetLine::new(Sectors(0), Sectors(16), &table).to_string(), "0 16 linear 7:0 8");
        let differs = |printed| table.difference(Text::from(printed)).map(|difference| difference.field);
        assert_eq!((differs("7:0 8"), differs("7:0 9"), differs("7:1 8")), (None, Some("start"), Some("device")));
        let any = AnyTable::from(table);
        assert_eq!(TargetLine::new(Sectors(0), Sectors(16), &any).to_string(), "0 16 linear 7:0 8");
        let differs = |printed| any.difference(Text::from(printed)).map(|difference| difference.field);
        assert_eq!((differs("7:0 8"), differs("7:0 9"), differs("7:1 8")), (None, Some("start"), Some("device")));
    }

    #[test]
    fn a_printed_line_is_compared_by_its_meaning() {
        let line: TableLine<Linear> = "0 16 linear 7:0 8".parse().unwrap();
        let params = TargetLine::from(&line).params;
        assert_eq!(params.difference(Text::from("7:0 8")), None);
        for other in ["7:0 9", "7:0", "", "zero"] {
            assert!(params.difference(Text::from(other)).is_some(), "{other}");
        }
        assert!(params.difference(Text::new(b"\xff 8")).is_some());
    }

    #[test]
    fn a_line_of_a_target_that_takes_keys_says_so() {
        let line: TableLine<Crypt> =
            "0 16 crypt aes-xts-plain64 00112233445566778899aabbccddeeff 0 7:0 0".parse().unwrap();
        let line = TargetLine::from(&line);
        assert!(line.params.may_hold_key());
        assert!(!line.to_string().contains("0011"), "{line}");
        let any = |text: &str| text.parse::<TableLine<crate::Any>>().unwrap().params.may_hold_key();
        assert!(any("0 16 crypt aes-xts-plain64 00112233445566778899aabbccddeeff 0 7:0 0") && !any("0 16 zero"));
    }

    fn line<'a>(target_type: &'a str, params: &'a [u8]) -> TargetStatus<'a> {
        TargetStatus::new(Sectors(0), Sectors(16), target_type.into(), params.into())
    }

    #[test]
    fn lines_of_the_kernel_are_read() {
        let read = TableLine::<Linear>::try_from(line("linear", b"7:0 8")).unwrap();
        assert_eq!(read, "0 16 linear 7:0 8".parse().unwrap());
        let read: StatusLine<Thin> = line("thin", b"16 15").try_into().unwrap();
        assert_eq!(read, "0 16 thin 16 15".parse().unwrap());
        let refusal = |line: TargetStatus<'_>| TableLine::<Linear>::try_from(line).unwrap_err().to_string();
        assert_eq!(refusal(line("zero", b"")), "line: word 3, target type, must be linear");
        assert_eq!(refusal(line("linear", b"7:0")), "linear table: word 2, start, is missing");
        assert_eq!(refusal(line("linear", b"\xff 8")), "line: word 4, params, must be UTF-8");
    }
}
