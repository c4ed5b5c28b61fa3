//! Tables of many linear lines: from typed values, from text, and as text.
//!
//! Shared by the benchmarks, the tests that count allocations and the program that counts instructions.

use std::fmt::{self, Display};

use dm_core::{Printed, TargetLine, Text};
use dm_units::{DeviceNumber, Sectors, decimal};

/// The device that lines lie on, where no kernel looks for it.
pub(crate) const BELOW: DeviceNumber = DeviceNumber::new(7, 0);
/// How long each line is.
const LENGTH: Sectors = Sectors(8);

/// The lines of a table, made from values as they are written.
pub(crate) fn typed(below: DeviceNumber, count: usize) -> impl Iterator<Item = TargetLine<'static, Printed<Linear>>> {
    starts(count).map(move |start| {
        let params = Linear { device: below, start };
        TargetLine::new(start, LENGTH, "linear", params)
    })
}

/// The params of each line, as text.
pub(crate) fn texts(below: DeviceNumber, count: usize) -> Vec<String> {
    starts(count).map(|start| format!("{below} {start}")).collect()
}

/// The lines of a table, from text that is there.
pub(crate) fn from_texts(texts: &[String]) -> impl Iterator<Item = TargetLine<'_>> {
    texts.iter().zip(starts(texts.len())).map(|(text, start)| {
        let (target_type, params) = (Text::from("linear"), Text::from(text.as_str()));
        TargetLine { start, length: LENGTH, target_type, params }
    })
}

fn starts(count: usize) -> impl ExactSizeIterator<Item = Sectors> {
    (0..count).map(|index| Sectors(index as u64 * LENGTH.0))
}

/// A linear target's params, printed as those of dm-targets are: put together on the stack and written at once.
pub(crate) struct Linear {
    device: DeviceNumber,
    start: Sectors,
}

impl Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = decimal::Buffer::<64>::new();
        text.push_u64(self.device.major.into())?;
        text.push_str(":")?;
        text.push_u64(self.device.minor.into())?;
        text.push_str(" ")?;
        text.push_u64(self.start.0)?;
        f.write_str(text.as_str()?)
    }
}
