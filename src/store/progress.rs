//! The record beside a lock that tells what its holder builds, and how far it is.
//!
//! Promises: a reader gets a whole record or none, since each begins with its digest.
//! Does not promise: that the process that wrote it still holds the lock.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::model::event::Standing;
use crate::model::fingerprint::Digest;

/// The extension of a record. The rest of its name is the lock's.
pub(super) const NOTICE: &str = "building";
/// The least time between two writes of a record, and between two looks at one.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// A build that runs now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Building {
    /// The process that builds.
    pub pid: u32,
    /// The time at which it began, in milliseconds since 1970.
    pub since: u64,
    /// The cargo package.
    #[serde(rename = "crate")]
    pub package: String,
    /// The name of the target.
    pub bin: String,
    /// The target triple, if the request named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The checkout.
    pub checkout: String,
    /// How far it is; none before cargo has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Standing>,
}

/// Writes the record anew.
pub(super) fn write(mut file: &File, building: &Building) {
    let mut written = || -> io::Result<()> {
        let record = serde_json::to_string(building)?;
        file.rewind()?;
        // The rest of a longer record may follow the line break.
        file.write_all(format!("{} {record}\n", Digest::of(record.as_bytes())).as_bytes())
    };
    if let Err(error) = written() {
        tracing::debug!(%error, "the other processes are not told how far the build is");
    }
}

/// Returns the record at `path`; none if there is none, or while it is being written.
pub(super) fn read(path: &Path) -> Option<Building> {
    let text = fs::read(path).ok()?;
    let line = text.split(|byte| *byte == b'\n').next()?;
    let (digest, record) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    (Digest::of(record.as_bytes()).to_string() == digest).then(|| serde_json::from_str(record).ok())?
}

/// Looks at the record beside a lock that another process holds.
#[derive(Default)]
pub(super) struct News {
    looked: Option<Instant>,
    last: Option<Standing>,
}

impl News {
    /// Returns how far the holder `pid` of the lock at `path` is, if that is news and the last look was long enough ago.
    pub(super) fn next(&mut self, path: &Path, pid: Option<u32>) -> Option<Standing> {
        if self.looked.is_some_and(|looked| looked.elapsed() < INTERVAL) {
            return None;
        }
        self.looked = Some(Instant::now());
        let building =
            read(&path.with_extension(NOTICE)).filter(|building| pid.is_none_or(|pid| pid == building.pid))?;
        let is_news = building.progress.is_some() && building.progress != self.last;
        is_news.then(|| self.last.clone_from(&building.progress))?;
        building.progress
    }
}
