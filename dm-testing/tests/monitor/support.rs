//! Devices of any target, with statuses that a test sets.

use dm_core::{DmNameBuf, Host, SetupOptions, TargetLine};
use dm_targets::devices::{Alarm, Monitor, MonitorOptions};
use dm_testing::MemoryKernel;
use dm_units::{Bytes, Sectors};

pub(crate) const LENGTH: Sectors = Sectors(2048);

/// A kernel with a host.
pub(crate) struct Scene {
    pub(crate) memory: MemoryKernel,
    pub(crate) host: Host,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::on(MemoryKernel::new())
    }

    pub(crate) fn on(memory: MemoryKernel) -> Self {
        let host = memory.host();
        Self { memory, host }
    }

    /// A device with one line. Each `{}` in the params is replaced by a new disk.
    pub(crate) fn create(&self, name: &str, target_type: &str, params: &str) {
        let mut text = params.to_owned();
        while text.contains("{}") {
            text = text.replacen("{}", &self.memory.disk(Bytes(4 << 20)).number().to_string(), 1);
        }
        let options = SetupOptions::new().read_only(target_type == "verity");
        self.host.create_with(name, [TargetLine::text(Sectors(0), LENGTH, target_type, text)], options).unwrap();
    }

    /// A pool of 100 blocks with a low water mark of 10.
    pub(crate) fn pool(&self, name: &str) {
        self.create(name, "thin-pool", "{} {} 128 10");
        self.pool_status(name, 1, "rw", "-");
    }

    pub(crate) fn pool_status(&self, name: &str, used: u32, mode: &str, check: &str) {
        let status = format!("0 1/1024 {used}/100 - {mode} discard_passdown queue_if_no_space {check} 24 ");
        self.status(name, &status);
    }

    /// Changes the status of the device, and raises an event.
    pub(crate) fn event(&self, name: &str, status: &str) {
        self.status(name, status);
        assert!(self.memory.raise_event(name));
    }

    /// Changes the status of the device.
    pub(crate) fn status(&self, name: &str, status: &str) {
        assert!(self.memory.set_status(name, Some(status)));
    }

    /// A monitor of all devices, which has reported that there is no problem at the start.
    pub(crate) fn quiet_monitor(&self) -> Monitor {
        let mut monitor = self.monitor(MonitorOptions::new());
        assert_eq!(shown(monitor.read().unwrap()), [""; 0]);
        monitor
    }

    pub(crate) fn monitor(&self, options: MonitorOptions) -> Monitor {
        Monitor::open_with(&self.host, options).unwrap()
    }
}

pub(crate) fn name(name: &str) -> DmNameBuf {
    DmNameBuf::new(name).unwrap()
}

/// Alarms as sentences.
pub(crate) fn shown(alarms: Vec<Alarm>) -> Vec<String> {
    alarms.iter().map(ToString::to_string).collect()
}
