//! Names the files that a sweep looks at.
//!
//! Promises: equal subjects are looked at alike, so that calls of one process share a sweep, and later ones its memory.
//! Does not promise: that the files exist.

use std::ffi::OsStr;
use std::path::PathBuf;

use serde::Serialize;

use super::crate_scope::CrateScope;
use crate::inputs::git::config;
use crate::model::fingerprint::{Digest, SCHEMA};
use crate::request::Environment;

/// The files that a sweep looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The checkout's root, with links resolved.
    pub root: PathBuf,
    /// Patterns of paths that are no inputs.
    pub exclude: Vec<String>,
    /// The paths that count; none if all do.
    pub crate_scope: Option<CrateScope>,
    /// The variables that say where git finds the user's configuration: see [`git_variables`].
    pub git: Environment,
}

/// Returns the variables of `env` that say where git finds the user's configuration, which may name files with ignore
/// rules.
#[must_use]
pub fn git_variables(env: &Environment) -> Environment {
    env.only(config::VARIABLES)
}

impl Subject {
    /// Returns the digest of all parts, under which a look is remembered.
    pub(crate) fn key(&self) -> Digest {
        #[derive(Serialize)]
        struct Key<'a> {
            schema: &'a str,
            root: &'a [u8],
            exclude: &'a [String],
            #[serde(rename = "selection")]
            crate_scope: Option<&'a CrateScope>,
            git: Vec<[&'a [u8]; 2]>,
        }
        let key = Key {
            schema: SCHEMA,
            root: self.root.as_os_str().as_encoded_bytes(),
            exclude: &self.exclude,
            crate_scope: self.crate_scope.as_ref(),
            git: self.git.iter().map(|(name, value)| [name, value].map(OsStr::as_encoded_bytes)).collect(),
        };
        Digest::of(serde_json::to_vec(&key).expect("bytes and text always become JSON"))
    }
}
