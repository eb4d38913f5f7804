//! The options of a call, as they arrive.
//!
//! Promises: nothing is checked yet. [`super::Request`] is made of them, and refuses what is wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The options of one call as they arrive, by their names in JavaScript, and unchecked.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The cargo package.
    pub crate_name: Option<String>,
    /// The name of the target; default: the package's.
    pub bin: Option<String>,
    /// `bin`, `cdylib`, `staticlib` or `example`; default: `bin`.
    pub kind: Option<String>,
    /// Other binaries of the package, which are put beside the first.
    pub with: Vec<String>,
    /// The Rust target triple, for zigbuild optionally followed by a glibc version; default: the host's.
    pub target: Option<String>,
    /// True to run cargo even if an entry exists.
    pub rebuild: bool,
    /// False to fail where cargo would have to run; default: true.
    pub build: Option<bool>,
    /// The root of the checkout.
    pub repo: PathBuf,
    /// Features to enable.
    pub features: Vec<String>,
    /// True to leave the package's default features out.
    pub no_default_features: bool,
    /// The cargo profile; default: `release`.
    pub profile: Option<String>,
    /// `auto`, `cargo` or `zigbuild`; default: `auto`.
    pub builder: Option<String>,
    /// `tree` or `crate`; default: `crate`.
    pub scope: Option<String>,
    /// Patterns in gitignore syntax, relative to `repo`, of paths that are no inputs.
    pub exclude: Vec<String>,
    /// `auto` or `off`; default: the value of [`super::SWITCH`], or else `auto`.
    pub observe: Option<String>,
    /// The directory of the cache.
    pub cache_dir: PathBuf,
    /// The caller's environment.
    pub env: BTreeMap<OsString, OsString>,
    /// The path of a copy, in which `{target}` and `{exe}` are filled in.
    pub out: Option<PathBuf>,
    /// The directory that a relative `out` starts from, absolute.
    pub working_directory: PathBuf,
    /// Further arguments for cargo.
    pub cargo_args: Vec<String>,
    /// The settings of a team's store, if there is one.
    pub remote: Option<super::RemoteOptions>,
    /// How much lower than this process's the priority of builds is, 0 to 19.
    pub nice: u32,
    /// The size limit of the cache, as text; default: see [`super::limits::Limits`].
    pub max_size: Option<String>,
    /// The age limit of entries since their last use, as text; default: see [`super::limits::Limits`].
    pub max_age: Option<String>,
}
