//! What a call tells while it works.
//!
//! Promises: events arrive in the order in which things happen, and the last one comes before the call's result.
//! Does not promise: a certain number of `progress` events; they follow cargo's own progress line.

use std::path::PathBuf;
use std::time::Duration;

use crate::tree::Change;

/// What [`Event::Waiting`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFor {
    /// Another call, in this process or another one, builds the same binary.
    Entry,
    /// Another call in this process builds something else in the same checkout.
    Checkout,
    /// Another process holds cargo's own lock on the build directory or the package cache.
    Cargo,
    /// Another process runs zig, which does not bear company.
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
        /// Why.
        reasons: Vec<MissReason>,
    },
    /// Someone else must finish first.
    Waiting {
        /// What is waited for.
        on: WaitingFor,
        /// The process that holds it, where that is known.
        pid: Option<u32>,
        /// Since when that process holds it, in milliseconds since 1970, where that is known.
        since_ms: Option<u64>,
    },
    /// cargo starts.
    Building {
        /// The binary's name.
        bin: String,
        /// The command line as one would type it.
        command: String,
        /// How long the last build of the same crate and binary took, if there was one.
        expected: Option<Duration>,
    },
    /// cargo's progress line changed.
    Progress {
        /// Units done.
        done: u32,
        /// Units in all.
        total: u32,
        /// What compiles now, as cargo names it.
        compiling: Vec<String>,
        /// What of that compiles for the longest time.
        slowest: Option<Compiling>,
        /// How long cargo has run.
        elapsed: Duration,
        /// How much longer it would run if it took as long as the last time.
        left: Option<Duration>,
    },
    /// The compiler or cargo has something to say.
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
        /// Where.
        path: PathBuf,
        /// Size in bytes.
        size: u64,
        /// SHA-256, 64 hex digits.
        sha256: String,
        /// Milliseconds that cargo took.
        build_ms: u64,
    },
    /// Something is not as it should be and the call goes on.
    Warning {
        /// What, and what is done about it.
        message: String,
    },
}

/// A unit that compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiling {
    /// As cargo names it.
    pub unit: String,
    /// For how long.
    pub elapsed: Duration,
}

/// Why a binary was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissReason {
    /// Nothing is left of a build of this crate and binary, whatever else was asked for, in this checkout or another one of the
    /// same repository.
    FirstBuild,
    /// `rebuild` was asked for.
    Rebuild,
    /// The entry was there and not as it was published.
    Corrupt {
        /// What is wrong with it.
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
        /// How many there are in all.
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
    /// A program that builds is another one.
    Toolchain {
        /// Its role: cargo, rustc, zig, …
        tool: String,
        /// What it was at the last build, if it took part.
        from: Option<String>,
        /// What it is now.
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
    /// It was built in another checkout of the same repository, from the same, and may depend on where that lies.
    Bound {
        /// Where it was built.
        checkout: PathBuf,
        /// Why it may, in words.
        bound_by: Vec<String>,
    },
    /// The last build left no trace of what it read, so cargo has to look.
    UnknownReads {
        /// Which trace is missing, and why.
        detail: String,
    },
}

/// A path that made a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPath {
    /// Relative to the checkout, with `/`; what is not UTF-8 in it is replaced.
    pub path: String,
    /// How it differs.
    pub change: Change,
}

impl MissReason {
    /// One phrase for a person.
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

    /// The paths that it names.
    pub fn paths(&self) -> impl Iterator<Item = String> + use<> {
        let paths = if let Self::Source { paths, .. } = self { paths.clone() } else { Vec::new() };
        paths.into_iter().map(|changed| changed.path)
    }
}
