//! What a binary needs of its build when it runs, so that it can be handed out later and from another place.
//!
//! Promises: shared libraries of the build go into the cache with the binary, which finds them there before all others.
//! What cannot go binds the entry: it is served as long as that is as it was when the binary was built. A binary that
//! would not start from the cache is not put there.
//! Does not promise: to know what a program puts together from the path of its own file, or loads by a name that it
//! computes.

#[cfg(all(unix, not(target_vendor = "apple")))]
mod elf;
mod held;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod libraries;
#[cfg(any(windows, target_vendor = "apple"))]
#[path = "libraries_by_name.rs"]
mod libraries;
mod output;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use self::libraries::Libraries;
use self::output::Output;
use crate::error::{Error, Result};
use crate::model::build_units::Units;
use crate::model::companions::{Companions, Library};
use crate::model::inventory::Inventory;
use crate::model::path_set::PathSet;
use crate::model::portable_path::PortablePath;

/// What a binary needs when it runs.
#[derive(Debug)]
pub struct Needs {
    /// What goes into the cache with it.
    pub companions: Companions,
    /// Why it would not start from there, or not find what it needs; none when it does.
    pub refusal: Option<String>,
    /// What else it reads, there or not.
    reads: BTreeSet<PathBuf>,
    executable: PathBuf,
    output: Output,
}

impl Needs {
    /// What the executable of `units`, built in the checkout at `root`, is linked with, and its `siblings`, which go with it.
    ///
    /// # Errors
    ///
    /// [`Error::InputUnreadable`] for an executable or a library that cannot be read.
    pub fn of(units: &Units, siblings: &[Library], root: &Path) -> Result<Self> {
        let (executable, output) = (units.executable.clone(), Output::of(units, root));
        let libraries = |path: &Path| libraries::of(path, &output).or_else(gone).map_err(unreadable(path));
        let Libraries { mut companions, mut inputs, mut refusal } = libraries(&executable)?.unwrap_or_default();
        for sibling in siblings {
            let of_sibling = libraries(&sibling.path)?.unwrap_or_default();
            inputs.extend(of_sibling.inputs);
            refusal = refusal.or(of_sibling.refusal);
            companions.libraries.push(Library { edits: of_sibling.companions.edits, ..sibling.clone() });
            for library in of_sibling.companions.libraries {
                if !companions.libraries.iter().any(|known| known.name == library.name) {
                    companions.libraries.push(library);
                }
            }
        }
        Ok(Self { companions, refusal, reads: inputs.into_iter().collect(), executable, output })
    }

    /// Takes in what `files`, as they are published, name of the build's output: an `OUT_DIR` counts whole.
    ///
    /// # Errors
    ///
    /// [`Error::InputUnreadable`] when a file cannot be read.
    pub fn read_by<'f>(&mut self, files: impl Iterator<Item = &'f Path>) -> Result<()> {
        self.reads.extend(held::of(files, &self.output).map_err(unreadable(&self.executable))?);
        Ok(())
    }

    /// `set` for a binary in the checkout at `root` that needs all this: what stays behind has to be as it was.
    #[must_use]
    pub fn binding(&self, mut set: PathSet, root: &Path) -> PathSet {
        if self.reads.iter().any(|path| self.output.holds(path)) {
            set.bound_by.insert("it reads files of the target directory when it runs".to_owned());
        }
        set.files.extend(self.reads.iter().map(|path| PortablePath::of(path, root)));
        set
    }

    /// `inventory` without what the build itself wrote and the binary reads: to write it was no disturbance of the build.
    #[must_use]
    pub fn but_for_output(&self, mut inventory: Inventory, root: &Path) -> Inventory {
        let own: Vec<PortablePath> =
            self.reads.iter().filter(|path| self.output.holds(path)).map(|path| PortablePath::of(path, root)).collect();
        let own: Vec<PathBuf> = own.iter().map(|place| place.on_disk(root)).collect();
        inventory.outside.retain(|file| {
            let path = PortablePath(file.path.clone()).on_disk(root);
            !own.iter().any(|own| path.starts_with(own))
        });
        inventory
    }
}

/// An executable that is gone was replaced by another cargo, which staging it finds out.
fn gone(error: io::Error) -> io::Result<Option<Libraries>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Error {
    move |error| Error::unreadable(path, error)
}
