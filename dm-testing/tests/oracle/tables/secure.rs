//! Targets that encrypt or verify data.

use dm_targets::AnyTable;
use dm_targets::verity::VerityOptions;

use super::{Line, Subject};
use crate::draw::Draw;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("crypt", crypt)
        // The default sector size is not printed.
        .changes(|table| matches!(table, AnyTable::Crypt(table) if table.options.sector_size == Some(512)))
        .stricter(&["even number of hexadecimal digits"])
        .reasons(&["Error allocating crypto tfm", "Error decoding and setting key", "Integrity profile not supported"]),
    // The key is printed in another form, and its type always.
    Subject::new("inlinecrypt", inlinecrypt).changes(|_| true),
    Subject::new("verity", verity)
        .changes(|table| matches!(table, AnyTable::Verity(table) if completes_fec(&table.options)))
        // A block must not be larger than a page.
        .depends(|table| matches!(table, AnyTable::Verity(table) if table.data.block_size > 4096))
        .reasons(&[
            "Device must be readonly",
            "Invalid root digest",
            "FEC device is too small",
            "Hash device is too small",
            "Data device is too small (-E2BIG)",
        ]),
    Subject::new("integrity", integrity)
        .changes(|_| true)
        .reasons(&[
            "Recalculating with HMAC is disabled",
            "Could not initialize superblock",
            // Behind what is cleared of a disk, an earlier table has left something.
            "The device is not initialized",
            "Integrity profile not supported",
        ])
        .reads_disks(),
    Subject::new("vdo", vdo).disks(&[
        "Could not load geometry block",
        // Newer kernels format a disk that is empty.
        "Could not allocate enough space for VDO during format",
    ]),
];

/// The kernel prints either all options of error correction or none.
fn completes_fec(options: &VerityOptions) -> bool {
    let VerityOptions { use_fec_from_device: device, fec_blocks: blocks, fec_start: start, fec_roots: roots, .. } =
        options;
    if device.is_some() { start.is_none() } else { blocks.is_some() || start.is_some() || roots.is_some() }
}

fn hex(draw: &mut Draw<'_>, digits: usize) -> String {
    let digits = if draw.is_wrong() { digits + 1 } else { digits };
    (0..digits).map(|_| draw.pick(&['0', '7', 'a', 'f'])).collect()
}

fn crypt(draw: &mut Draw<'_>) -> Line {
    let (cipher, digits) = draw.pick(&[
        ("aes-xts-plain64", 64),
        ("aes-cbc-essiv:sha256", 64),
        ("aes-cbc-plain64|aes-cbc-plain64be|aes-cbc-plain|aes-cbc-null|aes-cbc-benbi|aes-cbc-random", 32),
        ("aes|aes-plain|aes-ecb", 32),
        ("aes:2-cbc-plain64", 64),
        ("aes:3-cbc-plain64|aes-cbc-essiv|aes-xts|aes-cbc-plain64:x|aes-cbc-unknown|aes-", 64),
        ("aes-cbc-eboiv|aes-cbc-lmk", 32),
        ("aes:64-cbc-lmk", 2048),
        ("aes-cbc-tcw", 96),
        ("aes-cbc-elephant", 96),
        ("cipher_null-ecb|cipher_null-ecb-null", 0),
        ("capi:cbc(aes)-plain64|capi:xts(aes)-plain64", 64),
        ("capi:gcm(aes)-random", 64),
        ("capi:authenc(hmac(sha256),xts(aes))-random", 192),
    ]);
    let unit = draw.pick(&[1, 1, 8]);
    let mut line = Line::new(draw.length(unit), draw.words(cipher));
    line.words.push(if digits == 0 { "-".to_owned() } else { hex(draw, digits) });
    line.words.extend(draw.words(if unit == 1 { "<0..64> @ <0..64>" } else { "<0..64*8> @ <0..64>" }));
    // The two together make the kernel crash where the cipher has no key for integrity.
    let integrity = match cipher.starts_with("capi:authenc") {
        true => "integrity:<1..480>:aead integrity_key_size:<1..64>",
        false => draw.pick(&["integrity:<1..480>:aead", "integrity_key_size:<1..64>"]),
    };
    let options = draw.options(&[
        integrity,
        "allow_discards",
        "same_cpu_crypt",
        "high_priority",
        "submit_from_crypt_cpus",
        "no_read_workqueue",
        "no_write_workqueue",
        "integrity:<1..480>:none",
        "sector_size:<512..4096^>",
        "iv_large_sectors",
    ]);
    line.words.extend(draw.counted_if_any(options));
    line
}

fn inlinecrypt(draw: &mut Draw<'_>) -> Line {
    let unit = draw.pick(&[1, 1, 8]);
    let mut line = Line::new(draw.length(unit), draw.words("aes-xts-plain64"));
    line.words.push(hex(draw, 128));
    line.words.extend(draw.words(if unit == 1 { "<0..64> @ <0..64>" } else { "<0..64*8> @ <0..64>" }));
    let options = draw.options(&[
        "keytype:raw",
        "keytype:raw|keytype:hw-wrapped",
        "allow_discards",
        "sector_size:<512..4096^> iv_large_sectors",
        "sector_size:<512..4096^>",
        "iv_large_sectors",
    ]);
    line.words.extend(draw.counted_if_any(options));
    line
}

fn verity(draw: &mut Draw<'_>) -> Line {
    let block = draw.power(512, 4096);
    let hash_block = if draw.one_in(2) { block } else { draw.power(512, 4096) };
    let blocks = draw.number(1, 512);
    let sectors = blocks.min(1 << 20) * (block >> 9);
    let length = if draw.is_wrong() { sectors + 1 } else { sectors.max(1) };
    let mut line = Line { read_only: !draw.is_wrong(), ..Line::new(length, draw.words("<0..1>")) };
    line.words.extend(draw.devices(2));
    line.words.extend([block, hash_block, blocks].map(|number| number.to_string()));
    line.words.extend(draw.words("<0..64> sha256"));
    line.words.push(hex(draw, 64));
    let salt = draw.below(6) * 2;
    line.words.push(if salt == 0 { "-".to_owned() } else { hex(draw, salt) });
    let mut options = draw.options(&[
        "ignore_corruption|restart_on_corruption|panic_on_corruption",
        "restart_on_error|panic_on_error",
        "ignore_zero_blocks",
        "check_at_most_once",
        "try_verify_in_tasklet",
        "use_fec_from_device @ fec_blocks <512..1024> fec_start <0..64> fec_roots <2..24>",
        "fec_blocks <1..1024>",
        "fec_start <0..64>",
        "fec_roots <2..24>",
        "use_fec_from_device @",
    ]);
    if draw.one_in(12) {
        options.extend(draw.words("root_hash_sig_key_desc none"));
    }
    line.words.extend(draw.counted_if_any(options));
    line
}

fn integrity(draw: &mut Draw<'_>) -> Line {
    let mut line = super::plain::simple(draw, "@ <0..64*8> <1..64> J|J|B|B|D|D|R|R|I");
    if draw.one_in(4) {
        line.words[2] = "-".to_owned();
    }
    let mut options = draw.options(&[
        "journal_sectors:<0..4096>",
        "interleave_sectors:<0..65536>",
        "buffer_sectors:<1..1024>",
        "journal_watermark:<0..100>",
        "commit_time:<0..4294967295>",
        "meta_device:@",
        "block_size:<512..4096^>",
        "sectors_per_bit:<0..65536>",
        "bitmap_flush_interval:<0..4294967295>",
        "journal_crypt:ctr(aes):00112233445566778899aabbccddeeff",
        "journal_mac:hmac(sha256):0011",
        "recalculate",
        "reset_recalculate",
        "allow_discards",
        "fix_padding",
        "fix_hmac",
        "legacy_recalculate",
    ]);
    // Without one, the disk would have to support tags.
    if !draw.one_in(12) {
        options.extend(draw.words("internal_hash:crc32c|internal_hash:sha256|internal_hash:hmac(sha256):0011"));
    }
    line.words.extend(draw.counted(options));
    line
}

fn vdo(draw: &mut Draw<'_>) -> Line {
    let mut line = Line::new(draw.length(8), draw.words("V4|V4|V4|v4|V5 @ <1024..16384> 512|4096"));
    line.words.extend(draw.words("<32768..65536> <1..16380>"));
    line.words.extend(draw.options(&[
        "ack <0..100>",
        "bio <1..100>",
        "bioRotationInterval <1..1024>",
        "cpu <1..100>",
        "hash <1..100> logical <1..60> physical <1..16>",
        "hash <0..100>",
        "logical <0..60>",
        "physical <0..16>",
        "maxDiscard <1..1048575>",
        "deduplication on|off",
        "compression on|off",
        "nokey <0..5>",
    ]));
    line
}
