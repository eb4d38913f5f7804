//! Reads git's configuration, as far as it decides which files count.
//!
//! Promises: the configuration is that of a git started with the environment of the build at the top of the worktree: the
//! files of the system, the user, the repository and the worktree, in this order, with includes followed. Every file that it
//! depends on is listed, including files that may be included later.
//! Does not promise: to find the files of a git whose system-wide configuration is in an unusual place, as Homebrew's. A
//! part that cannot be understood gives no rule, so that files which it may ignore count.

use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};
use gix::config::file::{Metadata, includes, init};
use gix::config::path::interpolate;
use gix::config::{Boolean, File, Source};
use gix::refs::FullName;

use crate::inputs::remember::dependency::SeenPath;
use crate::request::Environment;

/// Variables that decide where git finds its configuration.
///
/// <https://git-scm.com/docs/git-config#ENVIRONMENT>
pub(crate) const VARIABLES: &[&str] = &[
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "USERPROFILE",
    "XDG_CONFIG_HOME",
];

/// The part of a repository's configuration that concerns ignored files.
pub(crate) struct GitConfig {
    /// The user's own ignore file, if there may be one.
    pub(crate) excludes_file: Option<PathBuf>,
    pub(crate) ignore_case: bool,
    /// The files that the configuration depends on, there or not.
    files: Vec<PathBuf>,
    /// True if it includes a file whose path is not known.
    is_incomplete: bool,
}

/// The directories and variables by which a git finds its files.
struct Places<'a> {
    /// The directory that relative paths start from: git goes there before it reads them.
    worktree: &'a Path,
    env: &'a Environment,
    home: Option<PathBuf>,
}

impl GitConfig {
    /// Reads the configuration of `repository`, in which `branch` is checked out, for a git with the variables of `env`.
    pub(crate) fn of(
        repository: &gix::Repository,
        branch: Option<&FullName>,
        worktree: &Path,
        env: &Environment,
    ) -> Result<Self, String> {
        let places = Places { worktree, env, home: home(env) };
        let of_user = places.of_system_and_user().into_iter();
        let own = repository.common_dir().join("config");
        let of_worktree = repository.git_dir().join("config.worktree");
        let mut files: Vec<_> = of_user.chain([(Source::Local, own)]).collect();
        let extension = repository.config_snapshot().boolean("extensions.worktreeConfig");
        if extension.unwrap_or(false) {
            files.push((Source::Worktree, of_worktree));
        }
        let mut merged = merged(&files)?;
        let options = init::Options {
            includes: includes::Options::follow(
                places.interpolation(),
                includes::conditional::Context {
                    git_dir: Some(repository.git_dir()),
                    branch_name: branch.map(AsRef::as_ref),
                },
            ),
            ..init::Options::default()
        };
        // All files at once: a condition may depend on another file.
        merged.resolve_includes(options).map_err(|error| error.to_string())?;
        let mut files: Vec<_> = files.into_iter().map(|(_, path)| path).collect();
        let is_incomplete = places.included(&merged, &mut files);
        let excludes_file = if is_understood(&merged) { places.excludes_file(&merged) } else { None };
        files.extend(excludes_file.clone());
        let ignore_case = merged.boolean("core.ignoreCase").ok().flatten().unwrap_or(false);
        Ok(Self { excludes_file, ignore_case, files, is_incomplete })
    }

    /// Returns what has to stay the same for this configuration to hold.
    pub(crate) fn seen(&self) -> impl Iterator<Item = SeenPath> {
        self.files.iter().map(|path| SeenPath::at(path)).chain(self.is_incomplete.then(SeenPath::never))
    }
}

/// Merges `files`, without following their includes.
fn merged(files: &[(Source, PathBuf)]) -> Result<File, String> {
    let mut metadata = files
        .iter()
        .filter(|(source, path)| is_read(*source, path))
        .map(|(source, path)| Metadata::from(*source).at(path.clone()).with(gix::sec::Trust::Full));
    let found = File::from_paths_metadata_buf(&mut metadata, &mut Vec::new(), false, init::Options::default());
    Ok(found.map_err(|error| error.to_string())?.unwrap_or_default())
}

/// True if every include that git follows was followed. git ignores the case of `include` and `includeIf`; gix knows only
/// this spelling.
fn is_understood(merged: &File) -> bool {
    merged.sections().all(|section| {
        let name = section.header().name();
        let known = [&b"include"[..], b"includeIf"];
        known.iter().all(|known| !name.eq_ignore_ascii_case(known) || name == *known)
    })
}

/// True if git reads the file at `path`. It skips a user's file that it may not read, as if there were none.
///
/// <https://github.com/git/git/blob/v2.50.0/config.c#L1479-L1490>
fn is_read(source: Source, path: &Path) -> bool {
    let is_of_user = matches!(source, Source::Git | Source::User);
    // Anything else, such as a FIFO, could block.
    path.metadata().is_ok_and(|found| found.is_file())
        && !(is_of_user
            && std::fs::File::open(path).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied))
}

impl Places<'_> {
    /// Returns the files that hold in every repository, the least important one first.
    ///
    /// <https://git-scm.com/docs/git-config#FILES>
    fn of_system_and_user(&self) -> Vec<(Source, PathBuf)> {
        let mut files = Vec::new();
        let variable = |name| self.env.get(name).map(|path| self.worktree.join(path));
        let is_set =
            |name| self.env.word(name).is_some_and(|value| Boolean::try_from(BStr::new(value)).is_ok_and(|it| it.0));
        if !is_set("GIT_CONFIG_NOSYSTEM") {
            let usual = || gix::path::env::system_config().map(Path::to_owned);
            files.extend(variable("GIT_CONFIG_SYSTEM").or_else(usual).map(|path| (Source::System, path)));
        }
        match variable("GIT_CONFIG_GLOBAL") {
            Some(path) => files.push((Source::User, path)),
            None => {
                files.extend(self.in_xdg_home("config").map(|path| (Source::Git, path)));
                files.extend(self.home.as_ref().map(|home| (Source::User, home.join(".gitconfig"))));
            }
        }
        files
    }

    fn in_xdg_home(&self, name: &str) -> Option<PathBuf> {
        let of_user = || self.home.as_ref().map(|home| home.join(".config"));
        let directory = self.env.non_empty("XDG_CONFIG_HOME").map(PathBuf::from).or_else(of_user)?;
        Some(self.worktree.join(directory).join("git").join(name))
    }

    /// Returns the user's own ignore file; none if the setting is empty or its path cannot be resolved.
    ///
    /// <https://git-scm.com/docs/git-config#Documentation/git-config.txt-coreexcludesFile>
    fn excludes_file(&self, merged: &File) -> Option<PathBuf> {
        match merged.path("core.excludesFile") {
            Some(path) if !path.is_empty() => {
                path.interpolate(self.interpolation()).ok().map(|it| self.worktree.join(it))
            }
            Some(_) => None,
            None => self.in_xdg_home("ignore"),
        }
    }

    fn interpolation(&self) -> interpolate::Context<'_> {
        interpolate::Context { home_dir: self.home.as_deref(), ..interpolate::Context::default() }
    }

    /// Adds the files that `merged` includes. Adds the files that it names and does not include, too, because they are
    /// missing or their condition does not hold. Returns true if the path of one of them is not known.
    fn included(&self, merged: &File, files: &mut Vec<PathBuf>) -> bool {
        let mut unknown = false;
        for section in merged.sections() {
            let file = section.meta().path.as_deref();
            files.extend(file.map(Path::to_owned));
            if !section.header().name().to_ascii_lowercase().starts_with(b"include") {
                continue;
            }
            for named in section.values("path") {
                let path = gix::config::Path::from(named.as_bstr()).interpolate(self.interpolation());
                match (path, file.and_then(Path::parent)) {
                    (Ok(path), Some(directory)) => files.push(directory.join(path)),
                    (Ok(path), None) => files.push(path),
                    (Err(_), _) => unknown = true,
                }
            }
        }
        unknown
    }
}

/// Returns the directory in which git looks for a user's files. On Windows, git sets `HOME` itself if it is not set.
///
/// <https://github.com/git-for-windows/git/blob/v2.50.0.windows.1/compat/mingw.c#L3070-L3110>
fn home(env: &Environment) -> Option<PathBuf> {
    let of_variable = |name| env.non_empty(name).map(PathBuf::from);
    if !cfg!(windows) {
        return of_variable("HOME");
    }
    let of_drive = || {
        let mut path = env.non_empty("HOMEDRIVE")?.to_owned();
        path.push(env.non_empty("HOMEPATH")?);
        Some(PathBuf::from(path)).filter(|path| path.is_dir())
    };
    of_variable("HOME").or_else(of_drive).or_else(|| of_variable("USERPROFILE"))
}
