//! Operations of encrypted devices: wipe the key and set it again.

use dm_core::{Host, Message, Steps, SuspendPolicy};

use super::line::TypedMessage;
use super::{DevError, MappedDev};
use crate::Crypt;
use crate::crypt::{CryptKey, CryptMessage};

/// A device whose contents are stored encrypted on another device.
impl MappedDev<Crypt> {
    /// Suspends the device and wipes its key from the kernel's memory, for example before the machine sleeps. A copy of
    /// the key in a keyring is not wiped. I/O waits until [`unlock`](Self::unlock). Until then, the kernel prints the
    /// key as zeros, and [`change`](MappedDev::change) fails with [`DevError::KeyWiped`].
    ///
    /// If the message fails, the device is resumed, unless it was suspended before. If the kernel has already dropped
    /// the key, the resume fails and the device stays suspended.
    ///
    /// # Errors
    ///
    /// As [`Host::suspend_with`] and [`Dm::target_msg`](dm_core::Dm::target_msg).
    pub fn lock(&self, host: &Host) -> Result<(), DevError> {
        self.lock_with(host, SuspendPolicy::new())
    }

    /// Suspends the device as [`lock`](Self::lock) does, but with a policy, and wipes the key.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn lock_with(&self, host: &Host, policy: SuspendPolicy) -> Result<(), DevError> {
        let was_suspended = self.info(host)?.is_suspended();
        self.suspend_with(host, policy)?;
        match self.message(host, &CryptMessage::KeyWipe) {
            Ok(_) => Ok(()),
            Err(error) if was_suspended => Err(error),
            Err(error) => Err(error.undo(self.resume(host))),
        }
    }

    /// Sets the key and resumes the device. The key must be as long as the key in the table.
    ///
    /// The kernel does not detect a wrong key of the right size: reads then return wrong data, or fail if the cipher is
    /// authenticated.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): the key has another size, or the device is not suspended. After an error,
    /// a suspended device stays suspended.
    pub fn unlock(&self, host: &Host, key: CryptKey) -> Result<(), DevError> {
        self.message(host, &CryptMessage::KeySet(key))?;
        self.resume(host)
    }

    /// Replaces the key while the device is in use, for example after a key in a keyring was replaced. Later I/O uses
    /// the new key. Existing data is not encrypted again, so data that was written with another key can no longer be
    /// read.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): the key has another size. After an error, the device is resumed with the
    /// old key. But if the cipher has refused the new key, the device has no key and stays suspended (`crypt_set_key`
    /// and `crypt_preresume` in drivers/md/dm-crypt.c).
    pub fn set_key(&self, host: &Host, key: CryptKey) -> Result<(), DevError> {
        let message = CryptMessage::KeySet(key);
        let steps = Steps::new().message(host, self.id(), Message::new(TypedMessage::<Crypt>(&message)))?;
        host.while_suspended(self.id(), steps)?;
        Ok(())
    }
}
