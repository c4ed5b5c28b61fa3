//! The behavior of every kernel: each test runs in memory and on a real kernel.
//!
//! A test is a function that takes a [`TestKernel`](dm_testing::TestKernel). [`on_both_kernels!`] makes two tests of
//! it: one in memory, which runs everywhere, and one on a real kernel, which needs root. Tests that only a real kernel
//! can run are in the test program `commands`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a panic is how a test fails")]

/// Makes tests of functions: `in_memory::NAME` and `on_a_real_kernel::NAME`. The real kernel must have the targets, and this
/// minor version of the interface. A test can have further needs, for example since older kernels behave otherwise.
macro_rules! on_both_kernels {
    ($targets:expr $(, interface $minor:literal)?; $($name:ident $(needs $needs:expr)?,)+) => {
        mod in_memory {
            $(
                #[test]
                fn $name() {
                    super::$name(&dm_testing::MemoryKernel::new());
                }
            )+
        }

        #[cfg(feature = "real")]
        mod on_a_real_kernel {
            use dm_testing::{Scratch, require};

            const INTERFACE: u32 = 0 $(+ $minor)?;

            $(
                #[test]
                #[ignore = "needs root and device mapper: cargo xtask test-root"]
                fn $name() {
                    let targets: &[&str] = &$targets;
                    let mut needed: Vec<_> = targets.iter().map(|target| require::target(target)).collect();
                    needed.push(require::interface(INTERFACE));
                    $(needed.extend($needs);)?
                    let Some(scratch) = Scratch::new(&needed) else { return };
                    super::$name(&scratch);
                }
            )+
        }
    };
}

mod block;
mod buffers;
mod create;
mod data;
mod deps;
mod discards;
mod examples;
mod faults;
mod geometry;
mod info;
mod kinds;
mod list;
mod load;
mod mapped_dev;
mod mapped_dev_setup;
mod message;
mod names;
mod plans;
mod pool_metadata;
mod pools;
mod remove;
mod rename;
mod second_lines;
mod snapshot;
mod snapshotter;
mod states;
mod stats;
mod status;
mod striped;
mod support;
mod suspend;
mod thin;
mod threads;
mod unknown_words;
mod verity;
mod versions;
mod volumes;
mod wait;
