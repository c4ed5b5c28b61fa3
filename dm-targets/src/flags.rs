//! Options that are a word or are not there.

use alloc::vec::Vec;

use crate::fields::Fields;
use crate::parse_error::ParseError;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::value::Value;
use crate::word::{Word, WordBuf};

/// A `bool` field of `T` that stands for a word; made by [`flags!`].
pub(crate) struct Flag<T> {
    pub(crate) word: &'static str,
    pub(crate) get: fn(&T) -> bool,
    pub(crate) get_mut: fn(&mut T) -> &mut bool,
}

/// The list of those fields of a type that are flags, each called like its word, in the order in which the kernel prints
/// them.
macro_rules! flags {
    ($($field:ident),+ $(,)?) => {
        [$($crate::flags::Flag {
            word: stringify!($field),
            get: |params| params.$field,
            get_mut: |params| &mut params.$field,
        }),+]
    };
}

pub(crate) use flags;

impl<T> Flag<T> {
    /// Sets the flag that `word` is, in whatever case. `Ok(false)` if it is none of them.
    pub(crate) fn set(flags: &[Self], params: &mut T, word: Word<'_>) -> Result<bool, Problem> {
        Self::set_first(flags, params, |keyword| word.is(keyword))
    }

    /// The same where the case matters.
    pub(crate) fn set_exact(flags: &[Self], params: &mut T, word: Word<'_>) -> Result<bool, Problem> {
        Self::set_first(flags, params, |keyword| word.spelling() == keyword)
    }

    fn set_first(flags: &[Self], params: &mut T, is: impl Fn(&str) -> bool) -> Result<bool, Problem> {
        match flags.iter().find(|flag| is(flag.word)) {
            None => Ok(false),
            Some(flag) if (flag.get)(params) => Err(Problem::Repeated),
            Some(flag) => {
                *(flag.get_mut)(params) = true;
                Ok(true)
            }
        }
    }

    /// How many words the flags that are set are, together with the unknown ones.
    pub(crate) fn count(flags: &[Self], params: &T, unknown: &[WordBuf]) -> usize {
        let set = flags.iter().filter(|flag| (flag.get)(params));
        set.count().saturating_add(unknown.len())
    }
}

impl Fields<'_> {
    /// Reads all words that are left: sets flags, and gives back the words that are none.
    pub(crate) fn read_flags<T>(
        &mut self,
        field: &'static str,
        flags: &[Flag<T>],
        params: &mut T,
    ) -> Result<Vec<WordBuf>, ParseError> {
        let mut unknown = Vec::new();
        while let Some(word) = self.next_word() {
            let blame = |problem| self.error(field, problem);
            if !Flag::set(flags, params, word).map_err(blame)? {
                unknown.push(WordBuf::read(word).map_err(blame)?);
            }
        }
        Ok(unknown)
    }
}

impl Printer<'_, '_> {
    /// Writes a group of flags and unknown words, the number of words first.
    pub(crate) fn flags<T>(&mut self, flags: &[Flag<T>], params: &T, unknown: &[WordBuf]) -> &mut Self {
        self.count(Flag::count(flags, params, unknown)).words(flags, params).all(unknown)
    }

    /// Writes the flags that are set.
    pub(crate) fn words<T>(&mut self, flags: &[Flag<T>], params: &T) -> &mut Self {
        for flag in flags.iter().filter(|flag| (flag.get)(params)) {
            self.word(flag.word);
        }
        self
    }
}
