//! A target of any kind: what is known of all of them, and what is not known.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroizing;

use crate::fields::Fields;
use crate::word::{Form, quote_printed, write_unquoted};

/// Declares the modules of the targets, and what is made of the list of all targets.
macro_rules! targets {
    ($($module:ident: $($target:ident),+;)+) => {
        $(
            pub mod $module;
            #[doc(inline)]
            pub use $module::{$($target),+};
        )+

        /// The table of a target of any type, such as `253:0 2048` for a linear target.
        ///
        /// `Display` prints the params, without the target type.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum AnyTable {
            $($(
                #[doc = concat!("A table of [`", stringify!($target), "`](enum@", stringify!($target), ").")]
                $target(<$target as Target>::Table),
            )+)+
            /// A table of a target that this version does not know.
            Other(OtherTable),
        }

        /// The status of a target of any type.
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub enum AnyStatus {
            $($(
                #[doc = concat!("A status of [`", stringify!($target), "`](enum@", stringify!($target), ").")]
                $target(<$target as Target>::Status),
            )+)+
            /// A status of a target that this version does not know.
            Other(OtherStatus),
        }

        impl AnyTable {
            /// The target type.
            #[must_use]
            pub fn target_type(&self) -> &str {
                match self {
                    $($(Self::$target(_) => $target::TYPE,)+)+
                    Self::Other(other) => other.target_type(),
                }
            }
        }

        impl AnyStatus {
            /// The target type.
            #[must_use]
            pub fn target_type(&self) -> &str {
                match self {
                    $($(Self::$target(_) => $target::TYPE,)+)+
                    Self::Other(other) => other.target_type(),
                }
            }
        }

        impl AnyStatus {
            /// What the status says of the health of the target; `None` for a target that is not known.
            #[must_use]
            pub fn health(&self) -> Option<$crate::Health> {
                match self {
                    $($(Self::$target(status) => Some($target::health(status)),)+)+
                    Self::Other(_) => None,
                }
            }
        }

        impl Kind for Any {
            type Table = AnyTable;
            type Status = AnyStatus;

            fn table_type(table: &AnyTable) -> &str {
                table.target_type()
            }

            fn status_type(status: &AnyStatus) -> &str {
                status.target_type()
            }

            fn check_type(_: &str) -> Result<(), Problem> {
                Ok(())
            }

            fn read_table(target_type: &str, fields: Fields<'_>) -> Result<AnyTable, ParseError> {
                Ok(match target_type {
                    $($($target::TYPE => AnyTable::$target($target::read_table(target_type, fields)?),)+)+
                    _ => AnyTable::Other(OtherTable::read(target_type, &fields)),
                })
            }

            fn read_status(target_type: &str, fields: Fields<'_>) -> Result<AnyStatus, ParseError> {
                Ok(match target_type {
                    $($($target::TYPE => AnyStatus::$target($target::read_status(target_type, fields)?),)+)+
                    _ => AnyStatus::Other(OtherStatus::read(target_type, &fields)),
                })
            }

            fn is_singleton(table: &AnyTable) -> bool {
                match table {
                    $($(AnyTable::$target(_) => $target::SINGLETON,)+)+
                    AnyTable::Other(_) => false,
                }
            }

            fn is_secret(table: &AnyTable) -> bool {
                match table {
                    $($(AnyTable::$target(_) => $target::SECRET,)+)+
                    // Nobody knows.
                    AnyTable::Other(_) => true,
                }
            }

            fn check(table: &AnyTable, length: Sectors) -> Result<(), InvalidField> {
                match table {
                    $($(AnyTable::$target(table) => <$target as Target>::check(table, length),)+)+
                    AnyTable::Other(_) => Ok(()),
                }
            }
        }

        impl fmt::Display for AnyTable {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($(Self::$target(table) => table.fmt(f),)+)+
                    Self::Other(other) => other.fmt(f),
                }
            }
        }

        impl fmt::Display for AnyStatus {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($(Self::$target(status) => status.fmt(f),)+)+
                    Self::Other(other) => other.fmt(f),
                }
            }
        }

        $($(
            impl From<<$target as Target>::Table> for AnyTable {
                fn from(table: <$target as Target>::Table) -> Self {
                    Self::$target(table)
                }
            }

            $crate::serde::as_text!(<$target as Target>::Table, $target::parse_input);
        )+)+

        /// Shows every target of this crate to `visitor`, in the order of the list.
        pub fn visit_targets(visitor: &mut impl TargetVisitor) {
            $($(visitor.visit::<$target>();)+)+
        }
    };
}

pub(crate) use targets;

/// Something to be done for every target; see [`visit_targets`](crate::visit_targets).
pub trait TargetVisitor {
    /// Is called once with each target.
    fn visit<T: crate::Target>(&mut self);
}

/// The table of a target that is not known, kept as it is.
///
/// It may hold a key, so its text is zeroed when dropped and not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct OtherTable {
    target_type: Box<str>,
    /// As the constructor reads it.
    input: Zeroizing<Box<str>>,
}

impl OtherTable {
    /// A table with the given params, as the constructor reads them.
    pub fn new(target_type: impl Into<Box<str>>, params: impl Into<Box<str>>) -> Self {
        Self { target_type: target_type.into(), input: Zeroizing::new(params.into()) }
    }

    pub(crate) fn read(target_type: &str, fields: &Fields<'_>) -> Self {
        let input = match fields.form() {
            Form::Input => fields.remainder().into(),
            Form::Printed => quote_printed(fields.remainder()),
        };
        Self::new(target_type, input)
    }

    /// The target type.
    #[must_use]
    pub fn target_type(&self) -> &str {
        &self.target_type
    }
}

impl fmt::Debug for OtherTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherTable").field("target_type", &self.target_type).finish_non_exhaustive()
    }
}

/// As the constructor reads it; `{:#}` as the kernel has printed it.
impl fmt::Display for OtherTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { write_unquoted(f, &self.input) } else { f.write_str(&self.input) }
    }
}

/// The status of a target that is not known, kept as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OtherStatus {
    target_type: Box<str>,
    text: Box<str>,
}

impl OtherStatus {
    pub(crate) fn read(target_type: &str, fields: &Fields<'_>) -> Self {
        Self { target_type: target_type.into(), text: fields.remainder().into() }
    }

    /// The target type.
    #[must_use]
    pub fn target_type(&self) -> &str {
        &self.target_type
    }

    /// The status as the kernel has printed it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for OtherStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
