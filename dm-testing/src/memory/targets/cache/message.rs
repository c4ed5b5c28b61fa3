//! Messages to a cache (`cache_message`).

use dm_targets::cache::{CacheIoMode, CachePolicy};

use super::CacheTarget;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::targets::marks::MetadataMode;
use crate::memory::text::number_u32;

/// Keys of the old policy `mq`, which are accepted without effect.
const MQ_KEYS: [&str; 5] = [
    "random_threshold",
    "sequential_threshold",
    "discard_promote_adjustment",
    "read_promote_adjustment",
    "write_promote_adjustment",
];

impl CacheTarget {
    pub(super) fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        let (name, arguments) = words.split_first().ok_or(Errno::EINVAL)?;
        if self.mode != MetadataMode::ReadWrite {
            let refusal = "unable to service cache target messages in READ_ONLY or FAIL mode";
            return Err(self.refuse(kernel, Errno::EOPNOTSUPP, refusal));
        }
        if name.eq_ignore_ascii_case("invalidate_cblocks") {
            return self.invalidate(kernel, arguments);
        }
        let [value] = arguments else { return Err(Errno::EINVAL) };
        let key = name.to_ascii_lowercase();
        let number = value.parse::<u64>().ok();
        match number {
            Some(sectors) if key == "migration_threshold" => self.threshold = sectors,
            Some(_) if self.table.policy == CachePolicy::Mq && MQ_KEYS.contains(&key.as_str()) => {}
            _ => {
                kernel.log("cache", &format!("bad config value for {name}: {value}"));
                return Err(Errno::EINVAL);
            }
        }
        Ok(())
    }

    fn refuse(&self, kernel: &mut Kernel, errno: Errno, reason: &str) -> Errno {
        let device = kernel.device(self.minor).map(|device| device.number().to_string()).unwrap_or_default();
        kernel.log("cache", &format!("{device}: {reason}"));
        errno
    }

    /// Drops blocks of the cache device, or ranges of them. Ranges before an invalid one are dropped.
    fn invalidate(&mut self, kernel: &mut Kernel, ranges: &[String]) -> Result<(), Errno> {
        if self.io_mode != CacheIoMode::Passthrough {
            let refusal = "cache has to be in passthrough mode for invalidation";
            return Err(self.refuse(kernel, Errno::EPERM, refusal));
        }
        for range in ranges {
            let ends = match range.split_once('-') {
                Some((begin, end)) => number_u32(begin).zip(number_u32(end)),
                None => number_u32(range).map(|block| (block, block.wrapping_add(1))),
            };
            let ends = ends.map(|(begin, end)| (u64::from(begin), u64::from(end)));
            let total = self.blocks.total();
            let reason = match ends {
                None => format!("invalid cblock range '{range}'"),
                Some((begin, _)) if begin >= total => format!("begin cblock out of range: {begin} >= {total}"),
                Some((_, end)) if end > total => format!("end cblock out of range: {end} > {total}"),
                Some((begin, end)) if begin >= end => format!("invalid cblock range: {begin} >= {end}"),
                Some((begin, end)) => {
                    for block in (begin..end).filter_map(|place| self.blocks.at(place)).collect::<Vec<_>>() {
                        self.blocks.remove(block);
                    }
                    continue;
                }
            };
            return Err(self.refuse(kernel, Errno::EINVAL, &reason));
        }
        Ok(())
    }
}
