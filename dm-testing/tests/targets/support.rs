//! A device with one target, and the kernel's output for it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use dm_core::{LoadOptions, RemovePolicy, Retry, StatusOptions, TargetLine};
use dm_targets::{AnyStatus, AnyTable, Concern, Message, StatusLine, TableLine, Target, Verity};
use dm_testing::{LoopDevice, MappedDevice, Scratch, wait_until};
use dm_units::{Bytes, Sectors};

use crate::capture::capture;

/// The timeout for conditions that are met within a moment.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Long enough for udev to close the device.
pub(crate) const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(SOON));

/// A sparse disk of this size in MiB.
pub(crate) fn disk(scratch: &Scratch, mebibytes: u128) -> Arc<LoopDevice> {
    scratch.loop_device(Bytes(mebibytes << 20)).unwrap()
}

/// Whether the running kernel's target has an option.
pub(crate) fn has<T: Target>(scratch: &Scratch, feature: &str) -> bool {
    let version = scratch.dm().target_version(T::TYPE).unwrap();
    T::has_feature(feature, version).unwrap()
}

/// The problems in a status.
pub(crate) fn concerns<T: Target>(status: &T::Status) -> Vec<Concern> {
    T::health(status).concerns
}

/// The type of a reply to the target's messages.
type Reply<T> = <<T as Target>::Message as Message>::Reply;

/// A device whose table has one line.
pub(crate) struct Mapped<'s, T> {
    scratch: &'s Scratch,
    device: MappedDevice,
    length: Sectors,
    target: PhantomData<T>,
}

/// A device with this table, which the kernel prints as it was given.
pub(crate) fn map<'s, T: Target>(
    scratch: &'s Scratch,
    suffix: &str,
    length: Sectors,
    table: T::Table,
) -> Mapped<'s, T> {
    let mapped = map_changed(scratch, suffix, length, table.clone());
    assert_eq!(mapped.table(), table);
    mapped
}

/// A device with this table, which the kernel prints differently.
pub(crate) fn map_changed<'s, T: Target>(
    scratch: &'s Scratch,
    suffix: &str,
    length: Sectors,
    table: T::Table,
) -> Mapped<'s, T> {
    try_map(scratch, suffix, length, table).unwrap()
}

/// A device with this table, if the kernel accepts it.
pub(crate) fn try_map<'s, T: Target>(
    scratch: &'s Scratch,
    suffix: &str,
    length: Sectors,
    table: T::Table,
) -> dm_testing::Result<Mapped<'s, T>> {
    let device = scratch.create(suffix)?;
    let mapped = Mapped { scratch, device, length, target: PhantomData };
    mapped.try_swap(table)?;
    mapped.status();
    Ok(mapped)
}

impl<T: Target> Mapped<'_, T> {
    pub(crate) fn device(&self) -> &MappedDevice {
        &self.device
    }

    /// Makes another table active.
    pub(crate) fn swap(&self, table: T::Table) {
        self.try_swap(table).unwrap();
    }

    fn try_swap(&self, table: T::Table) -> dm_testing::Result<()> {
        T::check(&table, self.length).unwrap();
        let line = TableLine::<T>::new(Sectors(0), self.length, table);
        let dm = self.scratch.dm();
        // The kernel accepts this target only in a read-only table.
        let options = LoadOptions::new().read_only(T::TYPE == Verity::TYPE);
        dm.table_load_with(&self.device, [TargetLine::from(&line)], options)?;
        dm.device_resume(&self.device)?;
        Ok(())
    }

    /// The table as the kernel prints it.
    pub(crate) fn table(&self) -> T::Table {
        let text = self.line(StatusOptions::table());
        let typed = TableLine::<T>::parse_printed_as(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(format!("{typed:#}"), text);
        let any = TableLine::parse_printed(&text).unwrap();
        assert!(!matches!(any.params, AnyTable::Other(_)), "{text}");
        capture(T::TYPE, &[("table", &text)]);
        typed.params
    }

    /// The status as the kernel prints it.
    pub(crate) fn status(&self) -> T::Status {
        self.status_with(StatusOptions::new())
    }

    /// The status, without waiting for I/O in flight.
    pub(crate) fn status_now(&self) -> T::Status {
        self.status_with(StatusOptions::new().noflush(true))
    }

    fn status_with(&self, options: StatusOptions) -> T::Status {
        let text = self.line(options);
        let typed: StatusLine<T> = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(typed.to_string(), text);
        let any: StatusLine = text.parse().unwrap();
        assert!(!matches!(any.status, AnyStatus::Other(_)), "{text}");
        capture(T::TYPE, &[("status", &text)]);
        typed.status
    }

    /// Waits for a status that meets the condition, and returns it.
    pub(crate) fn wait_for(&self, what: &str, condition: impl Fn(&T::Status) -> bool) -> T::Status {
        self.wait_within(SOON, what, condition)
    }

    /// As [`wait_for`](Self::wait_for), with another timeout.
    pub(crate) fn wait_within(
        &self,
        timeout: Duration,
        what: &str,
        condition: impl Fn(&T::Status) -> bool,
    ) -> T::Status {
        let status = || self.line(StatusOptions::new()).parse::<StatusLine<T>>().unwrap().status;
        if let Err(error) = wait_until(what, timeout, || condition(&status())) {
            panic!("{error}: {:?}", self.status());
        }
        self.status()
    }

    /// Sends a message that the target must accept, and returns the reply.
    pub(crate) fn send(&self, message: &T::Message) -> Reply<T> {
        self.try_send(message).unwrap()
    }

    /// Sends a message that the target may refuse.
    pub(crate) fn try_send(&self, message: &T::Message) -> dm_core::Result<Reply<T>> {
        let text = message.to_string();
        assert_eq!(T::parse_message(&text), Ok(message.clone()));
        let reply = self.scratch.dm().target_msg(&self.device, &text)?;
        let reply = reply.text().map_or("", |reply| reply.to_str().unwrap());
        let typed = T::parse_reply(message, reply).unwrap_or_else(|error| panic!("{reply}: {error}"));
        assert_eq!(typed.to_string(), reply);
        capture(T::TYPE, &[("message", &text), ("reply", reply)]);
        Ok(typed)
    }

    /// The single line, as `dmsetup` prints it.
    fn line(&self, options: StatusOptions) -> String {
        let lines = self.scratch.dm().table_status_with(&self.device, options).unwrap();
        let line = lines.iter().next().unwrap().unwrap();
        // `Display` does not show keys.
        format!("{} {} {} {}", line.start, line.length, line.target_type, line.params.to_str().unwrap())
    }
}
