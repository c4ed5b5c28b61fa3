//! Signs of a broken kernel in its log.

/// Texts that a working kernel does not log after it has booted.
const SIGNS: [&str; 13] = [
    "Kernel panic",
    "Oops",
    "BUG:",
    "kernel BUG at",
    "[ cut here ]",
    "WARNING: CPU:",
    "general protection fault",
    "Unable to handle kernel",
    "Call Trace:",
    "blocked for more than",
    "soft lockup",
    "hard LOCKUP",
    "detected stall",
];

/// A line that the kernel logs before it runs the first program.
const FIRST_PROGRAM: &str = "Run /init as init process";

/// The lines of a kernel log that report a panic, an oops, a warning, a hung task or a stall.
///
/// Warnings before the first program concern the emulated machine: on a busy host, the emulation of a debug exception
/// can cause one.
pub(crate) fn find(log: &str) -> Vec<&str> {
    let judged = log.find(FIRST_PROGRAM).and_then(|start| log.get(start..)).unwrap_or(log);
    judged.lines().filter(|line| SIGNS.iter().any(|sign| line.contains(sign))).collect()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn every_kind_of_trouble_is_found() {
        let lines = [
            "[    3.1] Kernel panic - not syncing: Attempted to kill init!",
            "[    3.1] Oops: 0000 [#1] PREEMPT SMP",
            "[    3.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
            "[    3.1] kernel BUG at drivers/md/dm.c:1234!",
            "[    3.1] WARNING: CPU: 0 PID: 1 at drivers/md/dm.c:1 dm_put+0x1/0x2",
            "[  242.1] INFO: task dmsetup:123 blocked for more than 120 seconds.",
            "[   21.1] rcu: INFO: rcu_preempt self-detected stall on CPU",
            "[   21.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "[   26.1] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]",
        ];
        assert_eq!(find(&lines.join("\n")), lines);
    }

    #[test]
    fn trouble_before_the_first_program_counts_only_if_none_was_run() {
        let boot = "[    0.4] WARNING: CPU: 0 PID: 0 at arch/x86/kernel/traps.c:1120 exc_debug_kernel+0xca/0x160\n";
        let run = "[    3.9] Run /init as init process\n";
        let bug = "[    5.0] kernel BUG at drivers/md/dm.c:1234!";
        assert!(find(&format!("{boot}{run}")).is_empty());
        assert_eq!(find(&format!("{boot}{run}{bug}")), [bug]);
        assert_eq!(find(boot), [boot.trim_end()]);
    }

    #[test]
    fn a_healthy_log_has_no_trouble() {
        let log = "[    0.0] Linux version 6.12.1\n\
                   [    1.0] device-mapper: ioctl: 4.48.0-ioctl initialised: dm-devel@lists.linux.dev\n\
                   [    2.0] device-mapper: table: 253:0: linear: Device lookup failed (-ENODEV)\n\
                   [    2.1] Buffer I/O error on dev dm-0, logical block 0, async page read\n\
                   Warning: tempdir /tmp not on tmpfs\n";
        assert!(find(log).is_empty());
    }
}
