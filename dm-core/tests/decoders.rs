//! Decoders do not panic, read beyond the end or loop on any input: random bytes, and replies of real kernels with some
//! bytes changed.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod answers;
mod replies;

use std::path::Path;

use proptest::prelude::*;

/// The replies of real kernels, as inputs.
fn seeds() -> Vec<Vec<u8>> {
    let input = |golden: answers::Golden| {
        let input = replies::input(golden.command, &golden.answer);
        input.unwrap_or_else(|| panic!("no decoder for {}", golden.path.display()))
    };
    answers::all(Path::new(env!("CARGO_MANIFEST_DIR"))).into_iter().map(input).collect()
}

/// Any bytes, in most cases long enough for a payload.
fn any_input() -> impl Strategy<Value = Vec<u8>> {
    (0..replies::COUNT, any::<u8>(), prop::collection::vec(any::<u8>(), 0..600))
        .prop_map(|(command, errno, answer)| [&[command, errno], answer.as_slice()].concat())
}

/// A reply of a real kernel with some words changed, mostly those at the beginning: sizes, offsets, counts and flags.
fn nearly_right_input() -> impl Strategy<Value = Vec<u8>> {
    let word = |at: usize| COMMAND_AND_ERRNO + at;
    let place = prop_oneof![
        (3..9_usize).prop_map(move |index| word(4 * index)),
        (0..20_usize).prop_map(move |index| word(HEADER_SIZE + 4 * index)),
        any::<usize>(),
    ];
    let value = prop_oneof![Just(0), 0..64_u32, (0..500_u32).prop_map(|more| 305 + more), any::<u32>(), Just(u32::MAX)];
    let changes = prop::collection::vec((place, value), 0..6);
    (prop::sample::select(seeds()), changes).prop_map(|(mut input, changes)| {
        for (place, value) in changes {
            let place = place % (input.len() - 4);
            input[place..place + 4].copy_from_slice(&value.to_ne_bytes());
        }
        input
    })
}

const COMMAND_AND_ERRNO: usize = 2;
const HEADER_SIZE: usize = 312;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_bytes_are_an_answer_or_an_error(input in any_input()) {
        replies::decode(&input);
    }

    #[test]
    fn a_changed_answer_is_an_answer_or_an_error(input in nearly_right_input()) {
        replies::decode(&input);
    }
}

#[test]
fn the_answers_of_kernels_are_decoded() {
    let seeds = seeds();
    assert_eq!(seeds.len(), 32);
    seeds.iter().for_each(|input| replies::decode(input));
}
