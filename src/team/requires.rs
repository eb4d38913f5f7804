//! The needs of a binary that a machine may not meet.
//!
//! Promises: a binary that needs a newer glibc than there is, is not taken.
//! Does not promise: to know libraries that a program loads by a name of its own.

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
}

impl Requires {
    /// Returns the needs of the binary at `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self { glibc: runtime::glibc_of(path).map(|(major, minor)| format!("{major}.{minor}")) }
    }

    /// Returns the need that this machine does not meet, in words. A binary for another machine may need anything.
    pub(super) fn unmet(&self, request: &Request) -> Option<String> {
        let is_for_here = request.triple().is_none_or(|triple| triple == env!("DEV_BIN_HOST"));
        if is_for_here { self.unmet_by(libc_version().as_deref()) } else { None }
    }

    fn unmet_by(&self, there: Option<&str>) -> Option<String> {
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
            let requires = Requires { glibc: needed.map(str::to_owned) };
            assert_eq!(requires.unmet_by(there).is_none(), is_met, "{needed:?} on {there:?}");
        }
    }
}
