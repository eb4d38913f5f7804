//! Lists the files that cargo takes as part of a package by its `package.include`.
//!
//! Promises: the patterns are matched against each file below the package's directory as cargo does it: links are followed,
//! and git's rules play no part. A directory that no pattern can lead into is not entered, and neither are packages below.
//! Does not promise: to enter the package's directory `target`, which cargo leaves out, too.
//!
//! <https://doc.rust-lang.org/cargo/reference/manifest.html#the-exclude-and-include-fields>

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};
use gix::glob::pattern::Case;
use gix::glob::wildmatch;

use crate::error::{Error, Result};
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::scan::directory::is_gone;

/// The patterns of `package.include`, parsed.
pub(crate) struct Included {
    search: gix::ignore::Search,
    /// The parts of the patterns, if all of them are matched against the whole path; none if one can match anywhere.
    anchored: Option<Vec<Vec<String>>>,
}

/// A walk below one package.
struct Walk<'a> {
    recorder: &'a Recorder,
    is_output: &'a dyn Fn(&Path) -> bool,
    /// The directories that the walk is in. A link must not lead back to one of them.
    above: Vec<PathBuf>,
    found: BTreeSet<PathBuf>,
}

impl Included {
    pub(crate) fn of(patterns: &[String]) -> Self {
        let parse = gix::ignore::search::Ignore { support_precious: false };
        let parts = |pattern: &String| {
            let pattern = pattern.trim_start_matches('!').trim_end_matches('/');
            let is_anchored = pattern.contains('/');
            is_anchored.then(|| pattern.trim_start_matches('/').split('/').map(str::to_owned).collect())
        };
        Self {
            search: gix::ignore::Search::from_overrides(patterns, parse),
            anchored: patterns.iter().map(parts).collect(),
        }
    }

    /// Returns the files below `directory` that the patterns match, sorted, without those in directories that the build
    /// writes.
    pub(crate) fn below(
        &self,
        directory: &Path,
        recorder: &Recorder,
        is_output: &dyn Fn(&Path) -> bool,
    ) -> Result<BTreeSet<PathBuf>> {
        let mut walk = Walk { recorder, is_output, above: Vec::new(), found: BTreeSet::new() };
        if self.search.patterns.iter().any(|list| !list.patterns.is_empty()) {
            self.walk(directory, &BString::default(), &mut walk)?;
        }
        Ok(walk.found)
    }

    fn walk(&self, directory: &Path, relative: &BString, walk: &mut Walk<'_>) -> Result<()> {
        let Ok(real) = dunce::canonicalize(directory) else { return Ok(()) };
        if walk.above.contains(&real) || (walk.is_output)(directory) {
            return Ok(());
        }
        walk.above.push(real);
        for entry in names(directory, walk.recorder)? {
            let Some(name) = entry.file_name().map(std::ffi::OsStr::as_encoded_bytes) else { continue };
            let mut path = relative.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            if !entry.is_dir() {
                if self.takes_in(path.as_bstr()) {
                    walk.found.insert(entry);
                }
            } else if name != b".git" && path != "target" && self.leads_into(path.as_bstr()) {
                let manifest = entry.join("Cargo.toml");
                walk.recorder.at(&manifest);
                if !manifest.is_file() {
                    self.walk(&entry, &path, walk)?;
                }
            }
        }
        walk.above.pop();
        Ok(())
    }

    /// True if the patterns match the file at `path`. A pattern matches the file that it names, and everything in a
    /// directory that it names. The last pattern that says something of a path decides.
    fn takes_in(&self, path: &BStr) -> bool {
        let decides = |path: &BStr, is_dir: bool| {
            let found = self.search.pattern_matching_relative_path(path, Some(is_dir), Case::Sensitive);
            found.map(|found| !found.pattern.is_negative())
        };
        let mut parents = path.rfind_iter("/").map(|slash| decides(path[..slash].as_bstr(), true));
        decides(path, false).or_else(|| parents.find_map(|decided| decided)).unwrap_or(false)
    }

    /// True if a pattern may match something below `directory`.
    fn leads_into(&self, directory: &BStr) -> bool {
        let Some(anchored) = &self.anchored else { return true };
        let matches = |part: &str, name: &BStr| {
            wildmatch(part.as_bytes().as_bstr(), name, wildmatch::Mode::NO_MATCH_SLASH_LITERAL)
        };
        anchored.iter().any(|parts| {
            let mut parts = parts.iter();
            let mut names = directory.split_str("/");
            names.all(|name| match parts.as_slice().first().map(String::as_str) {
                // The pattern names a directory above, and so everything in it.
                None | Some("**") => true,
                Some(part) => {
                    parts.next();
                    matches(part, name.as_bstr())
                }
            })
        })
    }
}

/// Returns the paths of everything in a directory; none if it is gone.
pub(crate) fn names(directory: &Path, recorder: &Recorder) -> Result<Vec<PathBuf>> {
    recorder.at(directory);
    let unreadable = |error| Error::unreadable(directory, error);
    match fs::read_dir(directory) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unreadable)
        }
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(unreadable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_in_what_cargo_packages() {
        for (patterns, taken, left) in [
            (
                &["src/**", "/dist/*.html"][..],
                &["src/a.rs", "src/b/c.rs", "dist/i.html"][..],
                &["a.rs", "dist/x/i.html"][..],
            ),
            (&["*.txt"], &["a.txt", "deep/b.txt"], &["a.rs"]),
            (&["data"], &["data", "data/x", "deep/data/y"], &["dat/x"]),
            (&["assets/", "!assets/raw/"], &["assets/x"], &["assets/raw/y"]),
        ] {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            let included = Included::of(&patterns);
            for path in taken {
                assert!(included.takes_in(path.as_bytes().as_bstr()), "{patterns:?} take in {path}");
                for slash in path.rmatch_indices('/').map(|(at, _)| at) {
                    let directory = path.as_bytes()[..slash].as_bstr();
                    assert!(included.leads_into(directory), "{patterns:?} lead into {directory}");
                }
            }
            for path in left {
                assert!(!included.takes_in(path.as_bytes().as_bstr()), "{patterns:?} leave out {path}");
            }
        }
    }

    #[test]
    fn directories_that_no_pattern_names_are_not_entered() {
        let included = Included::of(&["src/**".into(), "dist/*.html".into(), "a/**/z.txt".into()]);
        let leads = |directory: &str| included.leads_into(directory.as_bytes().as_bstr());
        assert!(leads("src") && leads("src/deep/er") && leads("dist") && leads("a/b/c"));
        assert!(!leads("node_modules") && !leads("distant"));
    }
}
