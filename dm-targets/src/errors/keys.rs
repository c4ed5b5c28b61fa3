//! Detection of text that may be a key and must not be shown.

use core::fmt::{self, Write};

/// The smallest number of consecutive hexadecimal digits that may be part of a key.
const SHORT_KEY: usize = 8;

/// The shortest word of only hexadecimal digits that may be a key if it is not a number; shorter ones are words such as
/// `AEAD`.
const SHORT_WORD: usize = 5;

/// The smallest number of consecutive hexadecimal digits in a path that may be part of a key: a path can contain the
/// identifier of a device.
const KEY_IN_PATH: usize = 48;

/// Whether a word may be a key, contain one, or be the rest of one that was cut.
///
/// Keys are hexadecimal digits. A word is suspicious if it contains many consecutive digits, or consists of at least
/// [`SHORT_WORD`] digits that are not all decimal. No cipher, hash, mode or key type has such a name.
pub(crate) fn may_hold_key(text: &str) -> bool {
    let longest = longest_row(text);
    if text.contains(['/', '=']) {
        return longest >= KEY_IN_PATH;
    }
    let all = longest == text.len() && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    longest >= SHORT_KEY || all && longest >= SHORT_WORD
}

/// The largest number of consecutive hexadecimal digits.
pub(crate) fn longest_row(text: &str) -> usize {
    let (mut longest, mut row) = (0_usize, 0_usize);
    for byte in text.bytes() {
        row = if byte.is_ascii_hexdigit() { row.saturating_add(1) } else { 0 };
        longest = longest.max(row);
    }
    longest
}

/// Writes a text with `*` for each word that may contain a key.
pub(crate) fn write_without_keys(out: &mut impl Write, text: &str) -> fmt::Result {
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        out.write_str(if may_hold_key(word) { "*" } else { word })?;
        out.write_str(piece.get(word.len()..).unwrap_or_default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_parts_of_keys_are_distinguished_from_other_words() {
        let key = "00".repeat(32);
        let algorithm = format!("hmac(sha256):{key}");
        let glued = format!("/dev/sda{key}");
        let keys = [&glued, "00112233", "c0ffee", "0ff1ce", "C0FFEE", "x00112233", &key, &algorithm];
        assert!(keys.iter().all(|text| may_hold_key(text)));
        let others = [
            "",
            "0",
            "1234567",
            "-",
            "B",
            "AEAD",
            "aes-xts-plain64",
            "capi:authenc(hmac(sha256),xts(aes))-random",
            "aes-cbc-essiv:sha512",
            "xchacha12,aes-adiantum-plain64",
            "crc32c",
            "blake2b-512",
            "allow_discards",
            "integrity:28:aead",
            "254:1048575",
            "/dev/disk/by-id/dm-uuid-CRYPT-LUKS2-00112233445566778899aabbccddeeff-home",
            "PARTUUID=00112233-01",
        ];
        assert_eq!(others.iter().find(|text| may_hold_key(text)), None);
    }

    #[test]
    fn words_that_may_contain_a_key_are_not_shown() {
        let mut shown = String::new();
        write_without_keys(&mut shown, " 8:0  00112233\t1 c0ffee").unwrap();
        assert_eq!(shown, " 8:0  *\t1 *");
    }
}
