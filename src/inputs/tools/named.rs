//! Reads the files that cargo's configuration and flags name: linker scripts, argument files, profiles, target
//! specifications.
//!
//! Promises: each counts by its bytes, whatever git thinks of it and whichever part of the checkout counts. A text that
//! looks like a path to a missing file counts as absent, so that the file counts when it appears. Argument files and linker
//! scripts are read for the files that they name in turn. In a directory that is searched for libraries, the files that a
//! linker may find there count, if the directory lies in the checkout or beside it.
//! Does not promise: to look into directories of the system, or to know files that neither a flag nor the configuration
//! names by a path.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use gix::glob::pattern::Case;

use super::cargo_config::{self, CargoConfig};
use super::flags::{self, Mention, Use};
use super::remapping;
use super::texts;
use crate::error::Result;
use crate::fs::files;
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::scan::content::{content, file_input};
use crate::model::inventory::NamedFile;
use crate::model::portable_path::PortablePath;
use crate::model::tree::{Kind, TreePath};
use crate::request::Environment;

/// The largest size of a file that is read for further names. Larger files are no scripts.
const MOST_SCRIPT_BYTES: u64 = 1024 * 1024;

/// Extensions of the files that a linker looks for in a directory, besides names that begin with `lib`.
const FOUND_BY_LINKERS: [&str; 13] =
    ["a", "def", "dll", "dylib", "ld", "lds", "lib", "o", "obj", "rlib", "rmeta", "so", "x"];

/// The named files, sorted by bytes, and linkers.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) files: Vec<NamedFile>,
    pub(crate) linkers: Vec<PathBuf>,
    /// The outcomes of flags that remap paths, for the checkout's path; empty if no flag changes it.
    pub(crate) remapped: Vec<String>,
}

/// Reads what `configs` and `env` name for a cargo started in `root`, except files that `exclude` matches.
pub(crate) fn named(
    configs: &[CargoConfig],
    env: &Environment,
    exclude: &[String],
    root: &Path,
    recorder: &Recorder,
) -> Result<Named> {
    followed(flags::mentioned(configs, env, root).into(), configs, env, exclude, root, recorder)
}

/// Reads what the mentions in `ahead` name, and what those files name in turn.
fn followed(
    mut ahead: VecDeque<Mention>,
    configs: &[CargoConfig],
    env: &Environment,
    exclude: &[String],
    root: &Path,
    recorder: &Recorder,
) -> Result<Named> {
    if ahead.is_empty() {
        return Ok(Named::default());
    }
    let patterns =
        gix::ignore::Search::from_overrides(exclude, gix::ignore::search::Ignore { support_precious: false });
    let target = cargo_config::target_directory_of(configs, root, env);
    let mut reader = Reader { root, recorder, patterns, target, found: BTreeMap::new(), scripts: HashSet::new() };
    let (mut linkers, mut remapped) = (Vec::new(), Vec::new());
    while let Some(mention) = ahead.pop_front() {
        match mention.used {
            Use::Linker => linkers.push(linker(&mention)),
            Use::Remapping => remapped.extend(remapping::remapped(&mention.text, root)),
            Use::Search => reader.search(&mention.base.join(&mention.text))?,
            Use::Any => reader.parts(&mention, false, &mut ahead)?,
            Use::Link => reader.parts(&mention, true, &mut ahead)?,
            Use::Arguments | Use::LinkArguments => {
                let path = mention.base.join(&mention.text);
                if reader.file(&path, mention.used == Use::LinkArguments, true)? {
                    ahead.extend(reader.script(&path, mention.used));
                }
            }
        }
    }
    Ok(Named { files: reader.found.into_values().collect(), linkers, remapped })
}

/// Returns the files that flags name to a rustc that is started in `directory`, as cargo starts it for packages outside the
/// workspace at `root`.
pub(crate) fn named_in(directory: &Path, root: &Path, env: &Environment) -> Result<Vec<PathBuf>> {
    let recorder = Recorder::default();
    let configs = cargo_config::cargo_configs(root, env, &recorder)?;
    let from_here = flags::mentioned(&configs, env, root).into_iter().filter(|mention| mention.base == root);
    let mentions = from_here.map(|mention| Mention { base: directory.to_owned(), ..mention }).collect();
    let Named { files, .. } = followed(mentions, &configs, env, &[], root, &recorder)?;
    Ok(files.into_iter().map(|named| PortablePath(named.file.path).on_disk(root)).collect())
}

/// Returns the linker that `mention` names. A bare name is kept, to be looked up on the `PATH`.
fn linker(mention: &Mention) -> PathBuf {
    let is_bare = !mention.text.contains(['/', '\\']);
    if is_bare { PathBuf::from(&mention.text) } else { mention.base.join(&mention.text) }
}

struct Reader<'a> {
    root: &'a Path,
    recorder: &'a Recorder,
    patterns: gix::ignore::Search,
    /// cargo's target directory, with links resolved.
    target: PathBuf,
    found: BTreeMap<TreePath, NamedFile>,
    /// The scripts and argument files that were read.
    scripts: HashSet<PathBuf>,
}

impl Reader<'_> {
    /// Adds the files that a text may name.
    fn parts(&mut self, mention: &Mention, links_only: bool, ahead: &mut VecDeque<Mention>) -> Result<()> {
        for part in texts::parts(&mention.text) {
            let path = mention.base.join(part);
            if self.file(&path, links_only, texts::looks_like_path(part))? && links_only {
                ahead.extend(self.script(&path, Use::Link));
            }
        }
        Ok(())
    }

    /// Adds the file at `path`. If nothing is there and `counts_absent` is set, adds it as absent. Returns true if there is
    /// a file.
    fn file(&mut self, path: &Path, links_only: bool, counts_absent: bool) -> Result<bool> {
        let PortablePath(name) = PortablePath::of(path, self.root);
        if self.is_excluded(&name) {
            return Ok(false);
        }
        self.recorder.at(path);
        if let Some(known) = self.found.get_mut(&name) {
            known.links_only &= links_only;
            return Ok(known.file.kind != Kind::Absent);
        }
        let metadata = fs::metadata(path);
        let content = match &metadata {
            Ok(found) if found.is_file() => content(path, true)?,
            Ok(_) => return Ok(false),
            Err(_) if counts_absent => None,
            Err(_) => return Ok(false),
        };
        let is_there = content.is_some();
        let file = file_input(name.clone(), content);
        self.found.insert(name, NamedFile { file, links_only });
        Ok(is_there)
    }

    /// Adds the files that a search for libraries can find in `directory`. Linkers do not search below it.
    fn search(&mut self, directory: &Path) -> Result<()> {
        self.recorder.with_target(directory);
        let Ok(real) = dunce::canonicalize(directory) else { return Ok(()) };
        if !self.is_near(&real) {
            return Ok(());
        }
        let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
        let is_found = |name: &OsStr| {
            let extension = Path::new(name).extension().and_then(OsStr::to_str);
            let name = name.to_string_lossy();
            name.starts_with("lib")
                || name.contains(".so.")
                || extension.is_some_and(|extension| FOUND_BY_LINKERS.contains(&extension))
        };
        for entry in entries.flatten().filter(|entry| is_found(&entry.file_name())) {
            self.file(&entry.path(), false, false)?;
        }
        Ok(())
    }

    /// True if `directory` lies in the checkout or beside it, and the build itself does not write it.
    fn is_near(&self, directory: &Path) -> bool {
        // The directories beside a checkout at the top of the file system are the system's.
        let around = self.root.parent().filter(|parent| parent.parent().is_some()).unwrap_or(self.root);
        directory.starts_with(around) && !directory.starts_with(&self.target)
    }

    /// Returns what the script or argument file at `path` mentions; `used` tells its kind.
    fn script(&mut self, path: &Path, used: Use) -> Vec<Mention> {
        let is_small = |found: &fs::Metadata| found.is_file() && found.len() <= MOST_SCRIPT_BYTES;
        if !fs::metadata(path).is_ok_and(|found| is_small(&found)) || !self.scripts.insert(path.to_owned()) {
            return Vec::new();
        }
        let Ok(bytes) = files::read(path) else { return Vec::new() };
        if bytes.contains(&0) {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&bytes);
        let mut found = Vec::new();
        match used {
            // One argument a line.
            // https://doc.rust-lang.org/rustc/command-line-arguments.html#path-load-command-line-flags-from-a-path
            Use::Arguments => flags::flags(text.lines(), self.root, &mut found),
            Use::LinkArguments => {
                let words = text.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
                flags::linker_flags(words, self.root, &mut found);
            }
            _ => {
                let mention =
                    |text: &str| Mention { text: text.to_owned(), base: self.root.to_owned(), used: Use::Link };
                found.extend(texts::included(&text).into_iter().map(mention));
            }
        }
        found
    }

    /// True if the caller's patterns name this path, or a directory that holds it.
    fn is_excluded(&self, name: &TreePath) -> bool {
        let name = name.0.strip_prefix(b"/").unwrap_or(&name.0).as_bstr();
        let is_matched = |path: &[u8], is_dir| {
            let found = self.patterns.pattern_matching_relative_path(path.as_bstr(), Some(is_dir), Case::Sensitive);
            found.is_some_and(|found| !found.pattern.is_negative())
        };
        name.find_iter("/").any(|slash| is_matched(&name[..slash], true)) || is_matched(name, false)
    }
}
