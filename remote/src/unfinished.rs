//! Files that this process is writing, and that are of no use if it ends.
//!
//! Promises: a file without its name yet is removed when its owner is dropped, and by [`remove_all`], which the end of the
//! process calls.
//! Does not promise: anything after a `kill -9`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempPath;

static FILES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A new file that gets its name last.
pub(crate) struct Unfinished {
    file: fs::File,
    path: Option<TempPath>,
    known: PathBuf,
}

impl Unfinished {
    /// Creates a file in a directory.
    pub(crate) fn create(directory: &Path, executable: bool) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".part-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(if executable { 0o755 } else { 0o644 }));
        #[cfg(not(unix))]
        let _ = executable;
        // Under the lock, so that no file comes into being after the end has looked.
        let mut files = FILES.lock().expect("no holder of the lock panics");
        let (file, path) = builder.tempfile_in(directory)?.into_parts();
        let known = path.to_path_buf();
        files.insert(known.clone());
        Ok(Self { file, path: Some(path), known })
    }

    /// Returns the open file.
    pub(crate) fn file(&mut self) -> &mut fs::File {
        &mut self.file
    }

    /// Gives the file its name, which no other file may have.
    pub(crate) fn name(mut self, path: &Path) -> io::Result<()> {
        let Some(temporary) = self.path.take() else { return Ok(()) };
        temporary.persist_noclobber(path).map_err(|error| error.error)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        drop(self.path.take());
        FILES.lock().expect("no holder of the lock panics").remove(&self.known);
    }
}

/// Removes all files that have no name yet. No new ones can be created after it.
pub(crate) fn remove_all() {
    let files = FILES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for path in files.iter() {
        let _ = fs::remove_file(path);
    }
    // The process ends here. A file that came later would stay.
    std::mem::forget(files);
}
