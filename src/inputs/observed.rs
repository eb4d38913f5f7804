//! What a finished build was seen to read of the environment.
//!
//! Promises: every variable that a build script declared with `rerun-if-env-changed` and every one that rustc recorded
//! for `env!` and `option_env!`, in workspace and registry crates alike. Those are the variables that make cargo itself
//! build again.
//! Does not promise: variables read without a declaration, which cargo does not see either.
//!
//! The two sources are files that cargo and rustc write beside what they build. `output` of a build script is part of
//! cargo's build directory, whose layout is not fixed; a build script without one is reported, never skipped.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checkout::is_gone;

/// Where the units of a build left their traces, as cargo's messages tell.
#[derive(Debug, Default)]
pub struct UnitOutputs {
    /// Files that rustc wrote; dep-info stands beside them.
    pub artifacts: Vec<PathBuf>,
    /// Compiled build scripts; each has a directory of its own.
    pub build_scripts: Vec<PathBuf>,
    /// `OUT_DIR` of each build script that ran, now or earlier.
    pub out_dirs: Vec<PathBuf>,
    /// The binary that was asked for; its dep-info is not named after the uplifted file.
    pub binary: String,
}

/// Variables that cargo sets by itself for some programs, so that the caller's value is never read by them.
struct SetByCargo {
    names: &'static [&'static str],
    prefixes: &'static [&'static str],
}

/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
const FOR_RUSTC: SetByCargo = SetByCargo {
    names: &[
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "CARGO_MAKEFLAGS",
        "OUT_DIR",
    ],
    prefixes: &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"],
};

/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts>
const FOR_BUILD_SCRIPTS: SetByCargo = SetByCargo {
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
    prefixes: &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CFG_", "CARGO_FEATURE_", "DEP_"],
};

impl SetByCargo {
    fn has(&self, name: &str) -> bool {
        self.names.contains(&name) || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// The variables that the build which left `outputs` was seen to read.
///
/// # Errors
///
/// The file that was expected and cannot be read.
pub fn observe(outputs: &UnitOutputs) -> Result<BTreeSet<String>, (PathBuf, io::Error)> {
    let mut variables = BTreeSet::new();
    for out_dir in &outputs.out_dirs {
        let output = out_dir.with_file_name("output");
        let text = fs::read(&output).map_err(|error| (output, error))?;
        variables.extend(declared(&String::from_utf8_lossy(&text)).filter(|name| !FOR_BUILD_SCRIPTS.has(name)));
    }
    for script in &outputs.build_scripts {
        for dep_info in dep_infos(script.parent().unwrap_or(script), |_| true) {
            read_dep_info(&dep_info, &mut variables)?;
        }
    }
    let directories: BTreeSet<&Path> = outputs.artifacts.iter().filter_map(|path| path.parent()).collect();
    for artifact in &outputs.artifacts {
        let Some(dep_info) = dep_info_of(artifact) else { continue };
        read_dep_info(&dep_info, &mut variables)?;
    }
    for directory in directories {
        for dep_info in dep_info_of_binary(directory, &outputs.binary) {
            read_dep_info(&dep_info, &mut variables)?;
        }
    }
    Ok(variables)
}

/// `deps/libx-0123.rlib` and `deps/libx-0123.rmeta` have their dep-info in `deps/x-0123.d`.
fn dep_info_of(artifact: &Path) -> Option<PathBuf> {
    let stem = artifact.file_stem()?.to_str()?;
    let extension = artifact.extension()?.to_str()?;
    let name = match extension {
        "rlib" | "rmeta" | "so" | "dylib" | "a" => stem.strip_prefix("lib").unwrap_or(stem),
        "dll" | "lib" => stem,
        _ => return None,
    };
    Some(artifact.with_file_name(format!("{name}.d")))
}

/// cargo names the uplifted file of a binary, so its dep-info is found by name, whatever the hash behind it: one that a
/// build with other options left there can only add variables.
fn dep_info_of_binary(directory: &Path, binary: &str) -> Vec<PathBuf> {
    let crate_name = binary.replace('-', "_");
    let directory = if directory.ends_with("deps") { directory.to_owned() } else { directory.join("deps") };
    dep_infos(&directory, |stem| {
        let hash = stem.strip_prefix(&crate_name).and_then(|rest| rest.strip_prefix('-'));
        hash.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
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

fn read_dep_info(path: &Path, variables: &mut BTreeSet<String>) -> Result<(), (PathBuf, io::Error)> {
    match fs::read(path) {
        Ok(bytes) => {
            variables.extend(env_deps(&String::from_utf8_lossy(&bytes)).filter(|name| !FOR_RUSTC.has(name)));
        }
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err((path.to_owned(), error)),
    }
    Ok(())
}

/// `cargo:rerun-if-env-changed=NAME` and, since cargo 1.77, `cargo::rerun-if-env-changed=NAME`.
///
/// <https://doc.rust-lang.org/cargo/reference/build-scripts.html#rerun-if-env-changed>
fn declared(output: &str) -> impl Iterator<Item = String> + '_ {
    output.lines().filter_map(|line| {
        let rest = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:"))?;
        rest.strip_prefix("rerun-if-env-changed=").map(|name| name.trim_end().to_owned())
    })
}

/// `# env-dep:NAME` or `# env-dep:NAME=VALUE`, where rustc escapes the name.
fn env_deps(dep_info: &str) -> impl Iterator<Item = String> + '_ {
    dep_info.lines().filter_map(|line| {
        let rest = line.strip_prefix("# env-dep:")?;
        Some(rest.split_once('=').map_or(rest, |(name, _)| name).to_owned())
    })
}
