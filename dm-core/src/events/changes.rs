//! Compares two lists of devices.

use core::cmp::Ordering;

use crate::commands::{DeviceList, ListedDevice};
use crate::wire::ReplyError;

/// A device number whose entry is new, missing or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    pub(super) before: Option<ListedDevice<'a>>,
    pub(super) now: Option<ListedDevice<'a>>,
}

/// Compares two lists in order; allocates nothing for devices that are equal in both.
///
/// Kernels that list uuids sort by name (`__link_name` in drivers/md/dm-ioctl.c), older ones by a hash of it. Only the
/// cost depends on the order, not the result: entries without a partner of the same name at the same place are matched
/// by number afterwards.
///
/// Fails if `now` is malformed; `before` must have been read to its end once.
pub(super) fn compare<'a>(before: &'a DeviceList, now: &'a DeviceList) -> Result<Vec<Change<'a>>, ReplyError> {
    let (mut olds, mut news) = (before.iter(), now.iter());
    let mut changes = Vec::new();
    let (mut only_before, mut only_now) = (Vec::new(), Vec::new());
    olds.skip_equal(&mut news);
    let (mut old, mut new) = (olds.next().transpose()?, news.next().transpose()?);
    loop {
        let order = match (old, new) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.name.cmp(new.name),
        };
        match (order, old, new) {
            (Ordering::Equal, Some(old), Some(new)) if old.number == new.number => {
                changes.extend((old != new).then_some(Change { before: Some(old), now: Some(new) }));
            }
            _ => {
                only_before.extend(old.filter(|_| order.is_le()));
                only_now.extend(new.filter(|_| order.is_ge()));
            }
        }
        if order.is_eq() {
            olds.skip_equal(&mut news);
        }
        if order.is_le() {
            old = olds.next().transpose()?;
        }
        if order.is_ge() {
            new = news.next().transpose()?;
        }
    }
    match_numbers(only_before, only_now, &mut changes);
    Ok(changes)
}

/// Pairs entries with the same number, such as those of a renamed device.
fn match_numbers<'a>(mut before: Vec<ListedDevice<'a>>, mut now: Vec<ListedDevice<'a>>, changes: &mut Vec<Change<'a>>) {
    before.sort_unstable_by_key(|device| device.number);
    now.sort_unstable_by_key(|device| device.number);
    let (mut olds, mut news) = (before.into_iter().peekable(), now.into_iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.number.cmp(&new.number),
        };
        let before = if order.is_le() { olds.next() } else { None };
        let now = if order.is_ge() { news.next() } else { None };
        changes.extend((before != now).then_some(Change { before, now }));
    }
}
