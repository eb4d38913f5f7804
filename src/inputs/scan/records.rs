//! What a snapshot is made of: records of one size, as they lie in memory and in the file.
//!
//! Promises: records are used where they lie, whatever they begin at; a number in them is the same on every machine.
//! Does not promise: that what they point to is there. `snapshot` checks that once, before it uses any.

use gix::bstr::{BStr, ByteSlice};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U32};

use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::Digest;
use crate::model::tree::Kind;

pub(crate) type Stat = [u8; StatIdentity::BYTES];

/// Of a directory in which no file counts.
pub(crate) const NO_FILES: [u8; 32] = [0; 32];

/// A `stat` that no file has: what was not settled when it was seen.
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
    /// Of the files in it that count; zeros where none does.
    pub(crate) files: [u8; 32],
    /// Zero for a directory that was not listed: it is gone, or a link leads to it.
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

/// A directory by its number, or a file by its number behind that of the last directory.
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
    /// The number of the directory it lies in.
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

/// A checkout with names of more than 4 GiB together has more files than git's index can hold.
pub(crate) fn length(length: usize) -> U32 {
    U32::new(u32::try_from(length).unwrap_or(u32::MAX))
}

/// Each of `directories` directories, and behind it the files in it, in their order.
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
