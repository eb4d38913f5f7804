//! Tells a build's own output from its inputs.
//!
//! Promises: what the build was asked for, what its runs wrote to, and everything in the target directory that cargo manages
//! is output.
//! Does not promise: to know files that a run wrote elsewhere. `observer` saw those.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::build_units::{EXAMPLES, Units};
use crate::model::portable_path::normalized;

/// The files and directories that a build writes. They are no inputs of it.
pub(crate) struct OwnOutput {
    pub(crate) asked_for: Vec<PathBuf>,
    files: BTreeSet<PathBuf>,
    /// The `OUT_DIR`s of build scripts.
    pub(crate) out_dirs: BTreeSet<PathBuf>,
    /// The target directory and the build directory, if a tag in them says so.
    pub(crate) roots: BTreeSet<PathBuf>,
}

impl OwnOutput {
    pub(crate) fn of(units: &Units, root: &Path) -> Self {
        // Stops below the checkout, which may itself lie in a tagged cache: a target directory made by hand has no tag of
        // its own.
        let marked = |path: &Path| {
            let mut above = path.ancestors().skip(1).take_while(|above| !root.starts_with(above));
            above.find(|above| above.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
        };
        let out_dirs: BTreeSet<PathBuf> = units.scripts.iter().map(|script| normalized(&script.out_dir)).collect();
        let files = units.units.iter().flat_map(|unit| unit.files.iter().map(|file| normalized(file))).collect();
        let roots = [Some(&units.executable), units.scripts.first().map(|script| &script.out_dir)];
        let roots = roots.into_iter().flatten().filter_map(|path| marked(path)).collect();
        Self { asked_for: units.outputs().map(Path::to_owned).collect(), files, out_dirs, roots }
    }

    /// True if `path` lies where cargo and rustc keep intermediate results, of this build or an earlier one.
    pub(crate) fn is_managed(&self, path: &Path) -> bool {
        const OF_CARGO: [&str; 5] = [".fingerprint", "build", "deps", EXAMPLES, "incremental"];
        let below = self.roots.iter().filter_map(|root| path.strip_prefix(root).ok());
        let is_name = |name: std::path::Component<'_>| OF_CARGO.iter().any(|of_cargo| name.as_os_str() == *of_cargo);
        let mut below = below.filter(|below| below.components().count() < 2 || below.components().any(is_name));
        below.next().is_some()
    }

    /// True if the build wrote the file at `path`, or something in the directory there.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        let is_below = |written: &PathBuf| written.starts_with(path);
        let is_within_root = self.roots.iter().any(|root| path.starts_with(root));
        self.out_dirs.iter().any(|directory| path.starts_with(directory))
            || self.files.contains(path)
            || (is_within_root && self.out_dirs.iter().chain(&self.files).any(is_below))
    }
}
