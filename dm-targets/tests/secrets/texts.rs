//! Texts of targets with keys: complete, truncated and malformed, with the key in every place.

/// `KEY` is replaced by the key.
const SEEDS: &[&str] = &[
    "0 65536 crypt aes-xts-plain64 KEY 0 254:0 0",
    "0 65536 crypt capi:authenc(hmac(sha256),xts(aes))-random KEY 8 254:0 8 4 allow_discards integrity:32:aead \
     sector_size:4096 iv_large_sectors more words",
    "0 65536 crypt aes-cbc-essiv:sha256 :32:logon:foo 0 /dev/sda 0 1 new_option",
    "0 65536 inlinecrypt aes-xts-plain64 KEY 1 0 254:0 0 1 allow_discards",
    "0 65536 inlinecrypt aes-xts-plain64 KEY 0 254:0 0 2 keytype:raw new_option",
    "0 65536 integrity 254:0 0 32 J 7 meta_device:254:16 block_size:4096 internal_hash:hmac(sha256):KEY \
     journal_crypt:ctr(aes):KEY journal_mac:hmac(sha256):KEY fix_hmac new_option:KEY",
    "0 65536 integrity 3 64 - new",
    "0 65536 crypt ",
    "0 65536 cript aes-xts-plain64 KEY 0 254:0 0",
    "0 65536 bow 254:0 KEY",
    "key set KEY",
    "key set :32:user:foo",
    "key wipe",
];

/// The texts from which the others are made by changing every place.
pub(crate) fn texts(key: &str) -> Vec<String> {
    let mut texts: Vec<String> = SEEDS.iter().flat_map(|seed| changed(seed, key)).collect();
    texts.sort();
    texts.dedup();
    texts
}

fn changed(seed: &str, key: &str) -> Vec<String> {
    let whole = seed.replace("KEY", key);
    let words: Vec<&str> = whole.split(' ').collect();
    let mut texts = vec![whole.clone(), whole.to_uppercase(), whole.replace(' ', "\t ")];
    for at in 0..words.len() {
        let (before, after) = words.split_at(at);
        let (Some(word), after) = (after.first(), after.get(1..).unwrap_or_default()) else { continue };
        let mut with = |new: &[&str]| texts.push([before, new, after].concat().join(" "));
        with(&[]);
        with(&[key]);
        with(&[key, word]);
        with(&[word, key]);
        with(&[word, word]);
        with(&[&word.replace(':', &format!(":{key}:"))]);
        with(&[&format!("{word}{key}")]);
        with(&[&format!("{word}\n{key}")]);
        for part in word.split(':') {
            with(&[&word.replace(part, key)]);
        }
        if let Some((next, rest)) = after.split_first() {
            texts.push([before, &[*next, *word], rest].concat().join(" "));
        }
    }
    // Texts truncated at the end, and at the start. A key that begins with digits could be truncated to a plain number, so
    // it is only truncated at the end.
    texts.extend((0..whole.len()).step_by(7).filter_map(|at| whole.get(..at)).map(String::from));
    if key.starts_with(char::is_alphabetic) {
        texts.extend((0..whole.len()).step_by(7).filter_map(|at| whole.get(at..)).map(String::from));
    }
    texts
}
