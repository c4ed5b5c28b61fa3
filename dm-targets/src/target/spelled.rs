//! Tables that are printed as they were spelled.

/// Makes a [`Spelled`] type with a field `spelling` one that is read and printed together with its spelling.
macro_rules! spelled {
    ($table:ident) => {
        impl $crate::text::spelling::HasSpelling for $table {
            fn spelling(&self) -> &$crate::text::spelling::Spelling {
                &self.spelling
            }

            fn spelling_mut(&mut self) -> &mut $crate::text::spelling::Spelling {
                &mut self.spelling
            }
        }

        impl $crate::target::Params for $table {
            fn parse(fields: &mut $crate::Fields<'_>) -> Result<Self, $crate::ParseError> {
                $crate::text::spelling::parse(fields)
            }
        }

        impl core::fmt::Display for $table {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                $crate::text::spelling::print(self, f)
            }
        }
    };
}

pub(crate) use spelled;
