//! The traces that cargo and rustc leave beside what they build.
//!
//! Promises: to read dep-info files as rustc and cargo write them, and the declarations of build scripts in both of their
//! spellings; variables that cargo itself sets are told apart from the caller's.
//! Does not promise: to find them where a future cargo may put them. A local unit without dep-info is an error.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::closure::Unobservable;
use super::directory::is_gone;
use crate::units::{Unit, Units};

/// Variables that cargo sets by itself for some programs, so that the caller's value is never read by them.
pub(super) struct SetByCargo {
    names: &'static [&'static str],
}

/// For rustc and build scripts alike. Names that only begin like these are the caller's.
const OF_EVERY_PACKAGE: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_README",
];

/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
pub(super) const FOR_RUSTC: SetByCargo =
    SetByCargo { names: &["CARGO", "CARGO_CRATE_NAME", "CARGO_BIN_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_MAKEFLAGS"] };

/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts>
pub(super) const FOR_BUILD_SCRIPTS: SetByCargo = SetByCargo {
    names: &[
        "CARGO",
        "CARGO_MAKEFLAGS",
        "OUT_DIR",
        "TARGET",
        "HOST",
        "NUM_JOBS",
        "OPT_LEVEL",
        "DEBUG",
        "PROFILE",
        "RUSTDOC",
    ],
};

impl SetByCargo {
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(&name) || OF_EVERY_PACKAGE.contains(&name)
    }
}

/// What dep-info files say.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) variables: BTreeSet<String>,
}

impl Trace {
    pub(super) fn read_dep_info(&mut self, path: &Path) -> Result<(), Unobservable> {
        match fs::read(path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                // A name with a line break in it looks like this, and hides whatever comes after it.
                if text.lines().any(|line| {
                    !(line.is_empty() || line.starts_with('#') || line.ends_with(':') || line.contains(": "))
                }) {
                    let source = io::Error::new(io::ErrorKind::InvalidData, "it has a line that is no rule");
                    return Err(Unobservable { path: path.to_owned(), source });
                }
                self.variables.extend(env_deps(&text));
                self.files.extend(prerequisites(&text));
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(source) => Err(Unobservable { path: path.to_owned(), source }),
        }
    }
}

/// The dep-info files of one unit; a local unit must have one.
pub(super) fn dep_infos_of(unit: &Unit, units: &Units, is_local: bool) -> Result<Vec<PathBuf>, Unobservable> {
    let mut found = Vec::new();
    for file in &unit.files {
        if unit.is_build_script {
            found.extend(dep_infos(file.parent().unwrap_or(file), |_| true));
        } else if *file == units.executable {
            found.extend(dep_info_of_binary(file));
        } else {
            found.extend(dep_info_of_library(file));
        }
    }
    found.retain(|path| path.is_file());
    if found.is_empty() && is_local {
        let path = unit.files.first().cloned().unwrap_or_else(|| unit.package.directory.clone());
        return Err(Unobservable { path, source: io::Error::new(io::ErrorKind::NotFound, "it has no dep-info") });
    }
    Ok(found)
}

/// The file that is this run's alone: builds with other features put their binary in the same place.
pub(super) fn written_by(unit: &Unit, units: &Units, dep_infos: &[PathBuf]) -> PathBuf {
    let first = unit.files.first().unwrap_or(&unit.package.directory);
    match dep_infos {
        [dep_info] if *first == units.executable => {
            let own = dep_info.with_extension(first.extension().unwrap_or_default());
            if own.is_file() { own } else { first.clone() }
        }
        _ => first.clone(),
    }
}

/// `deps/libx-0123.rlib` and `deps/libx-0123.rmeta` have their dep-info in `deps/x-0123.d`.
fn dep_info_of_library(artifact: &Path) -> Option<PathBuf> {
    let stem = artifact.file_stem()?.to_str()?;
    let name = match artifact.extension()?.to_str()? {
        "rlib" | "rmeta" | "so" | "dylib" | "a" => stem.strip_prefix("lib").unwrap_or(stem),
        "dll" | "lib" => stem,
        _ => return None,
    };
    Some(artifact.with_file_name(format!("{name}.d")))
}

/// cargo names the uplifted file of a binary. rustc's own is `deps/x-0123`, the same file under another name where the
/// file system has hard links; where it has not, all of that name are taken, and more may be read than was.
fn dep_info_of_binary(executable: &Path) -> Vec<PathBuf> {
    let Some(stem) = executable.file_stem().and_then(|stem| stem.to_str()) else { return Vec::new() };
    let crate_name = stem.replace('-', "_");
    let directory = executable.with_file_name("deps");
    let all = dep_infos(&directory, |stem| {
        let hash = stem.strip_prefix(&crate_name).and_then(|rest| rest.strip_prefix('-'));
        hash.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    let extension = executable.extension().unwrap_or_default();
    let is_ours = |path: &&PathBuf| same_file(&path.with_extension(extension), executable);
    match all.iter().find(is_ours) {
        Some(ours) => vec![ours.clone()],
        None => all,
    }
}

#[cfg(unix)]
fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &Path, _: &Path) -> bool {
    false
}

/// The dep-info files in a directory whose name without `.d` is wanted.
fn dep_infos(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let is_wanted = |name: &str| name.strip_suffix(".d").is_some_and(&wanted);
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_wanted))
        .map(|entry| entry.path())
        .collect()
}

/// What a build script declared.
///
/// <https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>
#[derive(Default)]
pub(super) struct Declared {
    pub(super) files: Vec<String>,
    pub(super) variables: BTreeSet<String>,
}

impl Declared {
    pub(super) fn of(output: &str) -> Self {
        let mut declared = Self::default();
        for line in output.lines() {
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

/// `# env-dep:NAME` or `# env-dep:NAME=VALUE`.
fn env_deps(dep_info: &str) -> impl Iterator<Item = String> + '_ {
    dep_info.lines().filter_map(|line| {
        let rest = line.strip_prefix("# env-dep:")?;
        Some(rest.split_once('=').map_or(rest, |(name, _)| name).to_owned())
    })
}

/// What stands right of `: ` in the rules, with `\ ` for a space in a name.
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
        assert_eq!(env_deps(text).collect::<Vec<_>>(), ["TAG", "UNSET"]);
    }

    #[test]
    fn build_scripts_declare_in_the_old_and_the_new_way() {
        let declared =
            Declared::of("cargo:rerun-if-changed=a b\ncargo::rerun-if-env-changed=X\nhello\ncargo:warning=w\n");
        assert_eq!(declared.files, ["a b"]);
        assert_eq!(declared.variables.into_iter().collect::<Vec<_>>(), ["X"]);
    }
}
