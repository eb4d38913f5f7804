//! Knows the directories that a build writes to.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::build_units::Units;

/// The directory of a toolchain with its libraries for each target.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) const RUSTLIB: &str = "rustlib";

/// The output of a build.
#[derive(Clone, Debug, Default)]
pub(super) struct OutputDirectories {
    /// The target and build directories, by the names that cargo uses and with links resolved.
    pub(super) roots: Vec<PathBuf>,
    /// The `OUT_DIR` of each build script that ran.
    pub(super) out_dirs: Vec<PathBuf>,
    /// The files that cargo reported.
    files: Vec<PathBuf>,
    /// The directories in which `cargo run` lets libraries be looked for.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#dynamic-library-paths>
    searched: Vec<PathBuf>,
}

impl OutputDirectories {
    /// Returns the output of the build that left `units`, in the checkout at `root`.
    pub(super) fn of(units: &Units, root: &Path) -> Self {
        let out_dirs: Vec<PathBuf> = units.scripts.iter().map(|script| script.out_dir.clone()).collect();
        let files: Vec<PathBuf> =
            units.units.iter().flat_map(|unit| unit.files.clone()).chain(units.outputs().map(Path::to_owned)).collect();
        let profile = Some(units.profile_directory().to_owned());
        // The search stops below the checkout, which may itself lie in a cache. A target directory that was made by hand
        // has no tag.
        let marked = |path: &PathBuf| {
            let mut above = path.ancestors().take_while(|above| !root.starts_with(above));
            above.find(|above| above.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
        };
        let mut roots: Vec<PathBuf> = out_dirs.iter().chain([&units.executable]).filter_map(marked).collect();
        roots.extend(out_dirs.iter().cloned().chain(profile.clone()));
        roots.extend(roots.clone().iter().filter_map(|path| dunce::canonicalize(path).ok()));
        roots.sort();
        // A directory is sorted before the paths in it.
        roots.dedup_by(|below, above| below.starts_with(above));
        let mut output = Self { roots, out_dirs, files, searched: Vec::new() };
        output.searched.extend(profile.into_iter().flat_map(|profile| [profile.join("deps"), profile]));
        let printed: Vec<PathBuf> = output.out_dirs.iter().flat_map(|out_dir| printed_by(out_dir)).collect();
        output
            .searched
            .extend(printed.into_iter().filter(|path| output.roots.iter().any(|root| path.starts_with(root))));
        output
    }

    /// True if a file or directory lies in the build's output.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let is_in = |path: &Path| self.roots.iter().any(|root| path.starts_with(root));
        is_in(path) || dunce::canonicalize(path).is_ok_and(|path| is_in(&path))
    }

    /// True if `directory` holds files of cargo. It is not one that a binary reads when it runs.
    pub(super) fn is_cargos_own(&self, directory: &Path) -> bool {
        self.files.iter().chain(&self.out_dirs).any(|path| path != directory && path.starts_with(directory))
    }

    /// Returns the libraries that `cargo run` would find, needed or not.
    #[cfg(any(windows, target_vendor = "apple"))]
    pub(super) fn libraries(&self, extension: &str) -> Vec<PathBuf> {
        let files = self.searched.iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten().flatten();
        let is_library = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
        files.map(|file| file.path()).filter(is_library).collect()
    }

    /// Returns the path at which `cargo run` would find the library `name`.
    #[cfg(all(unix, not(target_vendor = "apple")))]
    pub(super) fn found_by_cargo_run(&self, name: &str) -> Option<PathBuf> {
        self.searched.iter().map(|directory| directory.join(name)).find(|path| path.is_file())
    }
}

/// True if a directory holds libraries of a toolchain: its `lib`, or a `lib/rustlib/<target>/lib`.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) fn is_of_a_toolchain(directory: &Path) -> bool {
    directory.components().any(|part| part.as_os_str() == RUSTLIB) || directory.join(RUSTLIB).is_dir()
}

/// Returns the search paths that the build script of `out_dir` printed.
///
/// <https://doc.rust-lang.org/cargo/reference/build-scripts.html#rustc-link-search>
fn printed_by(out_dir: &Path) -> Vec<PathBuf> {
    let output = fs::read(out_dir.with_file_name("output")).unwrap_or_default();
    let path = |line: &str| {
        let search =
            line.strip_prefix("cargo::").or(line.strip_prefix("cargo:"))?.strip_prefix("rustc-link-search=")?;
        let kinds = ["dependency=", "crate=", "native=", "framework=", "all="];
        Some(PathBuf::from(kinds.iter().find_map(|kind| search.strip_prefix(kind)).unwrap_or(search)))
    };
    String::from_utf8_lossy(&output).lines().filter_map(path).collect()
}
