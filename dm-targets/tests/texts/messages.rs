//! Messages that a target does not know.

use dm_targets::{Problem, Target, TargetVisitor, visit_targets};

/// The targets that accept any first word.
const ACCEPT_ANY_WORD: [&str; 1] = ["cache"];

struct EachTarget;

impl TargetVisitor for EachTarget {
    fn visit<T: Target>(&mut self) {
        if ACCEPT_ANY_WORD.contains(&T::TYPE) {
            return;
        }
        for text in ["unheard_of", "unheard_of 7", "unheard_of 8:16 x"] {
            let Err(error) = T::parse_message(text) else { panic!("{} accepts the message {text}", T::TYPE) };
            assert!(matches!(error.problem(), Problem::Unknown | Problem::Unexpected), "{}: {error}", T::TYPE);
            assert_eq!(&text[error.span()], "unheard_of", "{}: {error}", T::TYPE);
        }
        let error = T::parse_message("").err().unwrap();
        assert_eq!(error.problem(), Problem::Missing, "{}: {error}", T::TYPE);
    }
}

#[test]
fn unknown_messages_are_refused_at_their_first_word() {
    visit_targets(&mut EachTarget);
}
