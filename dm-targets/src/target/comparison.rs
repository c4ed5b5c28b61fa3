//! Comparison of two tables of a target, by fields that affect the layout of the data and others.

/// The field in which two tables of a target differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TableDifference {
    /// The name of the field, such as `low water mark`.
    pub field: &'static str,
    /// Whether the field determines where data is stored or how data is interpreted, as a device or a block size does.
    /// Other fields, such as a low water mark or a cache's policy, can be changed without harm.
    pub is_layout: bool,
}

/// Compares two tables field by field. A difference in the layout takes precedence over other differences.
///
/// ```
/// use dm_targets::Comparison;
///
/// // A device and a low water mark.
/// let compare = |a: &(&str, u64), b: &(&str, u64)| {
///     Comparison::new(a, b).layout("device", |table| &table.0).tunable("low water mark", |table| &table.1).result()
/// };
/// assert_eq!(compare(&("8:0", 4), &("8:0", 4)), None);
/// assert_eq!(compare(&("8:0", 4), &("8:0", 5)).unwrap().field, "low water mark");
/// assert_eq!(compare(&("8:0", 4), &("8:16", 5)).unwrap().field, "device");
/// ```
#[derive(Debug)]
pub struct Comparison<'a, T> {
    one: &'a T,
    other: &'a T,
    found: Option<TableDifference>,
}

impl<'a, T> Comparison<'a, T> {
    /// Starts comparing two tables.
    #[must_use]
    pub const fn new(one: &'a T, other: &'a T) -> Self {
        Self { one, other, found: None }
    }

    /// Compares a field that determines where data is stored or what the data means.
    #[must_use]
    pub fn layout<F: PartialEq + ?Sized>(self, field: &'static str, of: impl Fn(&T) -> &F) -> Self {
        let is_first = self.found.is_none_or(|found| !found.is_layout);
        if is_first && of(self.one) != of(self.other) {
            return Self { found: Some(TableDifference { field, is_layout: true }), ..self };
        }
        self
    }

    /// Compares a field that does not affect the layout of the data.
    #[must_use]
    pub fn tunable<F: PartialEq + ?Sized>(self, field: &'static str, of: impl Fn(&T) -> &F) -> Self {
        if self.found.is_none() && of(self.one) != of(self.other) {
            return Self { found: Some(TableDifference { field, is_layout: false }), ..self };
        }
        self
    }

    /// Returns the first difference in the layout, otherwise the first difference in another field, or `None` if no
    /// field differs.
    #[must_use]
    pub const fn result(self) -> Option<TableDifference> {
        self.found
    }
}
