//! The error numbers of Linux, which this kernel returns on any system.

use std::fmt;
use std::io;

/// The error of a command or an I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl Errno {
    pub(crate) const EPERM: Self = Self(1);
    pub(crate) const ENOENT: Self = Self(2);
    pub(crate) const EINTR: Self = Self(4);
    pub(crate) const EIO: Self = Self(5);
    pub(crate) const ENXIO: Self = Self(6);
    pub(crate) const E2BIG: Self = Self(7);
    pub(crate) const EBADF: Self = Self(9);
    pub(crate) const EAGAIN: Self = Self(11);
    pub(crate) const ENOTBLK: Self = Self(15);
    pub(crate) const EBUSY: Self = Self(16);
    pub(crate) const EEXIST: Self = Self(17);
    pub(crate) const ENODEV: Self = Self(19);
    pub(crate) const EINVAL: Self = Self(22);
    pub(crate) const ENOTTY: Self = Self(25);
    pub(crate) const ENOSPC: Self = Self(28);
    pub(crate) const EROFS: Self = Self(30);
    pub(crate) const ENODATA: Self = Self(61);
    pub(crate) const EOVERFLOW: Self = Self(75);
    pub(crate) const EILSEQ: Self = Self(84);
    pub(crate) const EOPNOTSUPP: Self = Self(95);
    pub(crate) const ETIMEDOUT: Self = Self(110);

    pub(crate) fn to_io(self) -> io::Error {
        io::Error::from_raw_os_error(self.0)
    }

    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::EPERM => "EPERM",
            Self::ENOENT => "ENOENT",
            Self::EINTR => "EINTR",
            Self::EIO => "EIO",
            Self::ENXIO => "ENXIO",
            Self::E2BIG => "E2BIG",
            Self::EBADF => "EBADF",
            Self::EAGAIN => "EAGAIN",
            Self::ENOTBLK => "ENOTBLK",
            Self::EBUSY => "EBUSY",
            Self::EEXIST => "EEXIST",
            Self::ENODEV => "ENODEV",
            Self::EINVAL => "EINVAL",
            Self::ENOTTY => "ENOTTY",
            Self::ENOSPC => "ENOSPC",
            Self::EROFS => "EROFS",
            Self::ENODATA => "ENODATA",
            Self::EOVERFLOW => "EOVERFLOW",
            Self::EILSEQ => "EILSEQ",
            Self::EOPNOTSUPP => "EOPNOTSUPP",
            Self::ETIMEDOUT => "ETIMEDOUT",
            _ => return None,
        })
    }
}

/// As the kernel's `%pe` prints it: `-EINVAL`.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "-{name}"),
            None => write!(f, "-{}", self.0),
        }
    }
}
