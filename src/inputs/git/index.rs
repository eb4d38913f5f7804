//! Reads git's index, as far as it says which paths are tracked.
//!
//! Promises: an index that was written again and tracks the same paths changes nothing. git writes it again whenever it has
//! looked at files. Finding that out takes one reading of the index, and no look at the files. An index that is only too
//! young to have settled is recognized by the checksum at its end.
//! Does not promise: to believe the index about the files themselves. They are looked at.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use gix::index::entry::{Flags, Mode, Stat};
use serde::{Deserialize, Serialize};

use super::ignore::GITIGNORE;
use crate::fs::files;
use crate::fs::identity::Stamp;
use crate::inputs::remember::dependency::SeenPath;
use crate::inputs::remember::stat_cache::Settled;
use crate::model::fingerprint::{Digest, FingerprintBuilder};

/// The tracked paths of an index at the time it was read.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Index {
    seen: SeenPath,
    sha256: bool,
    /// The last bytes of the file: git's own checksum, or zeros if `index.skipHash` is set.
    checksum: Vec<u8>,
    tracked: Digest,
}

impl Index {
    /// Reads the index of `repository`. Like git, it does not verify the checksum.
    pub(crate) fn read(repository: &gix::Repository) -> Result<(Self, gix::index::File), String> {
        let path = repository.index_path();
        let sha256 = repository.object_hash() == gix::hash::Kind::Sha256;
        // Taken before reading, in case the index is written meanwhile.
        let (seen, checksum) = (SeenPath::at(&path), index_checksum(&path, sha256));
        let mut index = decode(path, sha256)?;
        let tracked = tracked(&index);
        if index.is_sparse() {
            expand(&mut index, repository)?;
        }
        Ok((Self { seen, sha256, checksum, tracked }, index))
    }

    /// True if the index is the same file as when it was read.
    pub(crate) fn holds(&self) -> bool {
        self.seen.holds()
    }

    /// Returns the index that is there now, if it tracks the same paths.
    pub(crate) fn read_again(&self) -> Option<Self> {
        let path = self.seen.on_disk()?;
        let seen = SeenPath::at(&path);
        let checksum = index_checksum(&path, self.sha256);
        if checksum == self.checksum && checksum.iter().any(|byte| *byte != 0) {
            return Some(Self { seen, ..self.clone() });
        }
        let index = decode(path, self.sha256).ok()?;
        (tracked(&index) == self.tracked).then_some(Self { seen, checksum, ..*self })
    }

    /// True if the checksum differs from that of `before`.
    pub(crate) fn differs(&self, before: &Self) -> bool {
        self.checksum != before.checksum
    }

    pub(crate) fn is_settled(&self, stamp: &Stamp) -> bool {
        self.seen.is_settled(stamp)
    }

    /// Forces the index to be read again the next time, unless any change to it is certain to show.
    pub(crate) fn invalidate_unless_settled(&mut self, settled: &mut Settled) {
        self.seen.invalidate_unless_settled(settled);
    }
}

/// Returns the checksum that ends an index; nothing if it cannot be read.
///
/// <https://git-scm.com/docs/index-format>
fn index_checksum(path: &Path, sha256: bool) -> Vec<u8> {
    let length: u8 = if sha256 { 32 } else { 20 };
    let mut checksum = Vec::new();
    let mut read = || {
        let (mut file, _) = files::open(path)?;
        file.seek(SeekFrom::End(-i64::from(length)))?;
        file.take(length.into()).read_to_end(&mut checksum)
    };
    match read() {
        Ok(_) => checksum,
        Err(_) => Vec::new(),
    }
}

fn decode(path: PathBuf, sha256: bool) -> Result<gix::index::File, String> {
    let hash = if sha256 { gix::hash::Kind::Sha256 } else { gix::hash::Kind::Sha1 };
    gix::index::File::at_or_default(path, hash, true, gix::index::decode::Options::default())
        .map_err(|error| error.to_string())
}

/// Replaces each directory that a sparse index has as one entry by the files in it.
///
/// <https://git-scm.com/docs/sparse-index>
fn expand(index: &mut gix::index::File, repository: &gix::Repository) -> Result<(), String> {
    let directories = index.entries().iter().filter(|entry| entry.mode.is_sparse());
    let mut trees: Vec<_> = directories.map(|entry| (entry.path(index).to_owned(), entry.id)).collect();
    let flags = Flags::EXTENDED | Flags::SKIP_WORKTREE;
    while let Some((directory, id)) = trees.pop() {
        let tree = repository.find_tree(id).map_err(|error| error.to_string())?;
        for entry in tree.iter() {
            let entry = entry.map_err(|error| error.to_string())?;
            let mut path = [directory.as_slice(), entry.filename()].concat();
            if entry.mode().is_tree() {
                path.push(b'/');
                trees.push((path.into(), entry.id().detach()));
            } else {
                let mode = if entry.mode().is_commit() { Mode::COMMIT } else { Mode::FILE };
                index.dangerously_push_entry(Stat::default(), entry.id().detach(), flags, mode, path.as_bstr());
            }
        }
    }
    index.remove_entries(|_, _, entry| entry.mode.is_sparse());
    index.sort_entries();
    Ok(())
}

/// Returns the digest of everything in an index that a walk depends on.
fn tracked(index: &gix::index::State) -> Digest {
    let mut hash = FingerprintBuilder::new();
    hash.section("tracked", index.entries().len());
    for entry in index.entries() {
        let path = entry.path(index);
        hash.field(path);
        let left_out = entry.flags.contains(Flags::SKIP_WORKTREE);
        hash.field([
            u8::from(entry.mode.contains(Mode::COMMIT)),
            u8::from(entry.mode.contains(Mode::DIR)),
            u8::from(left_out),
        ]);
        // An ignore file that a sparse checkout leaves out is read from the object that the index names.
        let has_rules = left_out && path.rsplit_str("/").next() == Some(GITIGNORE.as_bytes());
        // A directory of a sparse index stands for the files in its tree.
        hash.optional((has_rules || entry.mode.is_sparse()).then(|| entry.id.as_bytes().to_vec()));
    }
    hash.digest()
}
