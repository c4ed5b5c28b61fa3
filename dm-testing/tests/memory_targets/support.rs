//! A device with one target in memory.

use std::sync::atomic::{AtomicU32, Ordering};

use dm_core::{Dm, LoadOptions, StatusOptions, TargetLine};
use dm_testing::MemoryKernel;
use dm_testing::memory::{MemoryDisk, MemoryError};
use dm_units::{Bytes, DeviceNumber, Sectors};

pub(crate) const EPERM: Option<i32> = Some(1);
pub(crate) const EIO: Option<i32> = Some(5);
pub(crate) const E2BIG: Option<i32> = Some(7);
pub(crate) const EAGAIN: Option<i32> = Some(11);
pub(crate) const EBUSY: Option<i32> = Some(16);
pub(crate) const EINVAL: Option<i32> = Some(22);
pub(crate) const EOPNOTSUPP: Option<i32> = Some(95);

/// Disks with these sizes in KiB.
pub(crate) fn disks<const N: usize>(memory: &MemoryKernel, kibibytes: [u128; N]) -> [MemoryDisk; N] {
    kibibytes.map(|kibibytes| memory.disk(Bytes(kibibytes << 10)))
}

/// A device whose table has one line.
pub(crate) struct Mapped {
    pub(crate) memory: MemoryKernel,
    pub(crate) dm: Dm,
    pub(crate) number: DeviceNumber,
    length: Sectors,
    target: &'static str,
    options: LoadOptions,
}

impl Mapped {
    /// Creates the device; if its table is refused, the error is the kernel's log message.
    pub(crate) fn try_new(
        memory: &MemoryKernel,
        length: u64,
        target: &'static str,
        params: &str,
    ) -> Result<Self, (Option<i32>, String)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let dm = memory.dm();
        let name = format!("{target}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let number = dm.device_create(name.as_str()).unwrap().number();
        let options = LoadOptions::new().read_only(target == "verity");
        let new = Self { memory: memory.clone(), dm, number, length: Sectors(length), target, options };
        if let Err(refused) = new.load(params) {
            new.dm.device_remove(number).unwrap();
            // The last line only reports that the target was refused.
            let log = memory.log();
            return Err((refused, log[log.len() - 2].clone()));
        }
        new.dm.device_resume(number).unwrap();
        Ok(new)
    }

    pub(crate) fn new(memory: &MemoryKernel, length: u64, target: &'static str, params: &str) -> Self {
        Self::try_new(memory, length, target, params).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    pub(crate) fn load(&self, params: &str) -> Result<(), Option<i32>> {
        let line = TargetLine::text(Sectors(0), self.length, self.target, params);
        self.dm.table_load_with(self.number, [line], self.options).map(drop).map_err(|error| error.errno())
    }

    /// Makes another table active.
    pub(crate) fn swap(&self, params: &str) {
        self.load(params).unwrap();
        self.dm.device_resume(self.number).unwrap();
    }

    fn text(&self, options: StatusOptions) -> String {
        let status = self.dm.table_status_with(self.number, options).unwrap();
        let line = status.iter().next().unwrap().unwrap();
        line.params.to_str().unwrap().to_owned()
    }

    pub(crate) fn table(&self) -> String {
        self.text(StatusOptions::table())
    }

    pub(crate) fn status(&self) -> String {
        self.text(StatusOptions::new())
    }

    /// Some words of the status.
    pub(crate) fn words<const N: usize>(&self, places: [usize; N]) -> [String; N] {
        let status = self.status();
        let words: Vec<&str> = status.split(' ').collect();
        places.map(|place| words[place].to_owned())
    }

    /// Sends a message and returns the reply.
    pub(crate) fn message(&self, text: &str) -> Result<Option<String>, Option<i32>> {
        let reply = self.dm.target_msg(self.number, text).map_err(|error| error.errno())?;
        Ok(reply.text().map(|text| text.to_str().unwrap().to_owned()))
    }

    /// Sends messages whose replies are empty.
    pub(crate) fn send(&self, texts: &[&str]) {
        for text in texts {
            assert_eq!(self.message(text), Ok(None), "{text}");
        }
    }

    /// Sends messages whose replies are texts.
    pub(crate) fn send_for_text(&self, texts: &[&str]) {
        for text in texts {
            assert!(matches!(self.message(text), Ok(Some(_))), "{text}");
        }
    }

    /// Sends messages that must be refused.
    pub(crate) fn refuses(&self, errno: Option<i32>, texts: &[&str]) {
        for text in texts {
            assert_eq!(self.message(text), Err(errno), "{text}");
        }
    }

    pub(crate) fn suspend(&self) {
        self.dm.device_suspend(self.number).unwrap();
    }

    pub(crate) fn resume(&self) {
        self.try_resume().unwrap();
    }

    pub(crate) fn try_resume(&self) -> Result<(), Option<i32>> {
        self.dm.device_resume(self.number).map(drop).map_err(|error| error.errno())
    }

    /// Fills sectors with a byte.
    pub(crate) fn write(&self, start: u64, sectors: usize, byte: u8) -> Result<(), MemoryError> {
        self.memory.write(self.number, Sectors(start), &vec![byte; sectors * 512])
    }

    /// The first byte of some sectors.
    pub(crate) fn read(&self, start: u64, sectors: usize) -> Result<u8, MemoryError> {
        let mut data = vec![0; sectors * 512];
        self.memory.read(self.number, Sectors(start), &mut data)?;
        assert!(data.iter().all(|byte| *byte == data[0]), "different bytes");
        Ok(data[0])
    }

    pub(crate) fn event_nr(&self) -> u32 {
        self.dm.device_info(self.number).unwrap().event_nr()
    }

    /// The last line of the log.
    pub(crate) fn last_line(&self) -> String {
        self.memory.log().pop().unwrap()
    }
}

/// A device on a disk that supports discards until it is changed.
pub(crate) struct Discarding(pub(crate) Mapped, String);

impl Discarding {
    pub(crate) fn new(memory: &MemoryKernel, disk: &MemoryDisk) -> Self {
        let params = format!("aes-xts-plain64 {} 0 {} 0", "5a".repeat(64), disk.number());
        Self(Mapped::new(memory, disk.size().0, "crypt", &format!("{params} 1 allow_discards")), params)
    }

    /// Lets further discards fail with `EOPNOTSUPP`. Devices that already use it still support discards.
    pub(crate) fn stop(&self) {
        self.0.swap(&self.1);
    }
}

/// The first byte of a sector of a disk.
pub(crate) fn byte(disk: &MemoryDisk, sector: u64) -> u8 {
    let mut data = [0; 512];
    disk.read(Sectors(sector), &mut data).unwrap();
    data[0]
}

/// Makes all I/O on a disk fail.
pub(crate) fn fail(disk: &MemoryDisk) {
    disk.fail(Sectors(0)..disk.size());
}
