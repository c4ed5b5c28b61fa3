//! Supported systems, kernels and processors.
//!
//! # Systems
//!
//! Without the feature `devices`, the crate is `no_std` with `alloc` and works on any system. The feature `devices`
//! requires Linux; on macOS and FreeBSD it compiles, for tests with the in-memory kernel of dm-testing.
//!
//! # Kernels
//!
//! The crate knows all targets of Linux up to 7.2. The table in the project's README lists the kernels that printed the
//! lines in the tests. Forms that only older kernels print, down to 4.4, are parsed too. Unknown text of newer kernels
//! is kept, see [Unknown and malformed text](crate#unknown-and-malformed-text).
//!
//! [`Target::FEATURES`](crate::Target::FEATURES) lists what later versions of a target added, with the first version
//! that supports it; `list_versions` of dm-core returns the versions of the running kernel.
//!
//! # Processors
//!
//! Sectors and blocks have 64 bits on all processors. The formats on disk (verity, integrity, superblocks of pools) are
//! read and written in the byte order of the format.
//!
//! # Memory
//!
//! A [`TableLine`](crate::TableLine) has at most 128 bytes, so that 100 000 linear lines take about 13 MB; a test
//! checks the size. Large tables are boxed, and paths and lists are also on the heap.
