use super::*;
use crate::{Device, ParseError};

const FIVE: &str = "aes-xts-plain64 00ff 0 8:0 0";

fn with_options(options: &str) -> Result<CryptTable, ParseError> {
    Crypt::parse_table(&format!("{FIVE} {options}"))
}

fn refusal(options: &str) -> String {
    with_options(options).unwrap_err().to_string()
}

#[test]
fn options_are_read_in_any_order_and_case() {
    let table = with_options("3 sector_size:4096 ALLOW_discards iv_large_sectors").unwrap();
    assert!(table.options.allow_discards && table.options.iv_large_sectors);
    assert_eq!(table.to_string(), format!("{FIVE} 3 allow_discards sector_size:4096 iv_large_sectors"));
}

#[test]
fn bad_options_are_refused() {
    let cases = [
        ("1 integrity:28", "integrity, must be a size and a profile, such as 28:aead"),
        ("1 integrity:28:", "integrity, is missing"),
        ("1 integrity:481:aead", "integrity, must be from 1 to 480"),
        ("1 sector_size:511", "sector_size, must be from 512 to 4096"),
        ("1 sector_size:1536", "sector_size, must be a power of two"),
        ("1 integrity_key_size:0", "integrity_key_size, must be from 1 to 4294967295"),
        ("2 sector_size:512 sector_size:512", "sector_size, is given twice"),
        ("2 allow_discards allow_discards", "allow_discards, is given twice"),
        ("2 allow_discards", "number of options, counts 2 words, but 1 follow"),
    ];
    for (options, expected) in cases {
        let words = options.split(' ').count().max(2);
        let word = if expected.starts_with("number") { 6 } else { words + 5 };
        assert_eq!(refusal(options), format!("crypt table: word {word}, {expected}"), "{options}");
    }
}

#[test]
fn unknown_and_ignored_words_are_kept_but_not_shown() {
    let text = format!("{FIVE} 2 high_priority later:c0ffee ignored too");
    let table = Crypt::parse_table(&text).unwrap();
    assert_eq!(format!("{table:#}"), text);
    assert_eq!(table.options.other_options[0].reveal(), "later:c0ffee");
    let debug = format!("{table:?}");
    assert!(!debug.contains("c0ffee") && !debug.contains("00ff"), "{debug}");

    let text = format!("{FIVE} 0 ignored");
    assert_eq!(format!("{:#}", Crypt::parse_table(&text).unwrap()), text);
    assert_eq!(format!("{:#}", with_options("0").unwrap()), format!("{FIVE} 0"));
    assert_eq!(with_options("0"), Crypt::parse_table(FIVE));
    assert_eq!(with_options("0").unwrap().to_string(), FIVE);
}

#[test]
fn errors_do_not_show_the_key() {
    let text = "aes-xts-plain64 c0ffe 0 8:0 0";
    let error = Crypt::parse_table(text).unwrap_err();
    assert_eq!(error.to_string(), "crypt table: word 2, key, must be an even number of hexadecimal digits");
    assert!(!error.annotate(text).to_string().contains("c0ffe"));
}

#[test]
fn sectors_must_fit_together() {
    let refusal = |text: &str, length| Crypt::check(&Crypt::parse_table(text).unwrap(), Sectors(length));
    let message = |text, length| refusal(text, length).unwrap_err().to_string();
    let aligned = "aes-xts-plain64 00ff 8 8:0 1 1 sector_size:4096";
    assert_eq!(refusal(aligned, 16), Ok(()));
    assert_eq!(message(aligned, 17), "length must be a multiple of 8");
    let unaligned = "aes-xts-plain64 00ff 4 8:0 1 1 sector_size:4096";
    assert_eq!(message(unaligned, 16), "iv_offset must be a multiple of 8");
    let lmk = "aes:64-cbc-lmk 00ff 0 8:0 0 1 sector_size:1024";
    assert_eq!(message(lmk, 16), "sector_size cannot be combined with the IV modes lmk and tcw, unless it is 512");
}

#[test]
fn authentication_needs_a_cipher_of_the_crypto_api() {
    let check = |cipher: &str| {
        let key = CryptKey::Empty;
        let table =
            CryptTable::new(Cipher::new(cipher).unwrap(), key, Sectors(0), Device::new("8:0").unwrap(), Sectors(0));
        Crypt::check(&table.integrity(CryptIntegrity::aead(28)), Sectors(8)).map_err(|error| error.to_string())
    };
    assert_eq!(check("capi:gcm(aes)-random"), Ok(()));
    let expected = "cipher must be a cipher that begins with capi: for the profile aead";
    assert_eq!(check("aes-gcm-random"), Err(expected.to_owned()));
    let expected = "integrity cannot be combined with the IV modes lmk, eboiv and elephant if its profile is aead";
    assert_eq!(check("capi:cbc(aes)-eboiv"), Err(expected.to_owned()));
}

#[test]
fn ten_options_can_be_printed_but_not_loaded() {
    let ten = "10 allow_discards same_cpu_crypt high_priority submit_from_crypt_cpus no_read_workqueue \
               no_write_workqueue integrity:16:none sector_size:4096 iv_large_sectors integrity_key_size:32";
    let table = with_options(ten).unwrap();
    assert_eq!(table.to_string(), format!("{FIVE} {ten}"));
    let error = Crypt::check(&table, Sectors(8)).unwrap_err();
    assert_eq!(error.to_string(), "number of options must be at most 9");
}

/// Printed by Linux 6.1.176 and 6.12.117 after `key wipe`.
#[test]
fn a_wiped_key_is_zeros() {
    let text = format!("aes-xts-plain64 {} 0 7:0 0", "00".repeat(64));
    let table = Crypt::parse_table(&text).unwrap();
    assert_eq!(table.key.size(), 64);
    assert_eq!(table.to_string(), text);
}

#[test]
fn messages_set_or_wipe_the_key() {
    let message = Crypt::parse_message("KEY Set :32:user:a").unwrap();
    assert!(matches!(&message, CryptMessage::KeySet(CryptKey::Keyring(key)) if key.size() == 32));
    assert_eq!(message.to_string(), "key set :32:user:a");
    let error = |text| Crypt::parse_message(text).unwrap_err().to_string();
    assert_eq!(error("key"), "crypt message: word 2, key, is missing");
    assert_eq!(error("key drop"), "crypt message: word 2, key, must be set or wipe");
    assert_eq!(error("lock"), "crypt message: word 1, message, is not known");
    assert_eq!(error("key wipe now"), "crypt message: word 3 is one word too many");
}

#[test]
fn a_key_that_authenticates_is_a_part_of_the_key() {
    let check = |cipher: &str, profile: &str, size: u32| {
        let text = format!("capi:{cipher}-random 00ff 0 8:0 0 2 integrity:28:{profile} integrity_key_size:{size}");
        Crypt::check(&Crypt::parse_table(&text).unwrap(), Sectors(8)).map_err(|error| error.to_string())
    };
    let authenc = "authenc(hmac(sha256),xts(aes))";
    assert_eq!(check(authenc, "aead", 2), Ok(()));
    assert_eq!(check(authenc, "aead", 3), Err("integrity_key_size must be from 1 to 2".to_owned()));
    let other = "integrity_key_size must be left out if the cipher is not authenc(...)";
    assert_eq!(check("gcm(aes)", "aead", 2), Err(other.to_owned()));
    assert_eq!(check("gcm(aes)", "none", 3), Ok(()));
}
