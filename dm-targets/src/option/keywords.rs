//! Enums of keywords.

/// Defines an enum of keywords: `keywords! { exact; /// … pub enum Mode { /// … ReadOnly = "ro", } }`.
///
/// A word that is not in the list is kept as `Other`. `exact` compares words as they are, for what the kernel prints;
/// `any_case` ignores the case, as most constructors do.
macro_rules! keywords {
    (exact; $($enum:tt)+) => {
        $crate::option::keywords::keywords! {
            |word, keyword| word.spelling() == keyword,
            |text, keyword| text.strip_prefix(keyword.as_bytes());
            $($enum)+
        }
    };
    // Too slow to be tried on a text whose word may be longer.
    (any_case; $($enum:tt)+) => {
        $crate::option::keywords::keywords! { |word, keyword| word.is(keyword), |_text, _keyword| None; $($enum)+ }
    };
    (
        |$word:ident, $keyword:ident| $equal:expr,
        |$start:ident, $prefix:ident| $after:expr;
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$about_variant:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(
                $(#[$about_variant])*
                ///
                #[doc = concat!("The word is `", $text, "`.")]
                $variant,
            )+
            /// A word that this crate does not know.
            Other($crate::WordBuf),
        }

        impl $name {
            /// The word as it appears in a table, status or message.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(word) => word.as_str(),
                }
            }
        }

        impl $crate::Value for $name {
            fn read($word: $crate::Word<'_>) -> Result<Self, $crate::Problem> {
                $({
                    let $keyword = $text;
                    if $equal {
                        return Ok(Self::$variant);
                    }
                })+
                <$crate::WordBuf as $crate::Value>::read($word).map(Self::Other)
            }

            #[inline]
            fn scan($start: &[u8]) -> Option<(Self, &[u8])> {
                $({
                    let $prefix = $text;
                    if let Some(rest) = $after {
                        return Some((Self::$variant, rest));
                    }
                })+
                None
            }

            fn print(&self, out: &mut $crate::Printer<'_, '_>) -> core::fmt::Result {
                match self {
                    Self::Other(word) => $crate::Value::print(word, out),
                    known => core::fmt::Write::write_str(out, known.as_str()),
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::Problem;

            fn from_str(text: &str) -> Result<Self, $crate::Problem> {
                $crate::Value::read($crate::Word::plain(text))
            }
        }

        $crate::text::serde::as_text!($name, $crate::text::serde::read_word);
    };
}

pub(crate) use keywords;
