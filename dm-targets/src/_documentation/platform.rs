//! Supported systems, kernels and processors.
//!
//! # Systems
//!
//! Without features, the crate is `no_std` with `alloc` and works on any system. The feature `devices` requires Linux; on
//! other Unix systems it compiles, for tests on the kernel in memory of dm-testing.
//!
//! # Kernels
//!
//! The crate knows all targets of Linux up to 7.2. The README's table lists the kernels that printed the lines in the tests.
//! Text of older kernels, down to 4.4, is parsed where its form differs. Unknown text of newer kernels is kept, see [Unknown
//! and malformed text](crate#unknown-and-malformed-text).
//!
//! [`Target::FEATURES`](crate::Target::FEATURES) lists the target version that introduced each option; `list_versions` of
//! dm-core returns the versions of the running kernel.
//!
//! # Processors
//!
//! Numbers have 64 bits on all processors. The formats on disk (verity, integrity, superblocks of pools) are read and
//! written in the byte order of the format.
//!
//! # Memory
//!
//! A [`TableLine`](crate::TableLine) has at most 128 bytes, so that 100 000 lines take about 13 MB; large tables are boxed.
//! A test checks the size.
