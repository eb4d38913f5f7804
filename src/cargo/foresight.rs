//! What a build would be refused for, told without one.
//!
//! Promises: nothing is built, fetched or installed, and no file is written. What is refused here, cargo would refuse in the
//! same words; where cargo does not tell of its workspace, nothing is.
//! Does not promise: to see all that cargo refuses. A package that others depend on is built by name, too, and only cargo
//! knows what is in it.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{Metadata, Package};

use super::{metadata, refusal};
use crate::error::{Error, Result};
use crate::model::cancellation::Cancellation;
use crate::request::{Builder, HOST_TUPLE, Request};

/// What is known of a workspace that cargo does not tell in brief.
pub struct Known<'k> {
    /// The toolchain that rustup would run, if it does not have it.
    pub missing_toolchain: Option<&'k str>,
    /// Profiles that configuration and variables define.
    pub profiles: BTreeSet<String>,
    /// True if the lock file names the package that is asked for.
    pub is_locked: bool,
}

/// What cargo-zigbuild alone takes for a target.
const UNIVERSAL: &str = "universal2-apple-darwin";

/// What a build of `request` would fail with before it compiles anything, as far as that can be told.
///
/// # Errors
///
/// [`Error::Aborted`].
pub fn foreseen_failure(
    request: &Request,
    root: &Path,
    known: &Known<'_>,
    cancellation: &Cancellation,
) -> Result<Option<Error>> {
    if let Some(toolchain) = known.missing_toolchain {
        return Ok(Some(refusal::toolchain(toolchain)));
    }
    let asked = request.asking();
    let told = match metadata::metadata(&asked, root, cancellation) {
        Err(Error::Aborted) => return Err(Error::Aborted),
        told => told.ok().flatten(),
    };
    let refused = told.and_then(|metadata| named(request, root, known, &metadata));
    if refused.is_some() {
        return Ok(refused);
    }
    // A target that is specified in a file is found in a directory of such.
    let is_rustcs =
        |triple: &&str| *triple != HOST_TUPLE && (*triple != UNIVERSAL || request.builder == Builder::Cargo);
    let triple = request.triple().filter(is_rustcs);
    let Some(triple) = triple.filter(|_| request.env.get("RUST_TARGET_PATH").is_none()) else { return Ok(None) };
    let targets = refusal::targets(&asked, root, cancellation)?;
    let is_unknown = !targets.is_empty() && !targets.iter().any(|target| target == triple);
    Ok(is_unknown.then(|| refusal::target(triple, &targets)))
}

fn named(request: &Request, root: &Path, known: &Known<'_>, metadata: &Metadata) -> Option<Error> {
    let mut profiles = refusal::profiles(metadata);
    profiles.extend(known.profiles.iter().filter(|profile| !profiles.contains(profile)).cloned().collect::<Vec<_>>());
    if !profiles.contains(&request.profile) {
        return Some(refusal::profile(&request.profile, profiles));
    }
    let Some(package) = refusal::package(request, metadata) else {
        let depends = |member: &&Package| member.dependencies.iter().any(|known| known.name == request.package);
        let is_dependency = known.is_locked || metadata.workspace_packages().iter().any(depends);
        return (!is_dependency).then(|| refusal::unknown_crate(request, root, metadata));
    };
    let at_root = metadata.root_package().filter(|at_root| at_root.id != package.id);
    // Before resolver 2, features without a package before them are those of the package at the root.
    let of_root = |feature: &String| at_root.is_some_and(|package| package.features.contains_key(feature));
    let features = request.features.iter().filter(|feature| !of_root(feature)).cloned().collect();
    let of_package = Request { features, ..request.clone() };
    refusal::bin(request, package)
        .or_else(|| refusal::feature(&of_package, metadata, package, ""))
        .or_else(|| refusal::ruled_out(request, package))
}
