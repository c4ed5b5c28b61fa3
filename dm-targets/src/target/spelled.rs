//! Tables that remember how they were spelled.

/// Implements `Params` with the original spelling for a `Spelled` type that has a field `spelling`.
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
