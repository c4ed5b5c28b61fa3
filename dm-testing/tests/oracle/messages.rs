//! Whether the library parses exactly the messages that the kernel accepts.

use std::time::Duration;

use dm_targets::{DeviceMessage, ParseError, Problem, Switch, Target, TargetVisitor, visit_targets};
use dm_testing::{MappedDevice, wait_until};
use dm_units::Sectors;
use nix::errno::Errno;

use crate::draw::Draw;
use crate::judge::{Verdict, is_strict, is_unknown};
use crate::lab::Lab;

/// The maximum time that a target is busy with a message.
const SOON: Duration = Duration::from_secs(20);

/// A target with an active table, and messages to it.
pub(crate) struct Listener {
    pub(crate) target_type: &'static str,
    /// Its table, in which `NEW` stands for a new disk.
    table: &'static str,
    length: u64,
    is_suspended: bool,
    /// Templates of messages that the target supports.
    messages: &'static [&'static str],
    /// The kernel's reasons if it refuses a message because of the target's state.
    reasons: &'static [&'static str],
    /// Whether the library knows that this table does not support a message.
    is_unfit: fn(&str) -> bool,
    /// Messages that are sent before one that starts with this word, so that the target's state allows it; `$1` and
    /// `$2` are its arguments, `$0` is the first word of the status.
    before: &'static [(&'static str, &'static [&'static str])],
    /// Whether a target with this status has completed an earlier message. A busy one refuses others.
    is_idle: Option<fn(&str) -> bool>,
}

impl Listener {
    const fn new(target_type: &'static str, table: &'static str, messages: &'static [&'static str]) -> Self {
        Self {
            target_type,
            table,
            length: 1024,
            is_suspended: false,
            messages,
            reasons: &[],
            is_unfit: |_| false,
            before: &[],
            is_idle: None,
        }
    }

    const fn reasons(self, reasons: &'static [&'static str]) -> Self {
        Self { reasons, ..self }
    }

    const fn unfit(self, is_unfit: fn(&str) -> bool) -> Self {
        Self { is_unfit, ..self }
    }

    const fn before(self, before: &'static [(&'static str, &'static [&'static str])]) -> Self {
        Self { before, ..self }
    }

    const fn idle_when(self, is_idle: fn(&str) -> bool) -> Self {
        Self { is_idle: Some(is_idle), ..self }
    }

    const fn suspended(self) -> Self {
        Self { is_suspended: true, ..self }
    }
}

/// All targets to which messages are sent.
pub(crate) const LISTENERS: &[Listener] = &[
    Listener::new(
        "thin-pool",
        "NEW NEW 128 0",
        &[
            "create_thin <0..9>",
            "create_thin <0..16777215>",
            "create_snap <0..9> <0..9>",
            "delete <0..9>",
            "delete <0..16777215>",
            "set_transaction_id 0|0|<0..18446744073709551615> <0..18446744073709551615>",
            "reserve_metadata_snap",
            "release_metadata_snap",
        ],
    )
    .before(&[
        ("create_thin", &["delete $1"]),
        ("create_snap", &["create_thin $2", "delete $1"]),
        ("delete", &["create_thin $1"]),
        ("set_transaction_id", &["set_transaction_id $0 0"]),
        ("reserve_metadata_snap", &["release_metadata_snap"]),
        ("release_metadata_snap", &["reserve_metadata_snap"]),
    ])
    .reasons(&["Failed to change transaction id", "release_metadata_snap message failed"]),
    Listener::new(
        "cache",
        "NEW NEW NEW 64 1 passthrough mq 0",
        &[
            "migration_threshold <0..1000000>",
            "random_threshold|sequential_threshold|discard_promote_adjustment <0..1000>",
            "read_promote_adjustment|write_promote_adjustment <0..1000>",
            "invalidate_cblocks <0..2047>",
            "invalidate_cblocks <0..50>-<51..100> <0..9>",
        ],
    )
    .reasons(&["out of range"]),
    Listener::new(
        "clone",
        "NEW NEW NEW 8 1 no_hydration",
        &[
            "enable_hydration",
            "disable_hydration",
            "hydration_threshold <0..4294967295>",
            "hydration_batch_size <0..4294967295>",
        ],
    ),
    Listener::new("era", "NEW NEW 128", &["checkpoint", "take_metadata_snap", "drop_metadata_snap"])
        .before(&[("take_metadata_snap", &["drop_metadata_snap"]), ("drop_metadata_snap", &["take_metadata_snap"])])
        .reasons(&["metadata snapshot already exists", "no snap to drop"]),
    Listener::new("dust", "NEW 0 512", &["addbadblock <0..99>", "removebadblock <0..99>", "enable|disable|quiet"]),
    Listener::new(
        "switch",
        "2 8 0 NEW 0 NEW 0",
        &["set_region_mappings <0..9>:<0..1>", "set_region_mappings <0..9>:0 :<0..1> R<1..2>,<1..9>"],
    )
    .unfit(|text| {
        let table = Switch::parse_input("2 8 0 7:0 0 7:1 0").expect("a table");
        Switch::parse_message(text).is_ok_and(|message| message.check(&table, Sectors(1024)).is_err())
    }),
    Listener::new("log-writes", "NEW NEW", &["mark a-mark"]),
    Listener::new("writecache", "s NEW NEW 4096 0", &["flush", "flush_on_suspend", "cleaner", "clear_stats"]),
    Listener::new("raid", "raid1 2 0 nosync 2 - NEW - NEW", &["resync|recover|check|repair"])
        .idle_when(|status| status.split(' ').nth(4) == Some("idle")),
    Listener::new(
        "multipath",
        "0 0 2 1 round-robin 0 1 0 NEW round-robin 0 1 0 NEW",
        &[
            "queue_if_no_path",
            "fail_if_no_path",
            "disable_group|enable_group|switch_group <1..2>",
            "fail_path|reinstate_path DISK",
        ],
    )
    .reasons(&["invalid PG number supplied"]),
    Listener::new(
        "crypt",
        "aes-cbc-plain64 000102030405060708090a0b0c0d0e0f 0 NEW 0",
        &["key wipe", "key set 000102030405060708090A0B0C0D0E0F"],
    )
    // Only a key of the same size fits.
    .unfit(|message| message.split_ascii_whitespace().nth(2).is_some_and(|key| key.len() != 32))
    .suspended(),
    Listener::new(
        "zero",
        "",
        &[
            "@stats_list",
            "@stats_list a-program",
            "@stats_create -|<0..10>+<1..1000> <1..1000>|/<1..9>",
            "@stats_create - /<1..4> 1 precise_timestamps",
            "@stats_create - /1 2 precise_timestamps histogram:<1..5>,<6..9> a-program aux",
            "@stats_delete|@stats_clear|@stats_print|@stats_print_clear <0..3>",
            "@stats_print <0..3> <0..1> <1..2>",
            "@stats_set_aux <0..3> aux",
        ],
    ),
];

/// A target and, once it is used, its device.
pub(crate) struct Messages {
    listener: &'static Listener,
    /// With the last disk of the table.
    device: Option<(MappedDevice, String)>,
}

impl Messages {
    pub(crate) const fn new(listener: &'static Listener) -> Self {
        Self { listener, device: None }
    }

    /// Sends a message.
    pub(crate) fn attempt(&mut self, lab: &Lab<'_>, draw: &mut Draw<'_>) -> (Verdict, String) {
        let listener = self.listener;
        let (device, disk) = self.device.get_or_insert_with(|| listener.set_up(lab));
        let template = draw.pick(listener.messages);
        let mut words = draw.words(template);
        words.iter_mut().filter(|word| *word == "DISK").for_each(|word| word.clone_from(disk));
        draw.spoil(&mut words);
        let text = words.join(" ");
        listener.prepare(lab, device, &words);
        let (verdict, why) = listener.judge(&text, lab.send(device, &text));
        (verdict, format!("message `{text}`: {why}"))
    }
}

impl Listener {
    /// Its device, and the last disk of its table.
    fn set_up(&self, lab: &Lab<'_>) -> (MappedDevice, String) {
        let mut disk = String::new();
        let words = self.table.split_whitespace().map(|word| {
            if word == "NEW" {
                disk = lab.new_disk().to_string();
                return disk.clone();
            }
            word.to_owned()
        });
        let table = words.collect::<Vec<_>>().join(" ");
        let device = lab.map(self.target_type, self.length, &table);
        if self.is_suspended {
            lab.suspend(&device);
        }
        (device, disk)
    }

    /// Brings the target into a state in which it accepts this message.
    fn prepare(&self, lab: &Lab<'_>, device: &MappedDevice, words: &[String]) {
        let word = |at| words.get(at).map_or("", String::as_str);
        let (_, before) =
            self.before.iter().find(|(first, _)| first.eq_ignore_ascii_case(word(0))).copied().unwrap_or_default();
        for text in before {
            let text = match text.contains("$0") {
                true => text.replace("$0", lab.status(device).split(' ').next().unwrap_or_default()),
                false => text.replace("$1", word(1)).replace("$2", word(2)),
            };
            // It may be in this state already.
            _ = lab.send(device, &text);
        }
        if let Some(is_idle) = self.is_idle {
            wait_until("the target to be idle", SOON, || is_idle(&lab.status(device))).unwrap();
        }
    }

    fn judge(&self, text: &str, answer: Result<(), (i32, Vec<String>)>) -> (Verdict, String) {
        let mut reader = Reader { target_type: self.target_type, text, result: None };
        match text.starts_with('@') {
            true => reader.result = Some(text.parse::<DeviceMessage>().map(|message| is_unknown(&message, text))),
            false => visit_targets(&mut reader),
        }
        let ours = reader.result.expect("a target with messages is known");
        match (ours, answer) {
            (Ok(_), Ok(())) if (self.is_unfit)(text) => {
                (Verdict::Disagreement, "only the library says that it does not fit the table".to_owned())
            }
            (Ok(_), Ok(())) => (Verdict::Taken, String::new()),
            (Ok(_), Err(_)) if (self.is_unfit)(text) => (Verdict::Refused, String::new()),
            (Err(_), Err(_)) => (Verdict::Refused, String::new()),
            (Err(error), Ok(())) => {
                // Some targets ignore further words, whose meaning is lost.
                let is_longer = error.problem() == Problem::Unexpected;
                let verdict =
                    if is_longer || is_strict(&error, text) { Verdict::Stricter } else { Verdict::Disagreement };
                (verdict, format!("only the library refuses it: {error}"))
            }
            (Ok(is_unknown), Err((errno, reasons))) => {
                let errno = Errno::from_raw(errno);
                let said = |known: &&str| reasons.iter().any(|reason| reason.contains(known));
                let is_of_state = is_unknown || errno != Errno::EINVAL || self.reasons.iter().any(said);
                let verdict = if is_of_state { Verdict::Machine } else { Verdict::Disagreement };
                (verdict, format!("only the kernel refuses it: {errno}: {}", reasons.join("; ")))
            }
        }
    }
}

/// Parses a message to a target with a given name.
struct Reader<'a> {
    target_type: &'static str,
    text: &'a str,
    /// Whether the message contains words that the library does not know.
    result: Option<Result<bool, ParseError>>,
}

impl TargetVisitor for Reader<'_> {
    fn visit<T: Target>(&mut self) {
        if T::TYPE == self.target_type {
            self.result = Some(T::parse_message(self.text).map(|message| is_unknown(&message, self.text)));
        }
    }
}
