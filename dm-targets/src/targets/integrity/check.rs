//! Rules for combinations of options.

use super::{IntegrityMode, IntegrityOptions, IntegrityTable};
use crate::option::OptionGroup;
use crate::{InvalidField, Problem};

const INTERNAL_HASH: &str = "internal_hash";

/// Checks options that require an internal hash, or one with a key.
pub(super) fn check_internal_hash(table: &IntegrityTable) -> Result<(), InvalidField> {
    let IntegrityOptions { recalculate, reset_recalculate, allow_discards, allow_discards_keyed, .. } = table.options;
    let needs_hash = table.tag_size.is_none()
        || matches!(table.mode, IntegrityMode::Bitmap | IntegrityMode::Inline)
        || recalculate
        || reset_recalculate
        || allow_discards
        || allow_discards_keyed;
    match &table.options.internal_hash {
        None if needs_hash => Err(InvalidField::new(INTERNAL_HASH, Problem::Missing)),
        Some(hash) if allow_discards_keyed && hash.key().is_none() => {
            Err(InvalidField::new(INTERNAL_HASH, Problem::Expected("keyed for allow_discards_keyed")))
        }
        _ => Ok(()),
    }
}

/// Checks options that are not allowed in mode `I`, where the device stores the tags.
pub(super) fn check_inline(table: &IntegrityTable) -> Result<(), InvalidField> {
    const UNFIT: [&str; 5] = ["meta_device", "journal_crypt", "journal_mac", "allow_discards", "allow_discards_keyed"];
    match table.options.given().find(|option| UNFIT.contains(option)) {
        Some(field) => Err(InvalidField::new(field, Problem::Conflict("mode I"))),
        None => Ok(()),
    }
}
