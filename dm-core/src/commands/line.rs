//! Lines of a table to load.

use core::fmt;

use dm_sys::DM_MAX_TYPE_NAME;
use dm_units::Sectors;

use super::payload::{Payload, PayloadWriter};
use crate::id::Text;
use crate::wire::scan::field_text;

/// A line of a table to load: a range of the device, and the target that maps it.
///
/// Lines that the kernel reports have another type, [`TargetStatus`](crate::TargetStatus);
/// [`to_line`](crate::TargetStatus::to_line) converts them.
///
/// ```
/// use dm_core::TargetLine;
/// use dm_units::Sectors;
///
/// let line = TargetLine::text(Sectors(0), Sectors(2048), "linear", "7:0 0");
/// assert_eq!(line.to_string(), "0 2048 linear 7:0 0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TargetLine<P> {
    /// The first sector of the range.
    pub start: Sectors,
    /// The number of sectors in the range.
    pub length: Sectors,
    /// The target type and its arguments.
    pub params: P,
}

/// The params of a table line, and their target type. The params are sent to the kernel as text: see [`Payload`].
///
/// The typed tables of the crate `dm-targets` implement this trait. Params of `crypt`, `integrity`, `inlinecrypt` and
/// Android's `default-key` always count as secret, even if [`Payload::may_hold_key`] returns `false`.
pub trait TargetParams: Payload {
    /// The target type, such as `linear`: 1 to 15 bytes, without NUL.
    fn target_type(&self) -> &str;

    /// Compares these params with the params that the kernel printed. Returns a field that differs, or `None` if all
    /// fields are the same.
    ///
    /// The default implementation compares the texts byte for byte. Typed tables compare the meaning of each field. If
    /// several fields differ, they return a field that determines the layout of the data, if there is one.
    fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
        let is_same = super::load::printed(self).is_ok_and(|own| own.text().as_bytes() == printed.as_bytes());
        (!is_same).then_some(FieldDifference { field: "params", is_layout: true })
    }
}

/// A field in which the params of two lines differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "other crates' params make it")]
pub struct FieldDifference {
    /// The name of the field.
    pub field: &'static str,
    /// Whether the field determines where data is stored or how data is interpreted, as a device or a block size
    /// does. Other fields, such as a low water mark or a cache's policy, can be changed without harm.
    pub is_layout: bool,
}

impl<P: TargetParams> TargetLine<P> {
    /// Makes a line with typed params, without checking them. [`Dm::table_load`](crate::Dm::table_load) refuses a wrong
    /// line.
    #[must_use]
    pub const fn new(start: Sectors, length: Sectors, params: P) -> Self {
        Self { start, length, params }
    }
}

impl<'a, T: Payload> TargetLine<LineText<'a, T>> {
    /// Makes a line with params as text, without checking them. [`Dm::table_load`](crate::Dm::table_load) refuses a
    /// wrong line.
    ///
    /// The kernel splits the text at white space. A backslash escapes the next byte. Params of `crypt`, `integrity`,
    /// `inlinecrypt` and `default-key` always count as secret. If the params of another target contain a key, call
    /// [`LineText::secret`].
    #[must_use]
    #[doc(alias = "dm_task_add_target")]
    pub const fn text(start: Sectors, length: Sectors, target_type: &'a str, params: T) -> Self {
        Self { start, length, params: LineText { target_type, text: params, secret: false } }
    }
}

/// Params as text, and the type of their target, as made by [`TargetLine::text`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LineText<'a, T> {
    target_type: &'a str,
    text: T,
    secret: bool,
}

impl<T> LineText<'_, T> {
    /// Sets whether the text contains a key. Not needed for `crypt`, `integrity`, `inlinecrypt` and `default-key`,
    /// whose params are always secret.
    #[must_use]
    pub fn secret(self, secret: bool) -> Self {
        Self { secret, ..self }
    }
}

impl<T: Payload> Payload for LineText<'_, T> {
    #[inline]
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        self.text.write(out)
    }

    #[inline]
    fn may_hold_key(&self) -> bool {
        self.secret || self.text.may_hold_key()
    }
}

impl<T: Payload> TargetParams for LineText<'_, T> {
    fn target_type(&self) -> &str {
        self.target_type
    }
}

impl<P: TargetParams + ?Sized> TargetParams for Box<P> {
    fn target_type(&self) -> &str {
        (**self).target_type()
    }

    fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
        (**self).difference(printed)
    }
}

impl<P: TargetParams + ?Sized> TargetParams for &P {
    fn target_type(&self) -> &str {
        (**self).target_type()
    }

    fn difference(&self, printed: Text<'_>) -> Option<FieldDifference> {
        (**self).difference(printed)
    }
}

/// Whether params are secret: they report a key, or their target takes keys, whatever an implementation outside this
/// crate reports.
#[inline]
pub(crate) fn is_secret(params: &(impl TargetParams + ?Sized)) -> bool {
    params.may_hold_key() || takes_keys(params.target_type().as_bytes())
}

/// Whether the params of a target may contain a key: the kernel's targets that take keys, and Android's `default-key`.
#[inline]
pub(super) fn takes_keys(target_type: &[u8]) -> bool {
    matches!(target_type, b"crypt" | b"integrity" | b"inlinecrypt" | b"default-key")
}

/// As [`takes_keys`], for a target type in a field that ends with a NUL. Most target types differ in the first byte.
#[inline]
pub(super) fn field_takes_keys(field: &[u8; DM_MAX_TYPE_NAME]) -> bool {
    matches!(field, [b'c' | b'd' | b'i', ..]) && field_text(field).is_none_or(takes_keys)
}

/// Prints the line as `dmsetup table` does: `0 2048 linear 7:0 0`. Params that may contain a key are not shown.
impl<P: TargetParams> fmt::Display for TargetLine<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.start, self.length, self.params.target_type())?;
        write_params(f, &self.params)
    }
}

/// Shows the params, unless they may contain a key; if they cannot be sent, shows the reason.
fn write_params(f: &mut fmt::Formatter<'_>, params: &impl TargetParams) -> fmt::Result {
    match super::load::printed(params) {
        Ok(printed) => fmt::Display::fmt(&printed.text(), f),
        // An error here would make `to_string` panic.
        Err(fault) => write!(f, "<{fault}>"),
    }
}

impl<T: Payload> fmt::Debug for LineText<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{} ", self.target_type)?;
        write_params(f, self)?;
        f.write_str("\"")
    }
}

/// A target type as the kernel's field, padded with zeros. `None` if it is empty, too long or contains a NUL.
#[inline]
pub(super) fn padded_type(target_type: &[u8]) -> Option<[u8; DM_MAX_TYPE_NAME]> {
    let mut field = [0; DM_MAX_TYPE_NAME];
    // Copied byte by byte, since a call costs more for a few bytes.
    for (place, &byte) in field.iter_mut().zip(target_type) {
        *place = byte;
    }
    let is_whole = field_text(&field).is_some_and(|text| text.len() == target_type.len());
    (is_whole && !target_type.is_empty()).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Params that do not report their key.
    #[derive(Debug)]
    struct Careless(&'static str);

    impl Payload for Careless {
        fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
            out.write_bytes(b"aes 00ff")
        }
    }

    impl TargetParams for Careless {
        fn target_type(&self) -> &str {
            self.0
        }
    }

    #[test]
    fn params_of_targets_with_keys_are_secret_whoever_implements_them() {
        for target_type in ["crypt", "integrity", "inlinecrypt", "default-key", "linear"] {
            let is_secret = target_type != "linear";
            let line = TargetLine::new(Sectors(0), Sectors(8), Careless(target_type));
            assert_eq!(super::is_secret(&line.params), is_secret, "{target_type}");
            assert_eq!(!line.to_string().contains("00ff"), is_secret, "{target_type}");
            let boxed: &dyn TargetParams = &line.params;
            assert_eq!(super::is_secret(&boxed), is_secret, "{target_type}");
        }
    }

    #[test]
    fn lines_show_their_params_but_no_keys() {
        let line = |target_type, params| TargetLine::text(Sectors(0), Sectors(8), target_type, params);
        assert_eq!(line("linear", "7:0 0").to_string(), "0 8 linear 7:0 0");
        assert_eq!(format!("{:?}", line("linear", "7:0 0").params), "\"linear 7:0 0\"");
        for secret in [line("crypt", "aes 00ff"), line("integrity", "aes 00ff"), line("inlinecrypt", "aes 00ff")] {
            assert!(is_secret(&secret.params));
            assert!(!format!("{secret} {secret:?}").contains("00ff"), "{secret}");
        }
        let unknown = LineText { target_type: "foreign", text: "00ff", secret: false };
        assert!(!unknown.may_hold_key() && unknown.secret(true).may_hold_key());
        assert!(!format!("{:?}", unknown.secret(true)).contains("00ff"));
    }

    /// Params that differ from all others in a field that is not their layout.
    struct Tuned;

    const TUNING: FieldDifference = FieldDifference { field: "tuning", is_layout: false };

    impl Payload for Tuned {
        fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
            out.write_bytes(b"tuned")
        }
    }

    impl TargetParams for Tuned {
        fn target_type(&self) -> &str {
            "foreign"
        }

        fn difference(&self, _: Text<'_>) -> Option<FieldDifference> {
            Some(TUNING)
        }
    }

    #[test]
    fn boxed_and_borrowed_params_are_compared_as_their_own_type_does() {
        fn difference(params: impl TargetParams) -> Option<FieldDifference> {
            params.difference(Text::from("tuned"))
        }
        assert_eq!(difference(Tuned), Some(TUNING));
        assert_eq!(difference(&Tuned), Some(TUNING));
        assert_eq!(difference(Box::new(Tuned)), Some(TUNING));
        assert_eq!(difference(Box::new(Tuned) as Box<dyn TargetParams>), Some(TUNING));
    }
}
