//! Converts the core's types to those that travel to JavaScript.

use super::environment::variables;
use super::types::{
    Change, ChangedPath, Compiling, Foreseen, Message, MissReason, NativeBinary, NativeEntry, NativeExplanation,
    NativeInput, NativeInputKind, NativeInputs, NativeLimit, NativeOpaqueRun, NativeOutcome, NativePruning,
    NativeRemote, NativeRemoval, NativeRequest, NativeSharing, NativeVerdict, NativeVerification, NotReplaced,
    OthersProgress, RemovalReason, ReportMode, WaitingOn,
};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;
use crate::explain::Explanation;
use crate::known_inputs::{InputKind, KnownInput, KnownInputs, OpaqueRun};
use crate::model::event::{self, Event, Standing, WaitingFor};
use crate::model::tree;
use crate::report::Mode;
use crate::request::{Options, RemoteOptions};
use crate::resolve::{DevBinary, Outcome};
use crate::store::{Broken, Listed, Pruned, Reason, Removed};
use crate::team::{Limit, Sharing};
use crate::verify::{Verdict, Verification};

/// Returns `value` as a JavaScript number. These are exact up to 2^53, which is enough for sizes and milliseconds.
#[allow(clippy::cast_precision_loss, reason = "no size or time here comes near 2^53")]
fn number(value: u64) -> f64 {
    value as f64
}

fn milliseconds(time: Duration) -> f64 {
    number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn since_1970(time: SystemTime) -> f64 {
    milliseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Returns `value`, or the largest number that fits.
fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl From<NativeRequest> for Options {
    fn from(native: NativeRequest) -> Self {
        Self {
            crate_name: native.crate_name,
            bin: native.bin,
            kind: native.kind,
            with: native.siblings.unwrap_or_default(),
            out: native.out.map(Into::into),
            working_directory: native.working_directory.unwrap_or_default().into(),
            cargo_args: native.cargo_args.unwrap_or_default(),
            target: native.target,
            rebuild: native.rebuild.unwrap_or_default(),
            build: native.build,
            repo: native.repo.unwrap_or_default().into(),
            features: native.features.unwrap_or_default(),
            no_default_features: native.no_default_features.unwrap_or_default(),
            profile: native.profile,
            builder: native.builder,
            scope: native.scope,
            exclude: native.exclude.unwrap_or_default(),
            observe: native.observe,
            cache_dir: native.cache_dir.into(),
            env: variables(&native.env),
            remote: native.remote.map(Into::into),
            nice: native.nice.unwrap_or_default(),
            max_size: native.max_size,
            max_age: native.max_age,
        }
    }
}

impl From<NativeRemote> for RemoteOptions {
    fn from(native: NativeRemote) -> Self {
        Self {
            url: native.url,
            keys: native.keys,
            mode: native.mode,
            signing_key_files: native.signing_key_files.into_iter().map(Into::into).collect(),
            timeout_ms: native.timeout,
            publish: native.publish,
            program: native.program.map(Into::into),
            install: native.install,
        }
    }
}

impl From<ReportMode> for Mode {
    fn from(mode: ReportMode) -> Self {
        match mode {
            ReportMode::Auto => Self::Auto,
            ReportMode::Plain => Self::Plain,
            ReportMode::Silent => Self::Silent,
        }
    }
}

impl From<Error> for Message {
    fn from(error: Error) -> Self {
        match error.code() {
            None => Self::Aborted {},
            Some(code) => {
                Self::Failed { code: code.as_str().to_owned(), message: error.to_string(), hint: error.hint() }
            }
        }
    }
}

impl From<io::Error> for NotReplaced {
    fn from(error: io::Error) -> Self {
        Self { missing: error.kind() == io::ErrorKind::NotFound, message: error.to_string() }
    }
}

impl From<DevBinary> for NativeBinary {
    fn from(binary: DevBinary) -> Self {
        let manifest = binary.entry.manifest;
        Self {
            path: binary.entry.path.to_string_lossy().into_owned(),
            out: None,
            crate_name: manifest.package,
            bin: manifest.bin,
            outcome: match binary.outcome {
                Outcome::Cached => NativeOutcome::Cached,
                Outcome::Downloaded => NativeOutcome::Downloaded,
                Outcome::Built => NativeOutcome::Built,
            },
            fingerprint: manifest.fingerprint.to_string(),
            sha256: manifest.sha256.to_string(),
            size: number(manifest.size),
            elapsed_ms: binary.elapsed_ms,
            reasons: binary.reasons.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Event> for Message {
    fn from(event: Event) -> Self {
        match event {
            Event::Hit { bin, fingerprint } => Self::Hit { bin, fingerprint },
            Event::Miss { bin, reasons } => Self::Miss { bin, reasons: reasons.into_iter().map(Into::into).collect() },
            Event::Waiting { on, pid, since_ms, progress } => {
                Self::Waiting { on: on.into(), pid, since: since_ms.map(number), progress: progress.map(Into::into) }
            }
            Event::Building { bin, command, expected } => {
                Self::Building { bin, command, expected_ms: expected.map(milliseconds) }
            }
            Event::Progress { done, total, compiling, slowest, elapsed, left } => Self::Progress {
                done,
                total,
                compiling,
                slowest: slowest
                    .map(|slowest| Compiling { unit: slowest.unit, elapsed_ms: milliseconds(slowest.elapsed) }),
                elapsed_ms: milliseconds(elapsed),
                left_ms: left.map(milliseconds),
            },
            Event::Diagnostic { level, rendered } => {
                Self::Diagnostic { level, rendered: console::strip_ansi_codes(&rendered).into_owned() }
            }
            Event::Built { bin, elapsed_ms } => Self::Built { bin, elapsed_ms: number(elapsed_ms) },
            Event::Published { bin, path, size, sha256, build_ms } => Self::Published {
                bin,
                path: path.to_string_lossy().into_owned(),
                size: number(size),
                sha256,
                build_ms: number(build_ms),
            },
            Event::Downloading { bin, bytes, total } => {
                Self::Downloading { bin, bytes: number(bytes), total: number(total) }
            }
            Event::Downloaded { bin, path, size, url, elapsed_ms } => Self::Downloaded {
                bin,
                path: path.to_string_lossy().into_owned(),
                size: number(size),
                url,
                elapsed_ms: number(elapsed_ms),
            },
            Event::Shared { bin, url, bytes } => Self::Shared { bin, url, bytes: number(bytes) },
            Event::Warning { message } => Self::Warning { message },
        }
    }
}

impl From<Standing> for OthersProgress {
    fn from(standing: Standing) -> Self {
        Self {
            elapsed_ms: milliseconds(standing.elapsed()),
            left_ms: standing.left().map(milliseconds),
            done: standing.done,
            total: standing.total,
            compiling: standing.compiling,
        }
    }
}

impl From<WaitingFor> for WaitingOn {
    fn from(on: WaitingFor) -> Self {
        match on {
            WaitingFor::Entry => Self::Entry,
            WaitingFor::Checkout => Self::Checkout,
            WaitingFor::Cargo => Self::Cargo,
            WaitingFor::Zigbuild => Self::Zigbuild,
        }
    }
}

impl From<event::MissReason> for MissReason {
    fn from(reason: event::MissReason) -> Self {
        use event::MissReason as Reason;
        match reason {
            Reason::FirstBuild => Self::FirstBuild {},
            Reason::Rebuild => Self::Rebuild {},
            Reason::Corrupt { detail } => Self::Corrupt { detail },
            Reason::Request { options } => Self::Request { options },
            Reason::Source { paths, count } => {
                Self::Source { paths: paths.into_iter().map(Into::into).collect(), count: self::count(count) }
            }
            Reason::Head { repository, from, to } => Self::Head { repository, from, to },
            Reason::Toolchain { tool, from, to } => Self::Toolchain { tool, from, to },
            Reason::Environment { names } => Self::Environment { names },
            Reason::CargoConfig { files } => Self::CargoConfig { files },
            Reason::Bound { checkout, bound_by } => {
                Self::Bound { checkout: checkout.to_string_lossy().into_owned(), bound_by }
            }
            Reason::UnknownReads { detail } => Self::UnknownReads { detail },
        }
    }
}

impl From<event::ChangedPath> for ChangedPath {
    fn from(changed: event::ChangedPath) -> Self {
        let change = match changed.change {
            tree::Change::Added => Change::Added,
            tree::Change::Removed => Change::Removed,
            tree::Change::Changed => Change::Changed,
        };
        Self { path: changed.path, change }
    }
}

impl From<Explanation> for NativeExplanation {
    fn from(explanation: Explanation) -> Self {
        Self {
            crate_name: explanation.package,
            bin: explanation.bin,
            outcome: if explanation.entry.is_some() { Foreseen::Hit } else { Foreseen::Miss },
            path: explanation.entry.map(|entry| entry.path.to_string_lossy().into_owned()),
            fingerprint: explanation.fingerprint.to_string(),
            reasons: explanation.reasons.into_iter().map(Into::into).collect(),
            in_worktree: explanation.in_worktree,
            read_by: explanation.read_by.into_iter().collect(),
            bound_by: explanation.bound_by.into_iter().collect(),
            not_portable: explanation.limits.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Limit> for NativeLimit {
    fn from(Limit { part, sharing }: Limit) -> Self {
        let sharing = match sharing {
            Sharing::None => NativeSharing::None,
            Sharing::EqualPaths => NativeSharing::EqualPaths,
            Sharing::EqualMachines => NativeSharing::EqualMachines,
        };
        Self { part, sharing }
    }
}

impl From<KnownInputs> for NativeInputs {
    fn from(known: KnownInputs) -> Self {
        let input = |input: KnownInput| NativeInput {
            kind: match input.kind {
                InputKind::File => NativeInputKind::File,
                InputKind::Absent => NativeInputKind::Absent,
                InputKind::Directory => NativeInputKind::Directory,
                InputKind::Link => NativeInputKind::Link,
                InputKind::System => NativeInputKind::System,
                InputKind::Program => NativeInputKind::Program,
                InputKind::Tool => NativeInputKind::Tool,
                InputKind::Config => NativeInputKind::Config,
                InputKind::Variable => NativeInputKind::Variable,
                InputKind::Head => NativeInputKind::Head,
            },
            name: input.name,
            read_by: input.read_by,
        };
        Self {
            crate_name: known.package,
            bin: known.bin,
            fingerprint: known.fingerprint.to_string(),
            is_current: known.is_current,
            inputs: known.inputs.into_iter().map(input).collect(),
            opaque: known.opaque.into_iter().map(|OpaqueRun { run, reason }| NativeOpaqueRun { run, reason }).collect(),
        }
    }
}

impl From<Verification> for NativeVerification {
    fn from(verification: Verification) -> Self {
        let origin = verification.binary.entry.manifest.origin.clone();
        Self {
            origin: origin.as_ref().map(|origin| origin.url.clone()),
            signers: origin.map(|origin| origin.signers).unwrap_or_default(),
            verdict: match verification.verdict {
                Verdict::Equal => NativeVerdict::Equal,
                Verdict::NotReproducible => NativeVerdict::NotReproducible,
                Verdict::Stale => NativeVerdict::Stale,
            },
            binary: verification.binary.into(),
            fresh: verification.fresh.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<Listed> for NativeEntry {
    fn from(listed: Listed) -> Self {
        let Listed { path, manifest, used, disk, running } = listed;
        Self {
            path: path.to_string_lossy().into_owned(),
            bin: manifest.bin,
            target: manifest.target,
            crate_name: manifest.package,
            checkout: manifest.checkout.to_string_lossy().into_owned(),
            fingerprint: manifest.fingerprint.to_string(),
            sha256: manifest.sha256.to_string(),
            size: number(manifest.size),
            disk_size: number(disk),
            origin: manifest.origin.as_ref().map(|origin| origin.url.clone()),
            signers: manifest.origin.map(|origin| origin.signers).unwrap_or_default(),
            built_at: number(manifest.published_ms),
            used_at: since_1970(used),
            running,
            damage: None,
        }
    }
}

/// Leaves the fields empty that only a manifest tells.
impl From<Broken> for NativeEntry {
    fn from(broken: Broken) -> Self {
        let Broken { path, problem, changed, disk } = broken;
        let name =
            |path: Option<&std::ffi::OsStr>| path.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            bin: name(path.file_name()),
            fingerprint: name(path.parent().and_then(std::path::Path::file_name)),
            path: path.to_string_lossy().into_owned(),
            target: None,
            crate_name: String::new(),
            checkout: String::new(),
            sha256: String::new(),
            size: 0.0,
            disk_size: number(disk),
            origin: None,
            signers: Vec::new(),
            built_at: since_1970(changed),
            used_at: since_1970(changed),
            running: None,
            damage: Some(problem),
        }
    }
}

impl From<Pruned> for NativePruning {
    fn from(pruned: Pruned) -> Self {
        Self {
            removed: pruned.removed.into_iter().map(Into::into).collect(),
            freed: number(pruned.freed),
            leftovers: count(pruned.leftovers),
            kept: count(pruned.kept),
            size: number(pruned.size),
            over: pruned.over,
            problems: pruned.problems,
        }
    }
}

impl From<Removed> for NativeRemoval {
    fn from(removed: Removed) -> Self {
        Self {
            entry: removed.entry.into(),
            reason: match removed.reason {
                Reason::Age => RemovalReason::Age,
                Reason::Size => RemovalReason::Size,
                Reason::All => RemovalReason::All,
            },
            freed: number(removed.freed),
        }
    }
}
