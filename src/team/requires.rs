//! The needs of a binary that a machine may not meet.
//!
//! Promises: a binary that needs a newer glibc than there is, or a shared library that the loader does not find, is not taken.
//! Does not promise: to know libraries that a program loads by a name of its own, or the versions of others than glibc. On
//! macOS and Windows, a binary names no libraries.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::key::libc_version;
use crate::request::Request;
use crate::runtime;

/// The needs of a binary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Requires {
    /// The version of glibc, as in `2.34`; none if it needs none.
    glibc: Option<String>,
    /// The shared libraries that do not come with it, by name, or by path if they have to lie there.
    libraries: BTreeSet<String>,
}

impl Requires {
    /// Returns the needs of the binary at `path`, together with the files called `beside` in its directory.
    pub(super) fn of(path: &Path, beside: &[&str]) -> Self {
        let glibc = runtime::glibc_of(path).map(|(major, minor)| format!("{major}.{minor}"));
        let files = [path.to_owned()].into_iter().chain(beside.iter().map(|name| path.with_file_name(name)));
        let libraries = files.flat_map(|file| runtime::needed_of(&file));
        Self { glibc, libraries: libraries.filter(|name| !beside.contains(&name.as_str())).collect() }
    }

    /// Returns the need that this machine does not meet, in words. A binary for another machine may need anything.
    pub(super) fn unmet(&self, request: &Request) -> Option<String> {
        let is_for_here = request.triple().is_none_or(|triple| triple == env!("DEV_BIN_HOST"));
        if !is_for_here {
            return None;
        }
        self.unmet_by_libc(libc_version().as_deref()).or_else(|| {
            let missing = self.libraries.iter().find(|name| !runtime::is_found(name))?;
            Some(format!("it needs `{missing}`, which this machine does not have"))
        })
    }

    fn unmet_by_libc(&self, there: Option<&str>) -> Option<String> {
        let needed = self.glibc.as_deref()?;
        let version = |text: &str| -> Option<(u32, u32)> {
            let (major, minor) = text.split_once('.')?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        match there {
            Some(there) if version(needed).is_some_and(|needed| Some(needed) <= version(there)) => None,
            Some(there) => Some(format!("it needs glibc {needed}, and this machine has {there}")),
            None => Some(format!("it needs glibc {needed}, and this machine has another libc")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_taken_where_its_glibc_is() {
        for (needed, there, is_met) in [
            (None, None, true),
            (None, Some("2.36"), true),
            (Some("2.34"), Some("2.36"), true),
            (Some("2.36"), Some("2.36"), true),
            (Some("2.9"), Some("2.36"), true),
            (Some("2.38"), Some("2.36"), false),
            (Some("3.0"), Some("2.36"), false),
            (Some("2.34"), None, false),
            (Some("nonsense"), Some("2.36"), false),
        ] {
            let requires = Requires { glibc: needed.map(str::to_owned), ..Requires::default() };
            assert_eq!(requires.unmet_by_libc(there).is_none(), is_met, "{needed:?} on {there:?}");
        }
    }
}
