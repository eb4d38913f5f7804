//! Makes the errors for parts of a request that do not exist.
//!
//! Promises: the error for an unknown package, binary, profile, feature or target names existing ones, the nearest first.
//! Does not promise: to name profiles that variables define, or, after cargo has refused a profile, those that its
//! configuration defines.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{Metadata, Package, Target};

use super::metadata::metadata;
use super::process;
use crate::error::nearest::{nearest_first, offered};
use crate::error::{Error, Result};
use crate::fs::files;
use crate::model::cancellation::Cancellation;
use crate::request::{Kind, Request};

/// The profiles that cargo itself defines.
///
/// <https://doc.rust-lang.org/cargo/reference/profiles.html#default-profiles>
const PROFILES: [&str; 4] = ["dev", "release", "test", "bench"];

/// Returns the error for a toolchain that rustup does not have.
pub(super) fn toolchain(name: &str) -> Error {
    Error::ToolNotFound {
        what: format!("the toolchain `{name}` is not installed"),
        hint: format!("install it with `rustup toolchain install {name}`"),
    }
}

/// Returns the requested package, if it is a member of the workspace.
pub(super) fn package<'m>(request: &Request, metadata: &'m Metadata) -> Option<&'m Package> {
    metadata.workspace_packages().into_iter().find(|package| *package.name == request.package)
}

/// Returns the error for a package that is no member of the workspace. It names the members that have binaries.
pub(super) fn unknown_crate(request: &Request, root: &Path, metadata: &Metadata) -> Error {
    let members = metadata.workspace_packages().into_iter();
    let mut names: Vec<_> =
        members.filter(|member| !binaries(member).is_empty()).map(|member| member.name.to_string()).collect();
    names.sort();
    let available = nearest_first(names, &request.package);
    Error::UnknownCrate { name: request.package.clone(), workspace: root.to_owned(), available }
}

/// Returns the error for the first requested binary or example that `package` does not have.
pub(super) fn bin(request: &Request, package: &Package) -> Option<Error> {
    let known = match request.kind {
        Kind::Bin => binaries(package),
        Kind::Example => examples(package),
        Kind::Cdylib | Kind::Staticlib => return None,
    };
    let unknown = request.bins().find(|name| !known.iter().any(|known| known == name))?;
    let available = nearest_first(known.clone(), unknown);
    Some(Error::UnknownBin { name: unknown.to_owned(), package: request.package.clone(), available })
}

fn examples(package: &Package) -> Vec<String> {
    package.targets.iter().filter(|target| target.is_example()).map(|target| target.name.clone()).collect()
}

fn binaries(package: &Package) -> Vec<String> {
    package.targets.iter().filter(|target| target.is_bin()).map(|target| target.name.clone()).collect()
}

/// Returns cargo's own profiles and those of the workspace's manifest.
pub(super) fn profiles(metadata: &Metadata) -> Vec<String> {
    let manifest = files::read_to_string(metadata.workspace_root.join("Cargo.toml").as_std_path()).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let defined = manifest.get("profile").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
    let defined = defined.filter(|profile| !PROFILES.contains(&profile.as_str())).cloned();
    PROFILES.map(str::to_owned).into_iter().chain(defined).collect()
}

/// Returns the error for a profile that cargo does not accept. It names the `known` ones.
pub(super) fn profile(name: &str, mut known: Vec<String>) -> Error {
    // A manifest may define a profile with a reserved name.
    known.retain(|profile| profile != name);
    Error::option("profile", format!("cargo knows no profile `{name}` here; {}", offered(&known, name, "there are")))
}

/// Returns the error for the first requested feature that `package` does not have. `said` holds cargo's words, if it has
/// refused.
pub(super) fn feature(request: &Request, metadata: &Metadata, package: &Package, said: &str) -> Option<Error> {
    let refused = |problem: String| Some(Error::option("features", problem));
    // After these words, cargo names the features that the target lacks.
    if let Some((_, rest)) = said.split_once("requires the features: ") {
        let needed = rest.lines().next().unwrap_or(rest).trim();
        let named = said.split_once("target `").and_then(|(_, rest)| rest.split_once('`'));
        let target = named.map_or(request.bin.as_str(), |(target, _)| target);
        return Some(requires(target, package, needed));
    }
    for feature in &request.features {
        let Some((dependency, of_dependency)) =
            feature.split_once('/').map(|(name, it)| (name.trim_end_matches('?'), it))
        else {
            if package.features.contains_key(feature) {
                continue;
            }
            return refused(no_feature(package, feature));
        };
        let mut names: Vec<String> = package
            .dependencies
            .iter()
            .map(|known| known.rename.clone().unwrap_or_else(|| known.name.clone()))
            .collect();
        let members = metadata.workspace_packages();
        let member = members.iter().find(|member| *member.name == dependency);
        if let Some(member) = member.filter(|member| !member.features.contains_key(of_dependency)) {
            return refused(no_feature(member, of_dependency));
        }
        if member.is_none() && !names.iter().any(|name| name == dependency) {
            names.sort();
            names.dedup();
            return refused(if names.is_empty() {
                format!(
                    "package `{}` has no dependency `{dependency}` for `{feature}`; it has none at all",
                    package.name
                )
            } else {
                let names = offered(&names, dependency, "it has");
                format!("package `{}` has no dependency `{dependency}` for `{feature}`; {names}", package.name)
            });
        }
        // Only cargo knows which version of a dependency is meant, and its features.
        if said.contains("does not have") && said.contains(&format!("`{of_dependency}`")) {
            return refused(format!(
                "`{dependency}` has no feature `{of_dependency}`; cargo says:\n\n{}",
                said.trim_end()
            ));
        }
    }
    None
}

fn no_feature(package: &Package, feature: &str) -> String {
    let names: Vec<String> = package.features.keys().cloned().collect();
    let has = if names.is_empty() { "it has none at all".into() } else { offered(&names, feature, "it has") };
    format!("package `{}` has no feature `{feature}`; {has}", package.name)
}

/// Returns the error for a library that is not made in the requested form.
pub(super) fn crate_type(request: &Request, root: &Path, cancellation: &Cancellation) -> Error {
    let metadata = match metadata(request, root, cancellation) {
        Err(aborted) => return aborted,
        Ok(metadata) => metadata,
    };
    not_of_kind(request, metadata.as_ref().and_then(|metadata| package(request, metadata)))
}

fn not_of_kind(request: &Request, found: Option<&Package>) -> Error {
    let (kind, package) = (request.kind.name(), &request.package);
    let manifest = found.map_or_else(|| "its manifest".to_owned(), |found| format!("`{}`", found.manifest_path));
    let problem =
        format!("the library of `{package}` is no {kind}; add `crate-type = [\"{kind}\"]` to `[lib]` in {manifest}");
    Error::option("kind", problem)
}

/// Returns the error for a request that the manifest of `package` rules out: a form in which its library is not made, or a
/// target whose required features are not enabled.
pub(super) fn ruled_out(request: &Request, package: &Package) -> Option<Error> {
    if request.kind.is_library() {
        let is_made = |target: &Target| target.crate_types.iter().any(|it| it.to_string() == request.kind.name());
        return (!package.targets.iter().any(is_made)).then(|| not_of_kind(request, Some(package)));
    }
    let enabled = enabled_features(request, package);
    let is_asked = |target: &&Target| match request.kind {
        Kind::Example => target.is_example() && target.name == request.bin,
        _ => target.is_bin() && request.bins().any(|bin| bin == target.name),
    };
    let lacks = |target: &&Target| target.required_features.iter().any(|feature| !enabled.contains(feature.as_str()));
    let target = package.targets.iter().filter(is_asked).find(lacks)?;
    let needed: Vec<String> = target.required_features.iter().map(|feature| format!("`{feature}`")).collect();
    Some(requires(&target.name, package, &needed.join(", ")))
}

fn requires(target: &str, package: &Package, features: &str) -> Error {
    Error::option("features", format!("`{target}` of package `{}` requires {features}", package.name))
}

/// The features of `package` that `request` enables, with those that these enable in turn.
///
/// <https://doc.rust-lang.org/cargo/reference/features.html>
fn enabled_features<'p>(request: &'p Request, package: &'p Package) -> BTreeSet<&'p str> {
    let default = (!request.no_default_features).then_some("default");
    let of_package = |feature: &'p str| match feature.split_once('/') {
        Some((owner, feature)) => (owner == package.name.as_str()).then_some(feature),
        None => Some(feature),
    };
    let asked = request.features.iter().filter_map(|feature| of_package(feature));
    let all = request.cargo.of_build.iter().any(|argument| argument == "--all-features");
    let all = package.features.keys().filter(|_| all).map(String::as_str);
    let mut ahead: Vec<&str> = default.into_iter().chain(asked).chain(all).collect();
    let mut enabled = BTreeSet::new();
    while let Some(feature) = ahead.pop() {
        if enabled.insert(feature) {
            // A feature may enable a feature of a dependency, too.
            ahead.extend(package.features.get(feature).into_iter().flatten().map(String::as_str));
        }
    }
    enabled
}

/// Returns every target that rustc knows; none if it does not tell.
pub(super) fn targets(request: &Request, root: &Path, cancellation: &Cancellation) -> Result<Vec<String>> {
    let program = request.env.find_program("rustc", root).unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(program);
    rustc.args(["--print", "target-list"]).current_dir(root).env_clear().envs(request.env.iter());
    let printed = process::capture(rustc, cancellation)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect())
}

/// Returns the error for a target that is not among the `known` ones. It names those for the same processor.
pub(super) fn target(triple: &str, known: &[String]) -> Error {
    let processor = |target: &str| target.split('-').next().map(str::to_owned);
    let of_processor: Vec<_> = known.iter().filter(|target| processor(target) == processor(triple)).cloned().collect();
    let names = if of_processor.is_empty() { known } else { &of_processor };
    let names = if names.is_empty() { String::new() } else { format!("{}; ", offered(names, triple, "there are")) };
    Error::option("target", format!("rustc knows no target `{triple}`; {names}`rustc --print target-list` lists all"))
}
