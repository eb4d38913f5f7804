//! Paths in git's form, with slashes and any bytes, as the system's own.
//!
//! Promises: every path has a form of the system, except ill-formed ones on Windows, which are an error.
//! Does not promise: that the path exists.

use std::io;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};

use crate::error::{Error, Result};

/// Returns the path `below` the directory `root` in the system's form. An error is possible only on Windows, for an
/// ill-formed path.
pub(crate) fn on_disk(root: &Path, below: &BStr) -> Result<PathBuf> {
    match gix::path::from_bstr(below) {
        Ok(relative) => Ok(root.join(relative)),
        Err(error) => {
            Err(Error::unreadable(root.join(below.to_str_lossy().as_ref()), io::Error::other(error.to_string())))
        }
    }
}
