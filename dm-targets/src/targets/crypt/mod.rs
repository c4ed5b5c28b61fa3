//! `crypt`: encrypts sectors when they are written and decrypts them when they are read.
//!
//! ```text
//! table   = <cipher> <key> <iv_offset> <device> <start> [<#opt> {<opt>}]
//! cipher  = <name>[:<keycount>]-<mode>-<iv>[:<ivopts>]     classic; only the mode ecb needs no IV
//!         | <name> | <name>-plain                          = <name>-cbc-plain
//!         | capi:<crypto api name>[-<iv>][:<ivopts>]
//! key     = <hex> | - | :<size>:<type>:<description>
//! opt     = allow_discards | same_cpu_crypt | high_priority | submit_from_crypt_cpus
//!         | no_read_workqueue | no_write_workqueue | integrity:<bytes>:<profile>
//!         | sector_size:<bytes> | iv_large_sectors | integrity_key_size:<bytes>
//! message = key set <key> | key wipe
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | cipher | [`Cipher`] | | kept as written |
//! | key | [`CryptKey`] | | an even number of digits; the kernel ignores the last digit if there is an odd number of digits |
//! | iv_offset | [`Sectors`] | sectors of 512 bytes | a multiple of the encryption sector size |
//! | device | [`Device`] | | |
//! | start | [`Sectors`] | sectors on the device | |
//! | #opt | count | words | at most 9 (8 in target versions 1.22.0 to 1.25), although there are ten options |
//! | integrity | [`CryptIntegrity`] | tag size in bytes, profile | 1 to 480; `aead` or `none` |
//! | sector_size | `u16` | bytes | power of two from 512 to 4096; must divide the length of the line |
//! | integrity_key_size | `u32` | bytes | at least 1; with `aead`, at most the size of the key and only for `authenc(...)` |
//!
//! This crate refuses two kinds of tables that crash the kernel:
//!
//! - A tag size without a profile, such as `integrity:28`, makes the kernel read through a null pointer.
//! - With the profile `aead`, `integrity_key_size` makes `crypt_setkey` write through a null pointer unless the cipher
//!   is `authenc(...)`. `crypt_ctr_auth_cipher` allocates `authenc_key` only for this cipher (seen with Linux 6.12).
//!
//! Flags and profiles are not case-sensitive, but names before a colon are. Words after the counted options are ignored.
//!
//! When the kernel prints a table, it prints the key in the clear, with digits in lower case. A wiped key becomes zeros
//! of the same size. The kernel omits `sector_size:512` and a count of 0.
//!
//! The device must be suspended when it receives a message. Status and reply are empty.
//!
//! Kernel: `crypt_ctr`, `crypt_ctr_optional`, `crypt_status` and `crypt_message` in `drivers/md/dm-crypt.c`.

mod cipher;
mod integrity;
mod key;
mod message;
mod table;

pub use cipher::{Cipher, IvMode};
pub use integrity::{CryptIntegrity, IntegrityProfile};
pub use key::{CryptKey, KeyringKey, KeyringType};
pub use message::CryptMessage;
pub use table::{CryptOptions, CryptTable};

use dm_units::Sectors;

use crate::option::OptionGroup;
use crate::{Comparison, Feature, InvalidField, Limits, NoStatus, Problem, TableDifference, Target};

#[cfg(doc)]
use crate::Device;

use integrity::TAG_SIZES;

const CIPHER: &str = "cipher";

pub(super) const SECTOR_SIZES: Limits = Limits::new("sector_size", 512, 4096).power_of_two();

/// The `crypt` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypt {}

impl Target for Crypt {
    const TYPE: &'static str = "crypt";
    type Table = CryptTable;
    type Status = NoStatus;
    type Message = CryptMessage;

    const SECRET: bool = true;

    const FEATURES: &'static [Feature] = CryptOptions::FEATURES;

    fn check(table: &CryptTable, length: Sectors) -> Result<(), InvalidField> {
        let integrity = &table.options.integrity;
        integrity.as_ref().map_or(Ok(()), |integrity| TAG_SIZES.check(integrity.tag_size))?;
        table.options.check()?;
        check_sectors(table.options.sector_size.unwrap_or(512).into(), table.iv_offset, length)?;
        check_iv(table)
    }

    fn difference(one: &CryptTable, other: &CryptTable) -> Option<TableDifference> {
        let [one, other] = [one, other].map(CryptTable::as_printed);
        Comparison::new(&one, &other)
            .layout("cipher", |table| &table.cipher)
            .layout("key", |table| &table.key)
            .layout("iv_offset", |table| &table.iv_offset)
            .layout("device", |table| &table.device)
            .layout("start", |table| &table.start)
            .layout("integrity", |table| &table.options.integrity)
            .layout("sector_size", |table| &table.options.sector_size)
            .layout("iv_large_sectors", |table| &table.options.iv_large_sectors)
            .layout("integrity_key_size", |table| &table.options.integrity_key_size)
            .tunable("options", |table| &table.options)
            .result()
    }
}

/// Checks the size of encryption sectors in bytes, and that IV offset and length are multiples of it.
pub(super) fn check_sectors(size: u64, iv_offset: Sectors, length: Sectors) -> Result<(), InvalidField> {
    SECTOR_SIZES.check(size)?;
    let unit = size >> 9;
    Limits::new("iv_offset", 0, u64::MAX).multiple_of(unit).check(iv_offset)?;
    Limits::new("length", 1, u64::MAX).multiple_of(unit).check(length)
}

/// Checks options that do not fit the cipher.
fn check_iv(table: &CryptTable) -> Result<(), InvalidField> {
    let invalid = |field, problem| Err(InvalidField::new(field, problem));
    let iv = table.cipher.iv();
    let small_sectors_only = matches!(iv, Some(IvMode::Lmk | IvMode::Tcw));
    if small_sectors_only && table.options.sector_size.is_some_and(|size| size != 512) {
        return invalid(SECTOR_SIZES.field(), Problem::Conflict("the IV modes lmk and tcw, unless it is 512"));
    }
    if !table.options.integrity.as_ref().is_some_and(CryptIntegrity::is_aead) {
        return Ok(());
    }
    if !table.cipher.is_capi() {
        return invalid(CIPHER, Problem::Expected("a cipher that begins with capi: for the profile aead"));
    }
    if matches!(iv, Some(IvMode::Lmk | IvMode::Eboiv | IvMode::Elephant)) {
        return invalid("integrity", Problem::Conflict("the IV modes lmk, eboiv and elephant if its profile is aead"));
    }
    let Some(size) = table.options.integrity_key_size else { return Ok(()) };
    if !table.cipher.name().starts_with("authenc(") {
        return invalid("integrity_key_size", Problem::Expected("left out if the cipher is not authenc(...)"));
    }
    // The authentication key is the first part of the whole key.
    Limits::new("integrity_key_size", 1, table.key.size() as u64).check(size)
}

#[cfg(test)]
mod tests;
