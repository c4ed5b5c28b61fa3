//! Typed lines, as dm-core loads and reads them.

use dm_core::{Printed, TargetLine, Text};

use crate::fields::Fields;
use crate::kind::Kind;
use crate::parse_error::{ParseError, Place};
use crate::problem::Problem;
use crate::table::{StatusLine, TableLine};

/// Lets typed lines be loaded: `dm.table_load(&mut buffer, name, table.lines().iter().map(Into::into), options)`.
///
/// They are printed straight into the buffer. For a target whose [`SECRET`](crate::Target::SECRET) is set, the options
/// should say [`secure`](dm_core::LoadOptions::secure).
impl<'a, K: Kind> From<&'a TableLine<K>> for TargetLine<'a, Printed<&'a K::Table>> {
    fn from(line: &'a TableLine<K>) -> Self {
        Self::new(line.start, line.length, line.target_type(), &line.params)
    }
}

/// Reads a line of [`table_status`](dm_core::Dm::table_status) that is one of a table.
impl<K: Kind> TryFrom<TargetLine<'_>> for TableLine<K> {
    type Error = ParseError;

    fn try_from(line: TargetLine<'_>) -> Result<Self, ParseError> {
        let params = read::<K, _>(&line, K::read_table)?;
        Ok(Self { start: line.start, length: line.length, params })
    }
}

/// Reads a line of [`table_status`](dm_core::Dm::table_status) that is one of a status.
impl<K: Kind> TryFrom<TargetLine<'_>> for StatusLine<K> {
    type Error = ParseError;

    fn try_from(line: TargetLine<'_>) -> Result<Self, ParseError> {
        let status = read::<K, _>(&line, K::read_status)?;
        Ok(Self { start: line.start, length: line.length, status })
    }
}

fn read<'a, K: Kind, T>(
    line: &TargetLine<'a>,
    read: impl FnOnce(&str, Fields<'a>) -> Result<T, ParseError>,
) -> Result<T, ParseError> {
    // As words of the whole line, after start and length.
    let error = |number, field, problem| ParseError::new(Place { number, start: 0, end: 0 }, field, problem);
    // The kernel passes on any bytes, of a path in another encoding, say.
    let text =
        |text: Text<'a>, number, field| text.to_str().map_err(|_| error(number, field, Problem::Expected("UTF-8")));
    let target_type = text(line.target_type, 3, "target type")?;
    K::check_type(target_type).map_err(|problem| error(3, "target type", problem))?;
    read(target_type, Fields::printed(text(line.params, 4, "params")?))
}

#[cfg(test)]
mod tests {
    use dm_core::{Printed, Text};
    use dm_units::{DeviceNumber, Sectors};

    use super::TargetLine;
    use crate::linear::LinearTable;
    use crate::{AnyTable, Linear, StatusLine, TableLine, Thin};

    #[test]
    fn a_line_is_loaded_as_it_prints() {
        let table = LinearTable::new(DeviceNumber::new(7, 0), Sectors(8));
        let line = TableLine::<Linear>::new(Sectors(0), Sectors(16), table.clone());
        let loaded = dm_core::TargetLine::from(&line);
        assert_eq!(loaded.to_string(), "0 16 linear 7:0 8");
        let line: TableLine = TableLine::new(Sectors(0), Sectors(16), AnyTable::from(table));
        let loaded: dm_core::TargetLine<'_, Printed<&AnyTable>> = (&line).into();
        assert_eq!(loaded.to_string(), "0 16 linear 7:0 8");
    }

    fn line<'a>(target_type: &'a str, params: &'a [u8]) -> TargetLine<'a> {
        let [target_type, params] = [Text::new(target_type.as_bytes()), Text::new(params)];
        TargetLine { start: Sectors(0), length: Sectors(16), target_type, params }
    }

    #[test]
    fn lines_of_the_kernel_are_read() {
        let read = TableLine::<Linear>::try_from(line("linear", b"7:0 8")).unwrap();
        assert_eq!(read, "0 16 linear 7:0 8".parse().unwrap());
        let read: StatusLine<Thin> = line("thin", b"16 15").try_into().unwrap();
        assert_eq!(read, "0 16 thin 16 15".parse().unwrap());
        let refusal = |line: TargetLine<'_>| TableLine::<Linear>::try_from(line).unwrap_err().to_string();
        assert_eq!(refusal(line("zero", b"")), "line: word 3, target type, must be linear");
        assert_eq!(refusal(line("linear", b"7:0")), "linear table: word 2, start, is missing");
        assert_eq!(refusal(line("linear", b"\xff 8")), "line: word 4, params, must be UTF-8");
    }
}
