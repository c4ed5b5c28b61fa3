//! Groups of options.

use crate::errors::parse_error::ParseError;
use crate::errors::problem::{InvalidField, Problem};
use crate::text::fields::Fields;
use crate::text::limits::Limits;
use crate::text::printer::Printer;
use crate::text::word::Word;

/// How the kernel compares the words of an [`OptionGroup`] with the names of its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Exactly, with `strcmp`.
    Exact,
    /// Ignoring case, with `strcasecmp`.
    Any,
}

/// Whether a word before an [`OptionGroup`] tells how many words the group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The number is required.
    Required,
    /// A table can leave out the group and its number. The kernel always prints the number.
    Optional,
    /// A table can leave out the group and its number. The kernel leaves out the number if it is 0.
    LeftOut,
    /// There is no number: all remaining words belong to the group.
    None,
}

/// A group of options, made by [`options!`].
pub trait OptionGroup: Default {
    /// The field name, such as `feature`, in the error for an unknown option that cannot be kept.
    const NAME: &'static str;

    /// The minimum and maximum number of words, and the field name for errors about this number.
    const LIMITS: Limits;

    /// Whether a word before the group tells how many words the group has.
    const COUNT: Count;

    /// Parses the option that begins with `word`. Returns the index of the option's field in the struct, from 0, or
    /// `None` for an unknown option.
    ///
    /// # Errors
    ///
    /// [`Problem::Repeated`]: the option is given twice. [`Problem::Conflict`]: another option excludes this one.
    /// [`Problem::Expected`], [`Problem::Missing`]: the value is missing. Other problems: the value is invalid.
    fn read_option(&mut self, word: Word<'_>, fields: &mut Fields<'_>) -> Result<Option<usize>, ParseError>;

    /// Stores a word that is not a known option, so that it can be printed again.
    ///
    /// # Errors
    ///
    /// The errors of [`Word::value`](crate::Word::value): the word cannot be quoted ([`Problem::ForbiddenByte`],
    /// [`Problem::NeedlessBackslash`]) or may be a key ([`Problem::MayBeKey`]).
    fn keep(&mut self, word: Word<'_>) -> Result<(), Problem>;

    /// Prints the options in the order of their declaration, then the unknown words.
    fn print(&self, out: &mut Printer<'_, '_>);

    /// Returns the names of the options that are given.
    fn given(&self) -> impl Iterator<Item = &'static str>;

    /// Checks that the kernel would accept the value of each option.
    ///
    /// # Errors
    ///
    /// [`InvalidField`]: the kernel would refuse a value. The error names the first such option.
    fn check_ranges(&self) -> Result<(), InvalidField>;

    /// Returns the number of words that [`print`](Self::print) prints.
    fn word_count(&self) -> u64 {
        Printer::count_words(|out| self.print(out)) as u64
    }

    /// Checks the number of words and the value of each option.
    ///
    /// # Errors
    ///
    /// [`Problem::OutOfRange`]: there are more words than the kernel accepts. Other errors: see
    /// [`check_ranges`](Self::check_ranges).
    fn check(&self) -> Result<(), InvalidField> {
        Self::LIMITS.check(self.word_count())?;
        self.check_ranges()
    }
}

impl Fields<'_> {
    /// Parses a group of options, including the number of its words if there is one.
    ///
    /// # Errors
    ///
    /// [`Problem::Missing`], [`Problem::NotDecimal`], [`Problem::OutOfRange`], [`Problem::TooFewWords`]: the number is
    /// missing or wrong. Other errors: see [`OptionGroup::read_option`] and [`OptionGroup::keep`].
    pub fn read_options<G: OptionGroup>(&mut self) -> Result<G, ParseError> {
        self.read_options_then(|_: &G| Ok(()))
    }

    /// Parses a group of options as [`read_options`](Self::read_options) does, and then calls `check`.
    ///
    /// # Errors
    ///
    /// The errors of [`read_options`](Self::read_options) and `check`. An error of `check` points to the last word of
    /// the group.
    pub fn read_options_then<G: OptionGroup>(
        &mut self,
        check: impl FnOnce(&G) -> Result<(), InvalidField>,
    ) -> Result<G, ParseError> {
        let mut group = match G::COUNT {
            Count::None => {
                let group = self.clone();
                self.skip_rest();
                group
            }
            Count::Optional | Count::LeftOut if self.is_empty() => return Ok(G::default()),
            _ => self.read_group(G::LIMITS.field())?,
        };
        if G::COUNT == Count::LeftOut && group.is_empty() {
            self.note_unusual();
        }
        let options = group.read_each_option()?;
        check(&options).map_err(|invalid| group.blame(invalid))?;
        if group.is_unusual() {
            self.note_unusual();
        }
        Ok(options)
    }

    fn read_each_option<G: OptionGroup>(&mut self) -> Result<G, ParseError> {
        let (mut options, mut last) = (G::default(), 0);
        while let Some(word) = self.next_word() {
            let place = match options.read_option(word, self)? {
                Some(place) => place,
                None => {
                    options.keep(word).map_err(|problem| self.error(G::NAME, problem))?;
                    usize::MAX
                }
            };
            if place < last {
                self.note_unusual();
            }
            last = place;
        }
        Ok(options)
    }
}

impl Printer<'_, '_> {
    /// Prints a group of options, including the number of its words if there is one.
    #[inline]
    pub fn options<G: OptionGroup>(&mut self, options: &G) -> &mut Self {
        match G::COUNT {
            Count::Required | Count::Optional => self.group(|out| options.print(out)),
            Count::LeftOut => self.optional_group(|out| options.print(out)),
            Count::None => {
                options.print(self);
                self
            }
        }
    }
}

/// A field in which a setter can store a `V`.
pub trait Put<V> {
    /// Stores `value`: sets a `bool` or an `Option`, or adds to a set.
    fn put(&mut self, value: V);
}

impl Put<()> for bool {
    fn put(&mut self, (): ()) {
        *self = true;
    }
}

impl<T> Put<T> for Option<T> {
    fn put(&mut self, value: T) {
        *self = Some(value);
    }
}

impl<T: Ord> Put<T> for alloc::collections::BTreeSet<T> {
    fn put(&mut self, value: T) {
        self.insert(value);
    }
}

/// Declares a group of options: a struct with a field for each option, its [`OptionGroup`] implementation, and a setter
/// on the table for each option.
///
/// After the options come:
///
/// - `other`: the field for unknown options, and their name in errors.
/// - `case`: a [`Case`](crate::option::Case).
/// - `count`: a [`Count`](crate::option::Count), and the limits of the number of words.
/// - `features` (optional): more entries of `FEATURES`.
///
/// See the [example in the crate's documentation](crate#how-to-add-a-target).
#[macro_export]
macro_rules! options {
    (
        $(#[$about:meta])*
        pub struct $group:ident for $table:ident.$path:ident {
            $(
                $(#[$doc:meta])*
                $field:ident($($param:ident: $param_type:ty)?): $type:ty = $kind:expr $(, since $since:tt)?;
            )+
        }
        other {
            $(#[$other_about:meta])*
            $other:ident: $other_type:ty = $name:expr;
        }
        case: $case:ident; count: $count:ident, $limits:expr;
        $(features: $($also:literal since $also_since:tt),+;)?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct $group {
            $($(#[$doc])* pub $field: $type,)+
            $(#[$other_about])*
            pub $other: $crate::option::Vec<$other_type>,
        }

        impl $group {
            /// Words that later versions of the target added, each with the first version that supports it.
            /// `Target::FEATURES` contains these entries.
            pub const FEATURES: &'static [$crate::option::Feature] = &[
                $($($crate::option::Feature { name: $kind.word(), since: $crate::option::Version::new $since },)?)+
                $($($crate::option::Feature { name: $also, since: $crate::option::Version::new $also_since },)+)?
            ];
        }

        impl $crate::option::OptionGroup for $group {
            const NAME: &'static str = $name;
            const LIMITS: $crate::Limits = $limits;
            const COUNT: $crate::option::Count = $crate::option::Count::$count;

            fn read_option(
                &mut self,
                word: $crate::Word<'_>,
                fields: &mut $crate::Fields<'_>,
            ) -> Result<Option<usize>, $crate::ParseError> {
                use $crate::option::OptionKind as _;
                let word = $crate::option::OptionWord::new(word, $crate::option::Case::$case);
                let place = 0_usize;
                $(
                    if $crate::option::OptionKind::<$type>::begins(&$kind, word) {
                        $kind.read(&mut self.$field, word, fields)?;
                        return Ok(Some(place));
                    }
                    let place = place.saturating_add(1);
                )+
                let _ = place;
                Ok(None)
            }

            fn keep(&mut self, word: $crate::Word<'_>) -> Result<(), $crate::Problem> {
                self.$other.push($crate::Value::read(word)?);
                Ok(())
            }

            #[inline]
            fn print(&self, out: &mut $crate::Printer<'_, '_>) {
                use $crate::option::OptionKind as _;
                let Self { $($field,)+ $other } = self;
                $($kind.print($field, out);)+
                out.all($other);
            }

            fn given(&self) -> impl Iterator<Item = &'static str> {
                use $crate::option::OptionKind as _;
                [$($kind.given(&self.$field)),+].into_iter().flatten()
            }

            fn check_ranges(&self) -> Result<(), $crate::InvalidField> {
                use $crate::option::OptionKind as _;
                $($kind.check(&self.$field)?;)+
                Ok(())
            }
        }

        impl $table {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](", stringify!($group), "::", stringify!($field), ").")]
                $(#[$doc])*
                #[must_use]
                pub fn $field(mut self $(, $param: $param_type)?) -> Self {
                    $crate::option::Put::put(
                        &mut self.$path.$field,
                        $crate::options!(@value $($param)?),
                    );
                    self
                }
            )+
        }
    };
    (@value) => { () };
    (@value $param:ident) => { $param.into() };
}

pub(crate) use options;
