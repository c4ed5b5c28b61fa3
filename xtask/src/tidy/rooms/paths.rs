//! The paths and declarations in a Rust file.

use std::collections::BTreeSet;

use super::tokens::Token;

/// A path as written, and the inline modules that contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) line: usize,
    pub(super) scope: Vec<String>,
    /// Its words, including `crate`, `self` and `super`.
    pub(super) words: Vec<String>,
}

/// An import by `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// The imported name; `None` for `*`.
    pub(super) name: Option<String>,
    pub(super) path: Path,
}

/// The paths, imports and items of a file.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The paths outside `use`.
    pub(super) paths: Vec<Path>,
    pub(super) imports: Vec<Import>,
    /// Declared items, at any depth.
    pub(super) items: BTreeSet<String>,
}

impl Names {
    /// Every path, in `use` or not.
    pub(super) fn all_paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().chain(self.imports.iter().map(|import| &import.path))
    }
}

/// Reads the tokens of a file.
pub(super) fn names(tokens: &[Token<'_>]) -> Names {
    let mut reader = Reader { rest: tokens, depth: 0, modules: Vec::new(), names: Names::default() };
    while reader.step() {}
    reader.names
}

struct Reader<'t, 'a> {
    rest: &'t [Token<'a>],
    depth: usize,
    /// The enclosing inline modules, each with the depth of its brace.
    modules: Vec<(usize, String)>,
    names: Names,
}

impl<'a> Reader<'_, 'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn peek(&self, index: usize) -> &'a str {
        self.rest.get(index).map_or("", |token| token.text)
    }

    fn scope(&self) -> Vec<String> {
        self.modules.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Whether the following `(` starts a visibility, and not the type of a public field.
    fn is_visibility(&self) -> bool {
        match [0, 1, 2].map(|index| self.peek(index)) {
            ["(", "in", _] => true,
            ["(", "crate" | "self" | "super", end] => end == ")",
            _ => false,
        }
    }

    fn step(&mut self) -> bool {
        let Some(token) = self.next() else { return false };
        match token.text {
            "{" => self.depth = self.depth.saturating_add(1),
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                self.modules.retain(|(depth, _)| *depth < self.depth);
            }
            // A visibility contains a path, but is not a use.
            "pub" if self.is_visibility() => while self.next().is_some_and(|token| token.text != ")") {},
            // `use<'a>` lists captured lifetimes.
            "use" if self.peek(0) != "<" => self.import(&[]),
            "mod" if self.peek(1) == "{" => self.modules.push((self.depth, self.peek(0).to_owned())),
            "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" | "mod" => {
                self.names.items.insert(self.peek(0).to_owned());
            }
            "macro_rules" => {
                self.names.items.insert(self.peek(1).to_owned());
            }
            _ if token.is_word() && self.peek(0) == "::" => self.path(token),
            // A path after a type or value does not start with a module.
            "::" => {
                self.next();
            }
            _ => {}
        }
        true
    }

    /// Reads a path outside `use` whose first word was read.
    fn path(&mut self, first: Token<'a>) {
        let mut words = vec![first.text.to_owned()];
        while self.peek(0) == "::" && self.rest.get(1).is_some_and(Token::is_word) {
            words.push(self.peek(1).to_owned());
            self.next();
            self.next();
        }
        // An exported macro is in the crate's root, in any module.
        let is_exported_macro = self.peek(0) == "!" && words.len() == 2;
        if !is_exported_macro {
            self.names.paths.push(Path { line: first.line, scope: self.scope(), words });
        }
    }

    /// Reads one tree of a `use` after the given words, with its terminator.
    fn import(&mut self, before: &[String]) {
        let mut words = before.to_vec();
        let mut line = self.rest.first().map_or(0, |token| token.line);
        let mut name = None;
        let mut is_group = false;
        while let Some(token) = self.next() {
            match token.text {
                "::" => {}
                "{" => {
                    is_group = true;
                    while !matches!(self.peek(0), "}" | "") {
                        self.import(&words);
                    }
                    self.next();
                }
                "*" => {
                    self.add_import(None, line, &words);
                    is_group = true;
                }
                "as" => name = self.next().map(|token| token.text.to_owned()),
                "," | ";" => break,
                word => {
                    line = token.line;
                    if word != "self" || words.is_empty() {
                        words.push(word.to_owned());
                    }
                }
            }
            // The caller reads the end of the group.
            if self.peek(0) == "}" {
                break;
            }
        }
        if !is_group {
            let name = name.or_else(|| words.last().cloned());
            self.add_import(name, line, &words);
        }
    }

    fn add_import(&mut self, name: Option<String>, line: usize, words: &[String]) {
        let path = Path { line, scope: self.scope(), words: words.to_vec() };
        self.names.imports.push(Import { name, path });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::{Names, names};

    fn read(text: &str) -> Names {
        names(&tokens(text))
    }

    fn paths(text: &str) -> Vec<String> {
        read(text).paths.iter().map(|path| format!("{}: {}", path.line, path.words.join("::"))).collect()
    }

    fn imports(text: &str) -> Vec<String> {
        let imports = read(text).imports;
        let text = |import: &super::Import| {
            let name = import.name.as_deref().unwrap_or("*");
            format!("{}: {name} = {}", import.path.line, import.path.words.join("::"))
        };
        imports.iter().map(text).collect()
    }

    #[test]
    fn use_trees_are_read_to_their_leaves() {
        assert_eq!(
            imports("pub(crate) use crate::a::{\n self, b::*,\n c as d,\n e::{F, self as g},\n};\nuse x;"),
            [
                "2: a = crate::a",
                "2: * = crate::a::b",
                "3: d = crate::a::c",
                "4: F = crate::a::e::F",
                "4: g = crate::a::e",
                "6: x = x",
            ]
        );
        assert_eq!(imports("use super::{a}; use self::b;"), ["1: a = super::a", "1: b = self::b"]);
    }

    #[test]
    fn exported_macros_are_in_no_module() {
        assert_eq!(paths("fn f() { crate::options!(a); }"), [] as [String; 0]);
        assert_eq!(paths("fn f() { crate::text::word!(a); }").len(), 1);
    }

    #[test]
    fn paths_in_code_and_attributes_are_found() {
        let text = "#[error(\"{}\", crate::a::MAX)]\nfn f() -> crate::b::C<super::d::E> { $crate::g!(); h::<i::J>() }";
        assert_eq!(paths(text), ["1: crate::a::MAX", "2: crate::b::C", "2: super::d::E", "2: h", "2: i::J"]);
    }

    #[test]
    fn a_visibility_is_not_a_use() {
        assert_eq!(paths("pub(in crate::a) fn f() {}"), [""; 0]);
        assert_eq!(imports("fn f() -> impl A + use<'a> {}"), [""; 0]);
        assert_eq!(
            paths("struct A(pub (crate::b::C, u8), pub(crate) crate::d::E);"),
            ["1: crate::b::C", "1: crate::d::E"]
        );
    }

    #[test]
    fn inline_modules_are_noted() {
        let names = read("mod a { mod b { crate::x::y; } super::c::d; } e::f;");
        let scopes: Vec<_> = names.paths.iter().map(|path| path.scope.join("::")).collect();
        assert_eq!(scopes, ["a::b", "a", ""]);
    }

    #[test]
    fn declared_items_are_named() {
        let items = read("pub struct A; fn b() {} macro_rules! c {} mod d; const E: u8 = 1;").items;
        assert_eq!(items.into_iter().collect::<Vec<_>>(), ["A", "E", "b", "c", "d"]);
    }
}
