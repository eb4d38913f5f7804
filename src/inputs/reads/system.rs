//! Digests files of the system.
//!
//! Promises: they count by their bytes. A file is read again only when its identity changes. An absent file counts as
//! absent.
//! Does not promise: to look at a file each time. A look holds while the identities of its directory, and of each directory
//! on the way over links, are unchanged.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fs::identity::{Stamp, StatIdentity};
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::remember::stat_cache::{StatCache, Unsaved};
use crate::inputs::scan::content;
use crate::model::fingerprint::Digest;
use crate::model::tree::TreePath;

/// The record of one file.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Known {
    stat: StatIdentity,
    digest: Digest,
}

/// The contents of system files, as far as one call knows them.
pub struct SystemContents {
    stat_caches: PathBuf,
    /// The contents from earlier calls and this one, loaded when they are first needed.
    known: OnceCell<(Stamp, RefCell<HashMap<PathBuf, Known>>)>,
    has_read: Cell<bool>,
}

impl SystemContents {
    /// Makes the contents of one call. The records of earlier calls are taken from `stat_caches`.
    #[must_use]
    pub fn new(stat_caches: PathBuf) -> Self {
        Self { stat_caches, known: OnceCell::new(), has_read: Cell::new(false) }
    }

    fn cache(&self) -> StatCache {
        StatCache::new(Path::new("/"), Digest::of("system files"), &self.stat_caches)
    }

    fn known(&self) -> &(Stamp, RefCell<HashMap<PathBuf, Known>>) {
        self.known.get_or_init(|| {
            let stamp = Stamp::now();
            let kept =
                self.cache().load(&stamp).and_then(|(bytes, start)| serde_json::from_slice(&bytes[start..]).ok());
            let kept: Vec<(TreePath, Known)> = kept.unwrap_or_default();
            let on_disk = |path: &TreePath| gix::path::from_bstr(path.0.as_bstr()).ok().map(|path| path.into_owned());
            let known = kept.into_iter().filter_map(|(path, known)| Some((on_disk(&path)?, known))).collect();
            (stamp, RefCell::new(known))
        })
    }

    /// Returns the records to be saved, if a file was read since the last call of this function.
    #[must_use]
    pub fn unsaved(&self) -> Option<Unsaved> {
        self.has_read.take().then(|| {
            let (stamp, known) = self.known();
            let bytes = |path: &PathBuf| TreePath(path.as_os_str().as_encoded_bytes().into());
            let mut known: Vec<_> = known.borrow().iter().map(|(path, known)| (bytes(path), *known)).collect();
            known.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            self.cache().unsaved(*stamp, move |settled| {
                known.retain(|(path, known)| settled.is(&known.stat, path.0.as_bstr()));
                serde_json::to_vec(&known).expect("escaped paths and numbers always become JSON")
            })
        })
    }

    /// Returns one digest for the contents of `files`, which lie in one directory.
    pub(crate) fn digest(&self, files: &[PathBuf]) -> Result<Digest> {
        let files = files.iter().map(|file| Ok((name(file), self.one(file)?)));
        let files: Vec<_> = files.collect::<Result<_>>()?;
        Ok(Digest::of(serde_json::to_vec(&files).expect("escaped names and digests always become JSON")))
    }

    /// Returns the digest of `file`; none if it is no regular file.
    fn one(&self, file: &Path) -> Result<Option<Digest>> {
        let now = file.metadata().ok().filter(std::fs::Metadata::is_file);
        let Some(now) = now.map(|metadata| StatIdentity::of(&metadata)) else { return Ok(None) };
        let (_, known_files) = self.known();
        if let Some(known) = known_files.borrow().get(file).filter(|known| known.stat == now) {
            return Ok(Some(known.digest));
        }
        let Some(content) = content::content(file, true)? else { return Ok(None) };
        self.has_read.set(true);
        known_files.borrow_mut().insert(file.to_owned(), Known { stat: content.stat, digest: content.digest });
        Ok(Some(content.digest))
    }
}

/// Returns `directory` if it exists, or else the uppermost absent directory on the way to it. Nothing can be below that.
fn there_or_first_absent(directory: &Path) -> &Path {
    let above = directory.ancestors().take_while(|above| !above.exists());
    above.last().unwrap_or(directory)
}

fn name(file: &Path) -> TreePath {
    TreePath(file.file_name().unwrap_or_default().as_encoded_bytes().into())
}

/// Records `directory`, and each directory that links of `files` lead through. The caller looks at the files afterwards.
pub(crate) fn record_directories(directory: &Path, files: &[PathBuf], recorder: &Recorder) {
    recorder.at(there_or_first_absent(directory));
    for file in files {
        let mut place = file.clone();
        // Linux follows as many links in a path.
        for _ in 0..40 {
            let Ok(target) = place.read_link() else { break };
            let Some(above) = place.parent() else { break };
            place = crate::model::portable_path::normalized(&above.join(target));
            if let Some(above) = place.parent().filter(|above| *above != directory) {
                recorder.at(above);
            }
        }
    }
}
