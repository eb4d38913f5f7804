//! The shared libraries of the build that an executable of macOS or Windows names.
//!
//! Promises: a binary that names one beside which it would not find it in the cache is refused. It is enough that the name
//! stands in the file: the load commands of the one and the import table of the other hold it as it is.
//! Does not promise: to put any library into the cache. To change where one is looked for would break a signature.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::output::Output;
use crate::model::companions::Companions;

/// What an executable needs to be started.
#[derive(Debug, Default)]
pub(super) struct Libraries {
    /// Nothing.
    pub(super) companions: Companions,
    /// Libraries that are used where they are.
    pub(super) inputs: Vec<PathBuf>,
    /// Why it does not start from another place; none when it does.
    pub(super) refusal: Option<String>,
}

/// How a name of the toolchain's own library begins.
const OF_THE_TOOLCHAIN: &[u8] = if cfg!(windows) { b"\0std-" } else { b"@rpath/libstd-" };
/// What stands before a name that is looked for beside the executable.
const BESIDE: [&[u8]; 3] = [b"@rpath/", b"@loader_path/", b"@executable_path/"];

/// The libraries of the executable at `path`.
pub(super) fn of(path: &Path, output: &Output) -> io::Result<Option<Libraries>> {
    let bytes = fs::read(path)?;
    let mut libraries = Libraries::default();
    let refusal = |name: &str| Some(format!("it needs {name}, and looks for it beside its own file"));
    for library in output.libraries(if cfg!(windows) { "dll" } else { "dylib" }) {
        let whole = library.as_os_str().as_encoded_bytes();
        let name = library.file_name().unwrap_or_default().as_encoded_bytes();
        // A name that is linked with ends with a zero, and begins after another one's, or after a directory.
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
