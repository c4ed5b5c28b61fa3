//! Typed lines, as dm-core loads them.

use dm_core::{Printed, TargetLine};

use crate::kind::Kind;
use crate::table::TableLine;

/// Lets typed lines be loaded: `dm.table_load(&mut buffer, name, table.lines().iter().map(Into::into), options)`.
///
/// They are printed straight into the buffer. For a target whose [`SECRET`](crate::Target::SECRET) is set, the options
/// should say [`secure`](dm_core::LoadOptions::secure).
impl<'a, K: Kind> From<&'a TableLine<K>> for TargetLine<'a, Printed<&'a K::Table>> {
    fn from(line: &'a TableLine<K>) -> Self {
        Self::new(line.start, line.length, line.target_type(), &line.params)
    }
}

#[cfg(test)]
mod tests {
    use dm_core::Printed;
    use dm_units::{DeviceNumber, Sectors};

    use crate::linear::LinearTable;
    use crate::{AnyTable, Linear, TableLine};

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
}
