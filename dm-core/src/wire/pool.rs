//! The buffers that a handle keeps between calls.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::buffer::Buffer;
use super::command::Command;

/// The idle buffers of a handle, and the size that each command needed last.
///
/// The kernel copies the whole offered buffer in and out, used or not. Each command is therefore offered only a little
/// more than its last reply needed, so that reading a large table once does not slow down other commands.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
    sizes: LastSizes,
}

/// A stack of buffers. It is an array, since a vector would need another allocation.
#[derive(Debug, Default)]
struct Idle {
    buffers: [Buffer; MAX_IDLE],
    len: usize,
}

impl Idle {
    #[inline]
    fn pop(&mut self) -> Option<Buffer> {
        self.len = self.len.checked_sub(1)?;
        self.buffers.get_mut(self.len).map(core::mem::take)
    }

    /// Keeps the buffer unless the stack is full.
    #[inline]
    fn push(&mut self, buffer: Buffer) {
        if let Some(place) = self.buffers.get_mut(self.len) {
            *place = buffer;
            self.len = self.len.saturating_add(1);
        }
    }
}

/// The size of the last reply to each command, in bytes; 0 before the first. The sizes are independent hints, so no
/// lock is needed.
#[derive(Debug, Default)]
struct LastSizes {
    list_devices: AtomicUsize,
    table_deps: AtomicUsize,
    table_status: AtomicUsize,
    list_versions: AtomicUsize,
    target_msg: AtomicUsize,
}

impl LastSizes {
    #[inline]
    fn of(&self, command: Command) -> Option<&AtomicUsize> {
        match command {
            Command::ListDevices => Some(&self.list_devices),
            Command::TableDeps => Some(&self.table_deps),
            Command::TableStatus | Command::DeviceWait => Some(&self.table_status),
            Command::ListVersions => Some(&self.list_versions),
            Command::TargetMsg => Some(&self.target_msg),
            _ => None,
        }
    }

    fn clear(&self) {
        let Self { list_devices, table_deps, table_status, list_versions, target_msg } = self;
        for size in [list_devices, table_deps, table_status, list_versions, target_msg] {
            size.store(0, Relaxed);
        }
    }
}

/// The largest number of idle buffers. More replies of one handle rarely exist at the same time.
const MAX_IDLE: usize = 4;

/// Space in addition to the sixteenth, so that one more digit or device does not cause a second call. It is small,
/// since it is copied with each call.
const fn slack(command: Command) -> usize {
    match command {
        Command::ListDevices => 256,
        _ => 64,
    }
}

impl Pool {
    #[inline]
    fn idle(&self) -> MutexGuard<'_, Idle> {
        // The state is consistent even after a panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a buffer, and the size to offer to a command: `first` before its first reply, then the size of the last
    /// one and a little more, limited to the memory of the buffer if the last reply fits into that.
    #[inline]
    pub(crate) fn take(&self, command: Command, first: usize) -> (Buffer, usize) {
        let buffer = self.idle().pop().unwrap_or_default();
        let size = match self.sizes.of(command).map_or(0, |last| last.load(Relaxed)) {
            0 => first,
            last => {
                let size = last.saturating_add(last / 16).saturating_add(slack(command));
                if buffer.capacity() > last { size.min(buffer.capacity()) } else { size }
            }
        };
        (buffer, size)
    }

    /// Records the size of a command's reply.
    #[inline]
    pub(crate) fn remember(&self, command: Command, needed: usize) {
        if let Some(last) = self.sizes.of(command) {
            last.store(needed, Relaxed);
        }
    }

    /// Whether the size of a reply to the command is recorded.
    #[inline]
    pub(crate) fn remembers(&self, command: Command) -> bool {
        self.sizes.of(command).is_some_and(|last| last.load(Relaxed) > 0)
    }

    /// Takes a buffer back. It is wiped if it may contain a key.
    #[inline]
    pub(crate) fn give_back(&self, mut buffer: Buffer) {
        buffer.wipe();
        self.idle().push(buffer);
    }

    /// Frees all idle buffers.
    pub(crate) fn clear(&self) {
        *self.idle() = Idle::default();
        self.sizes.clear();
    }

    /// The number of bytes in idle buffers.
    pub(crate) fn capacity(&self) -> usize {
        self.idle().buffers.iter().map(Buffer::capacity).fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::header::Request;

    fn buffer(size: usize) -> Buffer {
        let mut buffer = Buffer::default();
        buffer.finish(&Request::new(Command::ListDevices), size);
        buffer
    }

    #[test]
    fn each_command_is_offered_what_it_needed_last() {
        let pool = Pool::default();
        assert_eq!(pool.take(Command::ListDevices, 1000).1, 1000);
        pool.remember(Command::ListDevices, 16_000);
        pool.give_back(buffer(100_000));
        assert_eq!(pool.take(Command::TableDeps, 50).1, 50);
        assert_eq!(pool.take(Command::ListDevices, 1000).1, 16_000 + 1000 + 256);
        pool.give_back(buffer(16_100));
        assert_eq!(pool.take(Command::ListDevices, 1000).1, 16_100, "there is memory for it already");
        assert_eq!(pool.take(Command::DeviceInfo, 312).1, 312);
    }

    #[test]
    fn a_few_buffers_are_kept_and_can_be_freed() {
        let pool = Pool::default();
        (0..10).for_each(|_| pool.give_back(buffer(1000)));
        assert_eq!(pool.capacity(), 4 * 1000);
        pool.clear();
        assert_eq!(pool.capacity(), 0);
    }
}
