//! Attaches and detaches targets over a device in use: caches, and targets that record or copy writes.

use alloc::vec::Vec;
use core::time::Duration;

use dm_core::udev::Visibility;
use dm_core::{AsDmName, Host, RemovePolicy, Retry, SetupOptions};
use dm_units::{DeviceNumber, Sectors};

use super::{DevError, LinearDev, MappedDev};
use crate::linear::LinearTable;
use crate::table::{Table, TableLine};
use crate::target::Target;
use crate::{Device, Linear};

/// How long a removal waits for programs such as udev, which opens every new device for a moment.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
pub(super) const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(PATIENCE));

impl<T: Target> MappedDev<T> {
    /// Moves the active table to a new private device, `origin_name`, and replaces it with one line over that device,
    /// which `params` makes from its number. When a step fails, all steps are undone, unless the last one took effect.
    pub(super) fn lay_over(
        host: &Host,
        device: &LinearDev,
        origin_name: impl AsDmName,
        params: impl FnOnce(DeviceNumber) -> T::Table,
    ) -> Result<(LinearDev, Self), DevError> {
        let table = device.table(host)?;
        let options = SetupOptions::new().visibility(Visibility::Private);
        let origin = LinearDev::create_with(host, origin_name, &table, options)?;
        let put = origin.number(host).and_then(|number| {
            let line = TableLine::<T> { start: Sectors(0), length: table.length(), params: params(number) };
            let table = Table::new([line]).map_err(|error| device.no_table(error))?;
            device.retyped::<T>().set_table(host, &table)
        });
        match put {
            Ok(()) => Ok((origin, device.retyped())),
            Err(cause) if cause.took_effect() => Err(cause),
            Err(cause) => Err(cause.undo(origin.remove_with(host, PATIENTLY).map(drop))),
        }
    }

    /// Replaces its table, while it is in use, with a linear one over the device that `below` finds in the table.
    pub(super) fn replace_by(
        &self,
        host: &Host,
        table: &Table<T>,
        below: impl Fn(&T::Table) -> &Device,
    ) -> Result<LinearDev, DevError> {
        self.check_single(table)?;
        let lines = table.lines().iter().map(|line| {
            let params = LinearTable::new(below(&line.params).clone(), Sectors(0));
            TableLine::<Linear> { start: line.start, length: line.length, params }
        });
        let table = Table::new(lines.collect::<Vec<_>>()).map_err(|error| self.no_table(error))?;
        let device = self.retyped::<Linear>();
        device.set_table(host, &table)?;
        Ok(device)
    }

    /// Messages go to the first line of a table, and the status is read from it as well, so decisions based on them are
    /// safe only if there is no other line.
    pub(super) fn check_single(&self, table: &Table<T>) -> Result<(), DevError> {
        if table.lines().len() > 1 { Err(DevError::SeveralLines(self.to_id())) } else { Ok(()) }
    }
}
