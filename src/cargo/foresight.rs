//! Foresees what cargo would refuse, without a build.
//!
//! Promises: nothing is built, fetched or installed, and no file is written. An error from here is the one that a build
//! would give. If cargo does not describe its workspace, nothing about packages and profiles is foreseen.
//! Does not promise: to foresee every refusal. A dependency of another package can be built by its name, too, and only
//! cargo knows its targets.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{Metadata, Package};

use super::{metadata, refusal};
use crate::error::{Error, Result};
use crate::model::cancellation::Cancellation;
use crate::request::{Builder, HOST_TUPLE, Request};

/// Facts about a workspace that `cargo metadata --no-deps` does not tell.
pub struct Known<'k> {
    /// The toolchain that rustup would run, if it is not installed.
    pub missing_toolchain: Option<&'k str>,
    /// The profiles that configuration and variables define.
    pub profiles: BTreeSet<String>,
    /// True if the lock file names the requested package.
    pub is_locked: bool,
}

/// A target that only cargo-zigbuild knows.
const UNIVERSAL: &str = "universal2-apple-darwin";

/// Returns the error with which a build of `request` would fail before it compiles anything, as far as that can be told.
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
    // With `RUST_TARGET_PATH`, a file in one of its directories may specify the target.
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
    // Before resolver 2, a feature without the name of a package belongs to the package at the root.
    let of_root = |feature: &String| at_root.is_some_and(|package| package.features.contains_key(feature));
    let features = request.features.iter().filter(|feature| !of_root(feature)).cloned().collect();
    let of_package = Request { features, ..request.clone() };
    refusal::bin(request, package)
        .or_else(|| refusal::feature(&of_package, metadata, package, ""))
        .or_else(|| refusal::ruled_out(request, package))
}
