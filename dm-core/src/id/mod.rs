//! How devices are named, and text as the kernel gives it.

mod dev_id;
mod identifier;
mod mangle;
mod name;
mod text;

pub use dev_id::{AsDevId, AsDmName, DevId, DevIdBuf};
pub use identifier::NameError;
pub use mangle::{MangleError, Mangled};
pub(crate) use mangle::{is_plain, unmangle};
pub use name::{DmName, DmNameBuf, DmUuid, DmUuidBuf};
pub use text::Text;
