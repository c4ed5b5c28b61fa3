//! Other readers of tables and statuses, and when to prefer them.
//!
//! # libdevmapper
//!
//! It has readers of the statuses of raid, cache, thin, thin-pool, snapshot, mirror and vdo, and builders of the
//! tables that LVM2 uses. Its `dm_tree` is `dm_core::plan`. Prefer it in C.
//!
//! # The crate `devicemapper`
//!
//! It has linear, flakey, thin, thin-pool and cache tables and statuses, and devices of these. A status with an
//! unknown word is an error there. Prefer it where its types are part of another crate's interface. The page
//! [`migration`](crate::migration) has a row for each item.
//!
//! # cryptsetup, veritysetup, integritysetup
//!
//! These programs manage formats on disk: LUKS headers, passphrases, key slots. This crate does not: it makes a
//! [`CryptTable`](crate::crypt::CryptTable) from a key, and formats verity and integrity devices. Prefer the
//! programs, or libcryptsetup, for everything with a passphrase.
//!
//! # LVM2, Stratis
//!
//! They keep metadata of their own on disks and put volumes together from it. This crate has no metadata on disk:
//! it is what such a program can be built on. The example `volumes` of dm-testing is a small one.
//!
//! # thin-provisioning-tools
//!
//! `thin_check`, `thin_dump`, `cache_check` and others read the metadata of pools and caches on disk. This crate
//! reads the superblock only, to tell an empty disk from a pool and from something else.
//!
//! # dmeventd
//!
//! A daemon with plug-ins that extend pools and replace mirror legs. [`Monitor`](crate::devices::Monitor) reports
//! the same events in a program of one's own.
