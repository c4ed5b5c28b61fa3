//! Cookies on systems other than Linux, where no udev completes them: no semaphore can be created.

pub(super) mod semaphore {
    use std::time::Duration;

    use nix::errno::Errno;

    /// No semaphore.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::udev) struct Semaphore;

    /// The result of a wait for zero.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[expect(dead_code, reason = "no wait has a result here")]
    pub(in crate::udev) enum Waited {
        Zero,
        TimedOut,
        Interrupted,
    }

    impl Semaphore {
        pub(in crate::udev) const fn create(_: u32) -> Result<Self, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(in crate::udev) const fn find(_: u32) -> Result<Self, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(in crate::udev) const fn from_id(_: i32) -> Self {
            Self
        }

        pub(in crate::udev) const fn value(self) -> Result<i32, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(in crate::udev) const fn waiters(self) -> Result<i32, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(in crate::udev) const fn add(self, _: i16) -> Result<(), Errno> {
            Err(Errno::ENOSYS)
        }

        pub(in crate::udev) const fn wait_for_zero(self, _: Duration) -> Result<Waited, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(in crate::udev) const fn remove(self) -> Result<(), Errno> {
            Err(Errno::ENOSYS)
        }
    }
}
