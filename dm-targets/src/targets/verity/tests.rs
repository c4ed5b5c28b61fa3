use super::*;
use crate::ParseError;

const TEN: &str = "1 8:0 8:1 4096 4096 64 1 sha256 00ff -";

fn with_options(options: &str) -> Result<VerityTable, ParseError> {
    Verity::parse_table(&format!("{TEN} {options}"))
}

fn check(text: &str) -> Result<(), String> {
    Verity::check(&Verity::parse_table(text).unwrap(), Sectors(512)).map_err(|error| error.to_string())
}

#[test]
fn options_are_read_in_any_order_and_case() {
    let table = with_options(
        "9 FEC_roots 2 fec_blocks 99 use_fec_from_device 8:2 Check_At_Most_Once panic_on_error restart_on_corruption",
    );
    let printed = "9 restart_on_corruption panic_on_error check_at_most_once \
                   use_fec_from_device 8:2 fec_blocks 99 fec_roots 2";
    assert_eq!(table.unwrap().to_string(), format!("{TEN} {printed}"));
}

#[test]
fn bad_options_are_refused() {
    let cases = [
        (
            "2 ignore_corruption panic_on_corruption",
            "word 13, panic_on_corruption, cannot be combined with ignore_corruption",
        ),
        ("2 panic_on_error panic_on_error", "word 13, panic_on_error, is given twice"),
        ("1 fec_roots", "word 12, fec_roots, must be followed by a value"),
        ("2 fec_roots 25", "word 13, fec_roots, must be from 2 to 24"),
        ("4 use_fec_from_device 8:2 fec_roots 2", "word 15, fec_blocks, is missing"),
        ("4 use_fec_from_device 8:2 use_fec_from_device 8:2", "word 14, use_fec_from_device, is given twice"),
        ("1 root_hash_sig_key_desc", "word 12, root_hash_sig_key_desc, must be followed by a value"),
    ];
    for (options, expected) in cases {
        assert_eq!(with_options(options).unwrap_err().to_string(), format!("verity table: {expected}"), "{options}");
    }
}

#[test]
fn unknown_and_ignored_words_are_kept() {
    for options in ["0", "0 more", "3 check_at_most_once later 7 more"] {
        assert_eq!(format!("{:#}", with_options(options).unwrap()), format!("{TEN} {options}"));
    }
}

#[test]
fn bad_words_are_refused() {
    let cases = [
        ("2 8:0 8:1 4096 4096 64 1 sha256 00ff -", "word 1, version, must be at most 1"),
        ("1 8:0 8:1 1000 4096 64 1 sha256 00ff -", "word 4, data block size, must be a power of two"),
        ("1 8:0 8:1 4096 256 64 1 sha256 00ff -", "word 5, hash block size, must be from 512 to 1073741824"),
        ("1 8:0 8:1 4096 4096 64 1 sha256 0ff -", "word 9, digest, must be an even number of hexadecimal digits"),
        ("1 8:0 8:1 4096 4096 64 1 sha256 - -", "word 9, digest, must be an even number of hexadecimal digits"),
    ];
    for (text, expected) in cases {
        assert_eq!(Verity::parse_table(text).unwrap_err().to_string(), format!("verity table: {expected}"));
    }
}

#[test]
fn sizes_must_fit_together() {
    assert_eq!(check(TEN), Ok(()));
    let cases = [
        ("1 8:0 8:1 4096 4096 63 1 sha256 00ff -", "length must be from 1 to 504"),
        ("1 8:0 8:1 4096 4096 64 2305843009213693952 sha256 00ff -", "hash start must be at most 2305843009213693951"),
        (
            "1 8:0 8:1 4096 1024 64 1 sha256 00ff - 6 use_fec_from_device 8:2 fec_blocks 99 fec_roots 2",
            "use_fec_from_device cannot be combined with different data and hash block sizes",
        ),
        (
            "1 8:0 8:1 4096 4096 64 1 sha256 00ff - 6 use_fec_from_device 8:2 fec_blocks 9 fec_roots 2",
            "fec_blocks must be from 65 to 2305843009213693951",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(check(text), Err(expected.to_owned()));
    }
    let text = |blocks: u32| format!("1 8:0 8:1 4096 4096 {blocks} 1 sha256 00ff - 1 check_at_most_once");
    assert_eq!(check(&text(0x7fff_ffff)), Ok(()));
    assert_eq!(check(&text(0x8000_0000)), Err("data blocks must be from 1 to 2147483647".to_owned()));
    let digest = "00".repeat(257);
    let text = format!("1 8:0 8:1 4096 512 64 1 sha256 {digest} -");
    assert_eq!(check(&text), Err("size of the digest must be from 1 to 256".to_owned()));
}

#[test]
fn the_case_of_digits_does_not_matter() {
    let upper = Verity::parse_table("1 8:0 8:1 4096 4096 64 1 sha256 00FF AA").unwrap();
    let lower = Verity::parse_table("1 8:0 8:1 4096 4096 64 1 sha256 00ff aa").unwrap();
    assert_eq!(upper, lower);
    assert_eq!(upper.to_string(), "1 8:0 8:1 4096 4096 64 1 sha256 00ff aa");
}

#[test]
fn recent_kernels_count_corrections() {
    let corrected = |text| Verity::parse_status(text).unwrap().corrected;
    assert_eq!(corrected("V"), None);
    assert_eq!(corrected("V -"), Some(FecCorrections::NoFec));
    assert_eq!(corrected("C 12"), Some(FecCorrections::Blocks(12)));
    assert_eq!(
        Verity::parse_status("C x").unwrap_err().to_string(),
        "verity status: word 2, corrected blocks, must be a decimal number"
    );
}
