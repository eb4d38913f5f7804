//! Tells other processes what is being built, and how far it is.
//!
//! Promises: beside each lock that a build holds lies a record of who builds what, since when and how far. It is written at
//! most four times a second, and once more after the last change. It goes with the lock. What a killed process left is not
//! taken for a build.
//! Does not promise: a record where there are no locks, or no room. A build goes on without it.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::directory::Store;
use super::disk::children;
use super::layout::is_short;
use super::lock::{Lock, is_held_by};
use super::progress::{Building, INTERVAL, NOTICE, read, write};
use crate::model::event::Standing;

/// Keeps the record of one build beside its locks, as long as it lives. It must be dropped before them.
pub struct Notice {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    building: Building,
    files: Vec<Arc<File>>,
    is_new: bool,
    is_over: bool,
}

impl Notice {
    /// Writes `building` beside `lock`.
    #[must_use]
    pub fn begin(lock: &mut Lock, building: Building) -> Self {
        let state = State { building, files: Vec::new(), is_new: false, is_over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let writing = Arc::clone(&shared);
        let writer = thread::Builder::new().name("dev-bin-notice".into()).spawn(move || writing.keep_writing());
        let notice = Self { shared, writer: writer.ok() };
        notice.add(lock);
        notice
    }

    /// Writes the record beside `lock`, too, which takes the place of all but the first. It may be released earlier.
    pub fn add(&self, lock: &mut Lock) {
        let Some(file) = lock.notice_file() else { return };
        let mut state = self.shared.lock();
        state.files.truncate(1);
        write(&file, &state.building);
        state.files.push(Arc::new(file));
    }

    /// Tells how far the build is.
    pub fn note(&self, standing: Standing) {
        let mut state = self.shared.lock();
        state.building.progress = Some(standing);
        state.is_new = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_writing(&self) {
        let mut state = self.lock();
        loop {
            let is_idle = |state: &mut State| !state.is_new && !state.is_over;
            state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
            state.is_new = false;
            let (files, building) = (state.files.clone(), state.building.clone());
            // A slow file system must not keep the build from going on.
            drop(state);
            for file in files {
                write(&file, &building);
            }
            let waited = self.changed.wait_timeout_while(self.lock(), INTERVAL, |state| !state.is_over);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Store {
    /// Returns the builds that run now, the longest first. A process has the lock of each.
    #[must_use]
    pub fn building(&self) -> Vec<Building> {
        let is_notice = |path: &Path| {
            path.extension().is_some_and(|extension| extension == NOTICE)
                && path.file_stem().is_some_and(|stem| is_short(stem.as_encoded_bytes()))
        };
        let notices = children(&self.locks()).filter(|path| is_notice(path));
        let mut building: Vec<_> = notices
            .filter_map(|path| read(&path).filter(|building| is_held_by(&path.with_extension("lock"), building.pid)))
            .collect();
        building.sort_by_key(|building| (building.since, building.pid));
        building
    }
}
