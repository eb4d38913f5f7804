//! Defines the records of a snapshot, which have the same form in memory and in the file.
//!
//! Promises: records are used in place, at any alignment. Their numbers have the same bytes on every machine.
//! Does not promise: that the offsets in them are valid. `snapshot` checks them once, before it uses any record.

use gix::bstr::{BStr, ByteSlice};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U32};

use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::Digest;
use crate::model::tree::Kind;

pub(crate) type Stat = [u8; StatIdentity::BYTES];

/// The digest of a directory in which no file counts.
pub(crate) const NO_FILES: [u8; 32] = [0; 32];

/// A stat identity that no file has. It stands for one that had not settled.
pub(crate) const UNKNOWN: Stat = [0; StatIdentity::BYTES];

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) directories: U32,
    pub(crate) files: U32,
    pub(crate) names: U32,
    pub(crate) about: U32,
    pub(crate) tree: [u8; 32],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct DirectoryRecord {
    pub(crate) path_at: U32,
    pub(crate) path_len: U32,
    pub(crate) stat: Stat,
    pub(crate) names: [u8; 32],
    /// The digest of the files in it that count; zeros if there is none.
    pub(crate) files: [u8; 32],
    /// Zero for a directory that was not listed, since it is gone or is reached over a link.
    pub(crate) listed: u8,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileRecord {
    pub(crate) directory: U32,
    pub(crate) name_at: U32,
    pub(crate) name_len: U32,
    pub(crate) kind: u8,
    pub(crate) tracked: u8,
    pub(crate) stat: Stat,
    pub(crate) digest: [u8; 32],
}

/// The number of a directory, or the number of a file plus the number of all directories.
pub(crate) type Visit = U32;

impl DirectoryRecord {
    pub(crate) fn is_listed(&self) -> bool {
        self.listed != 0
    }

    pub(crate) fn names(&self) -> Digest {
        Digest::from_bytes(self.names)
    }
}

impl FileRecord {
    /// Returns the number of the directory that the file lies in.
    pub(crate) fn directory(&self) -> usize {
        self.directory.get() as usize
    }

    pub(crate) fn kind(&self) -> Kind {
        kind(self.kind).unwrap_or(Kind::Special)
    }

    pub(crate) fn is_tracked(&self) -> bool {
        self.tracked != 0
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::from_bytes(self.digest)
    }
}

pub(crate) const WHOLE: &str = "records have no alignment, and their number was counted by their size";

pub(crate) fn records<T: FromBytes + Immutable + KnownLayout>(bytes: &[u8]) -> &[T] {
    <[T]>::ref_from_bytes(bytes).expect(WHOLE)
}

pub(crate) fn slice(names: &[u8], at: U32, length: U32) -> &BStr {
    let at = at.get() as usize;
    names[at..at + length.get() as usize].as_bstr()
}

/// Converts a length. Only more than 4 GiB of names would not fit, and git's index cannot hold as many files.
pub(crate) fn length(length: usize) -> U32 {
    U32::new(u32::try_from(length).unwrap_or(u32::MAX))
}

/// Returns the order of a look: each directory, followed by the files in it.
pub(crate) fn visits(directories: usize, files: &[FileRecord]) -> Vec<Visit> {
    let mut next = vec![1_usize; directories];
    for file in files {
        next[file.directory()] += 1;
    }
    let mut start = 0;
    let mut visits = vec![Visit::default(); directories + files.len()];
    for (directory, next) in next.iter_mut().enumerate() {
        visits[start] = length(directory);
        start += std::mem::replace(next, start + 1);
    }
    for (number, file) in files.iter().enumerate() {
        let next = &mut next[file.directory()];
        visits[*next] = length(directories + number);
        *next += 1;
    }
    visits
}

const KINDS: [Kind; 6] = [Kind::File, Kind::Executable, Kind::Symlink, Kind::Absent, Kind::Special, Kind::Directory];

pub(crate) fn code(kind: Kind) -> u8 {
    KINDS.iter().zip(0..).find(|(known, _)| **known == kind).map_or(u8::MAX, |(_, code)| code)
}

pub(crate) fn kind(code: u8) -> Option<Kind> {
    KINDS.get(usize::from(code)).copied()
}
