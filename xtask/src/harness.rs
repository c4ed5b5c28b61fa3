//! The line of numbers with which every Rust test program ends.

/// The numbers in `ok. 3 passed; 0 failed; 1 ignored; ...`.
pub(crate) fn totals(text: &str) -> Option<(usize, usize)> {
    let number = |word: &str| {
        let before = text.split(word).next()?;
        before.rsplit([' ', ';', '.']).find(|word| !word.is_empty())?.parse().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::totals;

    #[test]
    fn the_numbers_of_passed_and_failed_tests_are_found() {
        assert_eq!(totals("FAILED. 2 passed; 1 failed; 1 ignored; 0 measured"), Some((2, 1)));
        assert_eq!(totals("ok. many passed; 0 failed"), None);
    }
}
