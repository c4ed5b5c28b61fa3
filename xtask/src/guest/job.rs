//! A program to run in a guest.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Prefixes of the variables that are passed from the environment into the guest.
const PASSED_ON: [&str; 4] = ["RUST_", "DM_", "PROPTEST_", "TERM"];

/// Prefix of the variables that are not passed on, since the guest sets them.
const GUEST_OWN: &str = "DM_TESTING_";

/// A program with its arguments and environment.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The folder it runs in.
    pub(crate) folder: PathBuf,
    /// Variables in addition to those that are passed on.
    pub(crate) variables: Vec<(String, OsString)>,
    /// The program and its arguments.
    pub(crate) words: Vec<OsString>,
}

impl Job {
    /// The job as a shell script.
    pub(crate) fn script(&self) -> Vec<u8> {
        let passed_on = std::env::vars_os().filter(|(name, _)| is_passed_on(name));
        let own = self.variables.iter().map(|(name, value)| (OsString::from(name), value.clone()));
        let mut script = [b"cd ", quote(self.folder.as_os_str()).as_slice(), b" || exit\n"].concat();
        for (name, value) in passed_on.chain(own) {
            script.extend(assignment(&name, &value));
        }
        script.extend_from_slice(b"exec");
        for word in &self.words {
            script.push(b' ');
            script.extend(quote(word));
        }
        script.push(b'\n');
        script
    }
}

fn is_passed_on(name: &OsStr) -> bool {
    let starts_with = |start: &str| name.as_bytes().starts_with(start.as_bytes());
    !starts_with(GUEST_OWN) && PASSED_ON.into_iter().any(starts_with)
}

/// A line that sets and exports a shell variable.
pub(crate) fn assignment(name: &OsStr, value: &OsStr) -> Vec<u8> {
    [b"export ", name.as_bytes(), b"=", quote(value).as_slice(), b"\n"].concat()
}

/// Quotes a word so that the shell reads it unchanged.
fn quote(word: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::{Job, is_passed_on, quote};

    #[test]
    fn the_shell_reads_back_what_was_quoted() {
        for word in ["", "a b", "it's", "$HOME `x` \\n \"q\"", "two\nlines", "\u{e9}"] {
            let script = [b"printf %s ".to_vec(), quote(OsStr::new(word))].concat();
            let output = Command::new("sh").arg("-c").arg(String::from_utf8(script).unwrap()).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn a_job_runs_in_its_folder_with_its_variables() {
        let job = Job {
            folder: "/".into(),
            variables: vec![("XTASK_TEST".to_owned(), "it's".into())],
            words: ["sh", "-c", "printf '%s %s %s' \"$PWD\" \"$XTASK_TEST\" \"$1\"", "sh", "a b"]
                .map(Into::into)
                .to_vec(),
        };
        let script = String::from_utf8(job.script()).unwrap();
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "/ it's a b");
    }

    #[test]
    fn variables_that_the_guest_sets_are_not_passed_on() {
        for (name, expected) in [
            ("RUST_BACKTRACE", true),
            ("DM_SOMETHING", true),
            ("HOME", false),
            ("DM_TESTING_DIR", false),
            ("DM_TESTING_THROW_AWAY", false),
        ] {
            assert_eq!(is_passed_on(OsStr::new(name)), expected, "{name}");
        }
    }
}
