//! The file names of devices below `/dev/mapper`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::error::{NodeNameFault, UdevError};
use crate::id::{DmName, Naming};
use crate::machine::paths::{mapper_dir, udev_path};

/// The longest name of a file.
const MAX_FILE_NAME_LEN: usize = 255;

/// Refuses a name that is not possible for a node below `/dev/mapper`. Operations call it before they create or rename
/// the device.
///
/// # Errors
/// [`UdevError::NodeName`]: the name is `.`, `..` or `control`, or too long in its mangled form.
pub(super) fn check_node_name(name: &DmName, naming: Naming) -> Result<(), UdevError> {
    let len = node_name(name, naming).len();
    let reason = match name.as_bytes() {
        b"." | b".." | b"control" => NodeNameFault::Reserved,
        _ if len > MAX_FILE_NAME_LEN => NodeNameFault::TooLong { len },
        _ => return Ok(()),
    };
    Err(UdevError::NodeName { name: name.to_owned(), reason })
}

/// The file name of a device's node by libdm's convention: the mangled name. Names that are mangled already, as those
/// from libdm, are kept. Without mangling it is the kernel's name, byte for byte.
pub(super) fn node_name(name: &DmName, naming: Naming) -> OsString {
    match naming {
        Naming::None => OsStr::from_bytes(name.as_bytes()).to_owned(),
        Naming::Auto | Naming::Hex => name.shown().to_string().into(),
    }
}

/// The possible file names of a device, each once: first the one that this process uses, then those that other programs
/// give it. libdm makes the mangled name or, in its mode *none*, the raw one; udev's link has other characters
/// replaced.
pub(super) fn file_names(name: &DmName, naming: Naming) -> Vec<OsString> {
    let udev = udev_path(name);
    let udev = udev.strip_prefix(mapper_dir()).map(|path| path.as_os_str().to_owned()).unwrap_or_default();
    let mut names = vec![node_name(name, naming)];
    for other in [node_name(name, Naming::Hex), node_name(name, Naming::None), udev] {
        let is_possible = !matches!(other.as_bytes(), b"" | b"." | b".." | b"control");
        if is_possible && !names.contains(&other) {
            names.push(other);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_have_a_node_are_refused() {
        let check =
            |name: &str| check_node_name(DmName::new(name).unwrap(), Naming::Auto).map_err(|error| error.to_string());
        for name in [".", "..", "control"] {
            let text = format!("device '{name}' cannot have a node in /dev/mapper: the name is reserved there");
            assert_eq!(check(name), Err(text));
        }
        for name in ["...", "controls", "a b", &"x".repeat(127), &format!("{}{}", " ".repeat(63), "xxx")] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        let error = check_node_name(DmName::new(&" ".repeat(64)).unwrap(), Naming::Auto).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("has 256 bytes"), "{error}");
    }

    #[test]
    fn a_name_that_is_mangled_already_is_kept() {
        let node = |name: &[u8]| node_name(DmName::new(name).unwrap(), Naming::Hex);
        assert_eq!(node(b"plain-1"), "plain-1");
        assert_eq!(node(b"my disk"), r"my\x20disk");
        assert_eq!(node(br"my\x20disk"), r"my\x20disk");
        assert_eq!(node(br"my\disk"), r"my\x5cdisk");
        assert_eq!(node(b"a\xff"), r"a\xff");
    }

    #[test]
    fn without_mangling_a_node_has_the_kernels_name() {
        let name = DmName::new(b"a \xff").unwrap();
        assert_eq!(node_name(name, Naming::None).as_bytes(), b"a \xff");
        check_node_name(DmName::new(&" ".repeat(127)).unwrap(), Naming::None).unwrap();
    }

    #[test]
    fn the_names_that_other_programs_give_are_further_ones() {
        let names = |name: &str, naming| file_names(DmName::new(name).unwrap(), naming);
        assert_eq!(names("plain", Naming::Auto), ["plain"]);
        assert_eq!(names("my disk", Naming::Auto), [r"my\x20disk", "my disk", "my_disk"]);
        assert_eq!(names("my disk", Naming::Hex), names("my disk", Naming::Auto));
        assert_eq!(names("my disk", Naming::None), ["my disk", r"my\x20disk", "my_disk"]);
        assert_eq!(names(r"my\x20disk", Naming::Auto), [r"my\x20disk"]);
        for no_name_for_udev in ["  ", " . ", " .. ", " control"] {
            assert_eq!(names(no_name_for_udev, Naming::Auto).len(), 2, "{no_name_for_udev:?}");
        }
    }
}
