//! Other parsers of tables and statuses, and when to prefer them.
//!
//! # libdevmapper
//!
//! It parses the statuses of raid, cache, thin, thin-pool, snapshot and mirror, in recent versions also of vdo, and
//! builds the tables that LVM2 uses. `dm_core::plan` corresponds to its `dm_tree`. Prefer libdevmapper for programs in
//! C.
//!
//! # The crate `devicemapper`
//!
//! It has tables of linear, flakey, thin, thin-pool and cache, statuses of the last three, and whole devices of these
//! targets. It treats an unknown mode or flag in the status of a pool or cache as an error. Prefer it if its types are
//! part of another crate's interface. The page [`migration`](crate::migration) lists the replacement for each item.
//!
//! # cryptsetup, veritysetup, integritysetup
//!
//! cryptsetup manages LUKS headers, passphrases and key slots. This crate does not: it builds a
//! [`CryptTable`](crate::crypt::CryptTable) from a key. Like veritysetup and integritysetup, this crate formats verity
//! and integrity devices, with the features `verity-format` and `devices`. Prefer the programs, or libcryptsetup, for
//! everything that needs a passphrase.
//!
//! # LVM2, Stratis
//!
//! LVM2 and Stratis store metadata on disks and assemble volumes from it. This crate stores no metadata, but such
//! programs can be built with it. The example `volumes` of dm-testing is a small one.
//!
//! # thin-provisioning-tools
//!
//! `thin_check`, `thin_dump`, `cache_check` and others read the metadata of pools, caches and eras on disk. This crate
//! reads only the first block of a pool's metadata device, to distinguish an empty disk from a pool and from other
//! contents. It has methods that run `thin_check` and `thin_repair`, which must be installed.
//!
//! # dmeventd
//!
//! dmeventd is a daemon whose plug-ins extend pools and replace mirror legs. [`Monitor`](crate::devices::Monitor)
//! reports the conditions that they act on, and the caller's program acts.
