//! Removes code that is compiled only for unit tests, since tests may use any module.

use super::tokens::Token;

/// The part of a file that is compiled without `cfg(test)`.
#[derive(Debug, Default)]
pub(super) struct Shipped<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// The modules in other files that are declared only for tests.
    pub(super) test_modules: Vec<&'a str>,
}

/// Words that start an item. Other code with `#[cfg(test)]` is a field, a variant, an arm or a statement.
const ITEMS: [&str; 15] = [
    "pub",
    "use",
    "mod",
    "fn",
    "struct",
    "enum",
    "union",
    "trait",
    "impl",
    "type",
    "const",
    "static",
    "unsafe",
    "async",
    "macro_rules",
];

/// Items that end with a semicolon even if they contain braces.
const UNTIL_SEMICOLON: [&str; 4] = ["use", "type", "const", "static"];

/// Splits a file's tokens. An inner `#![cfg(test)]` leaves none.
pub(super) fn without_tests<'a>(tokens: &[Token<'a>]) -> Shipped<'a> {
    let mut shipped = Shipped::default();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        let (inner, attribute) = match texts(rest) {
            ["#", "!", "[", ..] => (true, rest.get(2..)),
            ["#", "[", ..] => (false, rest.get(1..)),
            _ => (false, None),
        };
        let len = attribute.map(group_length);
        if let (Some(attribute), Some(len)) = (attribute, len) {
            if is_test_only(attribute.get(..len).unwrap_or_default()) {
                if inner {
                    return Shipped::default();
                }
                let item = after_attributes(attribute.get(len..).unwrap_or_default());
                let (item, behind) = item.split_at_checked(item_length(item)).unwrap_or((item, &[]));
                shipped.test_modules.extend(declared_module(item));
                rest = behind;
                continue;
            }
        }
        shipped.tokens.push(*first);
        rest = after;
    }
    shipped
}

/// The texts of the next three tokens.
fn texts<'a>(tokens: &[Token<'a>]) -> [&'a str; 3] {
    [0, 1, 2].map(|index| tokens.get(index).map_or("", |token| token.text))
}

/// The number of tokens in the bracketed group at the start, including the brackets.
fn group_length(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    let end = tokens.iter().position(|token| {
        depth = deeper(depth, token);
        depth == 0
    });
    end.map_or(tokens.len(), |end| end.saturating_add(1))
}

fn deeper(depth: usize, token: &Token<'_>) -> usize {
    match token.text {
        "(" | "[" | "{" => depth.saturating_add(1),
        ")" | "]" | "}" => depth.saturating_sub(1),
        _ => depth,
    }
}

/// Whether an attribute, in its brackets, is a `cfg` whose condition only a test build meets.
fn is_test_only(attribute: &[Token<'_>]) -> bool {
    let words: Vec<_> = attribute.iter().map(|token| token.text).collect();
    match words.as_slice() {
        ["[", "cfg", "(", condition @ .., ")", "]"] => needs_test(condition),
        _ => false,
    }
}

/// Whether a condition is `test`, or `all` with it.
fn needs_test(condition: &[&str]) -> bool {
    match condition {
        ["test"] => true,
        ["all", "(", parts @ .., ")"] => {
            let mut depth = 0_usize;
            let separate = |word: &&str| {
                match *word {
                    "(" => depth = depth.saturating_add(1),
                    ")" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                *word == "," && depth == 0
            };
            parts.split(separate).any(needs_test)
        }
        _ => false,
    }
}

/// The tokens after any further attributes.
fn after_attributes<'t, 'a>(mut tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    while let ["#", "[", _] = texts(tokens) {
        let attribute = tokens.get(1..).unwrap_or_default();
        tokens = attribute.get(group_length(attribute)..).unwrap_or_default();
    }
    tokens
}

/// The number of tokens in the item at the start.
fn item_length(tokens: &[Token<'_>]) -> usize {
    let is_item = tokens.first().is_some_and(|token| ITEMS.contains(&token.text));
    let visible = match texts(tokens) {
        ["pub", "(", _] => group_length(tokens.get(1..).unwrap_or_default()).saturating_add(1),
        ["pub", ..] => 1,
        _ => 0,
    };
    let [keyword, second, _] = texts(tokens.get(visible..).unwrap_or_default());
    let is_function = keyword == "const" && matches!(second, "fn" | "unsafe" | "async");
    let until_semicolon = UNTIL_SEMICOLON.contains(&keyword) && !is_function;
    let mut depth = 0_usize;
    for (token, count) in tokens.iter().zip(1_usize..) {
        let before = depth;
        depth = deeper(depth, token);
        match token.text {
            // The end of the enclosing code.
            ")" | "]" | "}" if before == 0 => return count.saturating_sub(1),
            "}" if depth == 0 && !until_semicolon => return count,
            ";" if depth == 0 => return count,
            "," if depth == 0 && !is_item => return count,
            _ => {}
        }
    }
    tokens.len()
}

/// The name in `mod name;`.
fn declared_module<'a>(item: &[Token<'a>]) -> Option<&'a str> {
    match item {
        [.., keyword, name, end] if keyword.text == "mod" && end.text == ";" => Some(name.text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::without_tests;

    fn left(text: &str) -> String {
        let tokens = tokens(text);
        let left: Vec<_> = without_tests(&tokens).tokens.iter().map(|token| token.text).collect();
        left.join(" ")
    }

    #[test]
    fn test_items_are_left_out_whole() {
        for item in [
            "mod tests { use crate::a; fn f() { { } } }",
            "mod tests;",
            "use crate::{a, b};",
            "pub(crate) const X: [u8; 2] = { [1, 2] };",
            "const fn f<A, B>(a: (A, B)) {}",
            "fn f() {}",
            "#[derive(Debug)] struct S(crate::a);",
            "impl A for B { fn f() {} }",
        ] {
            assert_eq!(left(&format!("a(); #[cfg(test)] {item} b")), "a ( ) ; b", "{item}");
        }
    }

    #[test]
    fn fields_and_arms_end_at_a_comma_or_with_their_group() {
        assert_eq!(left("struct S { #[cfg(test)] a: crate::a, b: u8 }"), "struct S { b : u8 }");
        assert_eq!(left("struct S { b: u8, #[cfg(test)] a: (u8, u8) } c"), "struct S { b : u8 , } c");
    }

    #[test]
    fn only_code_of_test_builds_is_left_out() {
        assert_eq!(left("#[cfg(all(test, feature))] mod a; b"), "b");
        assert_eq!(left("#[cfg(all(any(a, b), test))] mod a; b"), "b");
        for kept in
            ["#[cfg(not(test))] mod a;", "#[cfg(any(test, feature))] mod a;", "#[cfg(all(any(test, b), c))] mod a;"]
        {
            assert!(left(kept).ends_with("mod a ;"), "{kept}");
        }
        assert_eq!(left("#[cfg_attr(test, a)] mod a;"), "# [ cfg_attr ( test , a ) ] mod a ;");
        assert_eq!(left("#![cfg(test)] use crate::a;"), "");
    }

    #[test]
    fn test_modules_in_other_files_are_named() {
        let tokens = tokens("#[cfg(test)] mod tests; #[cfg(test)] pub(crate) mod more; mod real;");
        assert_eq!(without_tests(&tokens).test_modules, ["tests", "more"]);
    }
}
