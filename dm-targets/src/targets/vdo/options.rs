//! The options of a vdo.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::VdoIndexMemory;
use crate::{Fields, InvalidField, Limits, ParseError, Printer, Problem, Value, Word, WordBuf};

const ACK: Limits = Limits::new("ack", 0, 100);
const BIO: Limits = Limits::new("bio", 1, 100);
const BIO_ROTATION_INTERVAL: Limits = Limits::new("bioRotationInterval", 1, 1024);
const CPU: Limits = Limits::new("cpu", 1, 100);
const HASH: Limits = Limits::new("hash", 0, 100);
const LOGICAL: Limits = Limits::new("logical", 0, 60);
const PHYSICAL: Limits = Limits::new("physical", 0, 16);
const MAX_DISCARD: Limits = Limits::new("maxDiscard", 1, 1_048_575);
pub(super) const SLAB_SIZE: Limits = Limits::new("slabSize", 8192, 1 << 23).power_of_two();
const DEDUPLICATION: &str = "deduplication";
const COMPRESSION: &str = "compression";
pub(super) const INDEX_SPARSE: &str = "indexSparse";
pub(super) const INDEX_MEMORY: &str = "indexMemory";

const OPTION: &str = "optional argument";
const THREADS: &str = "thread configuration";

/// `on` or `off`.
pub(super) struct OnOff(pub(super) bool);

impl Value for OnOff {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling() {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(Problem::Expected("on or off")),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_str(if self.0 { "on" } else { "off" })
    }
}

/// The options of a `vdo` table; what is not given is as the kernel has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VdoOptions {
    /// Threads that acknowledge requests; 1 if not given, 0: whichever thread is done with a request.
    pub ack: Option<u32>,
    /// Threads that submit requests to the device; 4 if not given.
    pub bio: Option<u32>,
    /// How many requests go to one of these before the next one's turn; 64 if not given.
    pub bio_rotation_interval: Option<u32>,
    /// Threads for hashing and compression; 1 if not given.
    pub cpu: Option<u32>,
    /// Threads by hash of the data; 0 if not given: one thread does all of this and the next two.
    pub hash: Option<u32>,
    /// Threads by logical block; 0 if not given.
    pub logical: Option<u32>,
    /// Threads by physical block; 0 if not given.
    pub physical: Option<u32>,
    /// The largest discard, in blocks of 4 KiB; 1 if not given.
    pub max_discard: Option<u32>,
    /// Whether the same data is stored only once; on if not given.
    pub deduplication: Option<bool>,
    /// Whether data is compressed; off if not given.
    pub compression: Option<bool>,
    /// Whether a new volume's index is sparse: covers more blocks with the same memory; since version 9.2.0.
    pub index_sparse: Option<bool>,
    /// How much memory a new volume's index takes; since version 9.2.0.
    pub index_memory: Option<VdoIndexMemory>,
    /// The size of a new volume's slabs, in blocks of 4 KiB; since version 9.2.0.
    pub slab_size: Option<u32>,
    /// Keys that this version does not know, each with its value.
    pub other: Vec<WordBuf>,
}

impl VdoOptions {
    /// A number of threads by its key.
    fn thread_option(&mut self, key: &str) -> Option<(&mut Option<u32>, &'static Limits)> {
        Some(match key {
            "ack" => (&mut self.ack, &ACK),
            "bio" => (&mut self.bio, &BIO),
            "bioRotationInterval" => (&mut self.bio_rotation_interval, &BIO_ROTATION_INTERVAL),
            "cpu" => (&mut self.cpu, &CPU),
            "hash" => (&mut self.hash, &HASH),
            "logical" => (&mut self.logical, &LOGICAL),
            "physical" => (&mut self.physical, &PHYSICAL),
            _ => return None,
        })
    }

    /// Any number by its key.
    fn number(&mut self, key: &str) -> Option<(&mut Option<u32>, &'static Limits)> {
        match key {
            "maxDiscard" => Some((&mut self.max_discard, &MAX_DISCARD)),
            "slabSize" => Some((&mut self.slab_size, &SLAB_SIZE)),
            _ => self.thread_option(key),
        }
    }

    /// The numbers that are given, those of threads first.
    fn numbers(&self) -> impl Iterator<Item = (&'static Limits, u32)> {
        let numbers = [
            (&ACK, self.ack),
            (&BIO, self.bio),
            (&BIO_ROTATION_INTERVAL, self.bio_rotation_interval),
            (&CPU, self.cpu),
            (&HASH, self.hash),
            (&LOGICAL, self.logical),
            (&PHYSICAL, self.physical),
            (&MAX_DISCARD, self.max_discard),
            (&SLAB_SIZE, self.slab_size),
        ];
        numbers.into_iter().filter_map(|(limits, number)| number.map(|number| (limits, number)))
    }

    /// The switches that are given.
    fn switches(&self) -> impl Iterator<Item = (&'static str, OnOff)> {
        let switches =
            [(DEDUPLICATION, self.deduplication), (COMPRESSION, self.compression), (INDEX_SPARSE, self.index_sparse)];
        switches.into_iter().filter_map(|(key, on)| on.map(|on| (key, OnOff(on))))
    }

    pub(super) fn check(&self) -> Result<(), InvalidField> {
        self.numbers().try_for_each(|(limits, number)| limits.check(number))?;
        let threads = [self.logical, self.physical, self.hash].map(|threads| threads.unwrap_or_default() > 0);
        match threads {
            [true, true, true] | [false, false, false] => Ok(()),
            _ => Err(InvalidField::new("logical, physical and hash", Problem::Expected("all 0 or all at least 1"))),
        }
    }

    /// How many blocks the cache of the block map must have.
    pub(super) fn cache_limits(&self, field: &'static str) -> Limits {
        let threads = self.logical.unwrap_or_default();
        Limits::new(field, u64::from(threads).saturating_mul(4096), u32::MAX.into())
    }

    /// Reads all words that are left as keys and values.
    pub(super) fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut options = Self::default();
        while let Some(key) = fields.next_word() {
            options.read_option(fields, key)?;
        }
        Ok(options)
    }

    fn read_option(&mut self, fields: &mut Fields<'_>, key: Word<'_>) -> Result<(), ParseError> {
        let name = key.value().map_err(|problem| fields.error(OPTION, problem))?;
        if let Some((slot, limits)) = self.number(&name) {
            *slot = Some(fields.read_argument_within(limits)?);
            return Ok(());
        }
        match &*name {
            DEDUPLICATION => self.deduplication = Some(read_switch(fields, DEDUPLICATION)?),
            COMPRESSION => self.compression = Some(read_switch(fields, COMPRESSION)?),
            INDEX_SPARSE => self.index_sparse = Some(read_switch(fields, INDEX_SPARSE)?),
            INDEX_MEMORY => self.index_memory = Some(fields.read_argument(INDEX_MEMORY)?),
            _ => {
                self.other.push(WordBuf::read(key).map_err(|problem| fields.error(OPTION, problem))?);
                self.other.push(fields.read_argument(OPTION)?);
            }
        }
        Ok(())
    }

    pub(super) fn print(&self, out: &mut Printer<'_, '_>) {
        for (limits, number) in self.numbers() {
            out.word(limits.field()).put(&number);
        }
        for (key, on) in self.switches() {
            out.word(key).put(&on);
        }
        if let Some(memory) = &self.index_memory {
            out.word(INDEX_MEMORY).put(memory);
        }
        out.all(&self.other);
    }

    /// Reads one word such as `cpu=2,bio=4`, or `.` for nothing.
    pub(super) fn parse_threads(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut options = Self::default();
        let word = fields.next_word().ok_or_else(|| fields.missing(THREADS))?;
        let blame = |problem| fields.error(THREADS, problem);
        let threads = word.value().map_err(blame)?;
        if threads != "." {
            threads.split(',').try_for_each(|spec| options.read_threads(spec)).map_err(blame)?;
        }
        Ok(options)
    }

    fn read_threads(&mut self, spec: &str) -> Result<(), Problem> {
        let (key, count) = spec.split_once('=').ok_or(Problem::Expected("a list such as cpu=2,bio=4, or a dot"))?;
        let number = u32::read(Word::plain(count).takes_plus(true))?;
        match self.thread_option(key) {
            Some((slot, limits)) => {
                limits.check(number).map_err(|invalid| invalid.problem())?;
                *slot = Some(number);
            }
            None => self.other.extend([WordBuf::new(key)?, WordBuf::new(count)?]),
        }
        Ok(())
    }

    /// Writes what [`parse_threads`](Self::parse_threads) reads.
    pub(super) fn print_threads(&self, out: &mut Printer<'_, '_>) {
        out.next_word(|out| {
            let mut separator = "";
            for (limits, number) in self.numbers() {
                write!(out, "{separator}{}={number}", limits.field())?;
                separator = ",";
            }
            for pair in self.other.chunks_exact(2) {
                let [key, count] = pair else { continue };
                out.write_str(separator)?;
                out.write_quoted(key)?;
                out.write_str("=")?;
                out.write_quoted(count)?;
                separator = ",";
            }
            if separator.is_empty() { out.write_str(".") } else { Ok(()) }
        });
    }
}

fn read_switch(fields: &mut Fields<'_>, key: &'static str) -> Result<bool, ParseError> {
    fields.read_argument(key).map(|OnOff(on)| on)
}
