//! Tables of many linear lines: from typed values, from text, and as text.
//!
//! Shared by the benchmarks, the tests that count allocations and the program that counts instructions.

use std::fmt::{self, Write as _};

use dm_core::{LineText, Payload, PayloadWriter, TargetLine, TargetParams};
use dm_units::{DeviceNumber, Sectors, decimal};

/// The device that lines use, where no kernel looks for it.
pub(crate) const BELOW: DeviceNumber = DeviceNumber::new(7, 0);
/// The length of each line.
const LENGTH: Sectors = Sectors(8);

/// The lines of a table, made from values as they are written.
pub(crate) fn typed(below: DeviceNumber, count: usize) -> impl Iterator<Item = TargetLine<Linear>> {
    starts(count).map(move |start| TargetLine::new(start, LENGTH, Linear { device: below, start }))
}

/// The params of each line, as text.
pub(crate) fn texts(below: DeviceNumber, count: usize) -> Vec<String> {
    starts(count).map(|start| format!("{below} {start}")).collect()
}

/// The lines of a table, from existing text.
pub(crate) fn from_texts(texts: &[String]) -> impl Iterator<Item = TargetLine<LineText<'_, &str>>> {
    texts.iter().zip(starts(texts.len())).map(|(text, start)| TargetLine::text(start, LENGTH, "linear", text.as_str()))
}

fn starts(count: usize) -> impl ExactSizeIterator<Item = Sectors> {
    (0..count).map(|index| Sectors(index as u64 * LENGTH.0))
}

/// A linear target's params, printed as those of dm-targets are: put together on the stack and written at once.
pub(crate) struct Linear {
    device: DeviceNumber,
    start: Sectors,
}

impl Payload for Linear {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        let mut text = decimal::Buffer::<64>::new();
        text.push_u64(self.device.major.into())?;
        text.push_str(":")?;
        text.push_u64(self.device.minor.into())?;
        text.push_str(" ")?;
        text.push_u64(self.start.0)?;
        out.write_str(text.as_str()?)
    }
}

impl TargetParams for Linear {
    fn target_type(&self) -> &str {
        "linear"
    }
}
