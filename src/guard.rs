//! Notices that inputs were changed while cargo read them.
//!
//! Promises: a binary is published only if its inputs were not written to between the look before the build and the look
//! after it, equal bytes or not: something may have been changed and changed back in between. A file that a build script
//! wrote while it ran is an exception: the package of that script is compiled when the script has ended, and so from what
//! is there.
//! Does not promise: to tell which of two contents cargo read. The answer to a disturbance is to build again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use gix::bstr::ByteSlice;

use crate::event::MissReason;
use crate::inputs::Observation;
use crate::inventory::{Inventory, NamedFile};
use crate::path_set::Place;
use crate::reasons;
use crate::stat::StatIdentity;
use crate::tree::{FileInput, Kind, TreePath};

/// What happened to the inputs during a build.
#[derive(Debug, Default)]
pub(crate) struct Disturbance {
    /// What differs, in words.
    pub(crate) changed: Vec<String>,
    /// What was written to, and is as it was.
    pub(crate) touched: Vec<String>,
    /// What build scripts changed, by the name of their package.
    pub(crate) generated: Vec<(String, String)>,
}

impl Disturbance {
    /// Compares the looks before and after a build. Of a file that a path set names, `known` has what it was before the
    /// build; where it was not looked at then, it was touched if it was written to `since` the build began.
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
            found.take(&path, now, is_same, writers);
        }
        for NamedFile { file, .. } in &after.named {
            let then = before.named.iter().find(|then| then.file.path == file.path).map(|then| &then.file);
            if then.is_none_or(|then| then.stat != file.stat || !then.same_content(file)) {
                let is_same = then.is_some_and(|then| then.same_content(file));
                found.take(&file.path, Some(file), is_same, writers);
            }
        }
        for file in &after.outside {
            match known(&file.path) {
                // The tree has the link, and the path set what it leads to.
                Some(then) if then.kind == Kind::Symlink && file.kind != Kind::Symlink => {}
                Some(then) if then.stat == file.stat && then.same_content(file) => {}
                Some(then) => found.take(&file.path, Some(file), then.same_content(file), writers),
                None if file.stat.is_younger_than(since) => found.take(&file.path, Some(file), true, writers),
                None => {}
            }
        }
        let before_but_for_outside = Inventory { outside: after.outside.clone(), ..before.clone() };
        let is_of_files = |reason: &MissReason| matches!(reason, MissReason::Source { .. });
        let others = reasons::between(&before_but_for_outside, after).into_iter().filter(|reason| !is_of_files(reason));
        found.changed.extend(others.map(|reason| reason.summary()));
        found
    }

    fn take(&mut self, path: &TreePath, now: Option<&FileInput>, is_same: bool, writers: &Writers) {
        match now.and_then(|now| writers.writer_of(path, &now.stat, is_same)) {
            Some(_) if is_same => {}
            Some(package) => self.generated.push((package.to_owned(), path.to_string())),
            None if is_same => self.touched.push(path.to_string()),
            None => self.changed.push(format!("{path} changed")),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.changed.is_empty() && self.touched.is_empty()
    }

    /// One sentence for a person.
    pub(crate) fn summary(&self) -> String {
        match (self.changed.as_slice(), self.touched.first()) {
            ([], None) => "another cargo replaced the binary".into(),
            ([], Some(path)) => format!("{path} was written to"),
            (changed, _) => changed.join(", "),
        }
    }

    /// One sentence on what build scripts write into the checkout, if they do.
    pub(crate) fn told(&self) -> Option<String> {
        let (package, path) = self.generated.first()?;
        let more = match self.generated.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "the build script of `{package}` writes {path}{more} when it runs; the binary counts as built from what is there now"
        ))
    }
}

/// Build scripts that ran in a build, and what they can have written.
#[derive(Default)]
pub(crate) struct Writers {
    scripts: Vec<Script>,
    /// The packages whose compilations read a file.
    readers: BTreeMap<TreePath, BTreeSet<String>>,
    /// Local packages by their directories, which end with a slash where they are not the root.
    directories: BTreeMap<TreePath, String>,
    /// Whether such a build was disturbed before.
    is_repeated: bool,
}

struct Script {
    /// The id of its package.
    id: String,
    package: String,
    began: SystemTime,
    ended: SystemTime,
    declares: BTreeSet<TreePath>,
    declares_nothing: bool,
}

impl Writers {
    /// Those of a build in `root` that `began` then. A second build that is disturbed in the same way was not disturbed by
    /// chance.
    pub(crate) fn of(observation: &Observation, root: &Path, began: SystemTime, is_repeated: bool) -> Self {
        let mut writers = Self { is_repeated, ..Self::default() };
        let place = |path: &Path| Place::of(path, root).0;
        for reads in observation.packages.values() {
            let id = &reads.package.id;
            for file in reads.runs.iter().filter(|run| !run.is_script).flat_map(|run| &run.files) {
                writers.readers.entry(place(file)).or_default().insert(id.clone());
            }
            if reads.is_local {
                let mut directory = place(&reads.package.directory);
                if !directory.0.is_empty() {
                    directory.0.push(b'/');
                }
                writers.directories.insert(directory, id.clone());
            }
            let ran = reads.runs.iter().filter(|run| run.is_script && run.ran_since(began));
            writers.scripts.extend(ran.filter_map(|run| {
                let (began, ended) = run.span?;
                Some(Script {
                    id: id.clone(),
                    package: reads.package.name().to_owned(),
                    began,
                    ended,
                    declares: run.files.iter().map(|file| place(file)).collect(),
                    declares_nothing: run.reads_whole_package,
                })
            }));
        }
        writers
    }

    /// The package whose build script wrote the file at `path` last, before anything read it. A file that the script may
    /// have read itself is only told by equal bytes, by being compiled afterwards, or by a second build.
    fn writer_of(&self, path: &TreePath, stat: &StatIdentity, is_same: bool) -> Option<&str> {
        let is_of = |script: &&Script| {
            let readers = self.readers.get(path);
            let is_compiled = readers.is_some_and(|readers| readers.iter().all(|id| *id == script.id));
            let owner = self.directories.iter().rfind(|(directory, _)| path.0.starts_with(&directory.0));
            stat.was_written_within(script.began, script.ended)
                && (is_compiled || (readers.is_none() && owner.is_none_or(|(_, id)| *id == script.id)))
                && (is_same || self.is_repeated || script.wrote_only(path, is_compiled))
        };
        self.scripts.iter().find(is_of).map(|script| script.package.as_str())
    }
}

impl Script {
    fn wrote_only(&self, path: &TreePath, is_compiled: bool) -> bool {
        let mut parents = path.0.rfind_iter("/").map(|slash| TreePath(path.0[..slash].into()));
        let may_read = self.declares_nothing || parents.any(|parent| self.declares.contains(&parent));
        !self.declares.contains(path) && (is_compiled || !may_read)
    }
}
