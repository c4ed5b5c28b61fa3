//! An answer as the kernel would write it over the request.

use dm_core::Flags;

pub const HEADER_SIZE: usize = 312;

const DATA_SIZE_AT: usize = 12;
const DATA_START_AT: usize = 16;
const TARGET_COUNT_AT: usize = 20;
const OPEN_COUNT_AT: usize = 24;
const FLAGS_AT: usize = 28;
const EVENT_NR_AT: usize = 32;
const NUMBER_AT: usize = 40;
const NAME_AT: usize = 48;
const UUID_AT: usize = 176;

/// The bytes that the kernel writes; by default, the state of a device without name, uuid and table. Other bytes of the
/// request are kept.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    flags: u32,
    words: Vec<(usize, u32)>,
    texts: Vec<(usize, Vec<u8>)>,
    payload: Option<Vec<u8>>,
    /// The number of bytes that the payload needs, at least its length.
    needed: usize,
    lines: bool,
}

impl Answer {
    pub fn new() -> Self {
        Self::default()
    }

    /// The state of a device.
    pub fn device(name: &str, uuid: &str, minor: u8) -> Self {
        let number = 253 << 8 | u64::from(minor);
        Self::new().text(NUMBER_AT, number.to_ne_bytes()).text(NAME_AT, name).text(UUID_AT, uuid)
    }

    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags |= flags.bits();
        self
    }

    pub fn event_nr(self, event_nr: u32) -> Self {
        self.word(EVENT_NR_AT, event_nr)
    }

    pub fn open_count(self, open_count: u32) -> Self {
        self.word(OPEN_COUNT_AT, open_count)
    }

    pub fn target_count(self, count: usize) -> Self {
        self.word(TARGET_COUNT_AT, size(count))
    }

    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Makes the kernel request at least this number of bytes, although it writes fewer.
    pub fn needs(mut self, bytes: usize) -> Self {
        self.needed = bytes;
        self
    }

    /// Sets lines of a table as the payload, of which the kernel writes as many as fit.
    pub fn lines(self, payload: Vec<u8>, count: usize) -> Self {
        Self { lines: true, ..self.payload(payload).target_count(count) }
    }

    /// Sets any word of the header, including `data_size` and `data_start`.
    pub fn word(mut self, at: usize, word: u32) -> Self {
        self.words.push((at, word));
        self
    }

    /// Sets bytes anywhere in the header.
    pub fn text(mut self, at: usize, text: impl AsRef<[u8]>) -> Self {
        self.texts.push((at, text.as_ref().to_vec()));
        self
    }

    /// Writes the answer over a request.
    pub(super) fn write(&self, version: [u32; 3], request: &mut [u8]) {
        put(request, 0, &version);
        put(request, EVENT_NR_AT, &[0]);
        let flags = self.flags | u32::from_ne_bytes(request[FLAGS_AT..][..4].try_into().unwrap());
        put(request, FLAGS_AT, &[flags]);
        put(request, DATA_START_AT, &[size(HEADER_SIZE)]);
        self.write_payload(flags, request);
        self.words.iter().for_each(|&(at, word)| put(request, at, &[word]));
        self.texts.iter().for_each(|(at, text)| request[*at..][..text.len()].copy_from_slice(text));
    }

    fn write_payload(&self, flags: u32, request: &mut [u8]) {
        let Some(payload) = &self.payload else { return put(request, DATA_SIZE_AT, &[305]) };
        let room = request.len() - HEADER_SIZE;
        let fits = if room >= payload.len().max(self.needed) { payload.len() } else { self.fitting(room) };
        request[HEADER_SIZE..][..fits].copy_from_slice(&payload[..fits]);
        put(request, DATA_SIZE_AT, &[size(HEADER_SIZE + fits)]);
        if fits < payload.len() || room < self.needed {
            put(request, FLAGS_AT, &[flags | Flags::BUFFER_FULL.bits()]);
        }
    }

    /// The length of the lines that fit.
    fn fitting(&self, room: usize) -> usize {
        let payload = self.payload.as_deref().unwrap_or_default();
        let next = |at: usize| u32::from_ne_bytes(payload[at + 20..][..4].try_into().unwrap()) as usize;
        let mut end = 0;
        while self.lines && end < payload.len() && next(end) <= room {
            end = next(end);
        }
        end
    }
}

/// Writes words one after the other.
pub fn put(bytes: &mut [u8], at: usize, words: &[u32]) {
    for (index, word) in words.iter().enumerate() {
        bytes[at + 4 * index..][..4].copy_from_slice(&word.to_ne_bytes());
    }
}

pub(super) fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap()
}
