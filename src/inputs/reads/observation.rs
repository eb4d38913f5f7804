//! The reads of a build, as data.
//!
//! Promises: each read is listed under the run that made it, and each run under its package.
//! Does not promise: that all reads are known. [`Run::opaque`] says of which runs they are not.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::model::build_units::Package;
use crate::model::system_files::SystemFiles;

/// One run of rustc or of a build script, in this build or an earlier one, and its reads.
#[derive(Clone, Debug)]
pub struct Run {
    /// A file that it wrote last, and that no other run writes.
    pub last_written: PathBuf,
    /// True if it is the run of a build script, and not of rustc.
    pub is_script: bool,
    /// True if it made an artifact that was asked for.
    pub is_final: bool,
    /// True if cargo kept its earlier results; none for build scripts, since cargo does not report it for them.
    pub fresh: Option<bool>,
    /// The times at which it began and ended, if they are known.
    pub span: Option<(SystemTime, SystemTime)>,
    /// True if the run of another package has overwritten what it wrote: libraries that other programs load have no hash in
    /// their names.
    pub is_overwritten: bool,
    /// The directory of its output when it ran, if the target directory has been moved since.
    pub moved_from: Option<PathBuf>,
    /// Files and directories that it read, absolute.
    pub files: BTreeSet<PathBuf>,
    /// Files in git's directories that it was seen to read and did not declare, absolute: commits, branches and tags.
    pub git_state: BTreeSet<PathBuf>,
    /// Directories whose names it read, absolute.
    pub listed: BTreeSet<PathBuf>,
    /// Links whose targets it read, absolute.
    pub links: BTreeSet<PathBuf>,
    /// Files of the system that it read.
    pub system: SystemFiles,
    /// Programs that it looked up on the `PATH` and started.
    pub programs: BTreeSet<String>,
    /// When it was observed.
    pub observed: LastObserved,
    /// True if it was seen to read a variable that it does not declare, or anything in the checkout or beside it that it
    /// does not declare.
    pub reads_undeclared: bool,
    /// The reason why it is opaque; none if all that it read is known.
    pub opaque: Option<String>,
    /// True if it asked for the directory that it runs in, or if it was not observed when it ran last.
    pub asked_for_directory: bool,
    /// True for an opaque build script of a local package that declares nothing: it may have read any file of its package.
    pub reads_whole_package: bool,
    /// Variables that it read.
    pub variables: BTreeSet<String>,
    /// The ones of these that it declares, so that cargo runs it again when they change.
    pub declared_variables: BTreeSet<String>,
}

impl Run {
    /// True if it ran in the build that `began` at that time, and not in another build that this one waited for.
    #[must_use]
    pub fn ran_since(&self, began: SystemTime) -> bool {
        let modified = || self.last_written.metadata().ok()?.modified().ok();
        match self.fresh {
            Some(fresh) => !fresh,
            None => self.span.map(|(since, _)| since).or_else(modified) >= Some(began),
        }
    }
}

/// The time at which a run was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastObserved {
    /// When it ran last.
    Last,
    /// At an earlier time. The run is taken to have read the same since.
    Before,
    /// At no time.
    Never,
}

/// The reads of one package.
#[derive(Clone, Debug)]
pub struct PackageReads {
    /// The package. Beside the checkout, its directory is a path that leads there from the checkout.
    pub package: Package,
    /// True if its sources can be edited.
    pub is_local: bool,
    /// Its runs, each with its reads.
    pub runs: Vec<Run>,
    /// Files and directories that were read, absolute, by paths that lead to them from the checkout.
    pub files: BTreeSet<PathBuf>,
    /// The patterns of `package.include`, if a build script reads the whole package.
    pub include: Vec<String>,
}

impl PackageReads {
    /// True if a build script of it ran, in this build or an earlier one.
    #[must_use]
    pub fn has_script(&self) -> bool {
        self.runs.iter().any(|run| run.is_script)
    }

    /// True if one of its runs is known to read `variable`.
    #[must_use]
    pub fn reads_variable(&self, variable: &str) -> bool {
        self.runs.iter().any(|run| run.variables.contains(variable))
    }

    /// True if none of its runs is opaque: all that it read is known.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.runs.iter().all(|run| run.opaque.is_none())
    }

    /// True if an opaque build script of it declares nothing, and so may read any file of the package.
    #[must_use]
    pub fn is_read_whole(&self) -> bool {
        self.runs.iter().any(|run| run.reads_whole_package)
    }
}

/// The reads of a build.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Packages, by id.
    pub packages: BTreeMap<String, PackageReads>,
    /// Variables that any package read, fetched packages included.
    pub variables: BTreeSet<String>,
    /// True if a local package asked for the path of its own directory.
    pub knows_its_directory: bool,
    /// Files that a run was seen to read and did not declare.
    pub undeclared_files: BTreeSet<PathBuf>,
    /// Directories that the build writes to.
    pub output: BTreeSet<PathBuf>,
    /// The names of packages with procedural macros.
    pub macros: BTreeSet<String>,
}

impl Observation {
    /// Returns the packages whose sources can be edited.
    pub fn local(&self) -> impl Iterator<Item = &PackageReads> {
        self.packages.values().filter(|reads| reads.is_local)
    }
}

/// A trace that is missing or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{}` does not tell what the build read: {source}", path.display())]
pub struct Unobservable {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}
