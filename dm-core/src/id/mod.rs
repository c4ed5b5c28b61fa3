//! Names, uuids and other identifiers of devices, and text from the kernel.

mod dev_id;
mod identifier;
mod lvm;
mod mangle;
mod name;
mod naming;
mod text;

pub use dev_id::{AsDevId, AsDmName, DevId, DevIdBuf};
pub use identifier::NameError;
pub use lvm::LvmParts;
pub(crate) use mangle::is_plain;
pub use mangle::{MangleError, Mangled};
pub use name::{DmName, DmNameBuf, DmUuid, DmUuidBuf};
pub use naming::Naming;
pub use text::Text;
