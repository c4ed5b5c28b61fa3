//! Messages to a pool (`pool_message`).

use super::LOG_PREFIX;
use super::mode::Mode;
use super::pool::Pool;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;

/// The largest id of a thin device (`MAX_DEV_ID`).
const MAX_DEV_ID: u64 = 0xff_ffff;

pub(super) fn carry_out(kernel: &mut Kernel, pool: &mut Pool, words: &[String]) -> Result<(), Errno> {
    if pool.features.mode >= Mode::OutOfMetadataSpace {
        pool.log(kernel, "unable to service pool target messages in READ_ONLY or FAIL mode");
        return Err(Errno::EOPNOTSUPP);
    }
    let name = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    match name.as_str() {
        "create_thin" => create_thin(kernel, pool, words),
        "create_snap" => create_snap(kernel, pool, words),
        "delete" => delete(kernel, pool, words),
        "set_transaction_id" => set_transaction_id(kernel, pool, words),
        "reserve_metadata_snap" => reserve(kernel, pool, words),
        "release_metadata_snap" => release(kernel, pool, words),
        _ => {
            let first = words.first().map_or("", String::as_str);
            kernel.log(LOG_PREFIX, &format!("Unrecognised thin pool target message received: {first}"));
            Err(Errno::EINVAL)
        }
    }?;
    pool.check_metadata_threshold(kernel);
    let _ = pool.commit(kernel);
    Ok(())
}

fn create_thin(kernel: &mut Kernel, pool: &mut Pool, words: &[String]) -> Result<(), Errno> {
    let [_, word] = exactly(kernel, words)?;
    let id = dev_id(kernel, word)?;
    let created = pool.metadata.begin_change().and_then(|()| pool.metadata.current.create_thin(id));
    created.inspect_err(|_| {
        kernel.log(LOG_PREFIX, &format!("Creation of new thinly-provisioned device with id {word} failed."));
    })?;
    pool.metadata.mark_changed(id);
    Ok(())
}

fn create_snap(kernel: &mut Kernel, pool: &mut Pool, words: &[String]) -> Result<(), Errno> {
    let [_, word, origin_word] = exactly(kernel, words)?;
    let (id, origin) = (dev_id(kernel, word)?, dev_id(kernel, origin_word)?);
    let created = pool.metadata.begin_change().and_then(|()| pool.metadata.current.create_snap(id, origin));
    created.inspect_err(|_| {
        kernel.log(LOG_PREFIX, &format!("Creation of new snapshot {word} of device {origin_word} failed."));
    })?;
    pool.metadata.mark_changed(id);
    pool.metadata.mark_changed(origin);
    Ok(())
}

fn delete(kernel: &mut Kernel, pool: &mut Pool, words: &[String]) -> Result<(), Errno> {
    let [_, word] = exactly(kernel, words)?;
    let id = dev_id(kernel, word)?;
    pool.metadata.enter_service();
    let is_open = pool.metadata.is_open(id);
    let deleted = if is_open { Err(Errno::EBUSY) } else { pool.metadata.current.delete(id) };
    deleted.inspect_err(|_| kernel.log(LOG_PREFIX, &format!("Deletion of thin device {word} failed.")))
}

fn set_transaction_id(kernel: &mut Kernel, pool: &mut Pool, words: &[String]) -> Result<(), Errno> {
    let [_, old_word, new_word] = exactly(kernel, words)?;
    let Some(old) = number(old_word) else {
        kernel.log(LOG_PREFIX, &format!("set_transaction_id message: Unrecognised id {old_word}."));
        return Err(Errno::EINVAL);
    };
    let Some(new) = number(new_word) else {
        kernel.log(LOG_PREFIX, &format!("set_transaction_id message: Unrecognised new id {new_word}."));
        return Err(Errno::EINVAL);
    };
    pool.metadata.enter_service();
    if pool.metadata.current.transaction_id != old {
        kernel.log("thin metadata", "mismatched transaction id");
        kernel.log(LOG_PREFIX, &format!("Failed to change transaction id from {old_word} to {new_word}."));
        return Err(Errno::EINVAL);
    }
    pool.metadata.current.transaction_id = new;
    Ok(())
}

fn reserve(kernel: &mut Kernel, pool: &mut Pool, words: &[String]) -> Result<(), Errno> {
    let [_] = exactly(kernel, words)?;
    let _ = pool.commit(kernel);
    let reserved = if pool.metadata.current.held_root().is_some() {
        kernel.log("thin metadata", "Pool metadata snapshot already exists: release this before taking another.");
        Err(Errno::EBUSY)
    } else {
        pool.metadata.begin_change()
    };
    reserved.inspect_err(|_| kernel.log(LOG_PREFIX, "reserve_metadata_snap message failed."))?;
    pool.metadata.current.hold();
    Ok(())
}

fn release(kernel: &mut Kernel, pool: &mut Pool, words: &[String]) -> Result<(), Errno> {
    let [_] = exactly(kernel, words)?;
    pool.metadata.enter_service();
    if pool.metadata.current.held_root().is_none() {
        kernel.log("thin metadata", "No pool metadata snapshot found: nothing to release.");
        kernel.log(LOG_PREFIX, "release_metadata_snap message failed.");
        return Err(Errno::EINVAL);
    }
    pool.metadata.current.release_held();
    Ok(())
}

/// All `N` words of a message; any other number of words is refused (`check_arg_count`).
fn exactly<'a, const N: usize>(kernel: &mut Kernel, words: &'a [String]) -> Result<[&'a str; N], Errno> {
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    texts.try_into().map_err(|texts: Vec<&str>| {
        kernel.log(LOG_PREFIX, &format!("Message received with {} arguments instead of {N}.", texts.len()));
        Errno::EINVAL
    })
}

fn dev_id(kernel: &mut Kernel, word: &str) -> Result<u32, Errno> {
    let id = number(word).filter(|id| *id <= MAX_DEV_ID).and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| {
        kernel.log(LOG_PREFIX, &format!("Message received with invalid device id: {word}"));
        Errno::EINVAL
    })
}

/// A decimal number as `kstrtoull` reads it.
fn number(word: &str) -> Option<u64> {
    let digits = word.strip_prefix('+').unwrap_or(word);
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
