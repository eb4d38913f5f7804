//! The options of a call, as they arrive.
//!
//! Promises: nothing is checked yet. [`super::Request`] is made of them, and refuses what is wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The options of one call as they arrive, with names of the JavaScript surface and nothing checked.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// cargo package.
    pub crate_name: Option<String>,
    /// Name of the target; default: the package's.
    pub bin: Option<String>,
    /// `bin`, `cdylib`, `staticlib` or `example`; default: `bin`.
    pub kind: Option<String>,
    /// Other binaries of the package, to be put beside the first.
    pub with: Vec<String>,
    /// Rust target triple, for zigbuild with or without a glibc version behind it; default: the host's.
    pub target: Option<String>,
    /// Run cargo even when an entry exists.
    pub rebuild: bool,
    /// Root of the checkout.
    pub repo: PathBuf,
    /// Features to enable.
    pub features: Vec<String>,
    /// Leave the package's default features out.
    pub no_default_features: bool,
    /// cargo profile; default: `release`.
    pub profile: Option<String>,
    /// `auto`, `cargo` or `zigbuild`; default: `auto`.
    pub builder: Option<String>,
    /// `tree` or `crate`; default: `crate`.
    pub scope: Option<String>,
    /// Patterns in gitignore syntax, relative to `repo`, of paths that are no inputs.
    pub exclude: Vec<String>,
    /// `auto` or `off`; default: that of [`super::SWITCH`], else `auto`.
    pub observe: Option<String>,
    /// Where entries are kept.
    pub cache_dir: PathBuf,
    /// The caller's environment.
    pub env: BTreeMap<OsString, OsString>,
    /// Where a copy is wanted; `{target}` and `{exe}` are filled in.
    pub out: Option<PathBuf>,
    /// Where `out` starts from, if it is relative; absolute.
    pub working_directory: PathBuf,
    /// Further arguments for cargo.
    pub cargo_args: Vec<String>,
    /// What the cache may hold, as typed; default: see [`super::limits::Limits`].
    pub max_size: Option<String>,
    /// How long it is kept after its last use, as typed; default: see [`super::limits::Limits`].
    pub max_age: Option<String>,
}
