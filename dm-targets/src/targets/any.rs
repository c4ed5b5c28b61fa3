//! The enums over all targets, [`AnyTable`](crate::AnyTable) and [`AnyStatus`](crate::AnyStatus), and the text of
//! unknown targets.

use alloc::boxed::Box;
use core::fmt;
use core::hash::{Hash, Hasher};

use zeroize::Zeroizing;

use crate::errors::keys::write_without_keys;
use crate::text::fields::Fields;
use crate::text::word::{TextForm, quote_printed, write_unquoted};

/// Generates the enums over all targets, their conversions, and `visit_targets`.
macro_rules! targets {
    ($($name:ident($module:ident::$target:ident, $table:ident) $($boxed:ident)?;)+) => {
        $(
            #[doc(inline)]
            pub use $module::$target;
        )+

        /// The table of a target whose type is known only at run time.
        ///
        /// `Display` prints the params, such as `253:0 2048` for a linear target, without the target type.
        /// [`Table`](crate::Table) and [`TableLine`](crate::TableLine) parse whole lines.
        ///
        /// ```
        /// use dm_targets::{AnyTable, TableLine};
        ///
        /// let line: TableLine = "0 2048 linear 253:0 8".parse()?;
        /// let AnyTable::Linear(table) = &line.params else { return Ok(()) };
        /// assert_eq!((table.start.0, line.params.target_type()), (8, "linear"));
        /// # Ok::<(), dm_targets::ParseError>(())
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AnyTable {
            $(
                #[doc = concat!("A table of [`", stringify!($target), "`](enum@", stringify!($target), ").")]
                $name(stored!($module::$table $(, $boxed)?)),
            )+
            /// A table of a target that this crate does not know.
            Other(OtherTable),
        }

        /// The status of a target whose type is known only at run time.
        ///
        /// ```
        /// use dm_targets::{AnyStatus, StatusLine};
        ///
        /// let line: StatusLine = "0 1024 striped 2 254:0 254:16 1 AD".parse()?;
        /// let AnyStatus::Striped(status) = &line.status else { return Ok(()) };
        /// assert_eq!(status.stripes.len(), 2);
        /// # Ok::<(), dm_targets::ParseError>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub enum AnyStatus {
            $(
                #[doc = concat!("A status of [`", stringify!($target), "`](enum@", stringify!($target), ").")]
                $name(<$target as Target>::Status),
            )+
            /// A status of a target that this crate does not know.
            Other(OtherStatus),
        }

        impl AnyTable {
            /// The name of the target type, such as `linear`.
            #[must_use]
            pub fn target_type(&self) -> &str {
                match self {
                    $(Self::$name(_) => $target::TYPE,)+
                    Self::Other(other) => other.target_type(),
                }
            }
        }

        impl AnyStatus {
            /// The name of the target type, such as `linear`.
            #[must_use]
            pub fn target_type(&self) -> &str {
                match self {
                    $(Self::$name(_) => $target::TYPE,)+
                    Self::Other(other) => other.target_type(),
                }
            }
        }

        impl AnyStatus {
            /// Returns the health of the target according to this status, or `None` if this crate does not know the
            /// target type.
            ///
            /// For `integrity`, use [`StatusLine::health`](crate::StatusLine::health). Recalculation is complete when
            /// it reaches the line's [`length`](crate::StatusLine::length), and a status does not contain the length.
            ///
            /// ```
            /// use dm_targets::StatusLine;
            ///
            /// let line: StatusLine = "0 1024 striped 2 254:0 254:16 1 AD".parse()?;
            /// let health = line.status.health().unwrap();
            /// assert_eq!(health.to_string(), "attention: devices have failed; 1 of 2 devices healthy, 1 to repair");
            /// # Ok::<(), dm_targets::ParseError>(())
            /// ```
            #[must_use]
            pub fn health(&self) -> Option<$crate::Health> {
                match self {
                    $(Self::$name(status) => Some($target::health(status)),)+
                    Self::Other(_) => None,
                }
            }
        }

        impl LineKind for Any {
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
                    $($target::TYPE => AnyTable::$name($target::read_table(target_type, fields)?.into()),)+
                    _ => AnyTable::Other(OtherTable::read(target_type, &fields)),
                })
            }

            fn read_status(target_type: &str, fields: Fields<'_>) -> Result<AnyStatus, ParseError> {
                Ok(match target_type {
                    $($target::TYPE => AnyStatus::$name($target::read_status(target_type, fields)?),)+
                    _ => AnyStatus::Other(OtherStatus::read(target_type, &fields)),
                })
            }

            fn is_singleton(table: &AnyTable) -> bool {
                match table {
                    $(AnyTable::$name(_) => $target::SINGLETON,)+
                    AnyTable::Other(_) => false,
                }
            }

            fn is_immutable(table: &AnyTable) -> bool {
                match table {
                    $(AnyTable::$name(_) => $target::IMMUTABLE,)+
                    AnyTable::Other(_) => false,
                }
            }

            fn is_secret(table: &AnyTable) -> bool {
                match table {
                    $(AnyTable::$name(_) => $target::SECRET,)+
                    // The text of an unknown table may contain a key.
                    AnyTable::Other(_) => true,
                }
            }

            fn has_failed(table: &AnyTable) -> bool {
                match table {
                    $(AnyTable::$name(table) => <$target as Target>::has_failed(table),)+
                    AnyTable::Other(_) => false,
                }
            }

            fn remove_requests(table: &mut AnyTable) {
                match table {
                    $(AnyTable::$name(table) => <$target as Target>::remove_requests(table),)+
                    AnyTable::Other(_) => {}
                }
            }

            fn difference(one: &AnyTable, other: &AnyTable) -> Option<TableDifference> {
                match (one, other) {
                    $((AnyTable::$name(one), AnyTable::$name(other)) => <$target as Target>::difference(one, other),)+
                    (one, other) => {
                        Comparison::new(one, other).layout("target type", AnyTable::target_type).layout("table", |table| table).result()
                    }
                }
            }

            fn work(status: &AnyStatus) -> Option<$crate::Work> {
                status.health()?.work
            }

            fn check(table: &AnyTable, length: Sectors) -> Result<(), InvalidField> {
                match table {
                    $(AnyTable::$name(table) => <$target as Target>::check(table, length),)+
                    AnyTable::Other(_) => Ok(()),
                }
            }
        }

        impl fmt::Display for AnyTable {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name(table) => table.fmt(f),)+
                    Self::Other(other) => other.fmt(f),
                }
            }
        }

        impl fmt::Display for AnyStatus {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name(status) => status.fmt(f),)+
                    Self::Other(other) => other.fmt(f),
                }
            }
        }

        $(
            impl From<$module::$table> for AnyTable {
                fn from(table: $module::$table) -> Self {
                    Self::$name(table.into())
                }
            }

            $crate::text::serde::as_text!($module::$table, $target::parse_input);
        )+

        /// Calls `visitor` once for every target type of this crate, in the order of the variants of [`AnyTable`].
        ///
        /// Use it to collect the target types, or their options and versions, without a list of your own.
        ///
        /// ```
        /// use dm_targets::{Target, TargetVisitor, visit_targets};
        ///
        /// struct Names(Vec<&'static str>);
        /// impl TargetVisitor for Names {
        ///     fn visit<T: Target>(&mut self) {
        ///         self.0.push(T::TYPE);
        ///     }
        /// }
        ///
        /// let mut names = Names(Vec::new());
        /// visit_targets(&mut names);
        /// assert!(names.0.contains(&"linear"));
        /// ```
        pub fn visit_targets(visitor: &mut impl TargetVisitor) {
            $(visitor.visit::<$target>();)+
        }
    };
}

/// The type in which [`AnyTable`](crate::AnyTable) stores a table: boxed if the list says so.
macro_rules! stored {
    ($table:path) => { $table };
    ($table:path, boxed) => { alloc::boxed::Box<$table> };
}

pub(crate) use {stored, targets};

/// Generic code that [`visit_targets`](crate::visit_targets) runs for every target type.
pub trait TargetVisitor {
    /// Is called once for each target type `T`.
    fn visit<T: crate::Target>(&mut self);
}

/// The unparsed table of a target type that this crate does not know.
///
/// The text may contain a key, so it is zeroed on drop and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct OtherTable {
    target_type: Box<str>,
    /// The params in the form that the constructor reads.
    input: Zeroizing<Box<str>>,
}

impl OtherTable {
    /// Wraps params in the form that the kernel's constructor reads ([`TextForm::Input`]); they are not checked.
    ///
    /// ```
    /// use dm_targets::{AnyTable, OtherTable, TableLine};
    /// use dm_units::Sectors;
    ///
    /// let params = AnyTable::Other(OtherTable::new("bow", "8:0"));
    /// let line: TableLine = TableLine::new(Sectors(0), Sectors(8), params);
    /// assert_eq!(line.to_string(), "0 8 bow 8:0");
    /// ```
    pub fn new(target_type: impl Into<Box<str>>, params: impl Into<Box<str>>) -> Self {
        Self { target_type: target_type.into(), input: Zeroizing::new(params.into()) }
    }

    pub(crate) fn read(target_type: &str, fields: &Fields<'_>) -> Self {
        let input = match fields.form() {
            TextForm::Input => fields.remainder().into(),
            TextForm::Printed => quote_printed(fields.remainder()),
        };
        Self::new(target_type, input)
    }

    /// The name of the target type, such as `bow`.
    #[must_use]
    pub fn target_type(&self) -> &str {
        &self.target_type
    }
}

/// Hashes the length of the params instead of their text, so that no key gets into a hasher.
impl Hash for OtherTable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.target_type.hash(state);
        self.input.len().hash(state);
    }
}

impl fmt::Debug for OtherTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherTable").field("target_type", &self.target_type).finish_non_exhaustive()
    }
}

/// Prints the params as the kernel's constructor reads them, and with `{:#}` as the kernel would print them.
impl fmt::Display for OtherTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { write_unquoted(f, &self.input) } else { f.write_str(&self.input) }
    }
}

/// The unparsed status of a target type that this crate does not know.
///
/// The text may be a table that was passed as a status, and contain a key. It is therefore zeroed on drop, and `Debug`,
/// `Display` and serde print `*` for every word that may be a key. [`text`](Self::text) returns the whole text.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "ShownStatus", from = "ShownStatus"))]
pub struct OtherStatus {
    target_type: Box<str>,
    text: Zeroizing<Box<str>>,
}

impl OtherStatus {
    pub(crate) fn read(target_type: &str, fields: &Fields<'_>) -> Self {
        Self { target_type: target_type.into(), text: Zeroizing::new(fields.remainder().into()) }
    }

    /// The name of the target type, such as `bow`.
    #[must_use]
    pub fn target_type(&self) -> &str {
        &self.target_type
    }

    /// The whole text that was passed to the parser. After deserialization, words that may be a key are `*`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for OtherStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherStatus")
            .field("target_type", &self.target_type)
            .field("text", &format_args!("{self}"))
            .finish()
    }
}

/// Prints the text with `*` for every word that may be a key.
impl fmt::Display for OtherStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_without_keys(f, &self.text)
    }
}

/// The form in which serde writes and reads an [`OtherStatus`].
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct ShownStatus {
    target_type: Box<str>,
    text: Box<str>,
}

#[cfg(feature = "serde")]
impl From<OtherStatus> for ShownStatus {
    fn from(status: OtherStatus) -> Self {
        Self { text: alloc::format!("{status}").into(), target_type: status.target_type }
    }
}

#[cfg(feature = "serde")]
impl From<ShownStatus> for OtherStatus {
    fn from(shown: ShownStatus) -> Self {
        Self { target_type: shown.target_type, text: Zeroizing::new(shown.text) }
    }
}
