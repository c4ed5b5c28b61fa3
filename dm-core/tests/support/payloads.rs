//! Payloads in the kernel's layout, with nonzero padding, as a kernel that reuses its memory may leave it.

use super::answer::{put, size};

/// The fields of entries in a list of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Before interface 4.37.
    Names,
    EventNumbers,
    /// The uuid of each device is its name in upper case; a device whose name starts with `-` has none.
    Uuids,
}

/// A list of devices with these names. The numbers and the event numbers start at 1.
pub fn devices(names: &[&str], layout: Layout) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, index) in names.iter().zip(1..) {
        let at = payload.len();
        payload.extend_from_slice(&u64::from(253 << 8 | index).to_ne_bytes());
        payload.extend_from_slice(&[0; 4]);
        push_padded(&mut payload, name.as_bytes());
        if layout != Layout::Names {
            let has_uuid = layout == Layout::Uuids && !name.starts_with('-');
            let trailer = payload.len();
            payload.resize(trailer + 8, 0);
            put(&mut payload, trailer, &[index, has_uuid.into()]);
            if has_uuid {
                push_padded(&mut payload, name.to_uppercase().as_bytes());
            }
        }
        let next = payload.len() - at;
        put(&mut payload, at + 8, &[if index == size(names.len()) { 0 } else { size(next) }]);
    }
    payload
}

/// Lines of a table, one sector each. The kernel does not count the padding of the last one.
pub fn lines(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut end = 0;
    for ((target_type, params), start) in lines.iter().zip(0_u64..) {
        let at = payload.len();
        payload.extend_from_slice(&start.to_ne_bytes());
        payload.extend_from_slice(&1_u64.to_ne_bytes());
        payload.resize(at + 24, 0);
        payload.extend_from_slice(target_type.as_bytes());
        payload.resize(at + 40, 0);
        end = payload.len() + params.len() + 1;
        push_padded(&mut payload, params.as_bytes());
        let next = size(payload.len());
        put(&mut payload, at + 20, &[next]);
    }
    payload.truncate(end);
    payload
}

/// The devices that a table uses.
pub fn deps(count: u32) -> Vec<u8> {
    let mut payload = vec![0; 8];
    put(&mut payload, 0, &[count]);
    payload.extend((0..count).flat_map(|minor| u64::from(7 << 8 | minor & 0xff).to_ne_bytes()));
    payload
}

/// Targets with their versions.
pub fn versions(targets: &[(&str, [u32; 3])]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (index, (name, version)) in targets.iter().enumerate() {
        let at = payload.len();
        payload.resize(at + 16, 0);
        put(&mut payload, at + 4, version);
        push_padded(&mut payload, name.as_bytes());
        let next = payload.len() - at;
        put(&mut payload, at, &[if index + 1 == targets.len() { 0 } else { size(next) }]);
    }
    payload
}

fn push_padded(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(text);
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(8), b'~');
}
