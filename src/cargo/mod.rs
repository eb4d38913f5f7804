//! Runs cargo.
//!
//! Promises: the artifact is the file that cargo itself names, with its stat identity at that moment. When a call is
//! aborted, cargo and its whole process group are ended. The compiler's messages reach the caller as events and, after a
//! failure, in the error.
//! Does not promise: that cargo compiled anything. It reports a fresh unit as fresh.
//!
//! cargo prints JSON messages, each with the compiler's rendered text, instead of rendered text on stderr. So a diagnostic
//! can be told from other output, and can be shown with or without colours.

mod command;
mod failure;
mod foresight;
mod metadata;
mod pace;
mod process;
mod refusal;
mod shims;
mod stderr;
mod version;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, listed};
use crate::fs::identity::StatIdentity;
use crate::model::build_units::{Package, Units};
use crate::model::cancellation::Cancellation;
use crate::model::companions::Companion;
use crate::model::event::Event;
use crate::request::Request;
pub use foresight::{Known, foreseen_failure};
pub use metadata::directories;
use process::Transcript;
pub use shims::{cargo_and_sysroot, sysroot};
pub use version::{host, name_versions, native_features};

/// The number of executables that an error names.
const MOST_LISTED: usize = 10;

/// The result of a successful build.
#[derive(Debug)]
pub struct Built {
    /// The requested file, where cargo put it.
    pub executable: PathBuf,
    /// Its stat identity when cargo named it, while cargo still held its lock.
    pub stat: StatIdentity,
    /// Other requested binaries of the package.
    pub siblings: Vec<Companion>,
    /// Everything that went into it.
    pub units: Units,
    /// Milliseconds that the build took.
    pub elapsed_ms: u64,
}

impl Built {
    /// Returns the directory of the profile in the target directory.
    #[must_use]
    pub fn output_directory(&self) -> &Path {
        self.units.profile_directory()
    }
}

/// Removes what cargo built of `packages`, with the profile and target of `request`.
///
/// # Errors
///
/// [`Error::BuildFailed`] with cargo's own words, [`Error::Aborted`].
pub fn clean(
    request: &Request,
    root: &Path,
    packages: &[Package],
    cancellation: &Cancellation,
    emit: &dyn Fn(Event),
) -> Result<()> {
    let arguments = command::clean_arguments(request, packages);
    let transcript = process::run(request, root, (&arguments, &[]), None, cancellation, emit)?;
    cancellation.check()?;
    if transcript.status.success() {
        return Ok(());
    }
    let command = command::shown(&arguments);
    let (status, report) = (transcript.status.to_string(), transcript.messages.concat());
    Err(Error::BuildFailed { command, status, report })
}

/// Returns the one file that cargo named for the target `name`. Several files are an error, since none of them is the right
/// one.
fn only(mut files: BTreeMap<PathBuf, StatIdentity>, name: &str) -> Result<(PathBuf, StatIdentity)> {
    if files.len() > 1 {
        let all: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
        let listed = listed(&all, MOST_LISTED);
        let problem = format!("cargo builds `{name}` more than once: {listed}; name the target of one of them");
        return Err(Error::option("target", problem));
    }
    files.pop_first().ok_or_else(|| Error::option("kind", format!("cargo makes no program of `{name}`")))
}

/// Builds the binary of `request` in `root`, with `variables` added to those of the request. `expected` is how long the
/// last such build took.
///
/// # Errors
///
/// [`Error::ToolNotFound`], [`Error::UnknownCrate`], [`Error::UnknownBin`] and [`Error::InvalidOption`] where cargo's
/// complaint is understood, [`Error::BuildFailed`] with cargo's own words otherwise, [`Error::Aborted`].
pub fn build(
    request: &Request,
    root: &Path,
    variables: &[(&str, OsString)],
    expected: Option<Duration>,
    cancellation: &Cancellation,
    emit: &dyn Fn(Event),
) -> Result<Built> {
    let started = Instant::now();
    let arguments = command::arguments(request);
    emit(Event::Building { bin: request.bin.clone(), command: command::shown(&arguments), expected });
    let transcript = process::run(request, root, (&arguments, variables), expected, cancellation, emit)?;
    cancellation.check()?;
    if !transcript.status.success() {
        return Err(failure::explain(request, root, &arguments, &transcript, cancellation));
    }
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    emit(Event::Built { bin: request.bin.clone(), elapsed_ms });
    let Transcript { mut outputs, mut units, .. } = transcript;
    if request.kind.is_library() && outputs.is_empty() {
        return Err(refusal::crate_type(request, root, cancellation));
    }
    // A library is requested without a name, and is the only output.
    let first = if request.kind.is_library() { outputs.pop_first() } else { outputs.remove_entry(&request.bin) };
    let (executable, stat) = only(first.map(|(_, files)| files).unwrap_or_default(), &request.bin)?;
    let sibling = |bin: &String| {
        let (path, stat) = only(outputs.remove(bin).unwrap_or_default(), bin)?;
        Ok(Companion { name: request.sibling_name(bin), path, stat, edits: Vec::new() })
    };
    let siblings = request.with.iter().map(sibling).collect::<Result<Vec<_>>>()?;
    units.executable.clone_from(&executable);
    units.siblings = siblings.iter().map(|sibling| sibling.path.clone()).collect();
    Ok(Built { executable, stat, siblings, units, elapsed_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_executables_none_is_taken() {
        let named = |paths: &[&str]| paths.iter().map(|path| (PathBuf::from(path), StatIdentity::default())).collect();
        assert_eq!(only(named(&["/t/a/app"]), "app").unwrap().0, Path::new("/t/a/app"));
        let refused = only(named(&["/t/a/app", "/t/b/app"]), "app").unwrap_err();
        assert!(matches!(refused, Error::InvalidOption { option: "target", .. }));
        assert!(refused.to_string().contains("/t/a/app, /t/b/app"));
        assert!(matches!(only(named(&[]), "app"), Err(Error::InvalidOption { option: "kind", .. })));
    }
}
