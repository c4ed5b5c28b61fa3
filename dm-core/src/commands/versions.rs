//! `DM_LIST_VERSIONS` and `DM_GET_TARGET_VERSION`: versions of targets.

use core::mem::offset_of;

use dm_sys::{DM_MAX_TYPE_NAME, dm_target_versions};
use dm_units::Version;

use super::line::padded_type;
use crate::error::{Error, RequestFault, Result};
use crate::id::Text;
use crate::node::{Dm, ReplySizes};
use crate::wire::Command;
use crate::wire::header::{HEADER_SIZE, Request};
use crate::wire::reply::{Reply, ReplyError};
use crate::wire::scan::{field_text, nul_terminated, u32_at};

/// Options of [`Dm::list_versions_with`]. There are no options yet.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct VersionsOptions {}

impl VersionsOptions {
    /// Creates an empty set of options.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

/// The target types registered in the kernel, as returned by [`Dm::list_versions`].
#[derive(Clone, Debug)]
pub struct TargetVersionList {
    reply: Reply,
}

impl TargetVersionList {
    /// Iterates over the targets in the kernel's order.
    #[must_use]
    pub fn iter(&self) -> TargetVersions<'_> {
        let bytes = self.reply.payload().unwrap_or_default();
        TargetVersions { bytes, rest: (!bytes.is_empty()).then_some(bytes) }
    }
}

impl<'a> IntoIterator for &'a TargetVersionList {
    type Item = Result<TargetVersion<'a>, ReplyError>;
    type IntoIter = TargetVersions<'a>;

    fn into_iter(self) -> TargetVersions<'a> {
        self.iter()
    }
}

/// A target type that the kernel has registered, and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetVersion<'a> {
    /// The target type, such as `thin-pool`.
    pub target_type: Text<'a>,
    /// The version of this target's interface.
    pub version: Version,
}

/// An iterator over a [`TargetVersionList`]. It ends after the first error.
#[derive(Clone, Debug)]
pub struct TargetVersions<'a> {
    bytes: &'a [u8],
    /// The next entry and all after it; `None` after the last.
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for TargetVersions<'a> {
    type Item = Result<TargetVersion<'a>, ReplyError>;

    // Without inlining, each target is first assembled in memory.
    #[inline(always)]
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

/// Reads one entry; returns it and the bytes after it.
#[inline(always)]
fn decode(entry: &[u8]) -> Result<(TargetVersion<'_>, Option<&[u8]>), &'static str> {
    let word = |at| u32_at(entry, at).ok_or("a truncated entry");
    const VERSION_AT: usize = offset_of!(dm_target_versions, version);
    let version = Version::new(word(VERSION_AT)?, word(VERSION_AT + 4)?, word(VERSION_AT + 8)?);
    let named = entry.get(offset_of!(dm_target_versions, name)..).unwrap_or_default();
    // A name has at most 15 bytes, so in a complete entry its NUL is in the first block.
    let name =
        named.first_chunk().and_then(field_text).or_else(|| nul_terminated(named)).ok_or("an unterminated name")?;
    let rest = match word(offset_of!(dm_target_versions, next))? as usize {
        0 => None,
        // An entry is longer than its fixed part, so every step advances.
        next if next <= offset_of!(dm_target_versions, name) => return Err("an entry that overlaps itself"),
        next => Some(entry.get(next..).ok_or("an entry past the end")?),
    };
    Ok((TargetVersion { target_type: Text::new(name), version }, rest))
}

/// The size offered first: enough for about 50 targets, more than there are.
const FIRST_SIZE: usize = 2048;

/// The size of a reply to `DM_GET_TARGET_VERSION`, which is one entry.
const ONE_SIZE: usize = HEADER_SIZE + size_of::<dm_target_versions>() + DM_MAX_TYPE_NAME + 8;

impl Dm {
    /// Lists the target types that are registered in the kernel, with their versions.
    ///
    /// - Ioctl interface 4.1 and later.
    /// - Loads no modules. If a target is not in the list, [`target_version`](Self::target_version) may be able to load
    ///   its module.
    ///
    /// # Errors
    /// [`is_permission_denied`](Error::is_permission_denied).
    #[doc(alias = "DM_LIST_VERSIONS")]
    #[doc(alias = "DM_DEVICE_LIST_VERSIONS")]
    #[doc(alias = "dm_task_get_versions")]
    #[doc(alias = "dmsetup targets")]
    pub fn list_versions(&self) -> Result<TargetVersionList> {
        self.list_versions_with(VersionsOptions::new())
    }

    /// Lists the registered target types, with options.
    ///
    /// # Errors
    /// As [`list_versions`](Self::list_versions).
    pub fn list_versions_with(&self, options: VersionsOptions) -> Result<TargetVersionList> {
        let VersionsOptions {} = options;
        let sizes = ReplySizes { first: FIRST_SIZE, least: 0, grow: |_, size| size.saturating_mul(4) };
        let reply = self.ask(&Request::new(Command::ListVersions), &sizes, |_| Ok(()))?;
        reply.needed_payload()?;
        Ok(TargetVersionList { reply })
    }

    /// Reads the version of a target type, loading its module if necessary.
    ///
    /// - Ioctl interface 4.41 and later. On older kernels, load a table, which loads the module, and then call
    ///   [`list_versions`](Self::list_versions).
    ///
    /// # Errors
    /// [`is_invalid`](Error::is_invalid): the kernel has no such target. [`is_unsupported`](Error::is_unsupported): the
    /// kernel has an older interface. [`Error::Request`]: the text is not a valid target type.
    #[doc(alias = "DM_GET_TARGET_VERSION")]
    #[doc(alias = "DM_DEVICE_GET_TARGET_VERSION")]
    #[doc(alias = "dmsetup target-version")]
    pub fn target_version(&self, target_type: &str) -> Result<Version> {
        const COMMAND: Command = Command::TargetVersion;
        let name = target_type.as_bytes();
        if padded_type(name).is_none() {
            return Err(Error::request(COMMAND, RequestFault::TargetType { line: None }));
        }
        let mut bytes = [0; ONE_SIZE];
        self.send_array(&Request { name: Some(name), ..Request::new(COMMAND) }, &mut bytes)?;
        let fault = |what| ReplyError { command: COMMAND, what, at: HEADER_SIZE };
        let entry = bytes.get(HEADER_SIZE..).unwrap_or_default();
        let (target, _) = decode(entry).map_err(fault)?;
        if target.target_type.as_bytes() != name {
            return Err(fault("another target").into());
        }
        Ok(target.version)
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

    impl Serialize for super::TargetVersionList {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut items = serializer.serialize_seq(None)?;
            for item in self {
                items.serialize_element(&item.map_err(S::Error::custom)?)?;
            }
            items.end()
        }
    }
}
