//! Names and uuids of mapped devices, checked when they are made.
//!
//! The kernel accepts any byte except NUL in both, and refuses `/` in names; spaces, quotes, newlines and text in any
//! encoding are allowed (`check_name` and `dev_create` in drivers/md/dm-ioctl.c). Since ioctl interface 4.48 it also
//! refuses the names `control`, `.` and `..`; this crate leaves that check to the running kernel.
//!
//! Each has a borrowed form, [`DmName`] and [`DmUuid`], and an owned form, [`DmNameBuf`] and [`DmUuidBuf`], like
//! [`Path`](std::path::Path) and [`PathBuf`](std::path::PathBuf).

use core::borrow::Borrow;
use core::fmt;
use core::ops::Deref;

use dm_sys::{DM_NAME_LEN, DM_UUID_LEN};

use super::identifier::{NameError, check, identifier};
use super::mangle::{self, MangleError, Mangled};
use super::text::write_lossy;

identifier!(
    /// The kernel's name of a mapped device, borrowed: 1 to 127 bytes without NUL and `/`.
    ///
    /// A [`Host`](crate::Host) passes a `DmName` to the kernel unchanged, but translates a name given as text: see
    /// [`Naming`](crate::Naming). This type accepts the names `control`, `.` and `..`, which the kernel refuses since
    /// ioctl interface 4.48.
    ///
    /// ```
    /// use dm_core::{DmName, DmNameBuf};
    ///
    /// let name: &DmName = DmName::new("my disk")?;
    /// assert_eq!(name.mangled().to_string(), r"my\x20disk");
    /// let owned: DmNameBuf = name.to_owned();
    /// assert_eq!(owned, name);
    /// # Ok::<(), dm_core::NameError>(())
    /// ```
    DmName,
    /// The kernel's name of a mapped device, owned: 1 to 127 bytes without NUL and `/`. See [`DmName`].
    DmNameBuf,
    "name",
    DM_NAME_LEN,
    b"\0/",
    ///
    /// The result is the file name that libdm gives to the node below `/dev/mapper`. The link that udev makes can have a
    /// different name: see [`udev_path`](crate::paths::udev_path).
    shown
);

identifier!(
    /// The kernel's uuid of a mapped device, borrowed: 1 to 128 bytes without NUL.
    ///
    /// A uuid must be unique among the mapped devices of the host. By convention it begins with the name of a
    /// subsystem: `LVM-…`, `CRYPT-…`, `mpath-…`.
    DmUuid,
    /// The kernel's uuid of a mapped device, owned: 1 to 128 bytes without NUL. See [`DmUuid`].
    DmUuidBuf,
    "uuid",
    DM_UUID_LEN,
    b"\0"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_accepts_are_accepted() {
        for good in ["a", "my disk", "\u{434}\u{438}\u{441}\u{43a} 1", "quote\"", "line\nfeed", "control", ".."] {
            assert_eq!(DmName::new(good).unwrap(), good);
        }
        assert_eq!(DmName::new(&[0xff, 0xa0][..]).unwrap().as_bytes(), [0xff, 0xa0]);
        assert_eq!(DmName::new(&"n".repeat(127)).unwrap().as_bytes().len(), 127);
        assert_eq!(DmUuid::new(&"u".repeat(128)).unwrap().as_bytes().len(), 128);
        assert_eq!(DmUuid::new("mpath/1").unwrap(), "mpath/1");
    }

    #[test]
    fn errors_say_what_and_where() {
        let says = |bytes: &str| DmName::new(bytes).unwrap_err().to_string();
        assert_eq!(says(""), "a name of a mapped device cannot be empty");
        assert_eq!(says(&"n".repeat(128)), "this name has 128 bytes; the kernel takes at most 127");
        assert_eq!(says("a/b"), "a name of a mapped device cannot contain a '/': byte 1");
        assert_eq!(says("ab\0"), "a name of a mapped device cannot contain a NUL: byte 2");
        let uuid = DmUuid::new(&"u".repeat(129)).unwrap_err().to_string();
        assert_eq!(uuid, "this uuid has 129 bytes; the kernel takes at most 128");
    }

    #[test]
    fn a_map_of_owned_names_is_asked_by_borrowed_ones() {
        let map = std::collections::HashMap::from([(DmNameBuf::new("a").unwrap(), 1)]);
        assert_eq!(map.get(DmName::new("a").unwrap()), Some(&1));
    }

    #[test]
    fn borrowed_and_owned_forms_compare() {
        let (name, owned) = (DmName::new("a").unwrap(), DmNameBuf::new("a").unwrap());
        let equal = [owned == name, name == owned, *name == owned, owned == *name, owned == "a", *name == "a"];
        assert_eq!(equal, [true; 6]);
        let other = DmName::new("b").unwrap();
        let equal = [owned == other, other == owned, *other == owned, owned == *other, owned == "b", *name == "b"];
        assert_eq!(equal, [false; 6]);
    }

    #[test]
    fn the_mangled_form_reads_back() {
        let name = DmName::new("my disk").unwrap();
        assert_eq!(name.mangled().to_string(), r"my\x20disk");
        assert_eq!(DmNameBuf::from_mangled(r"my\x20disk").unwrap(), name.to_owned());
        assert_eq!(
            DmNameBuf::from_mangled(r"a\x2fb").unwrap_err().to_string(),
            "a name of a mapped device cannot contain a '/': byte 1"
        );
    }
}
