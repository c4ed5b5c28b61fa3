//! [`Naming`]: the translation between human-readable names and kernel names.

use std::borrow::Cow;

use super::identifier::NameError;
use super::mangle::{Mangled, is_escape, is_plain, unmangle};
use super::name::{DmName, DmNameBuf, DmUuid, DmUuidBuf};

/// Selects how human-readable names are translated to the kernel's names (libdm's name mangling).
///
/// The kernel accepts almost any bytes as a name. libdm, which dmsetup and cryptsetup use, passes only ASCII letters,
/// digits and `#+-.:=@_` to the kernel unchanged. It *mangles* every other byte to `\xNN`, since such bytes cause
/// trouble with udev and shells. If users call a device `my disk`, its name in the kernel and below `/dev/mapper` is
/// `my\x20disk`.
///
/// A [`Host`](crate::Host) translates names that are given as text. Its default is `Auto`, as in libdm, so that this
/// library and libdm find each other's devices. [`Host::with_naming`](crate::Host::with_naming) selects another mode. A
/// [`DmName`] is the kernel's name and is never translated. The commands of [`Dm`](crate::Dm) do not translate text
/// either.
///
/// Examples of the kernel's name in each mode:
///
/// | text | `Auto` | `Hex` | `None` |
/// |---|---|---|---|
/// | `plain` | `plain` | `plain` | `plain` |
/// | `my disk` | `my\x20disk` | `my\x20disk` | `my disk` |
/// | `a\x20b` | `a\x20b` | `a\x5cx20b` | `a\x20b` |
/// | `a\x20 b` | an error | `a\x5cx20\x20b` | `a\x20 b` |
///
/// ```
/// use dm_core::{DmName, Naming};
///
/// let name = DmName::new("my disk")?;
/// let kernel_name = Naming::Auto.kernel_name(name)?;
/// assert_eq!(*kernel_name, *r"my\x20disk");
/// assert_eq!(*Naming::Auto.human_name(&kernel_name), *"my disk");
/// # Ok::<(), dm_core::NameError>(())
/// ```
#[doc(alias = "mangling")]
#[doc(alias = "dm_set_name_mangling_mode")]
#[doc(alias = "dm_string_mangling_t")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Naming {
    /// Keeps a name that is already mangled, and mangles any other name. A name with both escapes and bytes that need
    /// an escape is an error. An incomplete escape and an escaped escape are errors too.
    #[default]
    Auto,
    /// Mangles every name, even if it seems to be already mangled.
    Hex,
    /// Passes names to the kernel unchanged.
    None,
}

impl Naming {
    /// Translates a human-readable name to the kernel's name.
    ///
    /// # Errors
    /// - [`NameError::TooLong`]: the mangled name is too long.
    /// - [`NameError::Mixed`], only with [`Auto`](Self::Auto): the name has both escapes and bytes that need an escape,
    ///   or an incomplete escape.
    /// - [`NameError::Twice`], only with [`Auto`](Self::Auto): an escape is escaped.
    #[doc(alias = "dm_task_get_name_mangled")]
    #[doc(alias = "dm_build_dm_name")]
    #[doc(alias = "dmsetup mangle")]
    pub fn kernel_name(self, name: &DmName) -> Result<Cow<'_, DmName>, NameError> {
        match self.mangle("name", name.as_bytes())? {
            Some(mangled) => DmNameBuf::new(&mangled).map(Cow::Owned),
            None => Ok(Cow::Borrowed(name)),
        }
    }

    /// Translates the kernel's name of a device to the human-readable name.
    ///
    /// The result is a name that [`kernel_name`](Self::kernel_name) translates back to `name` in the same mode. If
    /// no such name exists, `name` is returned unchanged.
    #[doc(alias = "dm_task_get_name_unmangled")]
    #[must_use]
    pub fn human_name(self, name: &DmName) -> Cow<'_, DmName> {
        let human = self.unmangle("name", name.as_bytes()).and_then(|bytes| DmNameBuf::new(&bytes).ok());
        human.map_or(Cow::Borrowed(name), Cow::Owned)
    }

    /// Translates a human-readable uuid to the kernel's uuid. libdm mangles uuids like names.
    ///
    /// # Errors
    /// As [`kernel_name`](Self::kernel_name).
    #[doc(alias = "dm_task_get_uuid_mangled")]
    #[doc(alias = "dm_build_dm_uuid")]
    pub fn kernel_uuid(self, uuid: &DmUuid) -> Result<Cow<'_, DmUuid>, NameError> {
        match self.mangle("uuid", uuid.as_bytes())? {
            Some(mangled) => DmUuidBuf::new(&mangled).map(Cow::Owned),
            None => Ok(Cow::Borrowed(uuid)),
        }
    }

    /// Translates the kernel's uuid of a device to the human-readable uuid, as [`human_name`](Self::human_name) does
    /// for a name.
    #[doc(alias = "dm_task_get_uuid_unmangled")]
    #[must_use]
    pub fn human_uuid(self, uuid: &DmUuid) -> Cow<'_, DmUuid> {
        let human = self.unmangle("uuid", uuid.as_bytes()).and_then(|bytes| DmUuidBuf::new(&bytes).ok());
        human.map_or(Cow::Borrowed(uuid), Cow::Owned)
    }

    /// The mangled form, if it differs.
    fn mangle(self, what: &'static str, bytes: &[u8]) -> Result<Option<Vec<u8>>, NameError> {
        let is_kept = match self {
            Self::None => true,
            Self::Hex => bytes.iter().all(|&byte| is_plain(byte)),
            Self::Auto => is_mangled_already(what, bytes)?,
        };
        Ok((!is_kept).then(|| Mangled::new(bytes).to_string().into_bytes()))
    }

    /// The unmangled bytes, if they differ and are mangled to the same name again.
    fn unmangle(self, what: &'static str, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(bytes).ok().filter(|_| self != Self::None && bytes.contains(&b'\\'))?;
        let human = unmangle(text).ok()?;
        self.mangle(what, &human).is_ok_and(|back| back.as_deref() == Some(bytes)).then_some(human)
    }
}

/// Whether a name has no character that needs an escape. Escapes together with such characters are an error, as are
/// escaped escapes, which libdm refuses as well.
fn is_mangled_already(what: &'static str, bytes: &[u8]) -> Result<bool, NameError> {
    let (mut escape, mut odd) = (None, None);
    let mut at = 0_usize;
    while let Some((&byte, _)) = bytes.get(at..).and_then(<[u8]>::split_first) {
        let rest = bytes.get(at..).unwrap_or_default();
        let len = if is_escape(rest) { 4 } else { 1 };
        match rest {
            [b'\\', b'x', b'5', b'c' | b'C', b'x', ..] => return Err(NameError::Twice { what, at }),
            _ if len > 1 => escape = escape.or(Some(at)),
            // `\x` without two hexadecimal digits.
            [b'\\', b'x', ..] => return Err(NameError::Mixed { what, at }),
            _ if !is_plain(byte) => odd = odd.or(Some(at)),
            _ => {}
        }
        if let (Some(escape), Some(odd)) = (escape, odd) {
            return Err(NameError::Mixed { what, at: escape.max(odd) });
        }
        at = at.saturating_add(len);
    }
    Ok(odd.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kernel(naming: Naming, text: &str) -> Result<String, String> {
        let name = naming.kernel_name(DmName::new(text).unwrap());
        name.map(|name| name.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_in_the_docs_is_right() {
        let auto = |text| kernel(Naming::Auto, text);
        let hex = |text| kernel(Naming::Hex, text);
        for naming in [Naming::Auto, Naming::Hex, Naming::None] {
            assert_eq!(kernel(naming, "plain").unwrap(), "plain");
        }
        assert_eq!([auto("my disk").unwrap(), hex("my disk").unwrap()], [r"my\x20disk"; 2]);
        assert_eq!(auto(r"a\x20b").unwrap(), r"a\x20b");
        assert_eq!(hex(r"a\x20b").unwrap(), r"a\x5cx20b");
        assert_eq!(hex(r"a\x20 b").unwrap(), r"a\x5cx20\x20b");
        for text in ["my disk", r"a\x20b", r"a\x20 b"] {
            assert_eq!(kernel(Naming::None, text).unwrap(), text);
        }
        assert_eq!(auto("диск").unwrap(), r"\xd0\xb4\xd0\xb8\xd1\x81\xd0\xba");
        assert_eq!(auto(r"a\b").unwrap(), r"a\x5cb");
    }

    #[test]
    fn an_ambiguous_name_is_refused_with_the_position() {
        let says = |text| kernel(Naming::Auto, text).unwrap_err();
        let mixed = "this name has escapes such as \\x20 as well as characters that need an escape, or an incomplete \
                     escape, byte ";
        for (text, at) in [(r"a\x20 b", 5), (r"a \x20b", 2), (r"a\xzzb", 1), (r"ab\x2", 2)] {
            assert!(says(text).starts_with(&format!("{mixed}{at}:")), "{}", says(text));
        }
        assert!(says(r"a\x5cx20b").starts_with("this name is escaped twice, byte 1:"), "{}", says(r"a\x5cx20b"));
        let long = says(&" ".repeat(40));
        assert!(long.contains("has 160 bytes"), "{long}");
    }

    #[test]
    fn uuids_are_mangled_as_names_are() {
        let uuid = DmUuid::new("mpath/1").unwrap();
        let kernel = Naming::Auto.kernel_uuid(uuid).unwrap();
        assert_eq!(*kernel, *r"mpath\x2f1");
        assert_eq!(*Naming::Auto.human_uuid(&kernel), *uuid);
        assert_eq!(*Naming::None.human_uuid(&kernel), *kernel);
    }

    #[test]
    fn a_kernel_name_that_auto_never_produces_is_not_translated() {
        for name in [r"a\x2fb", r"a\x00b", "my disk", r"a\b", r"a\x20 b", r"a\x5cx20b", r"a\x41", r"\x5c\x7841"] {
            let name = DmName::new(name).unwrap();
            assert_eq!(*Naming::Auto.human_name(name), *name);
        }
    }

    proptest! {
        #[test]
        fn human_name_then_kernel_name_is_the_identity(bytes in proptest::collection::vec(1_u8..=255, 1..30)) {
            let Ok(name) = DmName::new(&bytes) else { return Ok(()) };
            for naming in [Naming::Auto, Naming::Hex, Naming::None] {
                let Ok(kernel) = naming.kernel_name(name) else { continue };
                // `Auto` keeps a mangled name, which is then translated back to its unmangled form.
                let human = naming.human_name(&kernel);
                prop_assert_eq!(&*naming.kernel_name(&human).unwrap(), &*kernel);
            }
        }
    }
}
