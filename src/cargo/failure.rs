//! Explains why cargo failed, in terms of the request.
//!
//! cargo's exit status is 101 for almost every failure. So its words are read where nothing else tells: for a missing
//! toolchain, target, subcommand or zig. `cargo metadata` tells which packages, binaries and features exist.
//!
//! Promises: a failure that is not understood is reported in cargo's own words.
//! Does not promise: to understand the words of every version of cargo.

use std::path::Path;

use super::metadata::metadata;
use super::process::Transcript;
use super::{command, refusal};
use crate::error::Error;
use crate::model::cancellation::Cancellation;
use crate::request::Request;

pub(super) fn explain(
    request: &Request,
    root: &Path,
    arguments: &[String],
    transcript: &Transcript,
    cancellation: &Cancellation,
) -> Error {
    let said = transcript.messages.concat();
    missing_tool(request, &said, &transcript.errors)
        .or_else(|| {
            let nothing_compiled = transcript.errors.is_empty();
            nothing_compiled.then(|| refused(request, root, &said, cancellation)).flatten()
        })
        .unwrap_or_else(|| Error::BuildFailed {
            command: command::shown(arguments),
            status: transcript.status.to_string(),
            report: [transcript.errors.concat(), said].concat(),
        })
}

fn missing_tool(request: &Request, said: &str, errors: &[String]) -> Option<Error> {
    let missing = |what: String, hint: &str| Some(Error::ToolNotFound { what, hint: hint.to_owned() });
    if said.contains("no such command: `zigbuild`") {
        return missing(
            "cargo has no `zigbuild` command".into(),
            "install it with `pip install cargo-zigbuild` or `cargo install cargo-zigbuild`",
        );
    }
    if said.contains("Failed to find zig") {
        return missing(
            "cargo-zigbuild cannot find zig".into(),
            "install it with `pip install ziglang` or from https://ziglang.org, or name it in CARGO_ZIGBUILD_ZIG_PATH",
        );
    }
    if let Some((_, rest)) = said.split_once("toolchain '")
        && let Some((toolchain, rest)) = rest.split_once('\'')
        && rest.trim_start().starts_with("is not installed")
    {
        return Some(refusal::toolchain(toolchain));
    }
    if said.contains("rustup could not choose a version of") {
        return missing("rustup has no default toolchain".into(), "choose one with `rustup default stable`");
    }
    if let Some(triple) = request.triple()
        && errors.iter().any(|error| error.contains("target may not be installed"))
    {
        return missing(
            format!("the target `{triple}` is not installed for this toolchain"),
            &format!("install it with `rustup target add {triple}`"),
        );
    }
    None
}

/// Returns the part of the request that does not exist, if cargo refused it before it compiled anything.
fn refused(request: &Request, root: &Path, said: &str, cancellation: &Cancellation) -> Option<Error> {
    let unknown = ["could not find specification for target", "error loading target specification"];
    if let Some(triple) = request.triple().filter(|_| unknown.iter().any(|text| said.contains(text))) {
        return Some(match refusal::targets(request, root, cancellation) {
            Err(aborted) => aborted,
            Ok(targets) => refusal::target(triple, &targets),
        });
    }
    let metadata = match metadata(request, root, cancellation) {
        Err(aborted) => return Some(aborted),
        Ok(metadata) => metadata?,
    };
    let is_refused = |words: &&str| said.contains(&format!("`{}` {words}", request.profile));
    if ["is not defined", "is reserved"].iter().any(is_refused) {
        return Some(refusal::profile(&request.profile, refusal::profiles(&metadata)));
    }
    let Some(package) = refusal::package(request, &metadata) else {
        return Some(refusal::unknown_crate(request, root, &metadata));
    };
    refusal::bin(request, package).or_else(|| refusal::feature(request, &metadata, package, said))
}
