//! The reads of a run, as they are stored.
//!
//! Promises: a path that is not UTF-8 is stored without loss.
//! Does not promise: that any of it counts. The build's output, and the files that cargo fetched, are left out later.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::system_files::SystemFiles;

/// Everything that one run was seen to read. Paths are absolute and as the run wrote them, with links not resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reads {
    /// Files whose content was read or may have mattered, and paths that were looked for in vain.
    #[serde(with = "escaped")]
    pub files: BTreeSet<PathBuf>,
    /// Directories whose names were read.
    #[serde(with = "escaped")]
    pub listed: BTreeSet<PathBuf>,
    /// Links whose targets were read, and directories that were looked for.
    #[serde(with = "escaped")]
    pub links: BTreeSet<PathBuf>,
    /// Files of the system that were read or looked for in vain.
    pub system: SystemFiles,
    /// Programs that were found on the caller's `PATH` and started.
    pub programs: BTreeSet<String>,
    /// Variables that it asked for.
    pub variables: BTreeSet<String>,
    /// True if it asked for its working directory.
    pub asked_for_directory: bool,
    /// The reason why the run is opaque, if it is.
    pub opaque: Option<String>,
}

/// Stores paths in a record, which is text: bytes that are not UTF-8 are escaped.
pub(super) mod escaped {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use gix::bstr::ByteSlice;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::tree::TreePath;

    pub(in crate::observer) fn from(path: &Path) -> TreePath {
        TreePath(path.as_os_str().as_encoded_bytes().into())
    }

    pub(in crate::observer) fn to(path: &TreePath) -> PathBuf {
        gix::path::from_bstr(path.0.as_bstr()).map(|path| path.into_owned()).unwrap_or_default()
    }

    pub(super) fn serialize<S: Serializer>(paths: &BTreeSet<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| from(path)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<PathBuf>, D::Error> {
        Ok(Vec::<TreePath>::deserialize(deserializer)?.iter().map(to).collect())
    }
}
