//! `DM_LIST_VERSIONS` and `DM_GET_TARGET_VERSION`.

use core::mem::offset_of;

use dm_sys::{DM_MAX_TYPE_NAME, DM_NAME_LEN, dm_target_versions};

use crate::commands::load::checked_type;
use crate::error::{Error, ReplyError, RequestFault, Result};
use crate::id::name::DmName;
use crate::id::text::Text;
use crate::node::dm::{Answer, Dm, Room};
use crate::node::transport::Transport;
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::header::{self, HEADER_SIZE, Request};
use dm_units::Version;

/// The targets that the kernel has loaded: see [`Dm::list_versions`].
///
/// It borrows the caller's buffer; [`to_owned`](Self::to_owned) makes one that stands on its own.
#[derive(Clone, Debug)]
pub struct TargetVersionList<B = Box<[u8]>> {
    bytes: B,
}

impl<B: AsRef<[u8]>> TargetVersionList<B> {
    /// The targets, in the order of the kernel.
    pub fn iter(&self) -> TargetVersions<'_> {
        let bytes = self.bytes.as_ref();
        TargetVersions { bytes, rest: (!bytes.is_empty()).then_some(bytes) }
    }

    /// A copy that does not borrow the buffer, made with one allocation.
    #[must_use]
    pub fn to_owned(&self) -> TargetVersionList {
        TargetVersionList { bytes: self.bytes.as_ref().into() }
    }
}

impl<'a, B: AsRef<[u8]>> IntoIterator for &'a TargetVersionList<B> {
    type Item = Result<TargetVersion<'a>, ReplyError>;
    type IntoIter = TargetVersions<'a>;

    fn into_iter(self) -> TargetVersions<'a> {
        self.iter()
    }
}

/// A target that the kernel has, and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetVersion<'a> {
    /// The target type, as `thin-pool`.
    pub target_type: Text<'a>,
    /// Its version, which is counted for each target on its own.
    pub version: Version,
}

/// The iterator over a [`TargetVersionList`]. It ends after the first error.
#[derive(Clone, Debug)]
pub struct TargetVersions<'a> {
    bytes: &'a [u8],
    /// From the entry to be read next on; `None` after the last.
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for TargetVersions<'a> {
    type Item = Result<TargetVersion<'a>, ReplyError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.rest.take()?;
        match decode(entry) {
            Ok((target, rest)) => {
                self.rest = rest;
                Some(Ok(target))
            }
            Err(what) => {
                let at = HEADER_SIZE.saturating_add(self.bytes.len().saturating_sub(entry.len()));
                Some(Err(ReplyError { command: Command::ListVersions, what, at }))
            }
        }
    }
}

/// Reads one entry; gives it and what follows it.
fn decode(entry: &[u8]) -> Result<(TargetVersion<'_>, Option<&[u8]>), &'static str> {
    let word = |at| header::u32_at(entry, at).ok_or("a cut entry");
    const VERSION_AT: usize = offset_of!(dm_target_versions, version);
    let version = Version::new(word(VERSION_AT)?, word(VERSION_AT + 4)?, word(VERSION_AT + 8)?);
    let name =
        entry.get(offset_of!(dm_target_versions, name)..).and_then(header::nul_terminated).ok_or("an endless name")?;
    let rest = match word(offset_of!(dm_target_versions, next))? as usize {
        0 => None,
        // An entry is longer than its fixed part, so every step leads forward.
        next if next <= offset_of!(dm_target_versions, name) => return Err("an entry that overlaps itself"),
        next => Some(entry.get(next..).ok_or("an entry behind the end")?),
    };
    Ok((TargetVersion { target_type: Text::new(name), version }, rest))
}

/// The size offered first: enough for some 50 targets, more than there are.
const FIRST_SIZE: usize = 2048;

/// What the answer to `DM_GET_TARGET_VERSION` takes: one entry.
const ONE_SIZE: usize = HEADER_SIZE + size_of::<dm_target_versions>() + DM_MAX_TYPE_NAME + 8;

impl<T: Transport> Dm<T> {
    /// Lists the targets that the kernel has loaded, with their versions.
    ///
    /// - Interface 4.1 and later.
    /// - Loads no module: a target that is missing here may be there when asked for by
    ///   [`target_version`](Self::target_version).
    ///
    /// # Errors
    /// No permission.
    #[doc(alias = "DM_LIST_VERSIONS")]
    pub fn list_versions<'b>(&self, buffer: &'b mut Buffer) -> Result<TargetVersionList<&'b [u8]>> {
        let room = Room { first: FIRST_SIZE, least: 0, grow: |_, size| size.saturating_mul(8) };
        let answer = self.ask(buffer, &Request::new(Command::ListVersions), &room, |_| Ok(()))?;
        Ok(TargetVersionList::new(&answer))
    }

    /// Tells the version of one target, which the kernel loads if it has not yet.
    ///
    /// - Interface 4.41 and later. On older kernels, loading a table loads the module, and
    ///   [`list_versions`](Self::list_versions) then tells the version.
    ///
    /// # Errors
    /// [`is_invalid`](crate::Error::is_invalid): the kernel has no such target.
    /// [`Error::Request`]: the text can't be a target type.
    #[doc(alias = "DM_GET_TARGET_VERSION")]
    pub fn target_version(&self, target_type: &str) -> Result<Version> {
        const COMMAND: Command = Command::TargetVersion;
        let name = checked_type(target_type.as_bytes())
            .and_then(DmName::from_kernel)
            .ok_or(Error::request(COMMAND, RequestFault::TargetType { line: None }))?;
        debug_assert!(name.as_bytes().len() < DM_NAME_LEN);
        let mut bytes = [0; ONE_SIZE];
        // The kernel reads the target type where other commands have the device's name.
        self.send_bytes(&Request::of(COMMAND, name.into()), &mut bytes)?;
        let fault = |what| ReplyError { command: COMMAND, what, at: HEADER_SIZE };
        let entry = bytes.get(HEADER_SIZE..).unwrap_or_default();
        let (target, _) = decode(entry).map_err(fault)?;
        if target.target_type.as_bytes() != name.as_bytes() {
            return Err(fault("another target").into());
        }
        Ok(target.version)
    }
}

impl<'b> TargetVersionList<&'b [u8]> {
    fn new(answer: &Answer<'b>) -> Self {
        Self { bytes: answer.payload.unwrap_or_default() }
    }
}

#[cfg(feature = "serde")]
mod serialize {
    use serde::ser::{Error as _, Serialize, SerializeSeq as _, SerializeStruct as _, Serializer};

    impl Serialize for super::TargetVersion<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut fields = serializer.serialize_struct("TargetVersion", 2)?;
            fields.serialize_field("target_type", &self.target_type)?;
            fields.serialize_field("version", &self.version)?;
            fields.end()
        }
    }

    impl<B: AsRef<[u8]>> Serialize for super::TargetVersionList<B> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut items = serializer.serialize_seq(None)?;
            for item in self {
                items.serialize_element(&item.map_err(S::Error::custom)?)?;
            }
            items.end()
        }
    }
}
