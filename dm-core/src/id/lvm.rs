//! The names that LVM2 gives its devices.

use super::name::DmName;

/// The parts of a device name of LVM2, as returned by [`DmName::lvm_parts`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LvmParts {
    /// The name of the volume group.
    pub vg: String,
    /// The name of the logical volume. Empty if the device name has no such part.
    pub lv: String,
    /// The layer, such as `real` or `tpool`, of a device that LVM2 makes below a volume. Empty for the volume itself.
    pub layer: String,
}

impl DmName {
    /// Splits a device name of LVM2: `vg-lv-layer`, where each hyphen within a part is doubled.
    ///
    /// The name does not tell whether LVM2 made the device. To find out, check whether the uuid begins with `LVM-`.
    /// Text after a third single hyphen is left out, as in libdm. U+FFFD replaces bytes that are not UTF-8.
    ///
    /// ```
    /// use dm_core::DmName;
    ///
    /// let parts = DmName::new("my--vg-home-real")?.lvm_parts();
    /// assert_eq!((&*parts.vg, &*parts.lv, &*parts.layer), ("my-vg", "home", "real"));
    /// # Ok::<(), dm_core::NameError>(())
    /// ```
    #[doc(alias = "dm_split_lvm_name")]
    #[doc(alias = "splitname")]
    #[must_use]
    pub fn lvm_parts(&self) -> LvmParts {
        let text = self.to_string();
        let mut rest = text.as_str();
        let mut next = || {
            let part = next_part(&mut rest);
            part.replace("--", "-")
        };
        let (vg, lv, layer) = (next(), next(), next());
        LvmParts { vg, lv, layer }
    }
}

/// Returns the text before the next single hyphen, and removes it from the rest.
fn next_part<'t>(rest: &mut &'t str) -> &'t str {
    let bytes = rest.as_bytes();
    let mut at = 0_usize;
    while let Some(&byte) = bytes.get(at) {
        let is_double = bytes.get(at.saturating_add(1)) == Some(&b'-');
        match (byte, is_double) {
            (b'-', true) => at = at.saturating_add(2),
            (b'-', false) => break,
            _ => at = at.saturating_add(1),
        }
    }
    let part = rest.get(..at).unwrap_or_default();
    *rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_within_parts_are_doubled() {
        let parts = |name: &str| {
            let LvmParts { vg, lv, layer } = DmName::new(name).unwrap().lvm_parts();
            [vg, lv, layer]
        };
        assert_eq!(parts("vg-lv"), ["vg", "lv", ""]);
        assert_eq!(parts("my--vg-lv--x-layer"), ["my-vg", "lv-x", "layer"]);
        assert_eq!(parts("vg"), ["vg", "", ""]);
        assert_eq!(parts("vg-lv-layer-more"), ["vg", "lv", "layer"]);
        assert_eq!(parts("-lv"), ["", "lv", ""]);
        assert_eq!(parts("vg-"), ["vg", "", ""]);
        assert_eq!(parts("диск-том"), ["диск", "том", ""]);
    }
}
