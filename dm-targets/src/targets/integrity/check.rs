//! Which options of a table do not go together.

use super::table::{FIRST_FLAGS, INTERNAL_HASH, JOURNAL_CRYPT, JOURNAL_MAC, META_DEVICE};
use super::{IntegrityMode, IntegrityTable};
use crate::{InvalidField, Problem};

/// Checks what cannot be without an internal hash, or a key for it.
pub(super) fn check_internal_hash(table: &IntegrityTable) -> Result<(), InvalidField> {
    let needs_hash = table.tag_size.is_none()
        || matches!(table.mode, IntegrityMode::Bitmap | IntegrityMode::Inline)
        || FIRST_FLAGS.iter().any(|flag| (flag.get)(table));
    match &table.internal_hash {
        None if needs_hash => Err(InvalidField::new(INTERNAL_HASH, Problem::Missing)),
        Some(hash) if table.allow_discards_keyed && hash.key().is_none() => {
            Err(InvalidField::new(INTERNAL_HASH, Problem::Expected("keyed for allow_discards_keyed")))
        }
        _ => Ok(()),
    }
}

/// Checks what cannot be where tags are stored by the device itself.
pub(super) fn check_inline(table: &IntegrityTable) -> Result<(), InvalidField> {
    let unfit = [
        (META_DEVICE, table.meta_device.is_some()),
        (JOURNAL_CRYPT, table.journal_crypt.is_some()),
        (JOURNAL_MAC, table.journal_mac.is_some()),
        ("allow_discards", table.allow_discards),
        ("allow_discards_keyed", table.allow_discards_keyed),
    ];
    match unfit.into_iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(InvalidField::new(field, Problem::Conflict("mode I"))),
        None => Ok(()),
    }
}
