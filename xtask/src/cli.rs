//! The parts of command lines that tasks share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Error, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use crate::guest::{Limits, Place};

/// The error for an argument that a task does not accept.
pub(crate) fn unexpected(argument: &Arg<'_>, valid: &str) -> Error {
    let text = match argument {
        Arg::Short(letter) => format!("option -{letter}"),
        Arg::Long(name) => format!("option --{name}"),
        Arg::Value(value) => format!("argument {}", value.to_string_lossy()),
    };
    anyhow::anyhow!("unknown {text}; valid here: {valid}")
}

/// Fails if any argument is left.
///
/// # Errors
/// When there is one.
pub(crate) fn no_arguments(parser: &mut Parser) -> Result<()> {
    match parser.next()? {
        None => Ok(()),
        Some(argument) => Err(unexpected(&argument, "no arguments")),
    }
}

/// The places that the value of `--guest` selects.
///
/// # Errors
/// When it is missing or unknown.
pub(crate) fn guests(parser: &mut Parser) -> Result<Vec<Place>> {
    let word = parser.value()?.string()?;
    let known = Place::guests();
    match known.iter().find(|place| place.name() == word) {
        Some(place) => Ok(vec![*place]),
        None if word == "all" => Ok(known),
        None => {
            let names: Vec<_> = known.iter().map(|place| place.name()).chain(["all"]).collect();
            bail!("unknown guest {word}; this machine can run: {}", names.join(", "))
        }
    }
}

/// The requested guests, else all that can run the kernel: only QEMU can run a given kernel.
pub(crate) fn places(asked: Option<Vec<Place>>, kernel: Option<&Path>) -> Vec<Place> {
    asked.unwrap_or_else(|| if kernel.is_some() { vec![Place::Qemu] } else { Place::guests() })
}

/// The value of `--timeout`: the time after which a silent guest is stopped.
///
/// # Errors
/// When it is missing or not a number of seconds.
pub(crate) fn timeout(parser: &mut Parser) -> Result<Limits> {
    Ok(Limits::both(Duration::from_secs(parser.value()?.parse()?)))
}

/// The value of an option that is a path.
///
/// # Errors
/// When it is missing.
pub(crate) fn path(parser: &mut Parser) -> Result<PathBuf> {
    Ok(PathBuf::from(parser.value()?))
}
