//! Supported systems, kernels and processors.
//!
//! # Systems
//!
//! Without the feature `devices`, the crate is `no_std` with `alloc` and works on any system. The feature `devices`
//! requires Linux. It also compiles on macOS and FreeBSD, for tests with the in-memory kernel of dm-testing.
//!
//! # Kernels
//!
//! The crate knows all targets of Linux up to 7.2. Its tests use lines that real kernels printed; the project's README
//! lists these kernels. The crate also parses text that only older kernels print, back to 4.4. It keeps unknown text of
//! newer kernels; see [Unknown and malformed text](crate#unknown-and-malformed-text).
//!
//! [`Target::FEATURES`](crate::Target::FEATURES) lists what later versions of a target added, each with the first
//! version that supports it. `list_versions` of dm-core returns the target versions of the running kernel.
//!
//! # Processors
//!
//! Sectors and blocks have 64 bits on all processors. The formats on disk (verity, integrity, superblocks of pools) are
//! read and written in the byte order of the format.
//!
//! # Memory
//!
//! A [`TableLine`](crate::TableLine) takes at most 128 bytes, so 100 000 linear lines take about 13 MB. Large tables,
//! paths and lists are stored on the heap.
