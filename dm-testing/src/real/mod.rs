//! Helpers for tests on a real kernel.

mod cleanup;
mod error;
mod fault;
mod loop_device;
mod loop_find;
mod pattern;
pub mod require;
mod scratch;
mod sector_content;
mod test_kernel;
mod test_name;
mod wait;

pub use self::error::{Error, Result};
pub use self::fault::{Fault, FaultyDisk};
pub use self::loop_device::{LoopDevice, LoopOptions};
pub use self::loop_find::AttachedLoop;
pub use self::pattern::Pattern;
pub use self::scratch::{MappedDevice, Scratch};
pub use self::sector_content::SectorContent;
pub use self::wait::wait_until;
