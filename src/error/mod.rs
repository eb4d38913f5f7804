//! Every way in which a call can fail.
//!
//! Promises: each error has a stable [`Code`] that callers may match on, a message that says what failed and with what, and,
//! if there is a remedy, a hint that says what to do next. Paths are always in the message.
//! Does not promise: stable wording.
//!
//! [`Error::Aborted`] is the one variant without a code. The caller that aborted knows the reason, and the JavaScript
//! wrapper rejects with that reason instead of an error of this package.

pub(crate) mod nearest;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use nearest::listed;
use nearest::offered;

/// The codes that [`Error::code`] returns: the JavaScript `DevBinaryErrorCode` without `BINDING_LOAD`, which the wrapper
/// alone uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An option has a wrong type, a value cargo would refuse, or an unknown name.
    InvalidOption,
    /// `repo` holds no cargo workspace, or git's files around it cannot be read.
    NotACheckout,
    /// A program or a target that the build needs is not installed.
    ToolNotFound,
    /// The workspace has no such package.
    UnknownCrate,
    /// The package has no such binary.
    UnknownBin,
    /// A file or directory that counts as an input cannot be read.
    InputUnreadable,
    /// cargo ended with an error.
    BuildFailed,
    /// The inputs changed during each of the attempts to build them.
    ChangedDuringBuild,
    /// No build of the target is known, or none is in the cache and none may be made.
    NotBuilt,
    /// The cache directory cannot be used, or not safely.
    CacheUnusable,
    /// A team's store does not have what it was to be given.
    RemoteFailed,
    /// A defect of this package.
    Internal,
}

impl Code {
    /// Returns the code as JavaScript sees it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidOption => "INVALID_OPTION",
            Self::NotACheckout => "NOT_A_CHECKOUT",
            Self::ToolNotFound => "TOOL_NOT_FOUND",
            Self::UnknownCrate => "UNKNOWN_CRATE",
            Self::UnknownBin => "UNKNOWN_BIN",
            Self::InputUnreadable => "INPUT_UNREADABLE",
            Self::BuildFailed => "BUILD_FAILED",
            Self::ChangedDuringBuild => "CHANGED_DURING_BUILD",
            Self::NotBuilt => "NOT_BUILT",
            Self::CacheUnusable => "CACHE_UNUSABLE",
            Self::RemoteFailed => "REMOTE_FAILED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option that cannot be used as it stands.
    #[error("invalid option `{option}`: {problem}")]
    InvalidOption {
        /// The option's name in the JavaScript surface.
        option: &'static str,
        /// The problem with its value.
        problem: String,
    },
    /// `repo` cannot be built from.
    #[error("`{}` is not a checkout to build from: {problem}", path.display())]
    NotACheckout {
        /// The value of `repo`, made absolute.
        path: PathBuf,
        /// The part that is missing, in words.
        problem: String,
        /// The remedy.
        hint: String,
    },
    /// A program or target is missing.
    #[error("{what}")]
    ToolNotFound {
        /// The missing program or target, and what needs it.
        what: String,
        /// The command that installs it.
        hint: String,
    },
    /// No package of that name.
    #[error("there is no package `{name}` in `{}`", workspace.display())]
    UnknownCrate {
        /// The name that was asked for.
        name: String,
        /// The workspace that was searched.
        workspace: PathBuf,
        /// Packages of the workspace that have binaries.
        available: Vec<String>,
    },
    /// No binary of that name in the package.
    #[error("package `{package}` has no binary `{name}`")]
    UnknownBin {
        /// The name that was asked for.
        name: String,
        /// The package.
        package: String,
        /// Its binaries; empty for a library.
        available: Vec<String>,
    },
    /// An input that cannot be read.
    #[error("cannot read `{}`, which the build may depend on: {source}", path.display())]
    InputUnreadable {
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// cargo failed.
    #[error("`{command}` failed ({status}){}", indented(report))]
    BuildFailed {
        /// The command line as one would type it.
        command: String,
        /// Its exit status, or the signal that ended it.
        status: String,
        /// The compiler's and cargo's own rendered errors, without colours.
        report: String,
    },
    /// A team's store was to be given a binary.
    #[error("the team's store `{url}` does not have what was built: {problem}")]
    Remote {
        /// The store's URL.
        url: String,
        /// The failure, and the remedy.
        problem: String,
    },
    /// The inputs changed during every attempt to build them.
    #[error("the inputs changed during each of {attempts} builds: {}", listed(paths, 10))]
    ChangedDuringBuild {
        /// The number of attempts.
        attempts: u32,
        /// The changes during the last attempt, in words.
        paths: Vec<String>,
    },
    /// No build of the requested target is known.
    #[error("no build of `{bin}` in `{}` is known", checkout.display())]
    NotBuilt {
        /// The name of the target.
        bin: String,
        /// The root of the checkout.
        checkout: PathBuf,
    },
    /// The requested target would have to be built, and must not be.
    #[error("`{bin}` would have to be built, and the call asks for none of that")]
    NotInCache {
        /// The name of the target.
        bin: String,
    },
    /// The cache cannot be used.
    #[error("cannot use the cache `{}`: {problem}", path.display())]
    CacheUnusable {
        /// The directory or the file in it.
        path: PathBuf,
        /// The problem with it.
        problem: String,
        /// The remedy.
        hint: String,
    },
    /// The caller asked to stop.
    #[error("aborted")]
    Aborted,
    /// A defect of this package.
    #[error("{0}")]
    Internal(String),
}

/// The result of anything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns the stable code; `None` for an abort, for which the caller gets its own reason.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Some(match self {
            Self::InvalidOption { .. } => Code::InvalidOption,
            Self::NotACheckout { .. } => Code::NotACheckout,
            Self::ToolNotFound { .. } => Code::ToolNotFound,
            Self::UnknownCrate { .. } => Code::UnknownCrate,
            Self::UnknownBin { .. } => Code::UnknownBin,
            Self::InputUnreadable { .. } => Code::InputUnreadable,
            Self::BuildFailed { .. } => Code::BuildFailed,
            Self::ChangedDuringBuild { .. } => Code::ChangedDuringBuild,
            Self::NotBuilt { .. } | Self::NotInCache { .. } => Code::NotBuilt,
            Self::CacheUnusable { .. } => Code::CacheUnusable,
            Self::Remote { .. } => Code::RemoteFailed,
            Self::Internal(_) => Code::Internal,
            Self::Aborted => return None,
        })
    }

    /// Returns what to do next, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotACheckout { hint, .. } | Self::ToolNotFound { hint, .. } | Self::CacheUnusable { hint, .. } => {
                Some(hint.clone())
            }
            Self::UnknownCrate { available, .. } if available.is_empty() => {
                Some("no package of this workspace has a binary".into())
            }
            Self::UnknownCrate { name, available, .. } => Some(offered(available, name, "packages with binaries:")),
            Self::UnknownBin { available, package, .. } if available.is_empty() => {
                Some(format!("`{package}` has no binary at all: it is a library"))
            }
            Self::UnknownBin { name, available, .. } => Some(offered(available, name, "its binaries:")),
            Self::InputUnreadable { source, .. } => Some(input_hint(source)),
            Self::NotBuilt { .. } | Self::NotInCache { .. } => {
                Some("build it first: `dev-bin get` with the same options, or `getDevBinary`".into())
            }
            Self::ChangedDuringBuild { .. } => Some(
                "wait until whatever writes them has finished, or name them in `exclude` if no build reads them".into(),
            ),
            Self::InvalidOption { .. } | Self::BuildFailed { .. } | Self::Aborted => None,
            Self::Remote { .. } => Some("`dev-bin remote check` says what the store can and cannot do".into()),
            Self::Internal(_) => Some("this is a defect of dev-bin; please report it with DEV_BIN_LOG=debug".into()),
        }
    }

    pub(crate) fn option(option: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidOption { option, problem: problem.into() }
    }

    /// Makes an error of the cache at `path` from an error of the system.
    pub(crate) fn cache_io(path: &Path, error: &io::Error) -> Self {
        Self::cache_doing(path, error.to_string(), error)
    }

    /// Makes the same with a `problem` that says more than the error of the system.
    pub(crate) fn cache_doing(path: &Path, problem: String, error: &io::Error) -> Self {
        Self::CacheUnusable { path: path.to_owned(), problem, hint: cache_hint(error) }
    }

    pub(crate) fn unreadable(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::InputUnreadable { path: path.into(), source }
    }
}

const MORE_DESCRIPTORS: &str = "let the process open more files at once, as `ulimit -n` does";

/// Returns the remedy for an error of the system in the cache. It follows from the reason, and not from the operation that
/// failed.
fn cache_hint(error: &io::Error) -> String {
    use io::ErrorKind;
    let what = match error.kind() {
        _ if is_out_of_descriptors(error) => return MORE_DESCRIPTORS.into(),
        ErrorKind::StorageFull => "make room there, of bytes or of files, as `df` and `df -i` tell",
        ErrorKind::QuotaExceeded => "make room there, or have the quota of this user raised",
        ErrorKind::ReadOnlyFilesystem => "mount its file system to be written to",
        ErrorKind::PermissionDenied if is_forbidden(error) => {
            "lift what forbids it to this user, such as an immutable directory or a sandbox"
        }
        ErrorKind::PermissionDenied => "make it a directory that this user can write to",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "move away what stands in the place of a directory",
        ErrorKind::TooManyLinks => "remove some directories or names of files there",
        ErrorKind::InvalidFilename => "choose a shorter path",
        ErrorKind::NotFound => "let nothing remove it while it is used",
        ErrorKind::OutOfMemory => "free memory",
        _ => "see whether the file system works",
    };
    format!("{what}, or name another directory in `cacheDir`")
}

/// Returns the remedy for an input that the system does not let this process read.
fn input_hint(error: &io::Error) -> String {
    use io::ErrorKind;
    let what = match error.kind() {
        _ if is_out_of_descriptors(error) => return MORE_DESCRIPTORS.into(),
        ErrorKind::PermissionDenied if is_forbidden(error) => "lift what forbids it to this user, such as a sandbox",
        ErrorKind::InvalidFilename => "choose a shorter path for the checkout",
        _ => "make it readable",
    };
    format!("{what}, or name it in `exclude` if no build reads it")
}

/// True if something other than the file's mode forbids the access: `EPERM` and not `EACCES`.
fn is_forbidden(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::PERM)
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

/// True if this process or the system has too many files open.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    }
    #[cfg(not(unix))]
    {
        /// `ERROR_TOO_MANY_OPEN_FILES` of `winerror.h`
        const TOO_MANY_OPEN_FILES: i32 = 4;
        error.raw_os_error() == Some(TOO_MANY_OPEN_FILES)
    }
}

fn indented(report: &str) -> String {
    if report.trim().is_empty() { String::new() } else { format!("\n\n{}", report.trim_end()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn too_many_open_files_are_no_reason_to_exclude_one() {
        let error =
            |errno: rustix::io::Errno| Error::unreadable("src/main.rs", errno.into()).hint().unwrap_or_default();
        assert!(error(rustix::io::Errno::MFILE).contains("ulimit -n"));
        assert!(error(rustix::io::Errno::ACCESS).contains("exclude"));
    }

    #[test]
    fn what_to_do_about_the_cache_follows_from_what_the_system_says() {
        use rustix::io::Errno;
        for (errno, expected) in [
            (Errno::NOSPC, "make room"),
            (Errno::DQUOT, "quota"),
            (Errno::ROFS, "mount"),
            (Errno::ACCESS, "can write to"),
            (Errno::PERM, "immutable"),
            (Errno::NOTDIR, "move away"),
            (Errno::MLINK, "remove some"),
            (Errno::NAMETOOLONG, "shorter"),
            (Errno::IO, "file system works"),
        ] {
            let hint = Error::cache_io(Path::new("/cache"), &errno.into()).hint().unwrap_or_default();
            assert!(hint.contains(expected) && hint.contains("cacheDir"), "{errno}: {hint}");
        }
        let hint = Error::cache_io(Path::new("/cache"), &Errno::MFILE.into()).hint().unwrap_or_default();
        assert!(hint.contains("ulimit -n") && !hint.contains("cacheDir"));
    }
}
