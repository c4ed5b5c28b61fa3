//! Error numbers with their names, and descriptions that suit block devices.

use core::fmt;

use nix::errno::Errno as NixErrno;

/// `ENODATA`, in whose place some systems have `ENOATTR`.
#[cfg(not(any(target_os = "freebsd", target_os = "openbsd", target_os = "dragonfly")))]
const NO_DATA: NixErrno = NixErrno::ENODATA;
#[cfg(any(target_os = "freebsd", target_os = "openbsd", target_os = "dragonfly"))]
const NO_DATA: NixErrno = NixErrno::ENOATTR;

/// An error number of the kernel, as in `errno(3)`. Prints as `Device or resource busy (EBUSY)`.
///
/// The numbers are those of the system on which the program runs. With [another transport](crate::Dm::with_transport),
/// that system need not be Linux.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

/// `ENOTSUPP` in include/linux/errno.h: not meant for user space, but some drivers return it.
const ENOTSUPP: i32 = 524;

impl Errno {
    /// `ENODATA`, or `ENOATTR` on FreeBSD, OpenBSD and DragonFly, which have no `ENODATA`.
    pub const ENODATA: Self = Self::from_nix(NO_DATA);

    /// Makes an error from its number.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    pub(crate) const fn from_nix(errno: NixErrno) -> Self {
        Self(errno as i32)
    }

    pub(crate) fn of(error: &std::io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(0))
    }

    /// The number, as in C's `errno`.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The name, such as `EBUSY`. `None` if the number has no name.
    #[must_use]
    pub fn name(self) -> Option<String> {
        match (self.0, NixErrno::from_raw(self.0)) {
            (ENOTSUPP, _) => Some("ENOTSUPP".to_owned()),
            (_, NixErrno::UnknownErrno) => None,
            (_, known) => Some(format!("{known:?}")),
        }
    }

    /// The description. The C library's text for `EOPNOTSUPP` is about sockets.
    fn description(self) -> &'static str {
        match NixErrno::from_raw(self.0) {
            NixErrno::EOPNOTSUPP => "Operation not supported",
            NixErrno::UnknownErrno if self.0 == ENOTSUPP => "Operation not supported",
            NixErrno::UnknownErrno => "Unknown error",
            known => known.desc(),
        }
    }

    pub(crate) fn is(self, known: NixErrno) -> bool {
        self.0 == known as i32
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.description()),
            None => write!(f, "{} {}", self.description(), self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(&name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_print_in_words_and_by_name() {
        assert_eq!(Errno::from_nix(NixErrno::EBUSY).to_string(), "Device or resource busy (EBUSY)");
        assert_eq!(Errno::from_nix(NixErrno::EOPNOTSUPP).to_string(), "Operation not supported (EOPNOTSUPP)");
        assert_eq!(Errno::new(524).to_string(), "Operation not supported (ENOTSUPP)");
        assert_eq!(Errno::new(9999).to_string(), "Unknown error 9999");
        assert_eq!(format!("{:?}", Errno::from_nix(NixErrno::ENXIO)), "ENXIO");
        assert_eq!((Errno::new(9999).name(), Errno::new(16).name().as_deref()), (None, Some("EBUSY")));
    }
}
