//! Reads the long form of `dmsetup info`.

use core::iter;

use dm_units::DeviceNumber;

use super::list::{number, numbered, read, wrong};
use crate::errors::table_error::TableError;

/// A device in the output of `dmsetup info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmsetupDetail<'a> {
    /// The name of the device.
    pub name: &'a str,
    /// The device number.
    pub number: DeviceNumber,
    /// Whether the device is suspended.
    pub suspended: bool,
    /// Whether the device is read-only.
    pub read_only: bool,
    /// Whether the device is removed as soon as it is no longer open.
    pub deferred_remove: bool,
    /// The read-ahead in sectors; `None` if it is not printed.
    pub read_ahead: Option<u32>,
    /// Whether the device has an active table.
    pub live_table: bool,
    /// Whether the device has an inactive table.
    pub inactive_table: bool,
    /// The number of times that the device is open; `None` if it is not printed.
    pub open: Option<u32>,
    /// The number of the last event.
    pub event: u32,
    /// The number of lines of the active table; `None` if it is not printed.
    pub targets: Option<u32>,
    /// The uuid; `None` for a device without one.
    pub uuid: Option<&'a str>,
}

impl<'a> DmsetupDetail<'a> {
    /// A device with this name and no other properties.
    const fn named(name: &'a str) -> Self {
        Self {
            name,
            number: DeviceNumber::new(0, 0),
            suspended: false,
            read_only: false,
            deferred_remove: false,
            read_ahead: None,
            live_table: false,
            inactive_table: false,
            open: None,
            event: 0,
            targets: None,
            uuid: None,
        }
    }
}

/// Parses the output of `dmsetup info`.
///
/// Each item is a device, or an error that names the invalid line. Lines with an unknown label are ignored. Spaces
/// around a uuid are lost.
///
/// ```
/// let output = "Name:              left right\nState:             ACTIVE (READ-ONLY)\nTables present:    LIVE\n\
///               Event number:      7\nMajor, minor:      254, 3\n\n";
/// let list = dm_targets::dmsetup_info_long(output).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((list[0].name, list[0].number.minor, list[0].read_only), ("left right", 3, true));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_info_long(output: &str) -> impl Iterator<Item = Result<DmsetupDetail<'_>, TableError>> {
    let mut lines = numbered(output).filter(|(line, _)| line.trim() != "Device does not exist.").peekable();
    iter::from_fn(move || {
        let first = lines.next()?;
        let mut device = Device::of(first);
        while let Some(line) = lines.next_if(|(line, _)| name(line).is_none()) {
            device = device.and_then(|device| device.with(line));
        }
        Some(device.and_then(Device::complete))
    })
}

/// A device whose lines are being read.
struct Device<'a> {
    read: DmsetupDetail<'a>,
    number: Option<DeviceNumber>,
    /// The first line of the device, and its number.
    line: (&'a str, usize),
}

impl<'a> Device<'a> {
    fn of((line, number): (&'a str, usize)) -> Result<Self, TableError> {
        let name = name(line).ok_or_else(|| wrong(line, number, "the line Name of a device"))?;
        let read = DmsetupDetail::named(name);
        Ok(Self { read, number: None, line: (line, number) })
    }

    fn with(mut self, (line, at): (&'a str, usize)) -> Result<Self, TableError> {
        let wrong = |expected| move || wrong(line, at, expected);
        let (label, value) = line.split_once(':').ok_or_else(wrong("a label, a colon and a value"))?;
        let value = value.trim();
        let count = || read(value).ok_or_else(wrong("a label, a colon and a number"));
        match label.trim_start() {
            "State" => {
                self.read.suspended = value.starts_with("SUSPENDED");
                self.read.read_only = value.contains("(READ-ONLY)");
                self.read.deferred_remove = value.contains("(DEFERRED REMOVE)");
            }
            "Read Ahead" => self.read.read_ahead = Some(count()?),
            "Tables present" => {
                let mut tables = value.split(" & ");
                self.read.live_table = tables.clone().any(|table| table == "LIVE");
                self.read.inactive_table = tables.any(|table| table == "INACTIVE");
            }
            "Open count" => self.read.open = Some(count()?),
            "Event number" => self.read.event = count()?,
            "Major, minor" => self.number = Some(number(value).ok_or_else(wrong("two numbers such as 254, 0"))?),
            "Number of targets" => self.read.targets = Some(count()?),
            "UUID" => self.read.uuid = Some(value),
            _ => {}
        }
        Ok(self)
    }

    fn complete(self) -> Result<DmsetupDetail<'a>, TableError> {
        let Self { read, number, line: (line, at) } = self;
        let number = number.ok_or_else(|| wrong(line, at, "followed by the line Major, minor"))?;
        Ok(DmsetupDetail { number, ..read })
    }
}

/// The name in the first line of a device. It starts at a fixed column and may begin with a space.
fn name(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("Name:")?;
    let column = rest.strip_prefix("              ");
    Some(column.unwrap_or_else(|| rest.trim_start())).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by dmsetup 1.02.185.
    const OUTPUT: &str = "\
Name:              left right
State:             SUSPENDED (READ-ONLY) (DEFERRED REMOVE)
Read Ahead:        256
Tables present:    LIVE & INACTIVE
Open count:        3
Event number:      5
Major, minor:      254, 7
Number of targets: 2
UUID: TEST-my: uuid

Name:               State: b
State:             ACTIVE
Tables present:    None
Event number:      0
Major, minor:      253, 1048575

";

    #[test]
    fn each_line_of_each_device_is_read() {
        let list: Vec<_> = dmsetup_info_long(OUTPUT).map(Result::unwrap).collect();
        let expected = DmsetupDetail {
            name: "left right",
            number: DeviceNumber::new(254, 7),
            suspended: true,
            read_only: true,
            deferred_remove: true,
            read_ahead: Some(256),
            live_table: true,
            inactive_table: true,
            open: Some(3),
            event: 5,
            targets: Some(2),
            uuid: Some("TEST-my: uuid"),
        };
        let plain = DmsetupDetail { number: DeviceNumber::new(253, 1_048_575), ..DmsetupDetail::named(" State: b") };
        assert_eq!(list, [expected, plain]);
        for (tables, present) in [("LIVE", [true, false]), ("INACTIVE", [false, true]), ("None", [false, false])] {
            let output = OUTPUT.replace("LIVE & INACTIVE", tables);
            let device = dmsetup_info_long(&output).next().unwrap().unwrap();
            assert_eq!([device.live_table, device.inactive_table], present, "{tables}");
        }
    }

    #[test]
    fn outputs_without_devices_have_none() {
        for output in ["", "No devices found\n", "Device does not exist.\n"] {
            assert_eq!(dmsetup_info_long(output).count(), 0, "{output}");
        }
    }

    #[test]
    fn an_error_names_the_line_and_the_next_device_is_read() {
        let errors = |from: &str, to: &str| {
            let output = OUTPUT.replacen(from, to, 1);
            let mut items = dmsetup_info_long(&output);
            let error = items.next().unwrap().unwrap_err().to_string();
            assert!(items.next().unwrap().is_ok() && items.next().is_none(), "{to}");
            error
        };
        assert_eq!(errors("256", "x"), "line 3: line: word 1 must be a label, a colon and a number");
        assert_eq!(errors("254, 7", "254"), "line 7: line: word 1 must be two numbers such as 254, 0");
        assert_eq!(errors("Major", "Later"), "line 1: line: word 1 must be followed by the line Major, minor");
        assert_eq!(errors("Open count:", "Open count"), "line 5: line: word 1 must be a label, a colon and a value");
        assert_eq!(errors("Name: ", "Nam: "), "line 1: line: word 1 must be the line Name of a device");
    }
}
