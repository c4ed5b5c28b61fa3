//! A request as it was sent.

use dm_core::{Command, Flags};

/// The bytes of a request, and its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub command: Command,
    pub bytes: Vec<u8>,
}

impl Request {
    pub fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes[at..][..4].try_into().unwrap())
    }

    pub fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes[at..][..8].try_into().unwrap())
    }

    pub fn minor(&self) -> u32 {
        assert_eq!((self.u32(0), self.u32(8)), (4, 0), "interface 4.x.0");
        self.u32(4)
    }

    pub fn flags(&self) -> Flags {
        Flags::from_bits_retain(self.u32(28))
    }

    /// The event number, or the cookie.
    pub fn event_nr(&self) -> u32 {
        self.u32(32)
    }

    pub fn number(&self) -> u64 {
        self.u64(40)
    }

    /// The text at an offset, up to its NUL.
    pub fn text(&self, at: usize) -> &[u8] {
        self.bytes[at..].split(|&byte| byte == 0).next().unwrap()
    }

    pub fn name(&self) -> &[u8] {
        self.text(48)
    }

    pub fn uuid(&self) -> &[u8] {
        self.text(176)
    }

    pub fn payload(&self) -> &[u8] {
        assert_eq!(self.u32(16), 312, "data_start");
        &self.bytes[312..]
    }
}
