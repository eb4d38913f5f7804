//! The types that cross between Rust and JavaScript.

mod answers;
mod request;

use napi_derive::napi;

pub use answers::*;
pub use request::*;

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

/// How far the build is that a call waits for.
#[napi(object, object_from_js = false)]
pub struct OthersProgress {
    /// Units done.
    pub done: u32,
    /// Units in all.
    pub total: u32,
    /// The units that compile, the one that has compiled for the longest time first.
    pub compiling: Vec<String>,
    /// Milliseconds that cargo has run.
    pub elapsed_ms: f64,
    /// Milliseconds that are left if it takes as long as the last time.
    pub left_ms: Option<f64>,
}

/// A unit that compiles.
#[napi(object, object_from_js = false)]
pub struct Compiling {
    /// The unit's name, as cargo shows it.
    pub unit: String,
    /// Milliseconds that the build took.
    pub elapsed_ms: f64,
}

/// The messages that travel to JavaScript: events, and as the last one of `binary`, `fingerprint`, `explanation`, `inputs`,
/// `verification`, `list`, `builds`, `pruning`, `failed` and `aborted`.
#[expect(missing_docs, reason = "index.d.ts documents the fields, where users read")]
#[napi(discriminant = "type", discriminant_case = "lowercase", object_from_js = false)]
pub enum Message {
    /// An entry exists.
    Hit { bin: String, fingerprint: String },
    /// No entry exists.
    Miss { bin: String, reasons: Vec<MissReason> },
    /// Another call or process must finish first.
    Waiting { on: WaitingOn, pid: Option<u32>, since: Option<f64>, progress: Option<OthersProgress> },
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
    /// The binary comes from the team's store.
    Downloading { bin: String, bytes: f64, total: f64 },
    /// The binary has come from the team's store.
    Downloaded { bin: String, path: String, size: f64, url: String, elapsed_ms: f64 },
    /// The binary is in the team's store.
    Shared { bin: String, url: String, bytes: f64 },
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
    /// Terminal: the builds that run now, each as JSON.
    Builds { builds: Vec<String> },
    /// Terminal: the result of pruning.
    Pruning { pruning: NativePruning },
    /// Terminal: an error.
    Failed { code: String, message: String, hint: Option<String> },
    /// Terminal: the call was cancelled.
    Aborted {},
}
