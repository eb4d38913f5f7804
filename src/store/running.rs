//! Which files are being executed.
//!
//! Promises: on Linux, every process whose executable this user may look at counts, under whatever name and in whatever
//! container it was started.
//! Does not promise: to see processes of other users, or any elsewhere than on Linux: macOS tells only through private
//! interfaces, and Windows refuses to delete what it executes, which is noticed then. A process that runs goes on when
//! its file is removed; it is starting it once more that would fail.

use crate::fs::identity::FileId;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// A look at all processes.
pub(super) struct Running(Option<HashSet<FileId>>);

impl Running {
    /// What is executed now.
    #[cfg(target_os = "linux")]
    pub(super) fn now() -> Self {
        let Ok(processes) = std::fs::read_dir("/proc") else { return Self(None) };
        let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        let processes = processes.flatten().filter(|process| is_process(&process.file_name()));
        // The link leads to the file itself, also where the name it shows is another mount's or has been removed.
        let executable = |process: std::fs::DirEntry| std::fs::metadata(process.path().join("exe")).ok();
        Self(Some(processes.filter_map(executable).filter_map(|metadata| FileId::of(&metadata)).collect()))
    }

    /// What is executed now.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now() -> Self {
        Self(None)
    }

    /// True if a process executes the file; none where the system does not tell.
    pub(super) fn executes(&self, file: Option<FileId>) -> Option<bool> {
        Some(self.0.as_ref()?.contains(&file?))
    }
}

/// How old a look may be that decides whether something is removed.
const FRESH: Duration = Duration::from_millis(100);

/// Looks at all processes, one after another: thousands of files can be asked about, and thousands of processes run.
pub(super) struct Watch {
    seen: Running,
    since: Instant,
}

impl Watch {
    /// Begins with a look now.
    pub(super) fn begin() -> Self {
        let since = Instant::now();
        Self { seen: Running::now(), since }
    }

    /// True if a file is executed, as of a tenth of a second ago at most.
    pub(super) fn executes(&mut self, file: Option<FileId>) -> Option<bool> {
        if self.since.elapsed() > FRESH {
            *self = Self::begin();
        }
        self.seen.executes(file)
    }
}
