//! Checks the top-level files and folders, and the requirements for published crates.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;

/// The allowed names in the top folder.
const TOP: [&str; 16] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "dm-sys",
    "dm-core",
    "dm-targets",
    "dm-units",
    "dm-testing",
    "xtask",
    ".cargo",
    ".ci",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
    ".clippy.toml",
];

/// The files of every published crate.
const OF_PACKAGE: [&str; 4] = ["CHANGELOG.md", "LICENSE", "README.md", "api.txt"];

/// The keys that the manifest of every published crate must set, as pointers into `cargo metadata`.
const OF_MANIFEST: [&str; 8] = [
    "/description",
    "/license",
    "/documentation",
    "/readme",
    "/keywords/0",
    "/categories/0",
    "/metadata/docs/rs/all-features",
    "/metadata/docs/rs/rustdoc-args",
];

/// The published crate whose build may need more than a Rust compiler.
const BUILD_EXCEPTION: &str = "dm-testing";

/// Checks the files' names and the packages' manifests.
pub(super) fn check(files: &[String], metadata: &Value) -> Vec<Finding> {
    let mut findings = check_top(files);
    let packages = metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for package in packages {
        findings.extend(check_package(files, package).unwrap_or_default());
    }
    findings
}

fn check_top(files: &[String]) -> Vec<Finding> {
    let there: BTreeSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    let surplus = there
        .iter()
        .filter(|name| !TOP.contains(name))
        .map(|name| Finding::new(name, 0, "is not allowed in the top folder: move it into a crate or remove it"));
    let missing =
        TOP.iter().filter(|name| !there.contains(*name)).map(|name| Finding::new(name, 0, "is missing: add it"));
    surplus.chain(missing).collect()
}

/// Findings about a published package.
fn check_package(files: &[String], package: &Value) -> Option<Vec<Finding>> {
    let name = package.get("name")?.as_str()?;
    let is_private = package.get("publish")?.as_array().is_some_and(Vec::is_empty);
    if is_private {
        return None;
    }
    let mut findings = Vec::new();
    for file in OF_PACKAGE.map(|file| format!("{name}/{file}")).iter().filter(|file| !files.contains(file)) {
        findings.push(Finding::new(file, 0, "is missing: every published crate has one"));
    }
    let manifest = format!("{name}/Cargo.toml");
    let unset = OF_MANIFEST.iter().filter(|pointer| package.pointer(pointer).is_none_or(Value::is_null));
    findings.extend(unset.map(|pointer| {
        let key = pointer.trim_start_matches('/').replace('/', ".");
        Finding::new(&manifest, 0, format!("does not set package.{key}: every published crate does"))
    }));
    if name != BUILD_EXCEPTION {
        if package.get("targets")?.as_array()?.iter().any(is_build_script) {
            findings.push(Finding::new(&manifest, 0, "has a build script: published crates build without one"));
        }
        let dependencies =
            package.get("dependencies")?.as_array()?.iter().filter(|dependency| is_for_build(dependency));
        findings.extend(dependencies.filter_map(|dependency| dependency.get("name")?.as_str()).map(|name| {
            Finding::new(&manifest, 0, format!("needs {name} to build: published crates have no build dependencies"))
        }));
    }
    Some(findings)
}

fn is_build_script(target: &Value) -> bool {
    let kinds = target.get("kind").and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "custom-build"))
}

fn is_for_build(dependency: &Value) -> bool {
    dependency.get("kind").is_some_and(|kind| kind == "build")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{TOP, check, check_top};

    fn texts(files: &[&str], package: &Value) -> Vec<String> {
        let files: Vec<_> = TOP.iter().chain(files).map(|name| (*name).to_owned()).collect();
        check(&files, &json!({ "packages": [package] })).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_top_folder_has_only_known_names() {
        let mut files: Vec<_> = TOP.iter().map(|name| (*name).to_owned()).collect();
        assert!(check_top(&files).is_empty());
        files.retain(|name| name != "README.md");
        files.push("notes/todo.md".to_owned());
        let found: Vec<_> = check_top(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "notes: is not allowed in the top folder: move it into a crate or remove it",
                "README.md: is missing: add it",
            ]
        );
    }

    /// A package whose manifest sets all required keys.
    fn package() -> Value {
        json!({
            "name": "dm-sys", "publish": null, "targets": [{ "kind": ["lib"] }], "dependencies": [{ "name": "nix", "kind": null }],
            "description": "…", "license": "MIT", "documentation": "…", "readme": "README.md", "keywords": ["dm"],
            "categories": ["no-std"], "metadata": { "docs": { "rs": { "all-features": true, "rustdoc-args": [] } } },
        })
    }

    #[test]
    fn published_crates_have_all_required_files_and_keys() {
        let files = ["dm-sys/CHANGELOG.md", "dm-sys/LICENSE", "dm-sys/README.md", "dm-sys/api.txt"];
        assert!(texts(&files, &package()).is_empty());
        let mut bare = package();
        bare["readme"] = Value::Null;
        bare["metadata"] = Value::Null;
        assert_eq!(
            texts(&files[..1], &bare),
            [
                "dm-sys/LICENSE: is missing: every published crate has one",
                "dm-sys/README.md: is missing: every published crate has one",
                "dm-sys/api.txt: is missing: every published crate has one",
                "dm-sys/Cargo.toml: does not set package.readme: every published crate does",
                "dm-sys/Cargo.toml: does not set package.metadata.docs.rs.all-features: every published crate does",
                "dm-sys/Cargo.toml: does not set package.metadata.docs.rs.rustdoc-args: every published crate does",
            ]
        );
    }

    #[test]
    fn published_crates_build_without_a_script() {
        let mut package = package();
        package["targets"] = json!([{ "kind": ["lib"] }, { "kind": ["custom-build"] }]);
        package["dependencies"] = json!([{ "name": "bindgen", "kind": "build" }, { "name": "nix", "kind": null }]);
        assert_eq!(
            texts(&["dm-sys/CHANGELOG.md", "dm-sys/LICENSE", "dm-sys/README.md", "dm-sys/api.txt"], &package),
            [
                "dm-sys/Cargo.toml: has a build script: published crates build without one",
                "dm-sys/Cargo.toml: needs bindgen to build: published crates have no build dependencies",
            ]
        );
    }

    #[test]
    fn private_crates_are_free() {
        let package =
            json!({ "name": "xtask", "publish": [], "targets": [{ "kind": ["custom-build"] }], "dependencies": [] });
        assert!(texts(&[], &package).is_empty());
    }
}
