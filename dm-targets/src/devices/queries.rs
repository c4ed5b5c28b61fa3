//! Methods that read a whole device: its table, its statuses, and replies to messages.

use alloc::string::String;
use alloc::vec::Vec;

use dm_core::{DevId, Dm, Error, Host, StatusOptions, TableStatus};

use super::line::TypedMessage;
use super::{DevError, MappedDev};
use crate::Era;
use crate::errors::parse_error::ParseError;
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::table::{StatusLine, Table, TableLine};
use crate::target::kind::LineKind;
use crate::target::{Message, Target};

impl<K: LineKind> MappedDev<K> {
    /// Reads the active table.
    ///
    /// # Errors
    ///
    /// [`DevError::NoTable`]: the device has no active table. [`DevError::Table`]: the active table has another target
    /// type or cannot be parsed. [`DevError::PoolFailed`]: the pool of a thin device has failed.
    pub fn table(&self, host: &Host) -> Result<Table<K>, DevError> {
        self.usable(self.lines(host)?)
    }

    /// Reads the lines of the active table to change them, without requests that the kernel has carried out. A table
    /// whose key was wiped is refused.
    pub(super) fn lines_to_change(&self, host: &Host) -> Result<Vec<TableLine<K>>, DevError> {
        let table = self.read_table(host)?;
        if table.has_wiped_key() {
            return Err(DevError::KeyWiped(self.to_id()));
        }
        let mut lines = self.parse_lines(&table)?;
        self.check_pools(&lines)?;
        lines.iter_mut().for_each(|line| K::remove_requests(&mut line.params));
        Ok(lines)
    }

    fn usable(&self, lines: Vec<TableLine<K>>) -> Result<Table<K>, DevError> {
        self.check_pools(&lines)?;
        Table::new(lines).map_err(|error| self.no_table(error))
    }

    fn check_pools(&self, lines: &[TableLine<K>]) -> Result<(), DevError> {
        let has_failed = lines.iter().any(|line| K::has_failed(&line.params));
        if has_failed { Err(DevError::PoolFailed(self.to_id())) } else { Ok(()) }
    }

    /// Reads the lines of the active table as the kernel prints them, even if they cannot be loaded again.
    pub(super) fn lines(&self, host: &Host) -> Result<Vec<TableLine<K>>, DevError> {
        self.parse_lines(&self.read_table(host)?)
    }

    fn read_table(&self, host: &Host) -> Result<TableStatus, DevError> {
        let options = StatusOptions::table().noflush(true).secure(true);
        let table = host.dm().table_status_with(self.id(), options)?;
        if table.info().has_active_table() { Ok(table) } else { Err(DevError::NoTable(self.to_id())) }
    }

    fn parse_lines(&self, table: &TableStatus) -> Result<Vec<TableLine<K>>, DevError> {
        let mut lines = Vec::new();
        for (line, number) in table.iter().zip(1..) {
            let line = TableLine::try_from(line?);
            lines.push(line.map_err(|error| self.no_table(TableError::new(number, TableErrorKind::Parse(error))))?);
        }
        Ok(lines)
    }

    /// Reads the status of each line of the active table. Returns an empty list if there is no table. Pools, caches and
    /// clones commit their metadata first.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: a line has another target type, or cannot be parsed. [`DevError::Suspended`]: the device is
    /// suspended, and a line has the target `era`.
    pub fn statuses(&self, host: &Host) -> Result<Vec<StatusLine<K>>, DevError> {
        self.statuses_with(host, StatusOptions::new())
    }

    /// Reads the status of each line of the active table, with options.
    ///
    /// With [`noflush`](StatusOptions::noflush), pools, caches and clones do not commit their metadata. The options
    /// must request the status, not the table.
    ///
    /// # Errors
    ///
    /// As [`statuses`](Self::statuses).
    pub fn statuses_with(&self, host: &Host, options: StatusOptions) -> Result<Vec<StatusLine<K>>, DevError> {
        self.check_answers(host)?;
        let status = host.dm().table_status_with(self.id(), options)?;
        let mut lines = Vec::new();
        for line in &status {
            lines.push(StatusLine::try_from(line?).map_err(|error| self.no_text(error))?);
        }
        Ok(lines)
    }

    /// Checks that no target waits until the device is resumed, in a status request or a message. This takes a command,
    /// or two if the device is suspended, for kinds of devices that can have such a target.
    fn check_answers(&self, host: &Host) -> Result<(), DevError> {
        let may_wait = K::check_type(Era::TYPE).is_ok();
        if may_wait && waits_for_resume(host.dm(), self.id())? {
            Err(DevError::Suspended(self.to_id()))
        } else {
            Ok(())
        }
    }

    fn no_text(&self, source: ParseError) -> DevError {
        DevError::Text { device: self.id().to_owned(), source }
    }
}

impl<K: Target> MappedDev<K> {
    /// Reads the status of the device's target, or of the first line if the table has several, as
    /// [`statuses`](Self::statuses) does.
    ///
    /// # Errors
    ///
    /// As [`statuses`](Self::statuses). [`DevError::NoTable`]: the device has no active table.
    pub fn status(&self, host: &Host) -> Result<K::Status, DevError> {
        self.status_with(host, StatusOptions::new())
    }

    /// Reads the status of the device's target, or of the first line if the table has several, with options as
    /// [`statuses_with`](Self::statuses_with).
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub fn status_with(&self, host: &Host, options: StatusOptions) -> Result<K::Status, DevError> {
        let first = self.statuses_with(host, options)?.into_iter().next();
        first.map(|line| line.status).ok_or_else(|| DevError::NoTable(self.id().to_owned()))
    }

    /// Reads the status of its target without committing its metadata first.
    pub(super) fn unflushed_status(&self, host: &Host) -> Result<K::Status, DevError> {
        self.status_with(host, StatusOptions::new().noflush(true))
    }

    /// Sends a message to the device's target, or to the first line if the table has several, and parses the reply.
    ///
    /// # Errors
    ///
    /// As [`Dm::target_msg`](dm_core::Dm::target_msg). [`DevError::Text`]: the reply cannot be parsed, but the message
    /// took effect. [`DevError::Suspended`]: the device is suspended, and its target is `era`.
    pub fn message(&self, host: &Host, message: &K::Message) -> Result<<K::Message as Message>::Reply, DevError> {
        self.check_answers(host)?;
        let reply = host.dm().target_msg(self.id(), TypedMessage::<K>(message))?;
        let text = reply.text().unwrap_or_default();
        let text = String::from_utf8_lossy(text.as_bytes());
        K::parse_reply(message, &text).map_err(|error| self.no_text(error))
    }
}

/// Whether a target of the device replies to status requests and messages only after a resume.
///
/// The target `era` passes them to its worker, which is stopped while the device is suspended. A signal does not end the
/// wait, and if the table is replaced meanwhile, neither call returns (`perform_rpc` and `wake_worker` in
/// drivers/md/dm-era-target.c). Without a flush it waits as well.
pub(super) fn waits_for_resume(dm: &Dm, id: DevId<'_>) -> Result<bool, Error> {
    if !dm.device_info(id)?.is_suspended() {
        return Ok(false);
    }
    let options = StatusOptions::table().noflush(true).secure(true).if_possible(true);
    let table = dm.table_status_with(id, options)?;
    Ok(table.iter().flatten().any(|line| line.target_type == *Era::TYPE))
}
