//! The modules of a crate, and the resolution of paths.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{Import, Names, Path, names};
use super::shipped::without_tests;
use super::tokens::tokens;

/// The names of a module and the modules that contain it; empty for the root.
pub(super) type ModulePath = Vec<String>;

/// The maximum number of re-exports that are followed.
const MAX_EXPORTS: usize = 8;

/// One file of a crate.
#[derive(Debug)]
pub(super) struct Module {
    /// Its path in the workspace.
    pub(super) file: String,
    pub(super) names: Names,
    test_modules: BTreeSet<String>,
}

/// The result of resolving a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file of the crate.
    Module(ModulePath),
    /// Another crate, or an item of the file itself.
    Elsewhere,
    /// A name in the crate's root whose origin is unknown.
    Unknown(String),
}

/// The files of a crate by module, without those that are only for unit tests.
#[derive(Debug, Default)]
pub(super) struct Modules(pub(super) BTreeMap<ModulePath, Module>);

impl Modules {
    /// Reads the files of a crate, given as name and text; `source` is its folder `src/`.
    pub(super) fn new<'a>(source: &str, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut modules = BTreeMap::new();
        for (file, text) in files {
            let Some(path) = file.strip_prefix(source).and_then(module_path) else { continue };
            let tokens = tokens(text);
            let shipped = without_tests(&tokens);
            let test_modules = shipped.test_modules.iter().map(|name| (*name).to_owned()).collect();
            modules.insert(path, Module { file: file.to_owned(), names: names(&shipped.tokens), test_modules });
        }
        let tests: Vec<ModulePath> = modules
            .iter()
            .flat_map(|(path, module)| module.test_modules.iter().map(|name| child(path, name)))
            .collect();
        modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        Self(modules)
    }

    /// Resolves a path in a file.
    pub(super) fn resolve(&self, from: &[String], path: &Path) -> Place {
        let mut base: ModulePath = from.iter().chain(&path.scope).cloned().collect();
        let mut words = path.words.as_slice();
        let mut is_relative = true;
        while let Some((first, rest)) = words.split_first() {
            match first.as_str() {
                "crate" => base.clear(),
                "self" => {}
                "super" => {
                    base.pop();
                }
                _ => break,
            }
            is_relative = false;
            words = rest;
        }
        if is_relative && !words.first().is_some_and(|first| self.0.contains_key(&child(&base, first))) {
            return Place::Elsewhere;
        }
        base.extend(words.iter().cloned());
        self.absolute(&base, MAX_EXPORTS)
    }

    /// Resolves a path from the crate's root.
    fn absolute(&self, path: &[String], exports: usize) -> Place {
        let mut module = path;
        while !module.is_empty() && !self.0.contains_key(module) {
            module = module.split_last().map_or(&[][..], |(_, before)| before);
        }
        match path.first() {
            Some(name) if module.is_empty() => self.exported(name, exports),
            _ => Place::Module(module.to_vec()),
        }
    }

    /// Resolves a name in the crate's root.
    fn exported(&self, name: &str, exports: usize) -> Place {
        let unknown = || Place::Unknown(name.to_owned());
        let (Some(root), Some(exports)) = (self.0.get(&[][..]), exports.checked_sub(1)) else { return unknown() };
        let target = |import: &Import| {
            let words = import.path.words.strip_prefix(&["crate".to_owned()]).unwrap_or(&import.path.words);
            self.absolute(words, exports)
        };
        if let Some(import) = root.names.imports.iter().find(|import| import.name.as_deref() == Some(name)) {
            return target(import);
        }
        if root.names.items.contains(name) {
            return Place::Module(Vec::new());
        }
        let globs: Vec<_> = root.names.imports.iter().filter(|import| import.name.is_none()).map(target).collect();
        let declares = |place: &&Place| matches!(place, Place::Module(path) if self.declares(path, name, exports));
        match (globs.iter().find(declares), globs.as_slice()) {
            (Some(place), _) => place.clone(),
            // Declarations in macros are not visible, but there is no other possible origin.
            (None, [only]) => only.clone(),
            _ => unknown(),
        }
    }

    /// Whether a module declares the name, or imports it with `use`.
    fn declares(&self, path: &[String], name: &str, exports: usize) -> bool {
        let (Some(module), Some(exports)) = (self.0.get(path), exports.checked_sub(1)) else { return false };
        let through_glob = |import: &Import| match self.resolve(path, &import.path) {
            Place::Module(other) => import.name.is_none() && self.declares(&other, name, exports),
            Place::Elsewhere | Place::Unknown(_) => false,
        };
        let mut imports = module.names.imports.iter();
        module.names.items.contains(name)
            || imports.clone().any(|import| import.name.as_deref() == Some(name))
            || imports.any(through_glob)
    }
}

fn child(path: &[String], name: &str) -> ModulePath {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// The module of a file in `src/`.
fn module_path(file: &str) -> Option<ModulePath> {
    let mut words: ModulePath = file.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    if words.last().is_some_and(|last| last == "mod")
        || matches!(words.as_slice(), [root] if root == "lib" || root == "main")
    {
        words.pop();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::super::paths::Path;
    use super::{Modules, Place, module_path};

    const FILES: [(&str, &str); 7] = [
        ("c/src/lib.rs", "mod a; mod b; pub use a::*; pub use b::deep::{Deep, Deep as Renamed}; pub fn own() {}"),
        ("c/src/a/mod.rs", "mod x; pub use x::*; #[cfg(test)] mod tests; made! { Made }"),
        ("c/src/a/x.rs", "pub struct InGlob;"),
        ("c/src/a/tests.rs", "use crate::b::deep;"),
        ("c/src/b/mod.rs", "pub mod deep;"),
        ("c/src/b/deep.rs", "pub struct Deep;"),
        ("c/tests/t.rs", ""),
    ];

    fn resolve(from: &str, scope: &[&str], path: &str) -> String {
        let words =
            |text: &str| text.split("::").filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let scope = scope.iter().map(|name| (*name).to_owned()).collect();
        let path = Path { line: 1, scope, words: words(path) };
        match Modules::new("c/src/", FILES).resolve(&words(from), &path) {
            Place::Module(path) => path.join("::"),
            Place::Elsewhere => "elsewhere".to_owned(),
            Place::Unknown(name) => format!("unknown {name}"),
        }
    }

    #[test]
    fn files_are_modules() {
        for (file, module) in
            [("lib.rs", ""), ("main.rs", ""), ("a/mod.rs", "a"), ("a/b.rs", "a::b"), ("a/lib.rs", "a::lib")]
        {
            assert_eq!(module_path(file).unwrap().join("::"), module, "{file}");
        }
        let modules = Modules::new("c/src/", FILES);
        let files: Vec<_> = modules.0.values().map(|module| module.file.as_str()).collect();
        assert_eq!(files, ["c/src/lib.rs", "c/src/a/mod.rs", "c/src/a/x.rs", "c/src/b/mod.rs", "c/src/b/deep.rs"]);
    }

    #[test]
    fn paths_lead_to_the_deepest_file() {
        assert_eq!(resolve("a", &[], "crate::b::deep::Deep::new"), "b::deep");
        assert_eq!(resolve("a", &[], "crate::b::Other"), "b");
        assert_eq!(resolve("a::x", &[], "super::super::b::deep"), "b::deep");
        assert_eq!(resolve("a", &[], "self::x::InGlob"), "a::x");
        assert_eq!(resolve("a", &[], "x::InGlob"), "a::x");
        assert_eq!(resolve("a", &["inner"], "super::x::InGlob"), "a::x");
        assert_eq!(resolve("a", &[], "std::fmt"), "elsewhere");
    }

    #[test]
    fn names_at_the_root_lead_to_where_they_come_from() {
        assert_eq!(resolve("b", &[], "crate::Deep"), "b::deep");
        assert_eq!(resolve("b", &[], "crate::Renamed"), "b::deep");
        assert_eq!(resolve("b", &[], "crate::InGlob"), "a");
        assert_eq!(resolve("b", &[], "crate::Made"), "a");
        assert_eq!(resolve("b", &[], "crate::own"), "");
    }

    #[test]
    fn a_name_that_could_come_from_several_globs_is_unknown() {
        let files = [
            ("c/src/lib.rs", "pub use a::*; pub use b::*;"),
            ("c/src/a.rs", "pub struct A;"),
            ("c/src/b.rs", "made! { Made }"),
        ];
        let modules = Modules::new("c/src/", files);
        let path = |name: &str| Path { line: 1, scope: Vec::new(), words: vec!["crate".to_owned(), name.to_owned()] };
        assert_eq!(modules.resolve(&[], &path("A")), Place::Module(vec!["a".to_owned()]));
        assert_eq!(modules.resolve(&[], &path("Made")), Place::Unknown("Made".to_owned()));
    }
}
