//! The check of the interface version when a handle is opened.

use std::io;
use std::path::Path;

use dm_units::Version;
use nix::errno::Errno as NixErrno;

use super::{Dm, Transport};
use crate::error::OpenError;
use crate::wire::Command;

/// A kernel that writes its version and returns a result.
#[derive(Debug)]
struct Kernel {
    version: Option<[u32; 3]>,
    errno: Option<NixErrno>,
}

impl Transport for Kernel {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        assert_eq!(command, Command::Version);
        for (place, word) in request.chunks_exact_mut(4).zip(self.version.iter().flatten()) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        self.errno.map_or(Ok(()), |errno| Err(errno.into()))
    }
}

fn check(version: Option<[u32; 3]>, errno: Option<NixErrno>) -> Result<(), OpenError> {
    Dm::with_transport(Kernel { version, errno }).check_interface(Path::new("/dev/mapper/control"))
}

#[test]
fn every_interface_4_is_taken() {
    for version in [[4, 0, 0], [4, 48, 0], [4, u32::MAX, 7]] {
        assert!(check(Some(version), None).is_ok());
    }
}

#[test]
fn another_interface_is_named_whether_the_kernel_answers_or_refuses() {
    for version in [[3, 0, 0], [5, 1, 2]] {
        for errno in [None, Some(NixErrno::EINVAL)] {
            let error = check(Some(version), errno).unwrap_err();
            let OpenError::Interface { version: found } = error else { panic!("{error:?}") };
            assert_eq!(found, Version::new(version[0], version[1], version[2]));
        }
    }
    assert_eq!(
        check(Some([5, 1, 2]), None).unwrap_err().to_string(),
        "the device mapper of this kernel has interface version 5.1.2; this library supports 4.x"
    );
}

#[test]
fn a_refusal_is_about_permission_or_has_an_unexpected_errno() {
    for errno in [NixErrno::EACCES, NixErrno::EPERM] {
        let error = check(Some([4, 48, 0]), Some(errno)).unwrap_err();
        assert!(error.is_permission_denied() && matches!(error, OpenError::Permission { .. }), "{error}");
    }
    let error = check(None, Some(NixErrno::ENOTTY)).unwrap_err();
    assert!(matches!(error, OpenError::UnexpectedErrno { .. }) && !error.is_permission_denied(), "{error}");
    assert_eq!(error.errno(), Some(NixErrno::ENOTTY as i32));
}
