//! Identifies the programs and libraries that take part in a build.
//!
//! Promises: a program that was started is identified by its real path, and a script by the program that its first line
//! names.
//! Does not promise: to know a compiler that is not installed as Rust's are, with `lib/rustlib` beside its programs.

use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::paths::{has_rustlib, is_rustup_proxy};
use super::trace::{Process, path_of};
use crate::model::system_files::is_of_system;

/// True if a program or a library comes with a Rust compiler.
pub(super) fn is_of_toolchain(path: &Path) -> bool {
    let directories = || path.ancestors().skip(1);
    let is_rustc =
        path.file_name().is_some_and(|name| ["rustc", "rustdoc", "cargo"].iter().any(|known| name == *known));
    let is_beside = if is_of_system(path) {
        is_rustc && directories().nth(1).is_some_and(has_rustlib)
    } else {
        directories().any(has_rustlib)
    };
    is_beside || path.components().any(|part| part.as_os_str() == "rustlib")
}

/// Returns the directory of the files that come with `rustc`: its installation or, if it comes with the system, its part of
/// that.
pub(super) fn toolchain_of(rustc: &Path) -> Option<PathBuf> {
    let prefix = rustc.parent().and_then(Path::parent).filter(|prefix| has_rustlib(prefix))?;
    Some(if is_of_system(rustc) { prefix.join("lib").join("rustlib") } else { prefix.to_owned() })
}

/// True if `path` has the name of a library that programs load.
pub(super) fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".so") || name.contains_str(".so.")
}

/// True if `path` has the name of a part of the C library, wherever it is installed. The C library calls the system for all
/// other code.
pub(super) fn is_of_c_library(path: &Path) -> bool {
    const NAMES: [&str; 10] =
        ["ld-", "ld.", "libc.", "libdl.", "libm.", "libmvec.", "libpthread.", "libresolv.", "librt.", "libutil."];
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    is_library(path) && NAMES.iter().any(|start| name.starts_with(start.as_bytes()))
}

/// True if `path` has the name of a library of the system that exists for system calls which the C library does not make.
/// Other libraries of the system look at files through the C library.
pub(super) fn is_for_system_calls(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"liburing"))
}

/// The file behind the path that was started.
pub(super) enum Image {
    /// The program itself, by its real path.
    Program(PathBuf),
    /// A script, by the program that is started for it.
    Script(PathBuf),
    /// A file that is gone.
    Gone,
}

impl Image {
    pub(super) fn of(program: &Path) -> Self {
        let Ok(real) = dunce::canonicalize(program) else { return Self::Gone };
        match interpreter(&real) {
            Some(interpreter) => Self::Script(dunce::canonicalize(&interpreter).unwrap_or(interpreter)),
            None => Self::Program(real),
        }
    }

    /// True if `process` runs this file, started as `program`.
    pub(super) fn is_in(&self, process: &Process, program: &Path) -> bool {
        match self {
            Self::Program(real) => process.program == *real,
            Self::Script(interpreter) => process.program == *interpreter && process.runs(program),
            Self::Gone => process.program.file_name() == program.file_name() || process.runs(program),
        }
    }
}

/// Returns the program that the system starts for a script.
///
/// <https://man7.org/linux/man-pages/man2/execve.2.html>
fn interpreter(script: &Path) -> Option<PathBuf> {
    use std::io::Read;
    let mut start = [0; 256];
    let read = std::fs::File::open(script).ok()?.read(&mut start).ok()?;
    let line = start[..read].strip_prefix(b"#!")?.lines().next()?;
    line.split(|byte| matches!(byte, b' ' | b'\t')).find(|part| !part.is_empty()).map(path_of)
}

/// True if `program` is rustup under one of its names, and not a compiler of the same name.
pub(super) fn is_rustup(program: &Path) -> bool {
    is_rustup_proxy(program) && !is_of_toolchain(program)
}
