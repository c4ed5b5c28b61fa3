//! Selects the lines of the kernel's log that are about a refused command.

use dm_units::DeviceNumber;

/// A line that the device mapper wrote to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    text: &'a str,
    /// The id of the thread that wrote it, or 0 for an interrupt; `None` if the kernel was built without a record of
    /// that (`CONFIG_PRINTK_CALLER`).
    thread: Option<i32>,
    /// The mapped device that the line names.
    device: Option<DeviceNumber>,
}

/// The prefix of the lines of `crypt` in kernels whose drivers/md/dm-crypt.c includes include/keys/trusted-type.h,
/// which redefines `pr_fmt`.
const PREFIX_OF_CRYPT: &str = "trusted_key: ";

/// The number of priority bits below the facility (`LOG_FACILITY` in kernel/printk/printk.c).
const LEVEL_BITS: u32 = 3;

impl<'a> Line<'a> {
    /// Parses a record of `/dev/kmsg`: `4,1043,77812,-,caller=T201;device-mapper: …`, followed by lines that begin with
    /// a space.
    ///
    /// Only the kernel uses facility 0; lines from processes have another one (`devkmsg_write`).
    pub(super) fn parse(record: &'a str) -> Option<Self> {
        let (fields, text) = record.split_once(';')?;
        let priority: u32 = fields.split(',').next()?.parse().ok()?;
        if priority >> LEVEL_BITS != 0 {
            return None;
        }
        let text = text.lines().next()?;
        let text = text.strip_prefix(PREFIX_OF_CRYPT).unwrap_or(text);
        let message = text.strip_prefix("device-mapper: ")?;
        let caller = fields.split(',').find_map(|field| field.strip_prefix("caller="));
        // `C` and a number instead of `T` mean an interrupt on that processor.
        let thread = caller.map(|caller| caller.strip_prefix('T').and_then(|id| id.parse().ok()).unwrap_or(0));
        // In most lines, the device follows the name of the module.
        let device = message.split(": ").nth(1).and_then(|number| number.parse().ok());
        Some(Self { text, thread, device })
    }
}

/// Selects the lines that are about a command that `thread` has sent for `device`.
///
/// Lines of other threads and about other devices are left out. A line without a device is about the command if the
/// kernel records threads. If it does not, such a line is selected only if this handle sent no other command at the
/// same time (`alone`), and no line is about another device.
pub(super) fn reasons<'a>(
    lines: impl Iterator<Item = Line<'a>>,
    device: Option<DeviceNumber>,
    thread: i32,
    alone: bool,
) -> Vec<String> {
    let lines: Vec<Line<'a>> = lines.filter(|line| line.thread.is_none_or(|writer| writer == thread)).collect();
    let is_others = |line: &Line<'_>| line.device.is_some() && line.device != device;
    let quiet = alone && !lines.iter().any(is_others);
    let is_ours = |line: &&Line<'_>| !is_others(line) && (line.device.is_some() || line.thread.is_some() || quiet);
    lines.iter().filter(is_ours).map(|line| line.text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: DeviceNumber = DeviceNumber::new(253, 0);

    fn reasons_in(records: &[&str]) -> Vec<String> {
        reasons_while(records, true)
    }

    fn reasons_while(records: &[&str], alone: bool) -> Vec<String> {
        reasons(records.iter().filter_map(|record| Line::parse(record)), Some(OURS), 201, alone)
    }

    #[test]
    fn lines_about_this_device_are_reasons() {
        let lookup = "3,1043,77812,-;device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)\n";
        let ioctl = "3,1044,77813,-;device-mapper: ioctl: error adding target to table\n SUBSYSTEM=block\n";
        assert_eq!(
            reasons_in(&[lookup, "6,1,2,-;loop0: detected capacity change\n", ioctl]),
            [
                "device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)",
                "device-mapper: ioctl: error adding target to table"
            ]
        );
    }

    #[test]
    fn lines_of_crypt_are_found_behind_the_prefix_for_trusted_keys() {
        let refused = "4,412,27166705,-;trusted_key: device-mapper: crypt: not suspended during key manipulation.\n";
        assert_eq!(reasons_in(&[refused]), ["device-mapper: crypt: not suspended during key manipulation."]);
        assert_eq!(reasons_in(&["4,412,27166705,-;trusted_key: key_unseal failed (-22)\n"]), [""; 0]);
    }

    #[test]
    fn lines_that_a_process_wrote_are_left_out() {
        for forged in [
            "12,1,2,-;device-mapper: table: 253:0: linear: forged\n",
            "8,1,2,-;device-mapper: table: 253:0: linear: forged\n",
            "x,1,2,-;device-mapper: table: 253:0: linear: forged\n",
            "device-mapper: table: 253:0: linear: forged\n",
        ] {
            assert_eq!(reasons_in(&[forged]), [] as [&str; 0], "{forged}");
        }
    }

    #[test]
    fn lines_about_another_device_are_left_out() {
        let theirs = "3,1,2,-;device-mapper: table: 253:10: linear: Invalid argument count (-EINVAL)\n";
        let unnamed = "3,2,3,-;device-mapper: ioctl: error adding target to table\n";
        assert_eq!(reasons_in(&[theirs, unnamed]), [] as [&str; 0], "the second may be about either device");
        let ours = "3,2,3,-;device-mapper: table: 253:0: zero: No arguments required (-EINVAL)\n";
        assert_eq!(reasons_in(&[theirs, ours, unnamed]).len(), 1);
    }

    #[test]
    fn with_other_calls_only_lines_that_name_the_device_are_reasons() {
        let ours = "3,2,3,-;device-mapper: table: 253:0: zero: No arguments required (-EINVAL)\n";
        let unnamed = "3,2,3,-;device-mapper: ioctl: Target type does not support messages\n";
        assert_eq!(reasons_while(&[ours, unnamed], true).len(), 2);
        assert_eq!(reasons_while(&[ours, unnamed], false).len(), 1);
    }

    #[test]
    fn lines_of_other_threads_are_left_out() {
        let ours = "3,1,2,-,caller=T201;device-mapper: ioctl: The device has no table.\n";
        let theirs = "3,2,3,-,caller=T202;device-mapper: ioctl: Empty message received.\n";
        let interrupt = "3,3,4,-,caller=C1;device-mapper: multipath: 253:0: Failing path 8:0.\n";
        assert_eq!(reasons_in(&[ours, theirs, interrupt]), ["device-mapper: ioctl: The device has no table."]);
    }
}
