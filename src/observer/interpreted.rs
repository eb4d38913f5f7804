//! Finds the variables that interpreted scripts ask for.
//!
//! Shells, Python, Perl and awk read the whole environment when they start, so no function of the C library tells which
//! variable matters. Their scripts tell it.
//!
//! Promises: the names after `$` in scripts and commands of shells, and the words in capital letters in those of other
//! interpreters. By custom, names of variables are in capitals.
//! Does not promise: to know a name that a script puts together, or that is in a file which the script reads.

use std::collections::BTreeSet;
use std::path::Path;

use gix::bstr::ByteSlice;

use super::trace::{Process, path_of};
use crate::fs::files;

/// Shells, by the start of their programs' names, which may end with a version. `OTHERS` are other interpreters.
const SHELLS: [&str; 7] = ["ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"];
const OTHERS: [&str; 10] = ["awk", "gawk", "lua", "mawk", "node", "perl", "printenv", "python", "ruby", "tclsh"];

/// The size limit of a script. Longer files are no scripts.
const MOST_SCRIPT_BYTES: u64 = 1024 * 1024;

/// The variables that a script asks its interpreter for.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) variables: BTreeSet<String>,
    /// True if it asks for its working directory.
    pub(super) for_directory: bool,
}

impl Asked {
    /// Reads the script of `process`, if that is an interpreter.
    pub(super) fn by(process: &Process) -> Self {
        let mut asked = Self::default();
        let is_any = |names: &[&str]| names.iter().any(|name| is_called(&process.program, name));
        let is_shell = is_any(&SHELLS);
        if !is_shell && !is_any(&OTHERS) {
            return asked;
        }
        for argument in process.arguments.iter().skip(1) {
            asked.take(argument, is_shell);
            let path = process.directory.join(path_of(argument));
            let is_script = path.metadata().is_ok_and(|found| found.is_file() && found.len() <= MOST_SCRIPT_BYTES);
            if let Some(script) = is_script.then(|| files::read(&path).ok()).flatten().filter(|it| !it.contains(&0)) {
                asked.take(&script, is_shell);
            }
        }
        asked
    }

    fn take(&mut self, text: &[u8], is_shell: bool) {
        for (at, word) in words(text) {
            let is_asked_for = if is_shell { is_expanded(&text[..at]) } else { is_in_capitals(word) };
            if word == "PWD" || word == "pwd" && is_shell {
                self.for_directory = true;
            } else if is_asked_for {
                self.variables.insert(word.to_owned());
            }
        }
    }
}

/// True if the name of `program` is `name`, with or without a version.
fn is_called(program: &Path, name: &str) -> bool {
    let program = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    program
        .strip_prefix(name)
        .is_some_and(|rest| rest.chars().all(|end| end.is_ascii_digit() || matches!(end, '.' | '-')))
}

/// Returns the words of `text` that may be names of variables, each with its offset.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = text.split(move |byte| !is_of_word(byte));
    words.filter_map(move |word| {
        let is_name = word.first().is_some_and(|first| !first.is_ascii_digit());
        let at = word.as_ptr().addr() - text.as_ptr().addr();
        is_name.then(|| (at, word.to_str().ok())).and_then(|(at, word)| Some((at, word?)))
    })
}

/// True if a shell expands the word that follows `before`.
///
/// <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_06_02>
fn is_expanded(before: &[u8]) -> bool {
    before.ends_with(b"$") || before.ends_with(b"${") || before.ends_with(b"${#") || before.ends_with(b"${!")
}

fn is_in_capitals(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|byte| !byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_what_it_asks_for() {
        for (program, script, variables, for_directory) in [
            ("/bin/sh", "echo $ONE ${two-x} ${#THREE} \\$(date) FOUR", &["ONE", "THREE", "two"][..], false),
            ("/bin/bash", "cd x && pwd", &[], true),
            ("/usr/bin/dash", "echo \"$PWD/x\"", &[], true),
            ("/usr/bin/python3.11", "import os; print(os.environ['ONE'], os.pathsep)", &["ONE"], false),
            ("/usr/bin/mawk", "BEGIN { print ENVIRON[\"ONE_2\"], NR }", &["BEGIN", "ENVIRON", "ONE_2"], false),
            ("/usr/bin/printenv", "ONE", &["ONE"], false),
            ("/usr/bin/cc", "-DONE=$TWO", &[], false),
            ("/usr/bin/shasum", "$ONE", &[], false),
        ] {
            let process =
                Process { program: program.into(), arguments: vec!["x".into(), script.into()], ..Process::default() };
            let asked = Asked::by(&process);
            let found: Vec<&str> = asked.variables.iter().map(String::as_str).collect();
            assert_eq!((found.as_slice(), asked.for_directory), (variables, for_directory), "{program} {script}");
        }
    }
}
