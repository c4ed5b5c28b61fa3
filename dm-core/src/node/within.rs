//! An ioctl with a timeout.
//!
//! While the kernel suspends a device it waits for I/O, and only a signal ends that wait early
//! (`dm_wait_for_completion` in drivers/md/dm.c). A library cannot claim a signal in its caller's process, so a child
//! process sends the ioctl and gets a signal when the timeout expires or a signal arrives here. The kernel then gives
//! up the suspension. Before it waits for I/O, the kernel freezes the file system or writes back the page cache of the
//! device, which a signal does not interrupt. A child that is still busy there is left behind; if its suspension
//! succeeds later, it resumes the device itself.
#![expect(unsafe_code, reason = "fork without SIGCHLD, and the ioctl in the child")]

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

/// The time that the child has after the signal. After that it is left running, since it may be writing back the page
/// cache, which cannot be interrupted.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// The signal may arrive just before the child enters the kernel, so it is repeated.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(10);
/// The signal that makes the child give up.
const GIVE_UP: libc::c_int = libc::SIGUSR1;

/// Sends the request in `bytes` from a child process. Only an error is returned, not the reply.
///
/// `undo` is the request that undoes the first one. The child sends it if the first request succeeds after it was given
/// up, however late.
///
/// # Errors
/// The kernel refuses the request. `ETIMEDOUT`: `timeout` has expired. `EINTR`: a signal arrived. After the last two
/// the ioctl normally had no effect, but it may have completed at the last moment or may still be running, so the
/// caller reads the state of the device.
pub(super) fn ioctl(
    fd: RawFd,
    code: u32,
    bytes: &mut [u8],
    undo: Option<&mut [u8]>,
    timeout: Duration,
) -> io::Result<()> {
    let (answer, child_end) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // The program's signal handlers must not run in the child, so it starts with all signals blocked.
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))?;
    let forked = fork();
    if let Ok(None) = forked {
        run_child(fd, code, bytes, undo, &child_end);
    }
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    drop(child_end);
    let child = forked?.ok_or(io::ErrorKind::Other)?;
    let ended = wait_readable(&answer, timeout);
    if ended.is_err() {
        give_up(child, &answer);
    }
    reap(child, ended.is_ok());
    // A result that arrived at the last moment is used.
    match read_errno(answer) {
        Some(0) => Ok(()),
        // The child received the signal and gave up.
        Some(libc::EINTR) if ended.is_err() => Err(ended.err().unwrap_or(Errno::EINTR).into()),
        Some(errno) => Err(io::Error::from_raw_os_error(errno)),
        None => Err(ended.err().unwrap_or(Errno::EIO).into()),
    }
}

/// Signals the child to give up, and waits a short time for its end.
fn give_up(child: libc::pid_t, answer: &OwnedFd) {
    let start = Instant::now();
    while start.elapsed() < LAST_WAIT {
        // SAFETY: `kill` takes two numbers. The child has not been waited for, so its number is not another process's.
        unsafe { libc::kill(child, GIVE_UP) };
        if wait_readable(answer, BETWEEN_SIGNALS).is_ok() {
            return;
        }
    }
}

/// No flag, no address: an argument of `clone`.
const NONE: libc::c_long = 0;

/// Forks a child that sends no SIGCHLD when it ends, so that a program that waits for its own children does not see it.
/// Returns `None` in the child.
fn fork() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: with all arguments zero, `clone` is `fork` without a signal at the end. The child has a copy of only this
    // thread; it makes system calls on its own memory and exits without returning from `run_child`.
    // `syscall` reads whole registers: an `int` may leave half of one undefined.
    let pid = unsafe { libc::syscall(libc::SYS_clone, NONE, NONE, NONE, NONE, NONE) };
    match libc::pid_t::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Some(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Set in the child when it receives the signal to give up.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

extern "C" fn note_give_up(_: libc::c_int) {
    GIVEN_UP.store(true, Ordering::SeqCst);
}

/// Runs in the child. It uses system calls only, since other threads of the program may have held any lock during the
/// fork.
fn run_child(fd: RawFd, code: u32, bytes: &mut [u8], undo: Option<&mut [u8]>, answer: &OwnedFd) -> ! {
    let is_given_up = || GIVEN_UP.load(Ordering::SeqCst);
    // SAFETY: as in `transport.rs`: the bytes belong to this process only, and the kernel writes at most the
    // `data_size` bytes that the caller has set to their length. The handler only stores to an atomic. The signal calls
    // get initialized memory of the right types, and `write` and `_exit` valid arguments.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = note_give_up as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigaction(GIVE_UP, &raw const action, std::ptr::null_mut());
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, GIVE_UP);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const signals, std::ptr::null_mut());
        let mut errno = if is_given_up() { libc::EINTR } else { send(fd, code, bytes) };
        if errno == 0 && is_given_up() {
            // The parent no longer waits for the result.
            if let Some(undo) = undo {
                send(fd, code, undo);
            }
            errno = libc::EINTR;
        }
        let text = errno.to_ne_bytes();
        libc::write(answer.as_raw_fd(), text.as_ptr().cast(), text.len());
        libc::_exit(0)
    }
}

/// # Safety
/// `bytes` is a request whose `data_size` is its length.
unsafe fn send(fd: RawFd, code: u32, bytes: &mut [u8]) -> libc::c_int {
    // SAFETY: the caller guarantees what the kernel relies on.
    unsafe { if libc::ioctl(fd, code as _, bytes.as_mut_ptr()) < 0 { *libc::__errno_location() } else { 0 } }
}

/// Waits until the child has answered or has ended.
fn wait_readable(answer: &OwnedFd, timeout: Duration) -> Result<(), Errno> {
    let end = Instant::now().checked_add(timeout);
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        // Rounded up, to avoid several waits of less than a millisecond at the end.
        let millis = left.map_or(Ok(PollTimeout::NONE), |left| left.as_millis().saturating_add(1).try_into());
        let mut fds = [PollFd::new(answer.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, millis.unwrap_or(PollTimeout::MAX)) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Err(Errno::ETIMEDOUT),
            Ok(0) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

/// Children that were left behind; a later call reaps them.
static LEFT: Mutex<Vec<libc::pid_t>> = Mutex::new(Vec::new());

/// Reaps the child. If it has not ended, it is left to a later call.
fn reap(child: libc::pid_t, answered: bool) {
    let attempts = if answered { u32::MAX } else { 100 };
    let left = || LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left().retain(|child| !has_ended(*child));
    for _ in 0..attempts {
        if has_ended(child) {
            return;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    left().push(child);
}

fn has_ended(child: libc::pid_t) -> bool {
    let mut status = 0;
    // SAFETY: `status` outlives the call. `__WALL` waits for children that send no signal.
    let ended = unsafe { libc::waitpid(child, &raw mut status, libc::__WALL | libc::WNOHANG) };
    ended != 0 && !(ended == -1 && Errno::last() == Errno::EINTR)
}

fn read_errno(answer: OwnedFd) -> Option<i32> {
    let mut bytes = [0; size_of::<i32>()];
    // A child that was left behind still has the pipe open, so this does not wait for its end.
    wait_readable(&answer, Duration::ZERO).ok()?;
    File::from(answer).read_exact(&mut bytes).ok()?;
    Some(i32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_ioctl_comes_back_and_no_child_is_left_after_its_end() {
        let null = File::open("/dev/null").unwrap();
        let error = ioctl(null.as_raw_fd(), 0xc138_fd00, &mut [0; 312], None, Duration::from_secs(10)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
        // SAFETY: no status is requested.
        let left = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL | libc::WNOHANG) };
        assert!(left <= 0);

        // Part of this test, which must be the only one with children of this kind.
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        LEFT.lock().unwrap().push(pid);
        let left = || {
            // Not a child of this process, so that it counts as reaped.
            reap(1, false);
            LEFT.lock().unwrap().clone()
        };
        assert_eq!(left(), [pid], "it runs");
        child.kill().unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while left().contains(&pid) && Instant::now() < end {
            std::thread::yield_now();
        }
        assert_eq!(left(), [0; 0], "it has ended");
        assert_eq!(child.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }
}
