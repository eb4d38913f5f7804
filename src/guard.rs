//! Detects that inputs were changed while cargo read them.
//!
//! Promises: a binary is published only if its inputs were not written to between the survey before the build and the survey
//! after it. Equal bytes are not enough: a file may have been changed and changed back in between. A file that a build
//! script wrote while it ran is an exception. The package of that script is compiled after the script has ended, and so from
//! the content that is there now.
//! Does not promise: to tell which of two contents cargo read. The answer to a disturbance is another build. Nor does it
//! tell a script's write from another program's, if generated code that a script reads itself is changed and changed back
//! while the script runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gix::bstr::ByteSlice;

use crate::freshness::BuildRecord;
use crate::fs::identity::{self, StatIdentity};
use crate::inputs::Observation;
use crate::model::differences;
use crate::model::event::MissReason;
use crate::model::inventory::{Inventory, NamedFile};
use crate::model::marks::{Marked, on_file_system};
use crate::model::portable_path::{PortablePath, normalized};
use crate::model::tree::{FileInput, Kind, TreePath};
use crate::observer::Changes;

/// The number of times that one call runs cargo while its inputs keep changing.
pub(crate) const MOST_BUILDS: u32 = 3;

/// The writes to inputs during a build.
#[derive(Debug, Default)]
pub(crate) struct Disturbance {
    /// The differences, in words.
    pub(crate) changed: Vec<String>,
    /// The paths that were written to, with the same content as before.
    pub(crate) touched: Vec<String>,
    /// The files behind both of these.
    pub(crate) files: Vec<TreePath>,
    /// The files that build scripts wrote.
    pub(crate) generated: Vec<Generated>,
}

/// A file that a build script wrote.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) path: TreePath,
    /// True if the content is the same as before.
    is_same: bool,
    /// The script's package.
    package: String,
    /// The script's output, by which the build record knows the script.
    pub(crate) output: PathBuf,
}

/// A file that was written to during a build.
struct Written<'f> {
    path: &'f TreePath,
    now: Option<&'f FileInput>,
    /// True if its content is the same as before.
    is_same: bool,
    /// True if the path set names it, and the tree does not hold it.
    is_of_path_set: bool,
}

impl Disturbance {
    /// Compares the inventories before and after a build. For a file that a path set names, `known` returns its state before
    /// the build. A file without a known state counts as touched if it was written to `since` the build began.
    pub(crate) fn between<'a>(
        before: &Inventory,
        after: &Inventory,
        known: impl Fn(&TreePath) -> Option<&'a FileInput>,
        since: SystemTime,
        writers: &Writers,
    ) -> Self {
        let mut found = Self::default();
        for (path, _) in after.tree.touched_files(&before.tree) {
            let (then, now) = (before.tree.file(&path), after.tree.file(&path));
            let is_same = then.zip(now).is_some_and(|(then, now)| then.same_content(now));
            let is_made = then.is_none() && writers.made(&path);
            if is_made || then.zip(now).is_some_and(|(then, now)| writers.have_only_linked(then, now)) {
                continue;
            }
            found.take(&Written { path: &path, now, is_same, is_of_path_set: false }, writers);
        }
        for NamedFile { file, .. } in &after.named {
            let then = before.named.iter().find(|then| then.file.path == file.path).map(|then| &then.file);
            if then.is_none_or(|then| then.stat != file.stat || !then.same_content(file)) {
                let is_same = then.is_some_and(|then| then.same_content(file));
                found.take(&Written { path: &file.path, now: Some(file), is_same, is_of_path_set: false }, writers);
            }
        }
        for file in &after.read_files {
            if file.kind == Kind::Directory && writers.made_in.contains(&writers.place(&file.path)) {
                continue;
            }
            let written = |is_same| Written { path: &file.path, now: Some(file), is_same, is_of_path_set: true };
            match known(&file.path) {
                // The tree holds the link itself, and the path set holds what the link leads to.
                Some(then) if then.kind == Kind::Symlink && file.kind != Kind::Symlink => {}
                Some(then) if then.stat == file.stat && then.same_content(file) => {}
                Some(then) if writers.have_only_linked(then, file) => {}
                Some(then) if then.kind == Kind::Absent && writers.made(&file.path) => {}
                None if writers.made(&file.path) => {}
                Some(then) => found.take(&written(then.same_content(file)), writers),
                None if file.kind == Kind::Absent && writers.vanished.contains(&writers.place(&file.path)) => {
                    found.take(&written(false), writers);
                }
                None if writers.but_for_links(file).is_younger_than(since) => found.take(&written(true), writers),
                None if writers.others_moved(file, since) => found.take(&written(false), writers),
                None => {}
            }
        }
        let before_but_for_reads = Inventory { read_files: after.read_files.clone(), ..before.clone() };
        let is_of_files = |reason: &MissReason| matches!(reason, MissReason::Source { .. });
        let others =
            differences::between(&before_but_for_reads, after).into_iter().filter(|reason| !is_of_files(reason));
        found.changed.extend(others.map(|reason| reason.summary()));
        found
    }

    fn take(&mut self, written: &Written<'_>, writers: &Writers) {
        let path = written.path;
        match writers.writer_of(written) {
            Some(script) => self.generated.push(Generated {
                path: path.clone(),
                is_same: written.is_same,
                package: script.package.clone(),
                output: script.output.clone(),
            }),
            None => {
                self.files.push(path.clone());
                match written.is_same {
                    true => self.touched.push(path.to_string()),
                    false => self.changed.push(format!("{path} changed")),
                }
            }
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.changed.is_empty() && self.touched.is_empty()
    }

    /// Returns one sentence for a person.
    pub(crate) fn summary(&self) -> String {
        match (self.changed.as_slice(), self.touched.first()) {
            ([], None) => "another cargo replaced the binary".into(),
            ([], Some(path)) => format!("{path} was written to"),
            (changed, _) => changed.join(", "),
        }
    }

    /// Returns one sentence on the files that build scripts change in the checkout, if they do.
    pub(crate) fn generated_summary(&self) -> Option<String> {
        let mut changed = self.generated.iter().filter(|generated| !generated.is_same);
        let Generated { path, package, .. } = changed.next()?;
        let more = match changed.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "the build script of `{package}` writes {path}{more} when it runs; the binary counts as built from what is there now"
        ))
    }
}

/// The build scripts that ran in a build, and the files that they can have written.
#[derive(Default)]
pub(crate) struct Writers {
    scripts: Vec<Script>,
    /// The root of the checkout.
    root: PathBuf,
    /// Paths that the build was seen to write, make or remove.
    changed: BTreeSet<PathBuf>,
    /// Directories in which the build was seen to make or remove something.
    made_in: BTreeSet<PathBuf>,
    /// Files that the build was seen to give one more name, which changes their times and nothing else.
    linked: BTreeSet<PathBuf>,
    /// Files that the build was seen to make where nothing was.
    made: BTreeSet<PathBuf>,
    /// Files that the build read, and that another program removed since.
    vanished: BTreeSet<PathBuf>,
    /// The compilations that read each file.
    readers: BTreeMap<TreePath, Vec<Reader>>,
    /// The number of builds of this call, including this one. All earlier ones were disturbed in the same way.
    builds: u32,
}

struct Reader {
    id: String,
    /// The time when it began, if known.
    began: Option<SystemTime>,
}

struct Script {
    /// The id of its package.
    id: String,
    package: String,
    output: PathBuf,
    began: SystemTime,
    ended: SystemTime,
    declares: BTreeSet<TreePath>,
    declares_nothing: bool,
    /// Files that it is known to write.
    writes: BTreeSet<PortablePath>,
}

impl Writers {
    /// Returns the writers of a build in `root` that began at `began`. `record` is the record of its target directory, and
    /// `changes` are the changes that the build was seen to make. `builds` counts the builds of this call: a disturbance
    /// that repeats in each of them does not happen by chance.
    pub(crate) fn of(
        observation: &Observation,
        record: &BuildRecord,
        root: &Path,
        began: SystemTime,
        changes: &Changes,
        builds: u32,
    ) -> Self {
        let place = |path: &Path| PortablePath::of(path, root).0;
        let Changes { changed, directories, linked, made, vanished } = changes.clone();
        // A program that is not observed may be a part of the build, and remove what the build made. So the last build counts.
        let vanished = if builds < MOST_BUILDS { vanished } else { BTreeSet::new() };
        let (root, made_in) = (root.to_owned(), directories);
        let mut writers = Self { builds, root, changed, made_in, linked, made, vanished, ..Self::default() };
        for reads in observation.packages.values() {
            let id = &reads.package.id;
            for run in reads.runs.iter().filter(|run| !run.is_script) {
                let reader = || Reader { id: id.clone(), began: run.span.map(|(began, _)| began) };
                for file in &run.files {
                    writers.readers.entry(place(file)).or_default().push(reader());
                }
            }
            let ran = reads.runs.iter().filter(|run| run.is_script && run.ran_since(began));
            writers.scripts.extend(ran.filter_map(|run| {
                let (began, ended) = run.span?;
                Some(Script {
                    id: id.clone(),
                    package: reads.package.name().to_owned(),
                    output: run.last_written.clone(),
                    began,
                    ended,
                    declares: run.files.iter().map(|file| place(file)).collect(),
                    declares_nothing: run.reads_whole_package,
                    writes: record.generated_by(&run.last_written).cloned().unwrap_or_default(),
                })
            }));
        }
        writers
    }

    /// Returns the place of an input on the file system, by which the observer names it.
    fn place(&self, path: &TreePath) -> PathBuf {
        normalized(&PortablePath(TreePath(on_file_system(path).into())).on_disk(&self.root))
    }

    /// True if the build was seen to make the file where nothing was.
    fn made(&self, path: &TreePath) -> bool {
        self.made.contains(&self.place(path))
    }

    /// Returns the stat identity of a file, without what changed in it if the build gave the file one more name.
    fn but_for_links(&self, file: &FileInput) -> StatIdentity {
        if self.linked.contains(&self.place(&file.path)) { file.stat.but_for_links() } else { file.stat }
    }

    /// True if another program than the build made a link, or moved a directory, on the way to a file at `since` or later.
    /// The file's own times tell nothing of that.
    fn others_moved(&self, file: &FileInput, since: SystemTime) -> bool {
        if matches!(Marked::of(&file.path), Marked::Program | Marked::System) {
            return false;
        }
        let path = PortablePath(TreePath(on_file_system(&file.path).into())).on_disk(&self.root);
        let is_own = |path: &PathBuf| {
            let path = normalized(path);
            let is_made_inside = || path.parent().is_some_and(|parent| self.made_in.contains(parent));
            self.changed.contains(&path) || (path.starts_with(&self.root) && is_made_inside())
        };
        !identity::put_in_place_since(&path, since).iter().all(is_own)
    }

    /// True if the build gave a file one more name, and nothing else happened to it.
    fn have_only_linked(&self, then: &FileInput, now: &FileInput) -> bool {
        self.linked.contains(&self.place(&now.path))
            && then.stat.but_for_links() == now.stat.but_for_links()
            && then.same_content(now)
    }

    /// Returns the build script that wrote a file last, if no compilation of another package may have read the file before
    /// the script ended. A program of the user's may have written to the file in the same span of time, and the script may
    /// have read the earlier content. So one of these must hold, too:
    ///
    /// - The script is known to write the file.
    /// - The file is compiled and the script does not declare it. Its bytes are the same as before, or git neither tracks it
    ///   nor would, and the script declares no directory around it.
    /// - The bytes are the same as before, and no run reads the file, as with completions and manuals.
    /// - The bytes are the same as before, and this is not the call's first build.
    /// - This is the call's last build, and the script does not read the file itself. A script that reads what it writes
    ///   would never come to an end.
    fn writer_of(&self, written: &Written<'_>) -> Option<&Script> {
        let stat = written.now?.stat;
        let readers = self.readers.get(written.path);
        let is_of = |script: &&Script| {
            let is_before = |reader: &Reader| reader.began.is_none_or(|began| began < script.ended);
            let is_other = |reader: &Reader| reader.id != script.id && is_before(reader);
            let is_read_by_others = readers.is_some_and(|readers| readers.iter().any(is_other));
            let is_generated = readers.is_some() && !script.declares.contains(written.path);
            let is_read_by_none = readers.is_none() && !script.may_read(written.path);
            stat.was_written_within(script.began, script.ended)
                && !is_read_by_others
                && (script.writes.contains(&PortablePath(written.path.clone()))
                    || (is_generated
                        && (written.is_same || (written.is_of_path_set && !script.declares_around(written.path))))
                    || (written.is_same && (is_read_by_none || self.builds > 1))
                    || (self.builds == MOST_BUILDS && (is_generated || !script.may_read(written.path))))
        };
        self.scripts.iter().find(is_of)
    }
}

impl Script {
    /// True if the script may have read the earlier content of `path`.
    fn may_read(&self, path: &TreePath) -> bool {
        self.declares_nothing || self.declares.contains(path) || self.declares_around(path)
    }

    /// True if the script declares a directory that holds `path`.
    fn declares_around(&self, path: &TreePath) -> bool {
        let mut parents = path.0.rfind_iter("/").map(|slash| TreePath(path.0[..slash].into()));
        parents.any(|parent| self.declares.contains(&parent))
    }
}
