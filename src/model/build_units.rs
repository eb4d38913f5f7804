//! The units that cargo reported, as data between running cargo and looking at what the build read.
//!
//! Promises: each run of rustc and of a build script that went into the requested binary is listed, whether it ran now or
//! earlier.
//! Does not promise: the times of the runs. `inputs` reads those from the files that they wrote.

use std::path::{Path, PathBuf};

/// A package, as cargo names it in its messages and takes it on its command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// cargo's package id specification.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>
    pub id: String,
    /// The directory of its manifest.
    pub directory: PathBuf,
}

impl Package {
    /// Returns its name, which an id leaves out if the directory has the same name.
    #[must_use]
    pub fn name(&self) -> &str {
        let (source, rest) = self.id.split_once('#').unwrap_or((&self.id, ""));
        match rest.split_once('@') {
            Some((name, _)) => name,
            // The branch, tag or commit of a git repository stands behind its URL.
            None => source.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap_or(source),
        }
    }

    /// True if its sources may be edited. Sources that cargo fetched from registries and git lie in `cargo_home`, and do not
    /// change under one id. Vendored sources lie elsewhere, and may be edited.
    #[must_use]
    pub fn is_local(&self, cargo_home: Option<&Path>) -> bool {
        let fetched = cargo_home.map(|home| ["registry", "git"].map(|name| home.join(name)));
        let is_fetched = || fetched.into_iter().flatten().any(|directory| self.directory.starts_with(directory));
        self.id.starts_with("path+") || !is_fetched()
    }
}

/// One run of rustc, now or earlier.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The package that is compiled.
    pub package: Package,
    /// True if it is a build script.
    pub is_build_script: bool,
    /// True if it is a procedural macro, whose code runs in every compilation that uses it.
    pub is_proc_macro: bool,
    /// True if cargo took the result of an earlier run.
    pub fresh: bool,
    /// The source file that rustc was called with.
    pub source: PathBuf,
    /// The files that rustc wrote. A requested binary is named where cargo put it, not where rustc wrote it.
    pub files: Vec<PathBuf>,
}

/// One run of a build script, now or earlier.
#[derive(Clone, Debug)]
pub struct ScriptRun {
    /// Its package's id.
    pub package_id: String,
    /// Its `OUT_DIR`.
    pub out_dir: PathBuf,
}

/// The two directories that cargo writes to in a build.
#[derive(Clone, Debug)]
pub struct BuildDirectories {
    /// `build.target-dir`, where cargo puts the requested files.
    pub target: PathBuf,
    /// `build.build-dir`, where it puts everything else.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/config.html#buildbuild-dir>
    pub build: PathBuf,
}

/// Everything that went into the requested binary.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Runs of rustc.
    pub units: Vec<Unit>,
    /// Runs of build scripts.
    pub scripts: Vec<ScriptRun>,
    /// The requested file, where cargo put it.
    pub executable: PathBuf,
    /// Other requested binaries of the package, where cargo put them.
    pub siblings: Vec<PathBuf>,
}

impl Units {
    /// Returns the directory of the profile in the target directory, which examples lie below.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/build-cache.html>
    #[must_use]
    pub fn profile_directory(&self) -> &Path {
        let directory = self.executable.parent().unwrap_or(&self.executable);
        match directory.file_name() {
            Some(name) if name == EXAMPLES => directory.parent().unwrap_or(directory),
            _ => directory,
        }
    }

    /// Returns everything that was requested.
    pub fn outputs(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.executable).chain(&self.siblings).map(PathBuf::as_path)
    }
}

/// The directory that cargo puts examples in.
pub const EXAMPLES: &str = "examples";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_ids_of_either_form() {
        let name = |id: &str| Package { id: id.to_owned(), directory: PathBuf::new() }.name().to_owned();
        assert_eq!(name("path+file:///w/core#core-part@0.1.0"), "core-part");
        assert_eq!(name("path+file:///w/app#0.1.0"), "app");
        assert_eq!(name("git+file:///w/fetched?rev=0a1b2c#0.1.0"), "fetched");
        assert_eq!(name("git+https://github.com/x/sys.git?branch=a%2Fb#foo-sys@0.1.0"), "foo-sys");
        assert_eq!(name("registry+https://github.com/rust-lang/crates.io-index#serde@1.0.0"), "serde");
    }
}
