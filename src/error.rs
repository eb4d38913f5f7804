//! Every way a call can fail.
//!
//! Promises: each error has a stable [`Code`] that callers may match on, a message that says what failed and with
//! what, and, where something can be done, a hint that says what to do next. Paths are always in the message.
//! Does not promise: stable wording.
//!
//! [`Error::Aborted`] is the one variant without a code: the caller that aborted knows the reason, and the
//! JavaScript wrapper rejects with that reason instead of an error of ours.

use std::io;
use std::path::{Path, PathBuf};

use crate::nearest::offered;

/// What [`Error::code`] can answer; the JavaScript `DevBinaryErrorCode` without the wrapper's own `BINDING_LOAD`.
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
    /// Nothing is left of a build.
    NotBuilt,
    /// The cache directory cannot be used, or not safely.
    CacheUnusable,
    /// A defect of this package.
    Internal,
}

impl Code {
    /// The code as JavaScript sees it.
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
        /// What is wrong with its value.
        problem: String,
    },
    /// `repo` cannot be built from.
    #[error("`{}` is not a checkout to build from: {problem}", path.display())]
    NotACheckout {
        /// What was given as `repo`, absolute.
        path: PathBuf,
        /// What is missing.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// A program or target is missing.
    #[error("{what}")]
    ToolNotFound {
        /// What is missing and who needs it.
        what: String,
        /// The command that installs it.
        hint: String,
    },
    /// No package of that name.
    #[error("there is no package `{name}` in `{}`", workspace.display())]
    UnknownCrate {
        /// What was asked for.
        name: String,
        /// The workspace that was searched.
        workspace: PathBuf,
        /// Packages of the workspace that have binaries.
        available: Vec<String>,
    },
    /// No binary of that name in the package.
    #[error("package `{package}` has no binary `{name}`")]
    UnknownBin {
        /// What was asked for.
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
        /// What the system said.
        source: io::Error,
    },
    /// cargo failed.
    #[error("`{command}` failed ({status}){}", indented(report))]
    BuildFailed {
        /// The command line as one would type it.
        command: String,
        /// How it ended.
        status: String,
        /// The compiler's and cargo's own rendered errors, without colours.
        report: String,
    },
    /// The tree would not hold still.
    #[error("the inputs changed during each of {attempts} builds: {}", listed(paths, 10))]
    ChangedDuringBuild {
        /// How often cargo ran.
        attempts: u32,
        /// What changed during the last attempt.
        paths: Vec<String>,
    },
    /// Nothing is left of a build of what was asked for.
    #[error("no build of `{bin}` in `{}` is known", checkout.display())]
    NotBuilt {
        /// Name of the target.
        bin: String,
        /// The root of the checkout.
        checkout: PathBuf,
    },
    /// The cache cannot be used.
    #[error("cannot use the cache `{}`: {problem}", path.display())]
    CacheUnusable {
        /// The directory or the file in it.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do about it.
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
    /// The stable code; `None` for an abort, which is reported as the caller's own reason.
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
            Self::NotBuilt { .. } => Code::NotBuilt,
            Self::CacheUnusable { .. } => Code::CacheUnusable,
            Self::Internal(_) => Code::Internal,
            Self::Aborted => return None,
        })
    }

    /// What to do next, where that is known.
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
            Self::NotBuilt { .. } => {
                Some("build it first: `dev-bin get` with the same options, or `getDevBinary`".into())
            }
            Self::ChangedDuringBuild { .. } => Some(
                "wait until whatever writes them has finished, or name them in `exclude` if no build reads them".into(),
            ),
            Self::InvalidOption { .. } | Self::BuildFailed { .. } | Self::Aborted => None,
            Self::Internal(_) => Some("this is a defect of dev-bin; please report it with DEV_BIN_LOG=debug".into()),
        }
    }

    pub(crate) fn option(option: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidOption { option, problem: problem.into() }
    }

    /// The cache at `path` cannot be used for an error of the system's.
    pub(crate) fn cache_io(path: &Path, error: &io::Error) -> Self {
        Self::cache_doing(path, error.to_string(), error)
    }

    /// As [`Error::cache_io`], where more is to be said of what failed.
    pub(crate) fn cache_doing(path: &Path, problem: String, error: &io::Error) -> Self {
        Self::CacheUnusable { path: path.to_owned(), problem, hint: cache_hint(error) }
    }

    pub(crate) fn unreadable(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::InputUnreadable { path: path.into(), source }
    }
}

const MORE_DESCRIPTORS: &str = "let the process open more files at once, as `ulimit -n` does";

/// What to do about an error of the system's in the cache. What failed says less than why.
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

/// What to do about an input that the system does not give.
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

/// True if something other than the mode of a file forbids it: `EPERM` and not `EACCES`.
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

/// The first `most` of `names`, and how many more there are.
pub(crate) fn listed(names: &[String], most: usize) -> String {
    let mut text = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > most {
        text.push_str(&format!(" and {} more", names.len() - most));
    }
    text
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
