//! Methods of verity devices: trees of hashes are made and checked, and devices opened from them.

#[cfg(feature = "verity-format")]
mod check;
#[cfg(feature = "verity-format")]
mod error;
#[cfg(feature = "verity-format")]
mod format;
#[cfg(feature = "verity-format")]
mod hash;
#[cfg(feature = "verity-format")]
mod layout;
#[cfg(feature = "verity-format")]
mod named;
#[cfg(feature = "verity-format")]
mod superblock;
#[cfg(feature = "verity-format")]
mod tree;
#[cfg(feature = "verity-format")]
mod volume;

#[cfg(feature = "verity-format")]
pub use self::{
    error::VerityError,
    format::{VerityFormat, VerityFormatted},
    hash::VerityAlgorithm,
    superblock::VeritySuperblock,
    tree::VerityTree,
    volume::VerityVolume,
};

use dm_core::{AsDmName, DevIdBuf, Host, SetupOptions, StatusOptions};
use dm_units::Sectors;

use super::{DevError, MappedDev};
use crate::Verity;
use crate::table::{Table, TableLine};
use crate::verity::{VerityState, VerityTable};

/// A read-only device whose blocks are checked against a hash tree when they are read.
///
/// With the feature `verity-format`, a `VerityVolume` creates the tree, checks all of it, and returns the table.
///
/// # Error correction
///
/// The kernel can correct corrupted blocks with the parity that `veritysetup format --fec-device` writes. Set
/// [`use_fec_from_device`](VerityTable::use_fec_from_device), [`fec_blocks`](VerityTable::fec_blocks) and
/// [`fec_roots`](VerityTable::fec_roots) in the table. To find the values, set the device up with `veritysetup open`
/// and call `dmsetup table`. The kernel bypasses the page cache when it reads the parity: if another process has the
/// parity device open, sync the device first. A corrected block does not count as corrupted. On kernels after Linux
/// 6.12, the status and health contain the number of corrected blocks.
///
/// # Signatures
///
/// With [`root_hash_sig_key_desc`](VerityTable::root_hash_sig_key_desc), the kernel accepts the root hash only with a
/// signature. The signature is a PKCS #7 message in DER over the hexadecimal digits of the root hash. Store it in a key
/// of type `user` with that description. Without this key, the kernel refuses the table with `ENOKEY`, which
/// [`errno`](DevError::errno) returns.
///
/// The kernel checks the signature with its built-in certificates and, if it is so configured, with those of its
/// secondary and platform keyrings (`verity_verify_root_hash` in drivers/md/dm-verity-verify-sig.c). This crate's tests
/// cover only tables that the kernel refuses, since the tested kernels have no certificate whose private key is known.
impl MappedDev<Verity> {
    /// Makes sure that a read-only device with this table exists: creates it, or takes it over. The device covers all
    /// data blocks of the table.
    ///
    /// The table determines what the kernel does when a corrupted block is read: see
    /// [`on_corruption`](VerityTable::on_corruption) and [`on_error`](VerityTable::on_error). To change this while the
    /// device is in use, call [`change`](Self::change); the device stays read-only.
    ///
    /// # Errors
    ///
    /// As [`setup`](Self::setup).
    pub fn activate(host: &Host, name: impl AsDmName, table: VerityTable) -> Result<Self, DevError> {
        Self::activate_with(host, name, table, SetupOptions::new())
    }

    /// Makes sure that a read-only device with this table exists, with options.
    ///
    /// # Errors
    ///
    /// As [`activate`](Self::activate).
    pub fn activate_with(
        host: &Host,
        name: impl AsDmName,
        table: VerityTable,
        options: SetupOptions<'_>,
    ) -> Result<Self, DevError> {
        let length = Sectors(table.data_blocks.0.saturating_mul(u64::from(table.data.block_size >> 9)));
        let device = DevIdBuf::Name(host.kernel_name(&name)?.into_owned());
        let table = Table::new([TableLine::<Verity>::new(Sectors(0), length, table)])
            .map_err(|source| DevError::Table { device, source })?;
        Self::setup_with(host, name, &table, options.read_only(true))
    }

    /// Whether a corrupted block was read since the table was loaded, even if the table ignores corruption.
    ///
    /// The kernel raises no device-mapper event for a corrupted block (`verity_handle_err` in
    /// drivers/md/dm-verity-target.c), so [`EventPoller`](dm_core::EventPoller) does not wake up. Call this method from
    /// time to time, or use [`Monitor`](super::Monitor), which does so. Blocks that were not read are not checked. To
    /// read all of them, call the method `verify` of `VerityVolume`.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub fn is_corrupted(&self, host: &Host) -> Result<bool, DevError> {
        Ok(self.status_with(host, StatusOptions::new().noflush(true))?.state == VerityState::Corrupted)
    }
}

#[cfg(test)]
#[cfg(feature = "verity-format")]
mod tests;
