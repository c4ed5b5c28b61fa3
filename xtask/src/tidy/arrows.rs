//! The allowed dependencies between crates.

use serde_json::Value;

use super::Finding;

/// The allowed dependencies of one crate.
struct Rule {
    name: &'static str,
    /// Crates of this workspace, also for its tests.
    workspace: &'static [&'static str],
    /// Crates of this workspace that it may use only behind a feature.
    optional: &'static [&'static str],
    /// Crates of this workspace that use it and that its doc tests need. Packages do not contain them, since neither
    /// could be published first.
    doc_tests: &'static [&'static str],
    /// External crates; tests may use any. `None` for no limit.
    others: Option<&'static [&'static str]>,
}

/// The dependencies of the workspace. A new crate or dependency is a design decision, which is made here.
const RULES: [Rule; 6] = [
    Rule { name: "dm-sys", workspace: &[], optional: &[], doc_tests: &[], others: Some(&["nix"]) },
    Rule { name: "dm-units", workspace: &[], optional: &[], doc_tests: &[], others: Some(&["serde"]) },
    Rule {
        name: "dm-core",
        workspace: &["dm-sys", "dm-units"],
        optional: &[],
        doc_tests: &["dm-testing"],
        others: Some(&["nix", "bitflags", "thiserror", "log", "serde"]),
    },
    Rule {
        name: "dm-targets",
        workspace: &["dm-units"],
        optional: &["dm-core"],
        doc_tests: &["dm-testing"],
        others: Some(&["thiserror", "zeroize", "serde", "sha1", "sha2"]),
    },
    Rule {
        name: "dm-testing",
        workspace: &["dm-sys", "dm-units", "dm-core", "dm-targets"],
        optional: &[],
        doc_tests: &[],
        others: Some(&["nix", "bitflags", "thiserror", "log", "serde", "zeroize", "loopdev-3", "tempfile"]),
    },
    Rule { name: "xtask", workspace: &[], optional: &[], doc_tests: &[], others: None },
];

/// Checks the dependencies of every crate in `cargo metadata`.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    let packages = metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = packages.iter().filter_map(|package| package.get("name")?.as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let manifest = format!("{name}/Cargo.toml");
        let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
            findings.push(Finding::new(
                &manifest,
                0,
                "an unknown crate: add its dependencies to xtask/src/tidy/arrows.rs",
            ));
            continue;
        };
        let dependencies = package.get("dependencies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let problems = dependencies.iter().filter_map(|dependency| rule.problem(dependency, &names));
        findings.extend(problems.map(|text| Finding::new(&manifest, 0, text)));
    }
    findings
}

impl Rule {
    /// The fault of a dependency.
    fn problem(&self, dependency: &Value, workspace: &[&str]) -> Option<String> {
        let name = dependency.get("name")?.as_str()?;
        let optional = dependency.get("optional")?.as_bool()?;
        // cargo prints the kind of ordinary dependencies as null.
        let for_tests = dependency.get("kind")?.as_str() == Some("dev");
        if workspace.contains(&name) {
            let allowed = self.workspace.contains(&name);
            if allowed || (self.optional.contains(&name) && (optional || for_tests)) {
                return None;
            }
            if for_tests && self.doc_tests.contains(&name) {
                let has_version = dependency.get("req")?.as_str() != Some("*");
                let text = format!("{} must name {name} without a version: {name} is published after it", self.name);
                return has_version.then_some(text);
            }
            if self.optional.contains(&name) {
                return Some(format!("{} may use {name} only behind a feature: make it optional", self.name));
            }
            return Some(format!("{} must not depend on {name}: move the code that needs it", self.name));
        }
        let others = self.others?;
        (!for_tests && !others.contains(&name)).then(|| {
            format!("{} may not use the crate {name}: avoid it, or change xtask/src/tidy/arrows.rs", self.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;

    fn dependency(name: &str, kind: Option<&str>, optional: bool) -> Value {
        json!({ "name": name, "kind": kind, "optional": optional, "req": "*" })
    }

    fn findings(package: &str, dependency: &Value) -> Vec<String> {
        let others =
            ["dm-sys", "dm-units", "dm-core", "dm-targets", "dm-testing"].iter().filter(|name| **name != package);
        let mut packages: Vec<_> = others.map(|name| json!({ "name": name, "dependencies": [] })).collect();
        packages.push(json!({ "name": package, "dependencies": [dependency] }));
        check(&json!({ "packages": packages })).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_arrows_of_the_table_are_allowed() {
        for (package, name, kind, optional) in [
            ("dm-core", "dm-sys", None, false),
            ("dm-core", "nix", None, false),
            ("dm-targets", "dm-core", None, true),
            ("dm-targets", "dm-core", Some("dev"), false),
            ("dm-units", "proptest", Some("dev"), false),
            ("dm-core", "dm-testing", Some("dev"), false),
            ("dm-testing", "dm-targets", None, false),
            ("xtask", "anyhow", None, false),
        ] {
            assert_eq!(findings(package, &dependency(name, kind, optional)), [""; 0], "{package} to {name}");
        }
    }

    #[test]
    fn other_arrows_are_refused() {
        for (package, name, kind, expected) in [
            ("dm-sys", "dm-units", None, "dm-sys must not depend on dm-units: move the code that needs it"),
            ("dm-units", "dm-core", Some("dev"), "dm-units must not depend on dm-core: move the code that needs it"),
            ("dm-core", "dm-testing", None, "dm-core must not depend on dm-testing: move the code that needs it"),
            (
                "dm-units",
                "dm-testing",
                Some("dev"),
                "dm-units must not depend on dm-testing: move the code that needs it",
            ),
            ("dm-targets", "dm-core", None, "dm-targets may use dm-core only behind a feature: make it optional"),
            ("xtask", "dm-units", None, "xtask must not depend on dm-units: move the code that needs it"),
            (
                "dm-core",
                "loopdev-3",
                None,
                "dm-core may not use the crate loopdev-3: avoid it, or change xtask/src/tidy/arrows.rs",
            ),
        ] {
            let found = findings(package, &dependency(name, kind, false));
            assert_eq!(found, [format!("{package}/Cargo.toml: {expected}")]);
        }
    }

    #[test]
    fn packages_do_not_need_the_crates_of_doc_tests() {
        let mut dependency = dependency("dm-testing", Some("dev"), false);
        dependency["req"] = "^0.1.0".into();
        let expected = "dm-core must name dm-testing without a version: dm-testing is published after it";
        assert_eq!(findings("dm-core", &dependency), [format!("dm-core/Cargo.toml: {expected}")]);
    }

    #[test]
    fn an_unknown_crate_is_found() {
        let found = findings("dm-new", &dependency("serde", None, false));
        assert_eq!(found, ["dm-new/Cargo.toml: an unknown crate: add its dependencies to xtask/src/tidy/arrows.rs"]);
    }
}
