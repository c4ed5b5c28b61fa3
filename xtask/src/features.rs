//! `cargo xtask features`: checks that every crate compiles with every set of its features.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use serde_json::Value;

use crate::clang::Environment;
use crate::cli;
use crate::say;
use crate::workspace::{Workspace, cargo};

/// The feature that is on by default. Every set is built without it.
const DEFAULT: &str = "default";

/// Runs the task.
///
/// # Errors
/// When a crate does not compile with a set of its features.
pub(crate) fn run(parser: &mut Parser) -> Result<ExitCode> {
    cli::no_arguments(parser)?;
    check(&Workspace::find()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks all targets of every crate with each set of its features.
///
/// # Errors
/// When a crate does not compile with a set.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let environment = Environment::find(&workspace.guest_dir())?;
    let packages =
        workspace.metadata.get("packages").and_then(Value::as_array).context("cargo metadata names no packages")?;
    for package in packages {
        let (name, features) = name_and_features(package).context("cargo metadata names a package without features")?;
        for set in power_set(&features) {
            let list = set.join(",");
            say::note(&format!("{name} with {}", if set.is_empty() { "no feature" } else { &list }));
            let mut command = cargo();
            command
                .args([
                    "check",
                    "--quiet",
                    "--package",
                    name,
                    "--all-targets",
                    "--no-default-features",
                    "--features",
                    &list,
                ])
                .current_dir(&workspace.root);
            if !environment.apply(&mut command).status().context("cannot run cargo")?.success() {
                bail!("{name} does not compile with --no-default-features --features '{list}'");
            }
        }
    }
    Ok(())
}

fn name_and_features(package: &Value) -> Option<(&str, Vec<&str>)> {
    let features = package.get("features")?.as_object()?.keys().map(String::as_str);
    Some((package.get("name")?.as_str()?, features.filter(|name| *name != DEFAULT).collect()))
}

/// All subsets of the words, the empty one first.
fn power_set<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    words.iter().fold(vec![Vec::new()], |mut sets, word| {
        let with: Vec<_> = sets.iter().map(|set| set.iter().copied().chain([*word]).collect()).collect();
        sets.extend(with);
        sets
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{name_and_features, power_set};

    #[test]
    fn every_set_comes_once() {
        assert_eq!(power_set(&[]), [[""; 0]]);
        assert_eq!(power_set(&["a", "b"]).iter().map(|set| set.join(",")).collect::<Vec<_>>(), ["", "a", "b", "a,b"]);
        assert_eq!(power_set(&["a", "b", "c", "d"]).len(), 16);
    }

    #[test]
    fn defaults_are_not_a_separate_feature() {
        let package = json!({ "name": "dm-testing", "features": { "default": ["real"], "real": [] } });
        assert_eq!(name_and_features(&package), Some(("dm-testing", vec!["real"])));
    }
}
