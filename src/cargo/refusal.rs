//! Options that cargo refuses, in terms of what it would take.
//!
//! Promises: a profile, a feature or a target that cargo does not know is an invalid option, and the error names those
//! that there are.
//! Does not promise: to name profiles that cargo's configuration or variables define; the manifest's are listed.

use std::path::Path;
use std::process::Command;

use cargo_metadata::{Metadata, Package};

use super::metadata::metadata;
use super::process;
use crate::cancellation::Cancellation;
use crate::error::{Error, listed};
use crate::files;
use crate::request::Request;

/// More would not be read.
const MOST_NAMES: usize = 20;
/// <https://doc.rust-lang.org/cargo/reference/profiles.html#default-profiles>
const PROFILES: [&str; 4] = ["dev", "release", "test", "bench"];

/// The profile of `request`, if that is what cargo `said` it does not take.
pub(super) fn profile(request: &Request, metadata: &Metadata, said: &str) -> Option<Error> {
    let name = &request.profile;
    let is_refused = ["is not defined", "is reserved"].iter().any(|words| said.contains(&format!("`{name}` {words}")));
    if !is_refused {
        return None;
    }
    let manifest = files::read_to_string(metadata.workspace_root.join("Cargo.toml").as_std_path()).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let defined = manifest.get("profile").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
    let mut names: Vec<String> = PROFILES.map(str::to_owned).to_vec();
    for profile in defined.filter(|profile| *profile != name && !PROFILES.contains(&profile.as_str())) {
        names.push(profile.clone());
    }
    Some(Error::option(
        "profile",
        format!("cargo knows no profile `{name}` here; there are {}", listed(&names, MOST_NAMES)),
    ))
}

/// The first of `request`'s features that `package` does not have.
pub(super) fn feature(request: &Request, metadata: &Metadata, package: &Package, said: &str) -> Option<Error> {
    let refused = |problem: String| Some(Error::option("features", problem));
    // cargo names what the target lacks between the first backquotes behind these words.
    if let Some((_, rest)) = said.split_once("requires the features: ") {
        let needed = rest.lines().next().unwrap_or(rest).trim();
        let target = &request.bin;
        return refused(format!("`{target}` of package `{}` requires {needed}", package.name));
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
                let names = listed(&names, MOST_NAMES);
                format!("package `{}` has no dependency `{dependency}` for `{feature}`; it has {names}", package.name)
            });
        }
        // Only cargo can tell which version of a package is meant, and its features.
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
    let has = if names.is_empty() { "none at all".into() } else { listed(&names, MOST_NAMES) };
    format!("package `{}` has no feature `{feature}`; it has {has}", package.name)
}

/// What is wrong where the library of the package is not made in the form that `request` asks for.
pub(super) fn crate_type(request: &Request, root: &Path, cancellation: &Cancellation) -> Error {
    let metadata = match metadata(request, root, cancellation) {
        Err(aborted) => return aborted,
        Ok(metadata) => metadata,
    };
    let (kind, package) = (request.kind.name(), &request.package);
    let found = metadata.as_ref().map(Metadata::workspace_packages).unwrap_or_default();
    let found = found.into_iter().find(|found| *found.name == *package);
    let manifest = found.map_or_else(|| "its manifest".to_owned(), |found| format!("`{}`", found.manifest_path));
    let problem =
        format!("the library of `{package}` is no {kind}; add `crate-type = [\"{kind}\"]` to `[lib]` in {manifest}");
    Error::option("kind", problem)
}

/// A target that rustc does not know, with those for the same processor.
pub(super) fn target(request: &Request, root: &Path, triple: &str, cancellation: &Cancellation) -> Error {
    let program = request.env.find_program("rustc", root).unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(program);
    rustc.args(["--print", "target-list"]).current_dir(root).env_clear().envs(request.env.iter());
    let printed = match process::capture(rustc, cancellation) {
        Err(aborted) => return aborted,
        Ok(printed) => printed.unwrap_or_default(),
    };
    let processor = triple.split('-').next().unwrap_or(triple);
    let printed = String::from_utf8_lossy(&printed);
    let of_processor = |target: &&str| target.split('-').next() == Some(processor);
    let names: Vec<String> = printed.lines().filter(of_processor).map(str::to_owned).collect();
    let there_are = match names.as_slice() {
        [] => format!("and none for `{processor}`"),
        names => format!("but {}", listed(names, MOST_NAMES)),
    };
    let problem = format!("rustc knows no target `{triple}`, {there_are}; `rustc --print target-list` lists all");
    Error::option("target", problem)
}
