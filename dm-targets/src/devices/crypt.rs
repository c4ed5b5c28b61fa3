//! What encrypted devices can do beyond what every device can: their key is wiped from memory, and set again.

use dm_core::{Host, Message, Steps, SuspendPolicy};

use super::line::TypedMessage;
use super::{DevError, MappedDev};
use crate::Crypt;
use crate::crypt::{CryptKey, CryptMessage};

/// A device whose contents are encrypted on the one below.
impl MappedDev<Crypt> {
    /// Holds back all I/O and wipes the key from the kernel's memory, as before the machine sleeps. I/O waits until
    /// [`unlock`](Self::unlock).
    ///
    /// When the key can't be wiped, the device is resumed.
    ///
    /// # Errors
    ///
    /// Those of [`Host::suspend_with`] and [`Dm::target_msg`](dm_core::Dm::target_msg).
    pub fn lock(&self, host: &Host) -> Result<(), DevError> {
        self.lock_with(host, SuspendPolicy::new())
    }

    /// Wipes the key, with a policy for the suspension.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn lock_with(&self, host: &Host, policy: SuspendPolicy) -> Result<(), DevError> {
        let was_suspended = self.info(host)?.is_suspended();
        self.suspend(host, policy)?;
        match self.message(host, &CryptMessage::KeyWipe) {
            Ok(_) => Ok(()),
            Err(error) if was_suspended => Err(error),
            Err(error) => Err(error.undo(self.resume(host))),
        }
    }

    /// Sets the key and lets I/O continue. The key must have the size of the one in the table.
    ///
    /// The kernel cannot tell a wrong key from the right one of the same size: what is read is then not what was written.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): the key has another size. The device stays suspended.
    pub fn unlock(&self, host: &Host, key: CryptKey) -> Result<(), DevError> {
        self.message(host, &CryptMessage::KeySet(key))?;
        self.resume(host)
    }

    /// Replaces the key while the device is in use, as when the key of a keyring has been replaced. All I/O from then on uses
    /// the new one.
    ///
    /// # Errors
    ///
    /// As [`unlock`](Self::unlock); the device is resumed, with the old key.
    pub fn set_key(&self, host: &Host, key: CryptKey) -> Result<(), DevError> {
        let message = CryptMessage::KeySet(key);
        let steps = Steps::new().message(host, self.id(), Message::new(TypedMessage::<Crypt>(&message)))?;
        host.while_suspended(self.id(), steps)?;
        Ok(())
    }
}
