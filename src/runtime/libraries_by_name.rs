//! Finds the shared libraries of the build that an executable of macOS or Windows names.
//!
//! Promises: a binary is refused if it looks for a library of the build beside its own file, where the cache has none. The
//! search is for the name alone, since the load commands of macOS and the import table of Windows hold it as it is.
//! Does not promise: to put a library into the cache. An edit of the place where it is looked for would break a signature.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::output::OutputDirectories;
use crate::model::companions::Companions;

/// The needs of an executable when it is started.
#[derive(Debug, Default)]
pub(super) struct Libraries {
    /// Nothing.
    pub(super) companions: Companions,
    /// Libraries that are used where they are.
    pub(super) inputs: Vec<PathBuf>,
    /// The reason why it does not start from another place; none if it does.
    pub(super) refusal: Option<String>,
}

/// The beginning of the name of the toolchain's standard library.
const OF_THE_TOOLCHAIN: &[u8] = if cfg!(windows) { b"\0std-" } else { b"@rpath/libstd-" };
/// The beginnings of names that are looked for beside the executable.
const BESIDE: [&[u8]; 3] = [b"@rpath/", b"@loader_path/", b"@executable_path/"];

/// Returns none: these systems have no glibc.
pub(super) fn glibc_of(_: &Path) -> Option<(u32, u32)> {
    None
}

/// Returns the libraries of the executable at `path`.
pub(super) fn of(path: &Path, output: &OutputDirectories) -> io::Result<Option<Libraries>> {
    let bytes = fs::read(path)?;
    let mut libraries = Libraries::default();
    let refusal = |name: &str| Some(format!("it needs {name}, and looks for it beside its own file"));
    for library in output.libraries(if cfg!(windows) { "dll" } else { "dylib" }) {
        let whole = library.as_os_str().as_encoded_bytes();
        let name = library.file_name().unwrap_or_default().as_encoded_bytes();
        // The name of a linked library ends with a NUL. It begins after another name's, or after a directory.
        for at in bytes.find_iter(&[name, b"\0"].concat()) {
            let before = &bytes[..at];
            if cfg!(windows) && before.ends_with(b"\0") || BESIDE.iter().any(|beside| before.ends_with(beside)) {
                libraries.refusal = refusal(&format!("`{}` of the build", library.display()));
            } else if before.ends_with(&whole[..whole.len() - name.len()]) {
                libraries.inputs.push(library.clone());
            }
        }
    }
    let is_dynamic = |at: usize| bytes[at + OF_THE_TOOLCHAIN.len()..].iter().take(16).all(u8::is_ascii_hexdigit);
    if bytes.find_iter(OF_THE_TOOLCHAIN).any(is_dynamic) {
        libraries.refusal = refusal("the standard library of the toolchain");
    }
    Ok(Some(libraries))
}
