//! What every kernel does, the one in memory like the real ones: each test here runs on both.
//!
//! A test is a function that takes a [`TestKernel`](dm_testing::TestKernel). [`on_both_kernels!`] makes two tests of it: one in
//! memory, which runs everywhere, and one on a real kernel, which needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Makes tests of functions: `in_memory::NAME` and `on_a_real_kernel::NAME`. The real kernel must have the targets.
macro_rules! on_both_kernels {
    ($targets:expr; $($name:ident,)+) => {
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

            $(
                #[test]
                #[ignore = "needs root and device mapper: cargo xtask test-root"]
                fn $name() {
                    let targets: &[&str] = &$targets;
                    let needed: Vec<_> = targets.iter().map(|target| require::target(target)).collect();
                    let Some(scratch) = Scratch::new(&needed) else { return };
                    super::$name(&scratch);
                }
            )+
        }
    };
}

mod create;
mod kinds;
mod plans;
mod pools;
mod snapshot;
mod snapshotter;
mod support;
mod thin;
mod volumes;
