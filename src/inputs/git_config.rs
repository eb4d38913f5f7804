//! git's configuration, as far as it decides which files count.
//!
//! Promises: it is what a git reads that is started with the environment of the build at the top of the worktree: the
//! files of the system, the user, the repository and the worktree, in this order, includes followed. Every file that it
//! comes from is told, those that might come to be included.
//! Does not promise: to find the files of a git whose system-wide configuration is not where most have it, as Homebrew's.
//! Where a part cannot be understood, no rule comes of it, so that what it might have ignored counts.

use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};
use gix::config::file::{Metadata, includes, init};
use gix::config::path::interpolate;
use gix::config::{Boolean, File, Source};
use gix::refs::FullName;

use super::seen::Seen;
use crate::request::Environment;

/// Says where a git finds its configuration.
///
/// <https://git-scm.com/docs/git-config#ENVIRONMENT>
pub(super) const VARIABLES: &[&str] = &[
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "USERPROFILE",
    "XDG_CONFIG_HOME",
];

/// What a repository's configuration says of ignored files.
pub(super) struct GitConfig {
    /// The user's own ignore file, if there may be one.
    pub(super) excludes_file: Option<PathBuf>,
    pub(super) ignore_case: bool,
    /// Files that this comes from, or would come from.
    files: Vec<PathBuf>,
    /// True if it names a file whose place is not known.
    unwatched: bool,
}

/// Where a git with certain variables looks.
struct Places<'a> {
    /// Relative paths start here, as git goes there before it reads them.
    worktree: &'a Path,
    env: &'a Environment,
    home: Option<PathBuf>,
}

impl GitConfig {
    /// The one of `repository`, of which `branch` is checked out, for a git with the variables of `env`.
    pub(super) fn of(
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
        // All of them at once: a condition may ask for what another file says.
        merged.resolve_includes(options).map_err(|error| error.to_string())?;
        let mut files: Vec<_> = files.into_iter().map(|(_, path)| path).collect();
        let unwatched = places.included(&merged, &mut files);
        let excludes_file = if is_understood(&merged) { places.excludes_file(&merged) } else { None };
        files.extend(excludes_file.clone());
        let ignore_case = merged.boolean("core.ignoreCase").ok().flatten().unwrap_or(false);
        Ok(Self { excludes_file, ignore_case, files, unwatched })
    }

    /// What to look at to know whether it is still so.
    pub(super) fn seen(&self) -> impl Iterator<Item = Seen> {
        self.files.iter().map(|path| Seen::at(path)).chain(self.unwatched.then(Seen::never))
    }
}

/// What `files` say together, without what they include.
fn merged(files: &[(Source, PathBuf)]) -> Result<File, String> {
    let mut metadata = files
        .iter()
        .filter(|(source, path)| is_read(*source, path))
        .map(|(source, path)| Metadata::from(*source).at(path.clone()).with(gix::sec::Trust::Full));
    let found = File::from_paths_metadata_buf(&mut metadata, &mut Vec::new(), false, init::Options::default());
    Ok(found.map_err(|error| error.to_string())?.unwrap_or_default())
}

/// True if everything was included that git includes: gix knows `include` and `includeIf` when they are written like that,
/// and git in capitals, too.
fn is_understood(merged: &File) -> bool {
    merged.sections().all(|section| {
        let name = section.header().name();
        let known = [&b"include"[..], b"includeIf"];
        known.iter().all(|known| !name.eq_ignore_ascii_case(known) || name == *known)
    })
}

/// True if git does not pass over what stands at `path`: a user's file that must not be read is as good as none.
///
/// <https://github.com/git/git/blob/v2.50.0/config.c#L1479-L1490>
fn is_read(source: Source, path: &Path) -> bool {
    let is_of_user = matches!(source, Source::Git | Source::User);
    // Whatever else stands there would be waited for.
    path.metadata().is_ok_and(|found| found.is_file())
        && !(is_of_user
            && std::fs::File::open(path).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied))
}

impl Places<'_> {
    /// The files that hold in every repository, the least important one first.
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

    /// The user's own ignore file. An empty setting means none; a path that cannot be told, too.
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

    /// Adds the files that `merged` includes or, now that they are not there, does not include. Whether there are some
    /// whose place is not known.
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

/// Where git looks for a user's files; on Windows, it sets `HOME` itself where that is not set.
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
