//! The events that a call reports while it works.
//!
//! Promises: events arrive in the order in which things happen, and the last one comes before the call's result.
//! Does not promise: a certain number of `progress` events. They follow cargo's own progress line.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::model::tree::Change;

/// The cause of an [`Event::Waiting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFor {
    /// Another call, in this process or another one, builds the same binary.
    Entry,
    /// Another call in this process builds something else in the same checkout.
    Checkout,
    /// Another process holds cargo's own lock on the build directory or the package cache.
    Cargo,
    /// Another process runs cargo-zigbuild, and two zigs at once would damage each other's cache.
    Zigbuild,
}

/// A step of a call.
#[derive(Clone, Debug)]
pub enum Event {
    /// An entry exists: nothing is built.
    Hit {
        /// The binary's name.
        bin: String,
        /// The entry's fingerprint, 64 hex digits.
        fingerprint: String,
    },
    /// No entry exists, or it must not be used.
    Miss {
        /// The binary's name.
        bin: String,
        /// The reasons for the miss.
        reasons: Vec<MissReason>,
    },
    /// Another call or process must finish first.
    Waiting {
        /// The cause of the wait.
        on: WaitingFor,
        /// The process that is waited for, if known.
        pid: Option<u32>,
        /// The time when that process took it, in milliseconds since 1970, if known.
        since_ms: Option<u64>,
        /// How far that process is, if it has said so. Each change is an event of its own.
        progress: Option<Standing>,
    },
    /// cargo starts.
    Building {
        /// The binary's name.
        bin: String,
        /// The command line as one would type it.
        command: String,
        /// The time that the last build of the same crate and binary took, if there was one.
        expected: Option<Duration>,
    },
    /// cargo's progress line changed.
    Progress {
        /// Units done.
        done: u32,
        /// Units in all.
        total: u32,
        /// The units that compile now, as cargo names them.
        compiling: Vec<String>,
        /// The unit among them that has compiled for the longest time.
        slowest: Option<Compiling>,
        /// The time that cargo has run.
        elapsed: Duration,
        /// The time that is left if this build takes as long as the last one.
        left: Option<Duration>,
    },
    /// A message of the compiler or of cargo.
    Diagnostic {
        /// `error`, `warning`, `note`, …
        level: String,
        /// The text as the compiler renders it, with ANSI colours.
        rendered: String,
    },
    /// cargo finished.
    Built {
        /// The binary's name.
        bin: String,
        /// Milliseconds that cargo took.
        elapsed_ms: u64,
    },
    /// The binary is in the cache.
    Published {
        /// The binary's name.
        bin: String,
        /// The path of the binary in the cache.
        path: PathBuf,
        /// Size in bytes.
        size: u64,
        /// SHA-256, 64 hex digits.
        sha256: String,
        /// Milliseconds that cargo took.
        build_ms: u64,
    },
    /// The binary comes from the team's store.
    Downloading {
        /// The binary's name.
        bin: String,
        /// Bytes that are there.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The binary has come from the team's store, and is in the cache.
    Downloaded {
        /// The binary's name.
        bin: String,
        /// The path of the binary in the cache.
        path: PathBuf,
        /// Size in bytes.
        size: u64,
        /// The store's URL.
        url: String,
        /// Milliseconds that it took.
        elapsed_ms: u64,
    },
    /// The binary is in the team's store.
    Shared {
        /// The binary's name.
        bin: String,
        /// The store's URL.
        url: String,
        /// Bytes that were sent. What the store had already is not sent.
        bytes: u64,
    },
    /// A problem that does not end the call.
    Warning {
        /// The problem, and what is done about it.
        message: String,
    },
}

/// How far a build is, as those that wait for it are told. Its times are points in time, so that it need not be told anew
/// as time goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Units done.
    pub done: u32,
    /// Units in all.
    pub total: u32,
    /// The units that compile, the one that has compiled for the longest time first.
    pub compiling: Vec<String>,
    /// The time at which cargo started, in milliseconds since 1970.
    pub began: u64,
    /// The time at which it ends if it takes as long as the last time, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<u64>,
}

impl Standing {
    /// Returns what `event` tells, if it is [`Event::Progress`].
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let Event::Progress { done, total, compiling, slowest, elapsed, left } = event else { return None };
        let mut compiling = compiling.clone();
        compiling.sort_by_key(|unit| slowest.as_ref().is_none_or(|slowest| slowest.unit != *unit));
        let now = since_1970();
        let (began, ends) = (now.saturating_sub(*elapsed), left.map(|left| now + left));
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Some(Self { done: *done, total: *total, compiling, began: milliseconds(began), ends: ends.map(milliseconds) })
    }

    /// Returns the time that cargo has run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        since_1970().saturating_sub(Duration::from_millis(self.began))
    }

    /// Returns the time that is left, if it is known and not over.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        Duration::from_millis(self.ends?).checked_sub(since_1970())
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A unit that compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiling {
    /// The unit's name, as cargo shows it.
    pub unit: String,
    /// The time that it has compiled.
    pub elapsed: Duration,
}

/// A reason why a binary was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissReason {
    /// No build of this crate and binary is known, whatever its options, in this checkout or another one of the same
    /// repository.
    FirstBuild,
    /// The caller asked for `rebuild`.
    Rebuild,
    /// The entry exists, and differs from what was published.
    Corrupt {
        /// The difference, in words.
        detail: String,
    },
    /// Options differ from those of the last build.
    Request {
        /// Their names.
        options: Vec<String>,
    },
    /// Files differ from those of the last build.
    Source {
        /// The first of them.
        paths: Vec<ChangedPath>,
        /// The number of all of them.
        count: usize,
    },
    /// HEAD is another commit.
    Head {
        /// The repository's path in the checkout; empty for the checkout itself.
        repository: String,
        /// The commit of the last build; none for an unborn HEAD.
        from: Option<String>,
        /// The commit now.
        to: Option<String>,
    },
    /// A program that takes part in the build is another one.
    Toolchain {
        /// Its role: cargo, rustc, zig, …
        tool: String,
        /// The program at the last build, if it took part.
        from: Option<String>,
        /// The program now, if it takes part.
        to: Option<String>,
    },
    /// Variables differ from those of the last build.
    Environment {
        /// Their names.
        names: Vec<String>,
    },
    /// cargo's configuration differs from that of the last build.
    CargoConfig {
        /// The files.
        files: Vec<String>,
    },
    /// Another checkout of the same repository has built it from the same inputs, and the binary may depend on where that
    /// checkout lies.
    Bound {
        /// The checkout that built it.
        checkout: PathBuf,
        /// The bonds of the binary, in words.
        bound_by: Vec<String>,
    },
    /// The reads of the last build are not known, so cargo has to check.
    UnknownReads {
        /// The trace that is missing, and why.
        detail: String,
    },
}

/// A path whose input changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPath {
    /// The path, with `/`, and relative to the checkout if it was reached from there. Bytes that are not UTF-8 are replaced.
    pub path: String,
    /// The kind of change.
    pub change: Change,
}

impl MissReason {
    /// Returns one phrase for a person.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::FirstBuild => "first build".into(),
            Self::Rebuild => "rebuild requested".into(),
            Self::Corrupt { detail } => detail.clone(),
            Self::Request { options } => format!("{} changed", options.join(", ")),
            Self::Source { paths, count } => {
                let first = paths.first().map(|first| format!("{} {}", first.path, first.change.word()));
                let first = first.unwrap_or_else(|| "sources changed".into());
                if *count > 1 { format!("{first} and {} more", count - 1) } else { first }
            }
            Self::Head { repository, to, .. } => {
                let place = if repository.is_empty() { String::new() } else { format!(" of {repository}") };
                let is_commit = |text: &str| text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                let shown = |text| if is_commit(text) { &text[..12] } else { text };
                let to = to.as_deref().map_or("an unborn branch", shown);
                format!("HEAD{place} is now {to}")
            }
            Self::Toolchain { tool, to, .. } => match to {
                Some(to) => format!("{tool} is now {to}"),
                None => format!("{tool} takes no part any more"),
            },
            Self::Environment { names } => format!("{} changed", names.join(", ")),
            Self::CargoConfig { files } => format!("{} changed", files.join(", ")),
            Self::Bound { checkout, bound_by } => {
                format!("built in `{}`, and not shared: {}", checkout.display(), bound_by.join(", "))
            }
            Self::UnknownReads { .. } => "it is not known what the last build read".into(),
        }
    }

    /// Returns the paths that the reason names.
    pub fn paths(&self) -> impl Iterator<Item = String> + use<> {
        let paths = if let Self::Source { paths, .. } = self { paths.clone() } else { Vec::new() };
        paths.into_iter().map(|changed| changed.path)
    }
}
