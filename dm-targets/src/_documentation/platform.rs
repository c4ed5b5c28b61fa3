//! Where the crate runs, and which kernels it knows.
//!
//! # Systems
//!
//! Without features: `no_std` with `alloc`, on any system. With `devices`: Linux.
//!
//! # Kernels
//!
//! All targets of Linux up to 7.2. The README's table lists on which kernels the lines of the tests were printed.
//! Text of older kernels, down to 4.4, is read where its form differs; text of newer ones is kept, see [Unknown and
//! malformed text](crate#unknown-and-malformed-text).
//!
//! Options know the version of the target that introduced them; [`Target`](crate::Target) has the newest version
//! that this crate knows, and `list_versions` of dm-core what a kernel has.
//!
//! # Processors
//!
//! Numbers are 64 bits wide on all processors. The formats on disk (verity, integrity, superblocks of pools) are
//! read and written in their own byte order.
//!
//! # Memory
//!
//! [`AnyTable`](crate::AnyTable) has at most 128 bytes, so that 100 000 lines take about 13 MB; large tables keep
//! rare options in an allocation. A test checks the size.
