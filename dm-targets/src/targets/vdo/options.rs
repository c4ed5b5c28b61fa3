//! The options of a `vdo` table.

use core::fmt::Write;

use super::{VdoIndexMemory, VdoTable};
use crate::option::{Argument, OnOff, OptionGroup, options};
use crate::{Fields, InvalidField, Limits, ParseError, Printer, Problem, Value, Word, WordBuf};

/// `UDS_MEMORY_CONFIG_MAX`; the reply to `config` is not limited. Parsers accept 0, which matters only to a new volume.
const INDEX_MEMORY: Limits = Limits::new("indexMemory", 0, 1024);
/// `compute_memory_sizes` refuses 0 when a volume is formatted.
const NEW_INDEX_MEMORY: Limits = Limits::new("indexMemory", 1, 1024);
const THREADS: &str = "thread configuration";
const THREAD_LIST: Problem = Problem::Expected("a list such as cpu=2,bio=4, or a dot");

options! {
    /// The options of a `vdo` table; the kernel has a default for each. The [module](crate::vdo) lists the ranges.
    /// `slab_size`, `index_sparse` and `index_memory` require target version 9.2.0; Linux 6.12 has 9.1.0.
    ///
    /// [`Vdo::check`](crate::Target::check) checks `index_memory`, and that each unknown key has a value.
    /// [`check_ranges`](OptionGroup::check_ranges) checks neither.
    pub struct VdoOptions for VdoTable.options {
        /// The number of threads that acknowledge writes and discards; 1 if not given. With 0, the thread that
        /// completes such a request acknowledges it.
        ack(threads: u32): Option<u32> = Argument(Limits::new("ack", 0, 100));
        /// The number of threads that submit requests to the device; 4 if not given.
        bio(threads: u32): Option<u32> = Argument(Limits::new("bio", 1, 100));
        /// The number of consecutive physical blocks whose requests go to the same `bio` thread; 64 if not given.
        bio_rotation_interval(blocks: u32): Option<u32> = Argument(Limits::new("bioRotationInterval", 1, 1024));
        /// The number of threads for hashing and compression; 1 if not given.
        cpu(threads: u32): Option<u32> = Argument(Limits::new("cpu", 1, 100));
        /// The number of threads for deduplication, selected by the hash of the data. 0 if not given.
        /// `hash`, `logical` and `physical` must all be 0 or all be at least 1. With 0, one thread does the work of all
        /// three.
        hash(threads: u32): Option<u32> = Argument(Limits::new("hash", 0, 100));
        /// The number of threads for logical blocks, selected by block number; 0 if not given. See `hash`.
        logical(threads: u32): Option<u32> = Argument(Limits::new("logical", 0, 60));
        /// The number of threads for physical blocks, selected by block number; 0 if not given. See `hash`.
        physical(threads: u32): Option<u32> = Argument(Limits::new("physical", 0, 16));
        /// The largest discard in blocks of 4 KiB; 1 if not given.
        max_discard(blocks: u32): Option<u32> = Argument(Limits::new("maxDiscard", 1, 1_048_575));
        /// The size of a slab, the unit of space management, of a new volume, in blocks of 4 KiB; 524288 if not given.
        slab_size(blocks: u32): Option<u32> = Argument(Limits::new("slabSize", 8192, 1 << 23).power_of_two()),
            since (9, 2, 0);
        /// Whether identical blocks are stored only once; on if not given.
        deduplication(on: bool): Option<bool> = OnOff::named("deduplication");
        /// Whether new data is compressed; off if not given.
        compression(on: bool): Option<bool> = OnOff::named("compression");
        /// Whether the index of a new volume is sparse; off if not given. A sparse index covers more blocks with the
        /// same memory.
        index_sparse(on: bool): Option<bool> = OnOff::named("indexSparse"), since (9, 2, 0);
        /// The memory that the index of a new volume uses; 256 MiB if not given.
        index_memory(memory: VdoIndexMemory): Option<VdoIndexMemory> = Argument("indexMemory"), since (9, 2, 0);
    }
    other {
        /// Unknown keys, each followed by its value as the next word.
        other: WordBuf = "optional argument";
    }
    case: Exact;
    count: None, Limits::new("number of optional arguments", 0, u32::MAX as u64);
}

impl VdoOptions {
    /// Checks that a volume can be formatted with the memory of the index.
    pub(super) fn check_index_memory(&self) -> Result<(), InvalidField> {
        match self.index_memory {
            Some(VdoIndexMemory::Gib(gib)) => NEW_INDEX_MEMORY.check(gib),
            _ => Ok(()),
        }
    }

    /// Checks combinations of options.
    pub(super) fn check_threads(&self) -> Result<(), InvalidField> {
        let threads = [self.logical, self.physical, self.hash].map(|threads| threads.unwrap_or_default() > 0);
        match threads {
            [true, true, true] | [false, false, false] => Ok(()),
            _ => Err(InvalidField::new("logical, physical and hash", Problem::Expected("all 0 or all at least 1"))),
        }
    }

    /// The limits of the number of cached pages of the block map: `parse_device_config` compares it with the number of
    /// threads, `vdo_decode_block_map` refuses 0.
    pub(super) fn cache_limits(&self, field: &'static str) -> Limits {
        let threads = self.logical.unwrap_or_default();
        Limits::new(field, u64::from(threads).saturating_mul(4096).max(1), u32::MAX.into())
    }

    /// Checks the memory of the index, and that each unknown key has a value.
    pub(super) fn check_values(&self) -> Result<(), InvalidField> {
        if let Some(VdoIndexMemory::Gib(gib)) = self.index_memory {
            INDEX_MEMORY.check(gib)?;
        }
        if self.other.len() % 2 == 0 {
            return Ok(());
        }
        Err(InvalidField::new(Self::NAME, Problem::Expected("followed by a value")))
    }

    /// Reads one word such as `cpu=2,bio=4`, or `.` for no options.
    pub(super) fn parse_threads(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut options = Self::default();
        let word = fields.next_word().ok_or_else(|| fields.missing(THREADS))?;
        let blame = |problem| fields.error(THREADS, problem);
        let list = word.value().map_err(blame)?;
        if list != "." {
            list.split(',').try_for_each(|spec| options.read_thread(spec)).map_err(blame)?;
        }
        Ok(options)
    }

    /// Reads one number of threads, with the same rules as for a key and a value.
    fn read_thread(&mut self, spec: &str) -> Result<(), Problem> {
        let (key, count) = spec.split_once('=').ok_or(THREAD_LIST)?;
        u32::read(Word::plain(count).takes_plus(true))?;
        let mut value = Fields::printed(count);
        value.read_as_given();
        match self.read_option(Word::plain(key), &mut value) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                self.other.extend([WordBuf::new(key)?, WordBuf::new(count)?]);
                Ok(())
            }
            Err(error) => Err(error.problem()),
        }
    }

    /// Prints the word that [`parse_threads`](Self::parse_threads) reads.
    pub(super) fn print_threads(&self, out: &mut Printer<'_, '_>) {
        let Self { ack, bio, bio_rotation_interval, cpu, hash, logical, physical, .. } = self;
        let threads = [
            ("ack", ack),
            ("bio", bio),
            ("bioRotationInterval", bio_rotation_interval),
            ("cpu", cpu),
            ("hash", hash),
            ("logical", logical),
            ("physical", physical),
        ];
        out.next_word(|out| {
            let mut separator = "";
            for (key, count) in threads.iter().filter_map(|(key, count)| Some((key, (**count)?))) {
                write!(out, "{separator}{key}={count}")?;
                separator = ",";
            }
            for pair in self.other.chunks_exact(2) {
                let [key, count] = pair else { continue };
                out.write_str(separator)?;
                out.write_quoted(key)?;
                out.write_char('=')?;
                out.write_quoted(count)?;
                separator = ",";
            }
            if separator.is_empty() { out.write_char('.') } else { Ok(()) }
        });
    }
}
