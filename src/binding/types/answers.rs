//! The answers to calls.

use std::collections::HashMap;

use napi_derive::napi;

use super::MissReason;

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
    /// It came from the team's store.
    Downloaded,
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
    /// The parts of its inputs that limit who in a team has it.
    pub not_portable: Vec<NativeLimit>,
}

/// A part of the inputs that is not portable.
#[napi(object, object_from_js = false)]
pub struct NativeLimit {
    /// The part, in words.
    pub part: String,
    /// The machines that share the binary all the same.
    pub sharing: NativeSharing,
}

/// The machines that share a binary.
#[napi(string_enum = "kebab-case")]
pub enum NativeSharing {
    /// None.
    None,
    /// Those where the checkout has the same path.
    EqualPaths,
    /// Those that are equal in a part.
    EqualMachines,
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
    /// The URL of the team's store that the binary came from; none if it was built here.
    pub origin: Option<String>,
    /// The keys that had signed it there.
    pub signers: Vec<String>,
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
    /// The URL of the team's store that it came from.
    pub origin: Option<String>,
    /// The keys that signed it there.
    pub signers: Vec<String>,
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

/// The end of a write.
#[napi(object, object_from_js = false)]
pub struct Written {
    /// The number of bytes that the system took.
    pub bytes: u32,
    /// True if the pipe has no reader any more.
    pub unread: bool,
    /// The error of the system, unless it took all or would take the rest later.
    pub message: Option<String>,
}
