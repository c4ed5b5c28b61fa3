//! Other parsers of tables and statuses, and when to prefer them.
//!
//! # libdevmapper
//!
//! libdevmapper parses the statuses of raid, cache, thin, thin-pool, snapshot and mirror, and in recent versions of
//! vdo. It builds the tables that LVM2 uses. Its `dm_tree` corresponds to `dm_core::plan`. Prefer libdevmapper
//! for programs in C.
//!
//! # The crate `devicemapper`
//!
//! The crate has tables of linear, flakey, thin, thin-pool and cache, and statuses of thin, thin-pool and cache. It
//! also has whole devices of these targets. An unknown mode or flag in the status of a pool or cache is an error.
//! Prefer `devicemapper` if another crate's interface uses its types. The page [`migration`](crate::migration) lists
//! the replacement for each item.
//!
//! # cryptsetup, veritysetup, integritysetup
//!
//! cryptsetup manages LUKS headers, passphrases and key slots. dm-targets only builds a
//! [`CryptTable`](crate::crypt::CryptTable) from a key. Like integritysetup and veritysetup, it can format integrity
//! devices (feature `devices`) and verity devices (feature `verity-format`). Prefer these programs or libcryptsetup for
//! everything that needs a passphrase.
//!
//! # LVM2, Stratis
//!
//! LVM2 and Stratis store metadata on disks and assemble volumes from it. dm-targets stores no metadata, but you can
//! build such a program with it. The example `volumes` of dm-testing is a small one.
//!
//! # thin-provisioning-tools
//!
//! `thin_check`, `thin_dump`, `cache_check` and others read the metadata of pools, caches and eras on disk. dm-targets
//! reads only the first block of a pool's metadata device, to find out whether the device is empty, holds a pool, or
//! holds something else. To check and repair a pool, it runs `thin_check` and `thin_repair`, which must be installed.
//!
//! # dmeventd
//!
//! dmeventd is a daemon whose plug-ins extend pools and replace mirror legs. [`Monitor`](crate::devices::Monitor)
//! reports the conditions that require such an action, but leaves the action to your program.
