//! The types that cross between Rust and JavaScript.

use std::collections::HashMap;

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

/// The kind of change of one path.
#[napi(string_enum = "lowercase")]
pub enum Change {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// It differs.
    Changed,
}

/// A path whose input changed.
#[napi(object, object_from_js = false)]
pub struct ChangedPath {
    /// The path, relative to the checkout if it was reached from there.
    pub path: String,
    /// The kind of change.
    pub change: Change,
}

/// A reason why a binary was built.
#[expect(missing_docs, reason = "index.d.ts documents the fields, where users read")]
#[napi(discriminant = "kind", discriminant_case = "kebab-case", object_from_js = false)]
pub enum MissReason {
    /// No build of it is known.
    FirstBuild {},
    /// The caller asked for it.
    Rebuild {},
    /// The entry was damaged.
    Corrupt { detail: String },
    /// Options differ.
    Request { options: Vec<String> },
    /// Files differ.
    Source { paths: Vec<ChangedPath>, count: u32 },
    /// HEAD is another commit.
    Head { repository: String, from: Option<String>, to: Option<String> },
    /// A program differs.
    Toolchain { tool: String, from: Option<String>, to: Option<String> },
    /// Variables differ.
    Environment { names: Vec<String> },
    /// cargo's configuration differs.
    CargoConfig { files: Vec<String> },
    /// Another checkout has built it, and it has a bond to that checkout.
    Bound { checkout: String, bound_by: Vec<String> },
    /// The reads of the last build are not known.
    UnknownReads { detail: String },
}

/// The cause of a wait.
#[napi(string_enum = "lowercase")]
pub enum WaitingOn {
    /// Another build of the same binary.
    Entry,
    /// Another build in the same checkout.
    Checkout,
    /// cargo's own lock.
    Cargo,
    /// Another run of zig.
    Zigbuild,
}

/// A unit that compiles.
#[napi(object, object_from_js = false)]
pub struct Compiling {
    /// The unit's name, as cargo shows it.
    pub unit: String,
    /// Milliseconds that the build took.
    pub elapsed_ms: f64,
}

/// A binary that is up to date.
#[napi(object, object_from_js = false)]
pub struct NativeBinary {
    /// Its path.
    pub path: String,
    /// The path of the copy, if one was requested.
    pub out: Option<String>,
    /// The cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// The name of the target.
    pub bin: String,
    /// Its origin.
    pub outcome: NativeOutcome,
    /// 64 hex digits.
    pub fingerprint: String,
    /// 64 hex digits.
    pub sha256: String,
    /// Bytes.
    pub size: f64,
    /// Milliseconds that the build took.
    pub elapsed_ms: f64,
    /// The reasons why it was built.
    pub reasons: Vec<MissReason>,
}

/// The origin of a binary.
#[napi(string_enum = "lowercase")]
pub enum NativeOutcome {
    /// It was in the cache.
    Cached,
    /// This call built it.
    Built,
}

/// A forecast of what a call for a binary would do.
#[napi(object, object_from_js = false)]
pub struct NativeExplanation {
    /// The cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// The name of the target.
    pub bin: String,
    /// The outcome.
    pub outcome: Foreseen,
    /// The path of the binary, if it is in the cache.
    pub path: Option<String>,
    /// 64 hex digits.
    pub fingerprint: String,
    /// The reasons why it would be built.
    pub reasons: Vec<MissReason>,
    /// True if git knows the workspace.
    pub in_worktree: bool,
    /// The runs that read a changed path, by that path.
    pub read_by: HashMap<String, Vec<String>>,
    /// The bonds of the last build's binary, in words.
    pub bound_by: Vec<String>,
}

/// The inputs of a binary.
#[napi(object, object_from_js = false)]
pub struct NativeInputs {
    /// The cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// The name of the target.
    pub bin: String,
    /// The fingerprint of the build that they are known from, 64 hex digits.
    pub fingerprint: String,
    /// True if that build's binary would be served.
    pub is_current: bool,
    /// The inputs.
    pub inputs: Vec<NativeInput>,
    /// The opaque runs.
    pub opaque: Vec<NativeOpaqueRun>,
}

/// One input.
#[napi(object, object_from_js = false)]
pub struct NativeInput {
    /// Its kind.
    pub kind: NativeInputKind,
    /// Its path or name.
    pub name: String,
    /// The runs that read it.
    pub read_by: Vec<String>,
}

/// The kind of an input.
#[napi(string_enum = "lowercase")]
pub enum NativeInputKind {
    /// A file, by its bytes.
    File,
    /// The absence of a file.
    Absent,
    /// A directory, by the names in it.
    Directory,
    /// A link, by where it leads.
    Link,
    /// Files of one directory of the system.
    System,
    /// A program, by where it is found on the `PATH`.
    Program,
    /// A program that takes part in the build.
    Tool,
    /// A configuration file of cargo.
    Config,
    /// A variable of the environment.
    Variable,
    /// The commit at HEAD.
    Head,
}

/// An opaque run, which counts by what it declares.
#[napi(object, object_from_js = false)]
pub struct NativeOpaqueRun {
    /// The run, in words.
    pub run: String,
    /// The reason why it is opaque.
    pub reason: String,
}

/// The outcome that a call would have.
#[napi(string_enum = "lowercase")]
pub enum Foreseen {
    /// The binary is in the cache.
    Hit,
    /// It would be built.
    Miss,
}

/// The result of comparing a binary with fresh builds.
#[napi(object, object_from_js = false)]
pub struct NativeVerification {
    /// The verdict.
    pub verdict: NativeVerdict,
    /// The binary that was compared.
    pub binary: NativeBinary,
    /// SHA-256 of the fresh builds, 64 hex digits each.
    pub fresh: Vec<String>,
}

/// The verdict of a comparison.
#[napi(string_enum = "kebab-case")]
pub enum NativeVerdict {
    /// The binary equals a fresh build.
    Equal,
    /// Fresh builds differ from each other.
    NotReproducible,
    /// Fresh builds agree with each other, and not with the binary.
    Stale,
}

/// An entry of the cache.
#[napi(object, object_from_js = false)]
pub struct NativeEntry {
    /// The path of the binary.
    pub path: String,
    /// Its name.
    pub bin: String,
    /// The target triple, if the request named one.
    pub target: Option<String>,
    /// The cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// The checkout that built it.
    pub checkout: String,
    /// 64 hex digits.
    pub fingerprint: String,
    /// 64 hex digits.
    pub sha256: String,
    /// Bytes.
    pub size: f64,
    /// Bytes.
    pub disk_size: f64,
    /// Milliseconds since 1970.
    pub built_at: f64,
    /// Milliseconds since 1970.
    pub used_at: f64,
    /// True if a process runs it.
    pub running: Option<bool>,
    /// The problem with it.
    pub damage: Option<String>,
}

/// The reason why an entry was removed.
#[napi(string_enum = "lowercase")]
pub enum RemovalReason {
    /// Not used for long.
    Age,
    /// The cache was too large.
    Size,
    /// All entries were to be removed.
    All,
}

/// An entry that was removed.
#[napi(object, object_from_js = false)]
pub struct NativeRemoval {
    /// The entry as it was.
    pub entry: NativeEntry,
    /// The reason for its removal.
    pub reason: RemovalReason,
    /// Bytes.
    pub freed: f64,
}

/// The result of pruning.
#[napi(object, object_from_js = false)]
pub struct NativePruning {
    /// The entries that were removed.
    pub removed: Vec<NativeRemoval>,
    /// Bytes.
    pub freed: f64,
    /// The number of other files that were removed.
    pub leftovers: u32,
    /// The number of entries that are left.
    pub kept: u32,
    /// Bytes.
    pub size: f64,
    /// True if the size is more than the limit.
    pub over: bool,
    /// Problems in removing something.
    pub problems: Vec<String>,
}

/// The reason why a program could not take this process's place.
#[napi(object, object_from_js = false)]
pub struct NotReplaced {
    /// True if the program does not exist.
    pub missing: bool,
    /// The error of the system.
    pub message: String,
}

/// The messages that travel to JavaScript: events, and as the last one of `binary`, `fingerprint`, `explanation`, `inputs`,
/// `verification`, `list`, `pruning`, `failed` and `aborted`.
#[expect(missing_docs, reason = "index.d.ts documents the fields, where users read")]
#[napi(discriminant = "type", discriminant_case = "lowercase", object_from_js = false)]
pub enum Message {
    /// An entry exists.
    Hit { bin: String, fingerprint: String },
    /// No entry exists.
    Miss { bin: String, reasons: Vec<MissReason> },
    /// Another call or process must finish first.
    Waiting { on: WaitingOn, pid: Option<u32>, since: Option<f64> },
    /// cargo starts.
    Building { bin: String, command: String, expected_ms: Option<f64> },
    /// cargo's progress line.
    Progress {
        done: u32,
        total: u32,
        compiling: Vec<String>,
        slowest: Option<Compiling>,
        elapsed_ms: f64,
        left_ms: Option<f64>,
    },
    /// A message of the compiler or of cargo.
    Diagnostic { level: String, rendered: String },
    /// cargo finished.
    Built { bin: String, elapsed_ms: f64 },
    /// The binary is in the cache.
    Published { bin: String, path: String, size: f64, sha256: String, build_ms: f64 },
    /// A problem that does not end the call.
    Warning { message: String },
    /// Terminal: the binary.
    Binary { binary: NativeBinary },
    /// Terminal: the fingerprint.
    Fingerprint { fingerprint: String },
    /// Terminal: the explanation.
    Explanation { explanation: NativeExplanation },
    /// Terminal: the inputs.
    Inputs { inputs: NativeInputs },
    /// Terminal: the verification.
    Verification { verification: NativeVerification },
    /// Terminal: the entries.
    List { list: Vec<NativeEntry> },
    /// Terminal: the result of pruning.
    Pruning { pruning: NativePruning },
    /// Terminal: an error.
    Failed { code: String, message: String, hint: Option<String> },
    /// Terminal: the call was cancelled.
    Aborted {},
}
