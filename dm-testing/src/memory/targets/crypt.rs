//! `crypt` (drivers/md/dm-crypt.c) without encryption: sectors are stored unchanged. The key has the same states as in
//! the kernel.

use dm_targets::crypt::{CryptKey, CryptTable, KeyringKey};
use dm_targets::{Crypt, Integrity, Key};
use zeroize::Zeroizing;

use super::part::DevicePart;
use super::{Answer, Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

/// `Debug` shows no key, since `CryptTable` shows none.
#[derive(Debug)]
struct CryptTarget {
    table: CryptTable,
    part: DevicePart,
    length: u64,
    /// The device cannot be resumed without a key.
    has_key: bool,
    is_suspended: bool,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Crypt>(params)?;
    construction.only_known(&table.options.other_options, "Invalid feature arguments")?;
    let part = DevicePart::open(construction, &mut table.device, table.start, "Device lookup failed")?;
    if let Some(integrity) = &table.options.integrity {
        let tag_size = tag_size(construction.kernel, part);
        if tag_size != Some(integrity.tag_size) {
            let what = if tag_size.is_some() { "tag size mismatch." } else { "not supported." };
            return construction.refuse(Errno::EINVAL, format!("Integrity profile {what}"));
        }
    }
    if !fits(&table) {
        return construction.refuse(Errno::EINVAL, "Error decoding and setting key");
    }
    if let CryptKey::Hex(key) = &table.key {
        table.key = hex(key.hex()).ok_or(Errno::EINVAL)?;
    }
    let length = construction.length;
    Ok(Box::new(CryptTarget { table, part, length, has_key: true, is_suspended: false }))
}

/// Whether the cipher takes a key of this size. For `aes` in the modes `xts` and `cbc` with one key the sizes are
/// known. Other ciphers take any size, but only `cipher_null` takes 0.
fn fits(table: &CryptTable) -> bool {
    let (cipher, size) = (table.cipher.to_string(), table.key.size());
    let is_plain = table.options.integrity.is_none() && !cipher.contains("lmk") && !cipher.contains("tcw");
    match cipher.as_str() {
        name if name.starts_with("aes-xts-") && is_plain => [32, 48, 64].contains(&size),
        name if name.starts_with("aes-cbc-") && is_plain => [16, 24, 32].contains(&size),
        name => size > 0 || name.contains("cipher_null"),
    }
}

/// The size of the tags that an `integrity` target without an internal hash stores for the target above it.
fn tag_size(kernel: &mut Kernel, part: DevicePart) -> Option<u32> {
    let table = kernel.mapped(part.device)?.active.clone()?;
    let line = table.line_at(0).filter(|line| line.kind.name == "integrity")?;
    let params = Zeroizing::new(line.with(|target| target.table(kernel)));
    let table = <Integrity as dm_targets::Target>::parse_table(&params).ok()?;
    table.tag_size.filter(|_| table.options.internal_hash.is_none())
}

/// A hexadecimal key, in lower case as the kernel prints it.
fn hex(digits: &str) -> Option<CryptKey> {
    let digits = Zeroizing::new(digits.to_ascii_lowercase());
    Key::from_hex(&digits).ok().map(CryptKey::Hex)
}

/// The size in bytes of the key that a word gives (`get_key_size`).
fn size_of(word: &str) -> Option<usize> {
    match word.strip_prefix(':') {
        Some(keyring) => keyring.split_once(':')?.0.parse().ok(),
        None => Some(word.len() / 2),
    }
}

/// Reads the key in a message. Every key in the kernel's keyring that it names exists.
fn key_of(word: &str) -> Option<CryptKey> {
    let Some(keyring) = word.strip_prefix(':') else { return hex(word) };
    let mut parts = keyring.splitn(3, ':');
    let (size, kind, description) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    KeyringKey::new(size, kind, description).ok().map(CryptKey::Keyring)
}

impl CryptTarget {
    /// As `crypt_message`.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words.len() > 1 && words.first().is_some_and(|word| word.eq_ignore_ascii_case("key")) {
            if !self.is_suspended {
                kernel.log("crypt", "not suspended during key manipulation.");
                return Err(Errno::EINVAL);
            }
            match words.as_slice() {
                [_, set, key] if set.eq_ignore_ascii_case("set") => return self.set_key(key),
                [_, wipe] if wipe.eq_ignore_ascii_case("wipe") => {
                    self.wipe_key();
                    return Ok(());
                }
                _ => {}
            }
        }
        kernel.log("crypt", "unrecognised message received.");
        Err(Errno::EINVAL)
    }

    /// As `crypt_set_key`: after invalid digits, no key is set.
    fn set_key(&mut self, word: &str) -> Result<(), Errno> {
        if size_of(word) != Some(self.table.key.size()) || self.table.key == CryptKey::Empty && word != "-" {
            return Err(Errno::EINVAL);
        }
        if word == "-" {
            self.has_key = true;
            return Ok(());
        }
        self.has_key &= word.starts_with(':');
        self.table.key = key_of(word).ok_or(Errno::EINVAL)?;
        self.has_key = true;
        Ok(())
    }

    /// As `crypt_wipe_key`: zeros remain, also of a key that was in a keyring.
    fn wipe_key(&mut self) {
        self.has_key = false;
        if let Some(zeros) = hex(&"00".repeat(self.table.key.size())) {
            self.table.key = zeros;
        }
    }
}

impl Target for CryptTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        let unit = u64::from(self.table.options.sector_size.unwrap_or(512)) >> 9;
        match io {
            Io::Read(_) | Io::Write(_) if (start | io.sectors()).checked_rem(unit) != Some(0) => {
                return Err(Errno::EIO.into());
            }
            _ => {}
        }
        self.part.io(kernel, start, io)
    }

    fn discards(&self, kernel: &Kernel) -> bool {
        self.table.options.allow_discards && kernel.discards(self.part.device)
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.part.span(self.length)]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words).map(|()| None))
    }

    fn postsuspend(&mut self, _: &mut Kernel) {
        self.is_suspended = true;
    }

    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if self.has_key {
            return Ok(());
        }
        kernel.log("crypt", "aborting resume - crypt key is not set.");
        Err(Errno::EAGAIN)
    }

    fn resume(&mut self, _: &mut Kernel) {
        self.is_suspended = false;
    }
}
