//! Tells which files processes execute.
//!
//! Promises: on Linux, each process counts whose executable this user may look at, under whatever name and in whatever
//! container it was started.
//! Does not promise: to see processes of other users, or any process on another system. macOS tells it only through private
//! interfaces. Windows refuses to remove a file that is executed, which is noticed then. A running process goes on when its
//! file is removed; only starting it again would fail.

use crate::fs::identity::FileId;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The files that were executed at one moment.
pub(super) struct Running(Option<HashSet<FileId>>);

impl Running {
    /// The programs that run now.
    #[cfg(target_os = "linux")]
    pub(super) fn now() -> Self {
        let Ok(processes) = std::fs::read_dir("/proc") else { return Self(None) };
        let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        let processes = processes.flatten().filter(|process| is_process(&process.file_name()));
        // The link leads to the file itself, even if its text names a path of another mount, or one that is gone.
        let executable = |process: std::fs::DirEntry| std::fs::metadata(process.path().join("exe")).ok();
        Self(Some(processes.filter_map(executable).filter_map(|metadata| FileId::of(&metadata)).collect()))
    }

    /// The programs that run now.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now() -> Self {
        Self(None)
    }

    /// True if a process executes the file; none where the system does not tell.
    pub(super) fn executes(&self, file: Option<FileId>) -> Option<bool> {
        Some(self.0.as_ref()?.contains(&file?))
    }
}

/// The greatest age of a list that may decide about a removal.
const FRESH: Duration = Duration::from_millis(100);

/// Lists processes again and again, but not for each question: there may be thousands of files and thousands of processes.
pub(super) struct Processes {
    seen: Running,
    since: Instant,
}

impl Processes {
    /// Begins with a list of now.
    pub(super) fn begin() -> Self {
        let since = Instant::now();
        Self { seen: Running::now(), since }
    }

    /// True if a process executes the file, as of at most a tenth of a second ago.
    pub(super) fn executes(&mut self, file: Option<FileId>) -> Option<bool> {
        if self.since.elapsed() > FRESH {
            *self = Self::begin();
        }
        self.seen.executes(file)
    }
}
