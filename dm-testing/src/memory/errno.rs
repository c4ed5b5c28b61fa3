//! The errors of the kernel, with the numbers of the system that the tests run on.

use std::fmt;
use std::io;

use nix::errno::Errno as NixErrno;

/// The error of a command or an I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl Errno {
    pub(crate) const EPERM: Self = Self(NixErrno::EPERM as i32);
    pub(crate) const ENOENT: Self = Self(NixErrno::ENOENT as i32);
    pub(crate) const EINTR: Self = Self(NixErrno::EINTR as i32);
    pub(crate) const EIO: Self = Self(NixErrno::EIO as i32);
    pub(crate) const ENXIO: Self = Self(NixErrno::ENXIO as i32);
    pub(crate) const E2BIG: Self = Self(NixErrno::E2BIG as i32);
    pub(crate) const EBADF: Self = Self(NixErrno::EBADF as i32);
    pub(crate) const EAGAIN: Self = Self(NixErrno::EAGAIN as i32);
    pub(crate) const ENOTBLK: Self = Self(NixErrno::ENOTBLK as i32);
    pub(crate) const EBUSY: Self = Self(NixErrno::EBUSY as i32);
    pub(crate) const EEXIST: Self = Self(NixErrno::EEXIST as i32);
    pub(crate) const ENODEV: Self = Self(NixErrno::ENODEV as i32);
    pub(crate) const EINVAL: Self = Self(NixErrno::EINVAL as i32);
    pub(crate) const ENOTTY: Self = Self(NixErrno::ENOTTY as i32);
    pub(crate) const ENOSPC: Self = Self(NixErrno::ENOSPC as i32);
    pub(crate) const EROFS: Self = Self(NixErrno::EROFS as i32);
    pub(crate) const ENODATA: Self = Self(dm_core::Errno::ENODATA.number());
    pub(crate) const EOVERFLOW: Self = Self(NixErrno::EOVERFLOW as i32);
    pub(crate) const EILSEQ: Self = Self(NixErrno::EILSEQ as i32);
    pub(crate) const EOPNOTSUPP: Self = Self(NixErrno::EOPNOTSUPP as i32);
    pub(crate) const ENOTCONN: Self = Self(NixErrno::ENOTCONN as i32);
    pub(crate) const ETIMEDOUT: Self = Self(NixErrno::ETIMEDOUT as i32);

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
            Self::ENOTCONN => "ENOTCONN",
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
