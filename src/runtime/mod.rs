//! Finds what a binary needs of its build when it runs, so that it can be run later and from another place.
//!
//! Promises: shared libraries of the build go into the cache with the binary, which finds them there before all others. A
//! file that cannot go binds the entry, and the entry is served as long as that file is unchanged. A binary that would not
//! start from the cache is not put there.
//! Does not promise: to know the files that a program finds by the path of its own file, or loads by a name that it
//! computes.

#[cfg(all(unix, not(target_vendor = "apple")))]
mod elf;
mod held;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod libraries;
#[cfg(any(windows, target_vendor = "apple"))]
#[path = "libraries_by_name.rs"]
mod libraries;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod needed;
mod output;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use self::libraries::Libraries;
use self::output::OutputDirectories;
use crate::error::{Error, Result};
use crate::model::build_units::Units;
use crate::model::companions::{Companion, Companions};
use crate::model::inventory::Inventory;
use crate::model::path_set::PathSet;
use crate::model::portable_path::PortablePath;

/// The needs of a binary when it runs.
#[derive(Debug)]
pub struct Needs {
    /// The files that go into the cache with it.
    pub companions: Companions,
    /// The reason why it would not start from there, or not find a file that it needs; none if it would.
    pub refusal: Option<String>,
    /// The files that it reads in their place, there or not.
    reads: BTreeSet<PathBuf>,
    executable: PathBuf,
    output: OutputDirectories,
}

/// Returns the version of glibc that the binary at `path` needs; none if it needs none, or is not known to.
#[must_use]
pub fn glibc_of(path: &Path) -> Option<(u32, u32)> {
    libraries::glibc_of(path)
}

/// Returns the shared libraries that the binary at `path` needs of the machine that it runs on: names, and paths of those that
/// have to lie at one place, the loader among them. Empty for formats other than ELF.
#[must_use]
pub fn needed_of(path: &Path) -> Vec<String> {
    #[cfg(all(unix, not(target_vendor = "apple")))]
    return needed::of(path);
    #[cfg(any(windows, target_vendor = "apple"))]
    return path.metadata().map(|_| Vec::new()).unwrap_or_default();
}

/// True if this machine has the shared library of that name or path.
#[must_use]
pub fn is_found(name: &str) -> bool {
    #[cfg(all(unix, not(target_vendor = "apple")))]
    return needed::is_found(name);
    #[cfg(any(windows, target_vendor = "apple"))]
    return Path::new(name).exists();
}

impl Needs {
    /// Returns the needs of the executable of `units`, built in the checkout at `root`, and of its `siblings`, which go
    /// with it.
    ///
    /// # Errors
    ///
    /// [`Error::InputUnreadable`] for an executable or a library that cannot be read.
    pub fn of(units: &Units, siblings: &[Companion], root: &Path) -> Result<Self> {
        let (executable, output) = (units.executable.clone(), OutputDirectories::of(units, root));
        let libraries = |path: &Path| libraries::of(path, &output).or_else(gone).map_err(unreadable(path));
        let Libraries { mut companions, mut inputs, mut refusal } = libraries(&executable)?.unwrap_or_default();
        for sibling in siblings {
            let of_sibling = libraries(&sibling.path)?.unwrap_or_default();
            inputs.extend(of_sibling.inputs);
            refusal = refusal.or(of_sibling.refusal);
            companions.files.push(Companion { edits: of_sibling.companions.edits, ..sibling.clone() });
            for library in of_sibling.companions.files {
                if !companions.files.iter().any(|known| known.name == library.name) {
                    companions.files.push(library);
                }
            }
        }
        Ok(Self { companions, refusal, reads: inputs.into_iter().collect(), executable, output })
    }

    /// Adds the paths of the build's output that `files`, the ones to be published, contain. An `OUT_DIR` counts whole.
    ///
    /// # Errors
    ///
    /// [`Error::InputUnreadable`] when a file cannot be read.
    pub fn read_by<'f>(&mut self, files: impl Iterator<Item = &'f Path>) -> Result<()> {
        self.reads.extend(held::of(files, &self.output).map_err(unreadable(&self.executable))?);
        Ok(())
    }

    /// Adds to `set` the files that stay in place, and a bond if one lies in the target directory.
    #[must_use]
    pub fn with_files_in_place(&self, mut set: PathSet, root: &Path) -> PathSet {
        if self.reads.iter().any(|path| self.output.holds(path)) {
            set.bound_by.insert("it reads files of the target directory when it runs".to_owned());
        }
        set.files.extend(self.reads.iter().map(|path| PortablePath::of(path, root)));
        set
    }

    /// Returns `inventory` without the output that the binary reads, since the build wrote it itself: that is no
    /// disturbance.
    #[must_use]
    pub fn but_for_output(&self, mut inventory: Inventory, root: &Path) -> Inventory {
        let own: Vec<PortablePath> =
            self.reads.iter().filter(|path| self.output.holds(path)).map(|path| PortablePath::of(path, root)).collect();
        let own: Vec<PathBuf> = own.iter().map(|place| place.on_disk(root)).collect();
        inventory.read_files.retain(|file| {
            let path = PortablePath(file.path.clone()).on_disk(root);
            !own.iter().any(|own| path.starts_with(own))
        });
        inventory
    }
}

/// Ignores that an executable is gone. Another cargo has replaced it then, which staging notices.
fn gone(error: io::Error) -> io::Result<Option<Libraries>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Error {
    move |error| Error::unreadable(path, error)
}
