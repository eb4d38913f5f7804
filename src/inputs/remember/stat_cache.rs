//! Keeps on disk what a look saw of a checkout, so that the next look need only check that it is unchanged.
//!
//! ```text
//! <directory>/<16 hex digits of the key>.4
//!     devbinS1, u32 length, the checkout's path    read when leftovers are removed
//!     u64 length of everything after the sum, u64 XXH3 of it
//!     32 bytes: the whole key                      another subject may share the 16 digits
//!     i64: how far the clock was ahead             Stamp::ahead_ns
//!     the content
//! ```
//!
//! Promises: a file counts as missing if it is damaged, of another version or key, or was written before the clock was set.
//! [`Unsaved::save`] writes nothing for a checkout on a file system whose times are not trusted. It leaves out each
//! identity that a later write might not change: one that is less than two seconds old, lies in the future, or is of a file
//! on such a file system. So the cache changes how long a call takes, and never its answer. There is one exception, which
//! spares a build: see `recognition`. A file is put into place whole, so that many processes may write.
//! Does not promise: to notice a write through a memory map that follows another one shortly; Linux notes no time for it
//! (`docs/what-counts.md`). To survive a power cut: a lost file is made again.
//!
//! ccache's inode cache, git's racy entries and nx's `gathered_at` guard against the same.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gix::bstr::BStr;
use xxhash_rust::xxh3::xxh3_64;

use crate::fs::files;
use crate::fs::identity::{Stamp, StatIdentity};
use crate::fs::paths::on_disk;
use crate::model::fingerprint::{Digest, STAT_CACHE_MAGIC};

/// Changes with anything else in the format.
const VERSION: &str = "4";

/// Identifies a stat cache: its file, and its key.
pub(crate) type Id = (PathBuf, Digest);

/// The place of one stat cache, and its key.
pub(crate) struct StatCache {
    directory: PathBuf,
    file: PathBuf,
    /// The path of the checkout, or of another subject.
    root: PathBuf,
    key: Digest,
}

/// A stat cache that is to be written after the answer.
pub struct Unsaved {
    cache: StatCache,
    stamp: Stamp,
    content: Content,
}

type Content = Box<dyn FnOnce(&mut Settled) -> Vec<u8> + Send>;

impl StatCache {
    /// Names the stat cache of `key` for the checkout at `root`, in `directory`, which need not exist.
    pub(crate) fn new(root: &Path, key: Digest, directory: &Path) -> Self {
        let file = directory.join(format!("{}.{VERSION}", hex::encode(&key.as_bytes()[..8])));
        Self { directory: directory.to_owned(), file, root: root.to_owned(), key }
    }

    /// Returns the file of this stat cache, and its key.
    pub(crate) fn id(&self) -> Id {
        (self.file.clone(), self.key)
    }

    /// Returns the content, if the clock has not been set since: the bytes of the file, and the offset at which the content
    /// begins.
    pub(crate) fn load(&self, stamp: &Stamp) -> Option<(Vec<u8>, usize)> {
        let (bytes, start, ahead_ns) = self.load_by_any_clock()?;
        stamp.is_by_the_same_clock(ahead_ns).then_some((bytes, start))
    }

    /// Returns the same as [`StatCache::load`] even if the clock has been set, with how far it was ahead then.
    pub(crate) fn load_by_any_clock(&self) -> Option<(Vec<u8>, usize, i64)> {
        let head = self.head();
        let bytes = files::read_if(&self.file, head.len() + 2 * size_of::<u64>(), |start, size| {
            let rest = start.strip_prefix(head.as_slice()).and_then(|rest| rest.split_first_chunk());
            let whole = |length: [u8; 8]| (start.len() as u64).saturating_add(u64::from_le_bytes(length));
            rest.is_some_and(|(length, _)| size == whole(*length))
        });
        let bytes = bytes.ok()??;
        let rest = bytes.get(head.len() + size_of::<u64>()..)?;
        let (sum, rest) = rest.split_at_checked(size_of::<u64>())?;
        if sum != xxh3_64(rest).to_le_bytes() {
            return None;
        }
        let rest = rest.strip_prefix(self.key.as_bytes())?;
        let (ahead, rest) = rest.split_first_chunk()?;
        let (start, ahead_ns) = (bytes.len() - rest.len(), i64::from_le_bytes(*ahead));
        Some((bytes, start, ahead_ns))
    }

    /// Prepares the content of a look that began at `stamp`. `content` makes it, and leaves out what has not settled.
    pub(crate) fn unsaved(
        self,
        stamp: Stamp,
        content: impl FnOnce(&mut Settled) -> Vec<u8> + Send + 'static,
    ) -> Unsaved {
        Unsaved { cache: self, stamp, content: Box::new(content) }
    }

    fn head(&self) -> Vec<u8> {
        let root = self.root.as_os_str().as_encoded_bytes();
        let length = u32::try_from(root.len()).unwrap_or(u32::MAX);
        [STAT_CACHE_MAGIC.as_slice(), &length.to_le_bytes(), root].concat()
    }

    fn write(&self, content: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(&self.head())?;
        file.write_all(&(content.len() as u64).to_le_bytes())?;
        file.write_all(&xxh3_64(content).to_le_bytes())?;
        file.write_all(content)?;
        file.persist(&self.file)?;
        Ok(())
    }
}

impl Unsaved {
    /// Writes the stat cache. An error costs the next look some time, and nothing else, so it is only logged.
    pub fn save(self) {
        let Self { cache, stamp, content } = self;
        let mut settled = Settled { stamp, root: cache.root.clone(), file_systems: HashMap::new() };
        let content = content(&mut settled);
        let is_kept = || cache.load(&stamp).is_some_and(|(bytes, start)| bytes[start..] == content);
        if is_local(&cache.root) && !is_kept() {
            let content = [cache.key.as_bytes().as_slice(), &stamp.ahead_ns().to_le_bytes(), &content].concat();
            if let Err(error) = cache.write(&content) {
                tracing::debug!(path = %cache.file.display(), %error, "a stat cache was not written");
            }
        }
    }
}

/// Tells which identities later looks may rely on: they have settled, and their file system is local, so that a write
/// changes the identity at once for every process on this machine.
pub(crate) struct Settled {
    stamp: Stamp,
    root: PathBuf,
    /// By device number.
    file_systems: HashMap<u64, bool>,
}

impl Settled {
    /// True if later looks may rely on `stat`, the identity of the file at `path`, which is absolute or below the checkout.
    pub(crate) fn is(&mut self, stat: &StatIdentity, path: &BStr) -> bool {
        let Self { stamp, root, file_systems } = self;
        let is_trusted = || on_disk(root, path).is_ok_and(|path| is_local(&path));
        stat.is_settled(stamp) && *file_systems.entry(stat.device()).or_insert_with(is_trusted)
    }
}

/// True if the file system at `path` is in a list of local ones. A file system over a network, or one shared into a virtual
/// machine, may answer `stat` from a cache of its own. ccache's inode cache has such a list, too.
#[cfg(target_os = "linux")]
fn is_local(path: &Path) -> bool {
    const EXT: u64 = 0xef53;
    const XFS: u64 = 0x5846_5342;
    const BTRFS: u64 = 0x9123_683e;
    const BCACHEFS: u64 = 0xca45_1a4e;
    const F2FS: u64 = 0xf2f5_2010;
    const ZFS: u64 = 0x2fc1_2fc1;
    const TMPFS: u64 = 0x0102_1994;
    const OVERLAY: u64 = 0x794c_7630;
    const LOCAL: [u64; 8] = [EXT, XFS, BTRFS, BCACHEFS, F2FS, ZFS, TMPFS, OVERLAY];
    // The type of this field depends on the architecture.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "a magic number of 32 bits")]
    rustix::fs::statfs(path).is_ok_and(|found| LOCAL.contains(&(found.f_type as u64 & 0xffff_ffff)))
}

#[cfg(target_vendor = "apple")]
fn is_local(path: &Path) -> bool {
    /// `MNT_LOCAL` in `sys/mount.h`.
    const LOCAL: u32 = 0x1000;
    rustix::fs::statfs(path).is_ok_and(|found| found.f_flags & LOCAL != 0)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn is_local(_: &Path) -> bool {
    false
}
