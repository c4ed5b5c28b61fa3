//! Messages, and the geometry of a device.

use dm_core::Flags;
use zeroize::Zeroizing;

use super::{fill, find, stats};
use crate::memory::errno::Errno;
use crate::memory::kernel::{Kernel, Pause};
use crate::memory::targets::Answer;
use crate::memory::text::{is_space, scan};
use crate::memory::wire::{Param, nul_terminated, u64_at};

/// The offset of the text of a message (`struct dm_target_msg`).
const TEXT: usize = 8;

/// As `target_message`.
pub(super) fn send(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    let payload = param.payload().unwrap_or_default();
    // The message may contain a key.
    let text = payload.get(TEXT..).and_then(nul_terminated).map(|text| Zeroizing::new(text.to_vec()));
    let sector = u64_at(payload, 0);
    let (Some(text), Some(sector)) = (text, sector) else {
        kernel.log("ioctl", "Invalid target message parameters.");
        return Err(Errno::EINVAL.into());
    };
    let words = Zeroizing::new(split(&String::from_utf8_lossy(&text)));
    let room = param.room();
    let answer = deliver(kernel, minor, sector, &words, room)?;
    fill(kernel, minor, param)?;
    if let Some(answer) = answer {
        let answer = [answer.as_bytes(), &[0]].concat();
        param.set(Flags::DATA_OUT, true);
        // A text that fills the whole buffer is treated as truncated.
        param.answer(&answer, if answer.len() < room { answer.len() } else { usize::MAX });
    }
    Ok(())
}

fn deliver(kernel: &mut Kernel, minor: u32, sector: u64, words: &[String], room: usize) -> Answer {
    let refuse = |kernel: &mut Kernel, text: &str| {
        kernel.log("ioctl", text);
        Err(Errno::EINVAL)
    };
    let Some(first) = words.first() else { return refuse(kernel, "Empty message received.") };
    if first.eq_ignore_ascii_case("@cancel_deferred_remove") {
        if words.len() > 1 {
            return refuse(kernel, "Invalid arguments for @cancel_deferred_remove");
        }
        kernel.device_mut(minor)?.deferred_remove = false;
        return Ok(None);
    }
    if let Some(answer) = stats::message(kernel, minor, words, room) {
        return answer;
    }
    if first.starts_with('@') {
        return refuse(kernel, &format!("Unsupported message sent to DM core: {first}"));
    }
    let Some(table) = kernel.device(minor)?.active.clone() else { return refuse(kernel, "The device has no table.") };
    let Some(line) = table.line_at(sector) else {
        return refuse(kernel, "Target message sector outside device.");
    };
    match line.with(|target| target.message(kernel, words)) {
        Some(answer) => answer,
        None => refuse(kernel, "Target type does not support messages"),
    }
}

/// Splits a text into words; a backslash keeps the character after it (`dm_split_args` in drivers/md/dm-table.c).
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if is_space(character) {
            words.extend(word.take());
            continue;
        }
        let kept = if character == '\\' { characters.next().unwrap_or(character) } else { character };
        word.get_or_insert_default().push(kept);
    }
    words.extend(word);
    words
}

/// As `dev_set_geometry`.
pub(super) fn set_geometry(kernel: &mut Kernel, param: &mut Param) -> Result<(), Pause> {
    let minor = find(kernel, param)?;
    let text = param.payload_text().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default();
    let refusal = match geometry(&text) {
        Some([cylinders, heads, sectors, _]) if cylinders > 65535 || heads > 255 || sectors > 255 => {
            "Geometry exceeds range limits."
        }
        Some(geometry @ [cylinders, heads, sectors, start]) => {
            // As `dm_set_geometry` in drivers/md/dm.c.
            let size = cylinders.saturating_mul(heads).saturating_mul(sectors);
            if start <= size {
                kernel.device_mut(minor)?.geometry = Some(geometry);
                param.set_data_size(0);
                return Ok(());
            }
            "Start sector is beyond the geometry limits."
        }
        None => "Unable to interpret geometry settings.",
    };
    kernel.log("ioctl", refusal);
    Err(Errno::EINVAL.into())
}

/// Reads four numbers as `sscanf` does with `%lu %lu %lu %lu%c`: nothing may follow them.
fn geometry(text: &str) -> Option<[u64; 4]> {
    let mut numbers = [0; 4];
    let mut rest = text;
    for number in &mut numbers {
        (*number, rest) = scan(rest)?;
    }
    rest.is_empty().then_some(numbers)
}
