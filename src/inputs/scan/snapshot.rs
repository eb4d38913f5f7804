//! Holds what a sweep saw in one piece of memory, which is also the file that it is kept in.
//!
//! ```text
//! Header       counts, the digest of the tree
//! Directory    × directories      path, stat identity, digest of the names in it, digest of the files in it
//! File         × files            directory, name, kind, whether git tracks it, stat identity, digest; sorted by path
//! Visit        × both             one for each: a directory, then the files in it
//! names        the bytes of paths and names, each with a NUL behind it
//! about        JSON: the commits at HEAD, the branch, the files that decide what counts, git's indices
//! ```
//!
//! Promises: records have a fixed size and are used in place, so that a hundred thousand files cost no allocation each.
//! [`Snapshot::parse`] checks bytes from a disk once. After that, every offset in them is valid.
//! Does not promise: that anything in it is still true. `refresh` finds out.

use std::collections::HashMap;
use std::ffi::CStr;
use std::ops::Range;

use gix::bstr::{BStr, ByteSlice};
use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, IntoBytes, little_endian::U32};

use super::content::Content;
use super::listing::{Listed, Listing};
use super::records::{
    DirectoryRecord, FileRecord, Header, NO_FILES, Stat, UNKNOWN, Visit, WHOLE, code, kind, length, records, slice,
    visits,
};
use crate::fs::identity::StatIdentity;
use crate::inputs::git::index::Index;
use crate::inputs::remember::dependency::SeenPath;
use crate::inputs::remember::stat_cache::Settled;
use crate::model::fingerprint::Digest;
use crate::model::tree::{DirectoryDigest, FileInput, Heads, Kind, Tree, TreePath, digest_of_tree, split};

/// The parts that have no fixed size.
#[derive(Clone, Default, Serialize, Deserialize)]
struct About {
    heads: Heads,
    branch: Option<String>,
    seen: Vec<SeenPath>,
    indices: Vec<Index>,
}

impl About {
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("paths are escaped, and nothing else in it can fail")
    }
}

#[derive(Clone)]
pub(crate) struct Snapshot {
    bytes: Vec<u8>,
    /// The offset of the snapshot in `bytes`. The stat cache's own header lies before it.
    start: usize,
    about: About,
}

/// The error for bytes that are not a whole snapshot.
#[derive(Debug, thiserror::Error)]
#[error("it is not whole")]
pub(crate) struct NotWhole;

impl Snapshot {
    /// Makes a snapshot of `listing`, and of `files` with the content of each, sorted by path.
    pub(crate) fn of(listing: Listing, files: &[(Listed, Content)]) -> Self {
        let Listing { heads, branch, directories, seen, indices, .. } = listing;
        let mut names = Vec::new();
        let mut add = |bytes: &[u8]| {
            let at = length(names.len());
            names.extend_from_slice(bytes);
            names.push(0);
            (at, length(bytes.len()))
        };
        let mut records: Vec<DirectoryRecord> = Vec::with_capacity(directories.len());
        for directory in &directories {
            let (path_at, path_len) = add(&directory.path.0);
            let (stat, names) = (directory.stat.to_bytes(), *directory.names.as_bytes());
            records.push(DirectoryRecord { path_at, path_len, stat, names, files: NO_FILES, listed: 1 });
        }
        // The numbers of directories, for files that were reached without a visit to their directory.
        let mut others: HashMap<&BStr, usize> = HashMap::new();
        if files.iter().any(|(listed, _)| listed.directory.is_none()) {
            others.extend(directories.iter().map(|directory| directory.path.0.as_bstr()).zip(0..));
        }
        let mut file_records = Vec::with_capacity(files.len());
        for (Listed { path, directory, tracked, .. }, content) in files {
            let (parent, name) = split(path.0.as_bstr());
            let directory = directory.unwrap_or_else(|| {
                *others.entry(parent).or_insert_with(|| {
                    let (path_at, path_len) = add(parent);
                    let (stat, names) = (UNKNOWN, [0; 32]);
                    records.push(DirectoryRecord { path_at, path_len, stat, names, files: NO_FILES, listed: 0 });
                    records.len() - 1
                })
            });
            let (name_at, name_len) = add(name);
            file_records.push(FileRecord {
                directory: length(directory),
                name_at,
                name_len,
                kind: code(content.kind),
                tracked: u8::from(*tracked),
                stat: content.stat.to_bytes(),
                digest: *content.digest.as_bytes(),
            });
        }
        let visits = visits(records.len(), &file_records);
        let about = About { heads, branch, seen, indices };
        let json = about.to_json();
        let header = Header {
            directories: length(records.len()),
            files: length(file_records.len()),
            names: length(names.len()),
            about: length(json.len()),
            tree: [0; 32],
        };
        let parts = [header.as_bytes(), records.as_bytes(), file_records.as_bytes(), visits.as_bytes(), &names, &json];
        let mut snapshot = Self { bytes: parts.concat(), start: 0, about };
        snapshot.digest_files(&vec![true; records.len()]);
        snapshot.digest_tree();
        snapshot
    }

    /// Parses the snapshot at offset `start`. The bytes are untrusted.
    pub(crate) fn parse(bytes: Vec<u8>, start: usize) -> Result<Self, NotWhole> {
        let mut snapshot = Self { bytes, start, about: About::default() };
        let (header, _) = Header::ref_from_prefix(snapshot.content()).map_err(|_| NotWhole)?;
        let sizes = [
            size_of::<Header>(),
            header.directories.get() as usize * size_of::<DirectoryRecord>(),
            header.files.get() as usize * size_of::<FileRecord>(),
            (header.directories.get() as usize + header.files.get() as usize) * size_of::<Visit>(),
            header.names.get() as usize,
            header.about.get() as usize,
        ];
        if sizes.iter().sum::<usize>() != snapshot.content().len() {
            return Err(NotWhole);
        }
        let about = &snapshot.content()[snapshot.names_end()..];
        let about = serde_json::from_slice(about).map_err(|_| NotWhole)?;
        snapshot.about = about;
        let names = snapshot.names();
        let fits = |at: U32, length: U32| names.get(at.get() as usize + length.get() as usize) == Some(&0);
        let directories = snapshot.directories();
        let whole = directories.iter().all(|directory| fits(directory.path_at, directory.path_len))
            && snapshot.files().iter().all(|file| {
                fits(file.name_at, file.name_len) && file.directory() < directories.len() && kind(file.kind).is_some()
            })
            && snapshot.visits().iter().all(|visit| (visit.get() as usize) < snapshot.visits().len());
        if whole { Ok(snapshot) } else { Err(NotWhole) }
    }

    /// Returns the bytes that [`Snapshot::parse`] takes. Identities that have not settled are blanked, so that they never
    /// match.
    pub(crate) fn settled(&self, settled: &mut Settled) -> Vec<u8> {
        let mut path = Vec::new();
        let mut keep = |stat: &Stat, path: &BStr| settled.is(&StatIdentity::from_bytes(stat), path);
        let directories: Vec<bool> =
            self.directories().iter().map(|record| keep(&record.stat, self.path_of_directory(record))).collect();
        let of_file = |record: &FileRecord| {
            self.path_of(record, &mut path);
            keep(&record.stat, path.as_bstr())
        };
        let files: Vec<bool> = self.files().iter().map(of_file).collect();
        let mut copy = Self { bytes: self.content().to_vec(), start: 0, about: About::default() };
        let records = copy.records_mut();
        let stats = records.0.iter_mut().map(|record| &mut record.stat).zip(directories);
        for (stat, _) in stats.chain(records.1.iter_mut().map(|record| &mut record.stat).zip(files)).filter(|it| !it.1)
        {
            *stat = UNKNOWN;
        }
        let mut about = self.about.clone();
        about.seen.iter_mut().for_each(|seen| seen.invalidate_unless_settled(settled));
        about.indices.iter_mut().for_each(|index| index.invalidate_unless_settled(settled));
        let json = about.to_json();
        let end = copy.names_end();
        copy.bytes.truncate(end);
        copy.bytes.extend_from_slice(&json);
        copy.header_mut().about = length(json.len());
        copy.bytes
    }

    fn content(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Returns the files that decide what counts, except git's indices.
    pub(crate) fn seen(&self) -> &[SeenPath] {
        &self.about.seen
    }

    pub(crate) fn indices(&self) -> &[Index] {
        &self.about.indices
    }

    /// Replaces the index at `at` by one that tracks the same paths and was written again.
    pub(crate) fn replace_index(&mut self, at: usize, index: Index) {
        self.about.indices[at] = index;
    }

    pub(crate) fn directories(&self) -> &[DirectoryRecord] {
        records(&self.content()[self.directories_range()])
    }

    pub(crate) fn files(&self) -> &[FileRecord] {
        records(&self.content()[self.files_range()])
    }

    /// Returns the order in which to look at all directories and files.
    pub(crate) fn visits(&self) -> &[Visit] {
        records(&self.content()[self.visits_range()])
    }

    /// Returns the path of each directory, with the range of the visits to its files.
    pub(crate) fn files_by_directory(&self) -> impl Iterator<Item = (&BStr, Range<usize>)> {
        let directories = self.directories();
        let is_directory = |at: &usize| (self.visits()[*at].get() as usize) < directories.len();
        let mut starts = (0..self.visits().len()).filter(is_directory).peekable();
        std::iter::from_fn(move || {
            let start = starts.next()?;
            let end = starts.peek().copied().unwrap_or(self.visits().len());
            let directory = &directories[self.visits()[start].get() as usize];
            Some((self.path_of_directory(directory), start + 1..end))
        })
    }

    /// Returns the file called `name` among `visits`, which are those of one directory.
    pub(crate) fn file_in(&self, visits: &Range<usize>, name: &BStr) -> Option<&FileRecord> {
        let file = |visit: &Visit| self.files().get((visit.get() as usize).checked_sub(self.directories().len())?);
        let name_of = |visit: &Visit| file(visit).map(|file| self.slice(file.name_at, file.name_len));
        let visits = &self.visits()[visits.clone()];
        visits.binary_search_by_key(&Some(name), name_of).ok().and_then(|at| file(&visits[at]))
    }

    /// Returns the path of `directory` for system calls; none if it contains a NUL.
    pub(crate) fn system_path_of_directory(&self, directory: &DirectoryRecord) -> Option<&CStr> {
        self.system_path(directory.path_at, directory.path_len).map(|path| if path.is_empty() { c"." } else { path })
    }

    /// Returns the name of `file` in its directory for system calls; none if it contains a NUL.
    pub(crate) fn system_name_of(&self, file: &FileRecord) -> Option<&CStr> {
        self.system_path(file.name_at, file.name_len)
    }

    pub(crate) fn path_of_directory(&self, directory: &DirectoryRecord) -> &BStr {
        self.slice(directory.path_at, directory.path_len)
    }

    /// Replaces the content of `path` by the path of `file`.
    pub(crate) fn path_of(&self, file: &FileRecord, path: &mut Vec<u8>) {
        path.clear();
        let directory = &self.directories()[file.directory()];
        path.extend_from_slice(self.path_of_directory(directory));
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(self.slice(file.name_at, file.name_len));
    }

    /// Puts identities and contents that were read again in the place of the old ones, by record number.
    pub(crate) fn update(&mut self, stats: &[(usize, StatIdentity)], contents: &[(usize, Content)]) {
        let (directories, files) = self.records_mut();
        for (index, stat) in stats {
            directories[*index].stat = stat.to_bytes();
        }
        let mut has_changed = vec![false; directories.len()];
        for (index, content) in contents {
            let file = &mut files[*index];
            let is_same = file.digest == *content.digest.as_bytes() && file.kind == code(content.kind);
            has_changed[file.directory()] |= !is_same;
            file.kind = code(content.kind);
            file.stat = content.stat.to_bytes();
            file.digest = *content.digest.as_bytes();
        }
        if has_changed.contains(&true) {
            self.digest_files(&has_changed);
            self.digest_tree();
        }
    }

    /// Computes the digest of the files in each directory for which `is_wanted` is true, by the directory's number.
    fn digest_files(&mut self, is_wanted: &[bool]) {
        let mut digests: Vec<Option<DirectoryDigest>> = Vec::new();
        digests.resize_with(is_wanted.len(), || None);
        let names = self.names();
        let is_there = |file: &&FileRecord| is_wanted[file.directory()] && file.kind() != Kind::Absent;
        for file in self.files().iter().filter(is_there) {
            let digest = digests[file.directory()].get_or_insert_with(DirectoryDigest::new);
            digest.file(slice(names, file.name_at, file.name_len), file.kind(), &file.digest());
        }
        let wanted = self.records_mut().0.iter_mut().zip(digests).zip(is_wanted).filter(|(_, is_wanted)| **is_wanted);
        for ((directory, digest), _) in wanted {
            directory.files = digest.map_or(NO_FILES, |digest| *digest.finish().as_bytes());
        }
    }

    /// Computes the digest of the tree from those of its directories.
    fn digest_tree(&mut self) {
        let with_files = self.directories().iter().filter(|directory| directory.files != NO_FILES);
        let digest = |directory| (self.path_of_directory(directory), Digest::from_bytes(directory.files));
        let mut directories: Vec<_> = with_files.map(digest).collect();
        // They are nearly sorted already.
        directories.sort_unstable_by_key(|(path, _)| *path);
        let tree = *digest_of_tree(&self.about.heads, &directories).as_bytes();
        self.header_mut().tree = tree;
    }

    /// Returns the tree of this snapshot. Its list of files is made only when it is needed.
    pub(crate) fn into_tree(self: std::sync::Arc<Self>) -> Tree {
        let (heads, digest) = (self.about.heads.clone(), Digest::from_bytes(self.header().tree));
        let branch = self.about.branch.clone();
        Tree::known(heads, digest, move || self.spread()).on_branch(branch)
    }

    fn spread(&self) -> Vec<FileInput> {
        let mut path = Vec::new();
        let file = |record: &FileRecord| {
            self.path_of(record, &mut path);
            let stat = StatIdentity::from_bytes(&record.stat);
            FileInput { path: TreePath(path.as_bstr().to_owned()), kind: record.kind(), digest: record.digest(), stat }
        };
        self.files().iter().map(file).collect()
    }

    fn header(&self) -> &Header {
        Header::ref_from_prefix(self.content()).expect("a snapshot begins with its header").0
    }

    fn header_mut(&mut self) -> &mut Header {
        Header::mut_from_prefix(&mut self.bytes[self.start..]).expect("a snapshot begins with its header").0
    }

    fn directories_range(&self) -> Range<usize> {
        let start = size_of::<Header>();
        start..start + self.header().directories.get() as usize * size_of::<DirectoryRecord>()
    }

    fn files_range(&self) -> Range<usize> {
        let start = self.directories_range().end;
        start..start + self.header().files.get() as usize * size_of::<FileRecord>()
    }

    fn visits_range(&self) -> Range<usize> {
        let start = self.files_range().end;
        start..start + (self.directories().len() + self.files().len()) * size_of::<Visit>()
    }

    fn names_end(&self) -> usize {
        self.visits_range().end + self.header().names.get() as usize
    }

    fn names(&self) -> &[u8] {
        &self.content()[self.visits_range().end..self.names_end()]
    }

    fn slice(&self, at: U32, length: U32) -> &BStr {
        slice(self.names(), at, length)
    }

    fn system_path(&self, at: U32, length: U32) -> Option<&CStr> {
        let at = at.get() as usize;
        CStr::from_bytes_with_nul(&self.names()[at..=at + length.get() as usize]).ok()
    }

    fn records_mut(&mut self) -> (&mut [DirectoryRecord], &mut [FileRecord]) {
        let (directories, files) = (self.directories_range(), self.files_range());
        let content = &mut self.bytes[self.start..files.end + self.start];
        let (before, of_files) = content.split_at_mut(files.start);
        let of_directories = &mut before[directories];
        (
            <[DirectoryRecord]>::mut_from_bytes(of_directories).expect(WHOLE),
            <[FileRecord]>::mut_from_bytes(of_files).expect(WHOLE),
        )
    }
}
