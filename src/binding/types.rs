//! The types that cross between Rust and JavaScript.

use std::collections::HashMap;

use napi_derive::napi;

/// What `start` is to find out.
#[napi(string_enum = "lowercase")]
#[derive(Clone, Copy)]
pub enum Task {
    /// An up-to-date binary.
    Binary,
    /// The fingerprint alone.
    Fingerprint,
    /// What a call for a binary would do.
    Explanation,
    /// What counts for a binary, and who read it.
    Inputs,
    /// True if the binary is what a fresh build gives.
    Verification,
    /// What the cache holds.
    List,
    /// Removing what the cache need not hold.
    Pruning,
}

/// What is drawn on stderr.
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
    /// What to find out.
    pub task: Task,
    /// cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: Option<String>,
    /// Name of the target.
    pub bin: Option<String>,
    /// What is wanted of it.
    pub kind: Option<String>,
    /// Other binaries of the package.
    #[napi(js_name = "with")]
    pub siblings: Option<Vec<String>>,
    /// Target triple.
    pub target: Option<String>,
    /// Where a copy is wanted.
    pub out: Option<String>,
    /// Where that starts from, if it is relative.
    pub working_directory: Option<String>,
    /// Further arguments for cargo.
    pub cargo_args: Option<Vec<String>>,
    /// Run cargo even when an entry exists.
    pub rebuild: Option<bool>,
    /// Root of the checkout, absolute.
    pub repo: Option<String>,
    /// Features to enable.
    pub features: Option<Vec<String>>,
    /// Leave default features out.
    pub no_default_features: Option<bool>,
    /// cargo profile.
    pub profile: Option<String>,
    /// Who builds.
    pub builder: Option<String>,
    /// Which files count.
    pub scope: Option<String>,
    /// Paths that do not count.
    pub exclude: Option<Vec<String>>,
    /// True if builds are watched.
    pub observe: Option<String>,
    /// Where entries are kept, absolute.
    pub cache_dir: String,
    /// The environment of the build: names and values in turns, with a NUL behind each.
    pub env: String,
    /// What is drawn on stderr.
    pub report: ReportMode,
    /// True if the caller listens to events.
    pub listening: bool,
    /// What the cache may hold.
    pub max_size: Option<String>,
    /// How long the cache keeps what is not used.
    pub max_age: Option<String>,
    /// Remove what is recent, too.
    pub all: Option<bool>,
    /// Remove nothing.
    pub dry_run: Option<bool>,
    /// Read the entries that are listed.
    pub check: Option<bool>,
}

/// How one path differs.
#[napi(string_enum = "lowercase")]
pub enum Change {
    /// It is there now.
    Added,
    /// It was there.
    Removed,
    /// It differs.
    Changed,
}

/// A path that made a difference.
#[napi(object, object_from_js = false)]
pub struct ChangedPath {
    /// Relative to the checkout.
    pub path: String,
    /// How it differs.
    pub change: Change,
}

/// Why something was built.
#[expect(missing_docs, reason = "index.d.ts documents the fields, where users read")]
#[napi(discriminant = "kind", discriminant_case = "kebab-case", object_from_js = false)]
pub enum MissReason {
    /// Nothing was built before.
    FirstBuild {},
    /// It was asked for.
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
    /// Another checkout has it, and may have it alone.
    Bound { checkout: String, bound_by: Vec<String> },
    /// It is not known what the last build read.
    UnknownReads { detail: String },
}

/// What is waited for.
#[napi(string_enum = "lowercase")]
pub enum WaitingOn {
    /// Another build of the same binary.
    Entry,
    /// Another build in the same checkout.
    Checkout,
    /// cargo's own lock.
    Cargo,
    /// zig.
    Zigbuild,
}

/// A unit that compiles.
#[napi(object, object_from_js = false)]
pub struct Compiling {
    /// As cargo names it.
    pub unit: String,
    /// Milliseconds.
    pub elapsed_ms: f64,
}

/// A binary that is up to date.
#[napi(object, object_from_js = false)]
pub struct NativeBinary {
    /// Where it is.
    pub path: String,
    /// Where a copy is, if one was wanted.
    pub out: Option<String>,
    /// cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// Name of the target.
    pub bin: String,
    /// True if it was built for this call.
    pub outcome: NativeOutcome,
    /// 64 hex digits.
    pub fingerprint: String,
    /// 64 hex digits.
    pub sha256: String,
    /// Bytes.
    pub size: f64,
    /// Milliseconds.
    pub elapsed_ms: f64,
    /// Why it was built.
    pub reasons: Vec<MissReason>,
}

/// True if a binary was built.
#[napi(string_enum = "lowercase")]
pub enum NativeOutcome {
    /// It was in the cache.
    Cached,
    /// This call built it.
    Built,
}

/// What a call for a binary would do.
#[napi(object, object_from_js = false)]
pub struct NativeExplanation {
    /// cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// Name of the target.
    pub bin: String,
    /// True if the binary is in the cache.
    pub outcome: Foreseen,
    /// Where it is.
    pub path: Option<String>,
    /// 64 hex digits.
    pub fingerprint: String,
    /// Why it would be built.
    pub reasons: Vec<MissReason>,
    /// True if git knows the workspace.
    pub in_worktree: bool,
    /// Who read what changed.
    pub read_by: HashMap<String, Vec<String>>,
    /// Why no other checkout is served it.
    pub bound_by: Vec<String>,
}

/// What counts for a binary.
#[napi(object, object_from_js = false)]
pub struct NativeInputs {
    /// cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// Name of the target.
    pub bin: String,
    /// 64 hex digits, of the build that this is known from.
    pub fingerprint: String,
    /// True if that build's binary would be served.
    pub is_current: bool,
    /// What counts.
    pub inputs: Vec<NativeInput>,
    /// Runs of which not everything is known.
    pub opaque: Vec<NativeOpaqueRun>,
}

/// One thing that counts.
#[napi(object, object_from_js = false)]
pub struct NativeInput {
    /// What it is.
    pub kind: NativeInputKind,
    /// Its path or name.
    pub name: String,
    /// The runs that read it.
    pub read_by: Vec<String>,
}

/// What an input is.
#[napi(string_enum = "lowercase")]
pub enum NativeInputKind {
    /// By its bytes.
    File,
    /// Nothing is there.
    Absent,
    /// By the names in it.
    Directory,
    /// By where it leads.
    Link,
    /// Files of one directory of the system.
    System,
    /// By where it is found on the `PATH`.
    Program,
    /// A program that builds.
    Tool,
    /// A configuration file of cargo.
    Config,
    /// Of the environment.
    Variable,
    /// The commit at HEAD.
    Head,
}

/// A run that counts by what it declares.
#[napi(object, object_from_js = false)]
pub struct NativeOpaqueRun {
    /// Which.
    pub run: String,
    /// Why.
    pub reason: String,
}

/// What a call would come to.
#[napi(string_enum = "lowercase")]
pub enum Foreseen {
    /// The binary is in the cache.
    Hit,
    /// It would be built.
    Miss,
}

/// True if the binary is what a fresh build gives.
#[napi(object, object_from_js = false)]
pub struct NativeVerification {
    /// What the comparison came to.
    pub verdict: NativeVerdict,
    /// The binary that was compared.
    pub binary: NativeBinary,
    /// SHA-256 of the fresh builds, 64 hex digits each.
    pub fresh: Vec<String>,
}

/// What a comparison came to.
#[napi(string_enum = "kebab-case")]
pub enum NativeVerdict {
    /// Equal.
    Equal,
    /// Fresh builds differ from each other.
    NotReproducible,
    /// Fresh builds agree with each other alone.
    Stale,
}

/// What the cache holds.
#[napi(object, object_from_js = false)]
pub struct NativeEntry {
    /// The binary.
    pub path: String,
    /// Its name.
    pub bin: String,
    /// Target triple, if one was named.
    pub target: Option<String>,
    /// cargo package.
    #[napi(js_name = "crate")]
    pub crate_name: String,
    /// Where it was built.
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
    /// What is wrong with it.
    pub damage: Option<String>,
}

/// Why an entry was removed.
#[napi(string_enum = "lowercase")]
pub enum RemovalReason {
    /// Not used for long.
    Age,
    /// The cache was too large.
    Size,
    /// All were.
    All,
}

/// An entry that was removed.
#[napi(object, object_from_js = false)]
pub struct NativeRemoval {
    /// As it was.
    pub entry: NativeEntry,
    /// Why.
    pub reason: RemovalReason,
    /// Bytes.
    pub freed: f64,
}

/// What pruning came to.
#[napi(object, object_from_js = false)]
pub struct NativePruning {
    /// What was removed.
    pub removed: Vec<NativeRemoval>,
    /// Bytes.
    pub freed: f64,
    /// Other files.
    pub leftovers: u32,
    /// Entries that are left.
    pub kept: u32,
    /// Bytes.
    pub size: f64,
    /// True if that is more than the cap.
    pub over: bool,
    /// What could not be removed.
    pub problems: Vec<String>,
}

/// Why a program could not take this process's place.
#[napi(object, object_from_js = false)]
pub struct NotReplaced {
    /// True if it is not there.
    pub missing: bool,
    /// What the system said.
    pub message: String,
}

/// What travels to JavaScript: events, and as the last one of `binary`, `fingerprint`, `explanation`, `inputs`,
/// `verification`, `list`, `pruning`, `failed` and `aborted`.
#[expect(missing_docs, reason = "index.d.ts documents the fields, where users read")]
#[napi(discriminant = "type", discriminant_case = "lowercase", object_from_js = false)]
pub enum Message {
    /// An entry exists.
    Hit { bin: String, fingerprint: String },
    /// None exists.
    Miss { bin: String, reasons: Vec<MissReason> },
    /// Someone else must finish first.
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
    /// The compiler's words.
    Diagnostic { level: String, rendered: String },
    /// cargo finished.
    Built { bin: String, elapsed_ms: f64 },
    /// The binary is in the cache.
    Published { bin: String, path: String, size: f64, sha256: String, build_ms: f64 },
    /// The work goes on.
    Warning { message: String },
    /// Terminal: the binary.
    Binary { binary: NativeBinary },
    /// Terminal: the fingerprint.
    Fingerprint { fingerprint: String },
    /// Terminal: the explanation.
    Explanation { explanation: NativeExplanation },
    /// Terminal: what counts.
    Inputs { inputs: NativeInputs },
    /// Terminal: the verification.
    Verification { verification: NativeVerification },
    /// Terminal: the entries.
    List { list: Vec<NativeEntry> },
    /// Terminal: what pruning came to.
    Pruning { pruning: NativePruning },
    /// Terminal: an error.
    Failed { code: String, message: String, hint: Option<String> },
    /// Terminal: the call was cancelled.
    Aborted {},
}
