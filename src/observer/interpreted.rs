//! Finds the variables that interpreted scripts ask for.
//!
//! Shells, make, Python, Perl and awk read the whole environment when they start, so no function of the C library tells
//! which variable matters. Their scripts tell it.
//!
//! Promises: the names after `$` in scripts and commands of shells and in the files that shells and make read; and the words
//! in capital letters in scripts of other interpreters. By custom, names of variables are in capitals.
//! Does not promise: to know a name that a script puts together, or that is in a module which a script of another
//! interpreter loads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::paths::is_of_user;
use super::trace::{Event, Process, path_of};
use crate::fs::files;

/// The programs of each language, by the start of their names, which may end with a version.
const PROGRAMS: [(Language, &[&str]); 3] = [
    (Language::Shell, &["ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"]),
    (Language::Make, &["gmake", "make"]),
    (Language::Other, &["awk", "gawk", "lua", "mawk", "node", "perl", "printenv", "python", "ruby", "tclsh"]),
];
/// Variables that make's built-in rules use.
///
/// <https://www.gnu.org/software/make/manual/html_node/Implicit-Variables.html>
const OF_MAKE: [&str; 11] =
    ["AR", "ARFLAGS", "AS", "ASFLAGS", "CC", "CFLAGS", "CPPFLAGS", "CXX", "CXXFLAGS", "LDFLAGS", "LDLIBS"];

/// The size limit of a script. Longer files are no scripts.
const MOST_SCRIPT_BYTES: u64 = 1024 * 1024;

/// A kind of interpreter, by how its scripts ask for variables.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    /// `$NAME`, in the script and in the files that it reads, which it may have sourced.
    Shell,
    /// `$(NAME)`, in every file that it reads.
    Make,
    /// Any word in capitals, in the script alone.
    Other,
}

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
        let Some((language, _)) = PROGRAMS.into_iter().find(|(_, names)| is_any(names)) else { return asked };
        if language == Language::Make {
            asked.variables.extend(OF_MAKE.map(str::to_owned));
        }
        let mut scripts = BTreeSet::new();
        for argument in process.arguments.iter().skip(1) {
            asked.take(argument, language);
            scripts.insert(process.directory.join(path_of(argument)));
        }
        if language != Language::Other {
            let read = process.events.iter().filter_map(|event| match event {
                Event::Read(path) if is_of_user(path) => Some(path.clone()),
                _ => None,
            });
            scripts.extend(read);
        }
        let is_script =
            |path: &&PathBuf| path.metadata().is_ok_and(|found| found.is_file() && found.len() <= MOST_SCRIPT_BYTES);
        let texts = scripts.iter().filter(is_script).filter_map(|path| files::read(path).ok());
        for script in texts.filter(|text| !text.contains(&0)) {
            asked.take(&script, language);
        }
        asked
    }

    fn take(&mut self, text: &[u8], language: Language) {
        for (at, word) in words(text) {
            let before = &text[..at];
            let is_asked_for = match language {
                Language::Shell => is_expanded(before),
                Language::Make => is_expanded_by_make(before),
                Language::Other => is_in_capitals(word),
            };
            if word == "PWD" || word == "pwd" && language == Language::Shell {
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

/// True if make expands the word that follows `before`, or asks whether it is set.
///
/// <https://www.gnu.org/software/make/manual/html_node/Reference.html>
fn is_expanded_by_make(before: &[u8]) -> bool {
    ["$(", "${", "ifdef ", "ifndef "].iter().any(|start| before.ends_with(start.as_bytes()))
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
            ("/usr/bin/mark", "$(ONE)", &[], false),
            ("/usr/bin/shasum", "$ONE", &[], false),
        ] {
            let process =
                Process { program: program.into(), arguments: vec!["x".into(), script.into()], ..Process::default() };
            let asked = Asked::by(&process);
            let found: Vec<&str> = asked.variables.iter().map(String::as_str).collect();
            assert_eq!((found.as_slice(), asked.for_directory), (variables, for_directory), "{program} {script}");
        }
    }

    #[test]
    fn shells_and_make_may_ask_in_any_file_that_they_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        std::fs::write(&path, "ifdef ONE\nall: $(TWO) ${three}\n\t$(shell echo $$FOUR $FIVE)\n").unwrap();
        for (program, asks_for) in
            [("/usr/bin/make", &["ONE", "TWO", "three"][..]), ("/bin/sh", &["FIVE", "FOUR", "three"])]
        {
            let events = vec![Event::Read(path.clone())];
            let asked = Asked::by(&Process { program: program.into(), events, ..Process::default() });
            let missing = asks_for.iter().find(|name| !asked.variables.contains(**name));
            assert_eq!(missing, None, "{program}");
        }
    }
}
