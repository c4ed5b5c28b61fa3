//! The status of a pool (`pool_status`).

use super::mode::Mode;
use super::pool::Pool;
use crate::memory::kernel::Kernel;

pub(super) fn print(kernel: &mut Kernel, pool: &mut Pool, noflush: bool) -> String {
    if pool.features.mode == Mode::Fail {
        return "Fail".to_owned();
    }
    let is_suspended = kernel.device(pool.minor).is_ok_and(|device| device.suspended);
    if !noflush && !is_suspended {
        let _ = pool.commit(kernel);
    }
    if pool.metadata.failed {
        pool.log(kernel, "dm_pool_get_metadata_transaction_id returned -22");
        return "Error".to_owned();
    }
    let content = &pool.metadata.current;
    let metadata_total = content.metadata_blocks;
    let metadata_used = metadata_total.saturating_sub(pool.metadata.free_metadata());
    let data_total = pool.metadata.data_blocks();
    let data_used = data_total.saturating_sub(pool.metadata.free_data());
    let held = content.held_root().map_or_else(|| "-".to_owned(), |block| block.to_string());
    let mode = match pool.features.mode {
        Mode::OutOfDataSpace => "out_of_data_space",
        mode if mode.is_read_only() => "ro",
        _ => "rw",
    };
    let discard = match (pool.features.takes_discards, pool.features.passes_discards_down) {
        (false, _) => "ignore_discard",
        (true, true) => "discard_passdown",
        (true, false) => "no_discard_passdown",
    };
    let no_space = if pool.features.error_if_no_space { "error_if_no_space" } else { "queue_if_no_space" };
    let check = if content.needs_check { "needs_check" } else { "-" };
    format!(
        "{} {metadata_used}/{metadata_total} {data_used}/{data_total} {held} {mode} {discard} {no_space} {check} {} ",
        content.transaction_id,
        pool.metadata_threshold(kernel),
    )
}
