//! git's index, as far as it says which paths are tracked.
//!
//! Promises: an index that was written again, as git does whenever it has looked at files, and still tracks the same
//! paths, says nothing new; finding that out takes one reading of it, and no look at the files.
//! Does not promise: to believe what an index says about the files themselves. They are looked at.

use gix::bstr::ByteSlice;
use gix::index::entry::{Flags, Mode};
use serde::{Deserialize, Serialize};

use super::ignore::GITIGNORE;
use super::seen::Seen;
use super::stat_cache::Settled;
use crate::fingerprint::{Digest, FingerprintBuilder};
use crate::stat::Stamp;

/// What an index tracked when it was read.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Index {
    seen: Seen,
    sha256: bool,
    tracked: Digest,
}

impl Index {
    pub(super) fn of(repository: &gix::Repository, index: &gix::index::State) -> Self {
        let sha256 = repository.object_hash() == gix::hash::Kind::Sha256;
        Self { seen: Seen::at(&repository.index_path()), sha256, tracked: tracked(index) }
    }

    /// Whether it is the same file.
    pub(super) fn holds(&self) -> bool {
        self.seen.holds()
    }

    /// The index that is there now, if it tracks the same.
    pub(super) fn read_again(&self) -> Option<Self> {
        let path = self.seen.on_disk()?;
        let seen = Seen::at(&path);
        let hash = if self.sha256 { gix::hash::Kind::Sha256 } else { gix::hash::Kind::Sha1 };
        let index = gix::index::File::at_or_default(path, hash, true, gix::index::decode::Options::default()).ok()?;
        (tracked(&index) == self.tracked).then_some(Self { seen, ..*self })
    }

    pub(super) fn is_settled(&self, stamp: &Stamp) -> bool {
        self.seen.is_settled(stamp)
    }

    /// Is read again, if a change to it might not show.
    pub(super) fn doubt_unless(&mut self, settled: &mut Settled) {
        self.seen.doubt_unless(settled);
    }
}

/// Everything that a walk asks of an index.
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
        // Where a sparse checkout leaves a file of rules out, the index has it.
        let has_rules = left_out && path.rsplit_str("/").next() == Some(GITIGNORE.as_bytes());
        hash.optional(has_rules.then(|| entry.id.as_bytes().to_vec()));
    }
    hash.digest()
}
