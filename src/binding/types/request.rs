//! The requests of JavaScript.

use napi_derive::napi;

/// The tasks of `start`.
#[napi(string_enum = "lowercase")]
#[derive(Clone, Copy)]
pub enum Task {
    /// An up-to-date binary.
    Binary,
    /// The fingerprint alone.
    Fingerprint,
    /// A forecast of what a call for a binary would do.
    Explanation,
    /// The inputs of a binary, and the runs that read them.
    Inputs,
    /// A comparison of the binary with a fresh build.
    Verification,
    /// The entries of the cache.
    List,
    /// The builds that run now.
    Builds,
    /// The removal of entries that the cache need not keep.
    Pruning,
}

/// The form of the progress on stderr.
#[napi(string_enum = "lowercase")]
#[derive(Clone, Copy)]
pub enum ReportMode {
    /// A live line on a terminal, plain lines elsewhere.
    Auto,
    /// Plain lines.
    Plain,
    /// Nothing.
    Silent,
}

/// The settings of a team's store.
#[napi(object, object_to_js = false)]
pub struct NativeRemote {
    /// The URL of the store.
    pub url: String,
    /// The public keys that are trusted.
    pub keys: Vec<String>,
    /// `read` or `publish`.
    pub mode: Option<String>,
    /// The files with the private keys that sign, absolute.
    pub signing_key_files: Vec<String>,
    /// The longest time that a download may take, in milliseconds.
    pub timeout: Option<f64>,
    /// `later`, `wait` or `always`.
    pub publish: Option<String>,
    /// The program that speaks to the store; left out if it is not installed.
    pub program: Option<String>,
    /// The command that installs it.
    pub install: String,
}

/// The options of `index.d.ts`, with defaults that only JavaScript knows filled in.
#[napi(object, object_to_js = false)]
pub struct NativeRequest {
    /// The task.
    pub task: Task,
    /// The cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: Option<String>,
    /// The name of the target.
    pub bin: Option<String>,
    /// The kind of the target.
    pub kind: Option<String>,
    /// Other binaries of the package.
    #[napi(js_name = "with")]
    pub siblings: Option<Vec<String>>,
    /// Target triple.
    pub target: Option<String>,
    /// The path for a copy.
    pub out: Option<String>,
    /// The directory that a relative `out` starts from.
    pub working_directory: Option<String>,
    /// Further arguments for cargo.
    pub cargo_args: Option<Vec<String>>,
    /// True to run cargo even if an entry exists.
    pub rebuild: Option<bool>,
    /// False to fail where cargo would have to run.
    pub build: Option<bool>,
    /// The root of the checkout, absolute.
    pub repo: Option<String>,
    /// Features to enable.
    pub features: Option<Vec<String>>,
    /// True to leave default features out.
    pub no_default_features: Option<bool>,
    /// The cargo profile.
    pub profile: Option<String>,
    /// The builder.
    pub builder: Option<String>,
    /// The scope.
    pub scope: Option<String>,
    /// Paths that do not count.
    pub exclude: Option<Vec<String>>,
    /// The switch of the observer: `auto` or `off`.
    pub observe: Option<String>,
    /// The settings of a team's store.
    pub remote: Option<NativeRemote>,
    /// How much lower than the process's own the priority of builds is, 0 to 19.
    pub nice: Option<u32>,
    /// The directory of the cache, absolute.
    pub cache_dir: String,
    /// The environment of the build: names and values in turns, each followed by a NUL.
    pub env: String,
    /// The form of the progress on stderr.
    pub report: ReportMode,
    /// True if the caller listens to events.
    pub listening: bool,
    /// The size limit of the cache.
    pub max_size: Option<String>,
    /// The age limit of entries that are not used.
    pub max_age: Option<String>,
    /// True to remove recent entries, too.
    pub all: Option<bool>,
    /// True to remove nothing.
    pub dry_run: Option<bool>,
    /// True to read the listed entries, and report damage.
    pub check: Option<bool>,
}
