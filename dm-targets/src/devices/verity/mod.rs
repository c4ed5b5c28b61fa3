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

/// A read-only device whose blocks are checked against a tree of hashes when they are read.
///
/// With the feature `verity-format`, a `VerityVolume` creates the tree, checks all of it, and returns the table.
///
/// # Error correction
///
/// The kernel can correct corrupted blocks with the parity that `veritysetup format --fec-device` makes. The table
/// names the device with the parity ([`use_fec_from_device`](VerityTable::use_fec_from_device)),
/// [`fec_blocks`](VerityTable::fec_blocks) and [`fec_roots`](VerityTable::fec_roots); `dmsetup table` shows the values
/// for a device that `veritysetup open` made. The kernel reads the parity past the page cache: sync its device first if
/// another process has it open. A corrected block does not count as corrupted; how many were corrected is in the status
/// and health of kernels after Linux 6.12.
///
/// # Signatures
///
/// With [`root_hash_sig_key_desc`](VerityTable::root_hash_sig_key_desc) the kernel takes the root hash only with a
/// signature: a PKCS #7 message in DER over the digits of the root hash, in a key of type `user` with that description.
/// Without this key the table is refused with `ENOKEY`, which [`errno`](DevError::errno) returns. A signature is
/// checked with the certificates that were built into the kernel, and if it is so configured, with those of its
/// secondary and platform keyrings (`verity_verify_root_hash` in drivers/md/dm-verity-verify-sig.c). The kernels on
/// which this crate is tested have no certificate whose private key is known, so only the refusal is tested.
impl MappedDev<Verity> {
    /// Makes sure that a read-only device with this table exists, over all of its data blocks: creates it, or takes it
    /// over.
    ///
    /// The table determines what the kernel does when a corrupted block is read: see
    /// [`on_corruption`](VerityTable::on_corruption) and [`on_error`](VerityTable::on_error). [`change`](Self::change)
    /// changes this while the device is in use; the device stays read-only.
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

    /// Whether a corrupted block was read since the table was loaded, also where the table ignores corruption.
    ///
    /// The kernel raises no event of the device mapper for a corrupted block (`verity_handle_err` in
    /// drivers/md/dm-verity-target.c), so [`EventPoller`](dm_core::EventPoller) does not wake up: the state has to be
    /// read from time to time, as [`Monitor`](super::Monitor) does. A block that was not read is not known to be
    /// corrupted; the method `verify` of `VerityVolume` reads all of them.
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
