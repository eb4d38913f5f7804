//! Names the runs of a build and the inputs that each read, to explain a binary to a person.
//!
//! Promises: each name is one that the inventory has, or a directory whose files it has.
//! Does not promise: to list a run that read no input.

use std::collections::BTreeSet;
use std::path::Path;

use super::observation::{Observation, PackageReads, Run};
use crate::model::inventory::Reader;
use crate::model::marks::Marked;
use crate::model::portable_path::PortablePath;
use crate::model::tree::TreePath;

/// Returns the runs of `observation`, which is of a build in `root`.
#[must_use]
pub fn readers(observation: &Observation, root: &Path) -> Vec<Reader> {
    let runs = observation.packages.values().flat_map(|reads| reads.runs.iter().map(move |run| (reads, run)));
    let readers = runs.map(|(reads, run)| reader(reads, run, root));
    readers
        .filter(|reader| !reader.inputs.is_empty() || !reader.variables.is_empty() || reader.opaque.is_some())
        .collect()
}

fn reader(reads: &PackageReads, run: &Run, root: &Path) -> Reader {
    let place = |path: &std::path::PathBuf| PortablePath::of(path, root);
    let files = run.files.iter().chain(&run.git_state).map(|file| place(file).0);
    let listed = run.listed.iter().map(|directory| Marked::directory(&place(directory)));
    let links = run.links.iter().map(|link| Marked::link(&place(link)));
    let system = run.system.by_directory().map(|(directory, _)| Marked::system(&directory));
    let programs = run.programs.iter().map(|name| Marked::program(name));
    let whole =
        (run.reads_whole_package || reads.is_local && run.opaque.is_some()).then(|| place(&reads.package.directory).0);
    let inputs: BTreeSet<TreePath> =
        files.chain(listed).chain(links).chain(system).chain(programs).chain(whole).collect();
    Reader {
        package: reads.package.name().to_owned(),
        is_script: run.is_script,
        inputs,
        variables: run.variables.clone(),
        // In a crate from elsewhere, an opaque run of rustc is not shown: it does not concern the checkout.
        opaque: run.opaque.clone().filter(|_| reads.is_local || run.is_script),
    }
}
