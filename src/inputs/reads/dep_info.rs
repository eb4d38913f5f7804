//! Reads the traces that cargo and rustc leave of their reads.
//!
//! Promises: dep-info files are read as rustc and cargo write them, and the declarations of build scripts in both of their
//! spellings. Variables that cargo itself sets are told apart from the caller's.
//! Does not promise: to find the traces; `layout` does.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::observation::Unobservable;
use crate::request::SAID_OF_EVERY_PACKAGE;

/// Variables that cargo sets itself for some programs. These programs never read the caller's value.
pub(crate) struct SetByCargo {
    names: &'static [&'static str],
}

/// The variables that cargo sets for rustc.
///
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
pub(crate) const FOR_RUSTC: SetByCargo =
    SetByCargo { names: &["CARGO", "CARGO_CRATE_NAME", "CARGO_BIN_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_MAKEFLAGS"] };

/// The variables that cargo sets for build scripts.
///
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts>
pub(crate) const FOR_BUILD_SCRIPTS: SetByCargo = SetByCargo {
    names: &["CARGO", "CARGO_MAKEFLAGS", "OUT_DIR", "TARGET", "HOST", "NUM_JOBS", "OPT_LEVEL", "DEBUG", "PROFILE"],
};

impl SetByCargo {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(&name) || SAID_OF_EVERY_PACKAGE.contains(&name)
    }
}

/// The content of dep-info files.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) files: BTreeSet<PathBuf>,
    pub(crate) variables: BTreeSet<String>,
    /// The directory that rustc wrote the dep-info to, if the dep-info is in another one now.
    pub(crate) written_in: Option<PathBuf>,
}

impl Trace {
    pub(crate) fn read_dep_info(&mut self, path: &Path) -> Result<(), Unobservable> {
        match fs::read(path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                // A file name with a line break makes such a line, and the names behind it are lost.
                if text.lines().any(|line| {
                    !(line.is_empty() || line.starts_with('#') || line.ends_with(':') || line.contains(": "))
                }) {
                    let source = io::Error::new(io::ErrorKind::InvalidData, "it has a line that is no rule");
                    return Err(Unobservable { path: path.to_owned(), source });
                }
                self.variables.extend(env_deps(&text));
                self.written_in = self.written_in.take().or_else(|| moved(path, &target(&text)?));
                self.files.extend(prerequisites(&text));
                Ok(())
            }
            Err(source) => Err(Unobservable { path: path.to_owned(), source }),
        }
    }
}

/// The declarations of a build script.
///
/// <https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>
#[derive(Default)]
pub(crate) struct Declared {
    pub(crate) files: Vec<String>,
    pub(crate) variables: BTreeSet<String>,
}

impl Declared {
    /// Parses the output of a script as cargo does: a line that is not UTF-8 declares nothing.
    pub(crate) fn of(output: &[u8]) -> Self {
        let mut declared = Self::default();
        for line in output.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()) {
            let Some(rest) = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:")) else { continue };
            if let Some(file) = rest.strip_prefix("rerun-if-changed=") {
                declared.files.push(file.trim_end().to_owned());
            } else if let Some(name) = rest.strip_prefix("rerun-if-env-changed=") {
                declared.variables.insert(name.trim_end().to_owned());
            }
        }
        declared
    }
}

/// Returns the target of the first rule, if it is an absolute path.
fn target(dep_info: &str) -> Option<PathBuf> {
    let (target, _) = dep_info.lines().next()?.split_once(": ")?;
    Some(PathBuf::from(target.replace("\\ ", " "))).filter(|target| target.is_absolute())
}

/// Returns the directory of `written`, unless it is the one that `now` is in.
pub(crate) fn moved(now: &Path, written: &Path) -> Option<PathBuf> {
    let (now, then) = (now.parent()?, written.parent()?);
    let is_same = now == then
        || dunce::canonicalize(then).is_ok_and(|then| dunce::canonicalize(now).is_ok_and(|now| now == then));
    (!is_same).then(|| then.to_owned())
}

/// Returns the names in `# env-dep:NAME` and `# env-dep:NAME=VALUE`.
fn env_deps(dep_info: &str) -> impl Iterator<Item = String> + '_ {
    dep_info.lines().filter_map(|line| {
        let rest = line.strip_prefix("# env-dep:")?;
        Some(rest.split_once('=').map_or(rest, |(name, _)| name).to_owned())
    })
}

/// Returns the names right of `: ` in the rules. A space in a name is written as `\ `.
fn prerequisites(dep_info: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in dep_info.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, names)) = line.split_once(": ") else { continue };
        let mut name = String::new();
        let mut characters = names.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.peek() == Some(&' ') => name.extend(characters.next()),
                ' ' => found.push(std::mem::take(&mut name)),
                other => name.push(other),
            }
        }
        found.push(name);
    }
    found.into_iter().filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_is_read_as_rustc_and_cargo_write_it() {
        let text = "/t/release/deps/a-1.d: src/main.rs src/with\\ space.rs /abs/x.txt\n\n\
                    src/main.rs:\nsrc/with\\ space.rs:\n\n# env-dep:TAG=1\n# env-dep:UNSET\n# checksum:none\n";
        let files: Vec<_> = prerequisites(text).into_iter().map(|path| path.display().to_string()).collect();
        assert_eq!(files, ["src/main.rs", "src/with space.rs", "/abs/x.txt"]);
        assert_eq!(target(text), Some(PathBuf::from("/t/release/deps/a-1.d")).filter(|path| path.is_absolute()));
        assert_eq!(env_deps(text).collect::<Vec<_>>(), ["TAG", "UNSET"]);
    }

    #[test]
    fn build_scripts_declare_in_the_old_and_the_new_way() {
        let declared = Declared::of(
            b"cargo:rerun-if-changed=a b\r\ncargo::rerun-if-env-changed=X\nhello\ncargo:rerun-if-changed=\xff\n",
        );
        assert_eq!(declared.files, ["a b"]);
        assert_eq!(declared.variables.into_iter().collect::<Vec<_>>(), ["X"]);
    }
}
