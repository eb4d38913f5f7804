//! Asks the programs that build for their versions.
//!
//! Promises: a program runs at most once for this while it stays the same, since the answer is kept with the entry.
//! Does not promise: a version for every program. Libraries and wrappers are not asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::process;
use crate::error::Result;
use crate::model::cancellation::Cancellation;
use crate::model::inventory::Tool;
use crate::request::Request;

/// Fills in the versions of `tools`. It takes them from `known` for programs that are the same.
pub fn name_versions(
    tools: &mut BTreeMap<String, Tool>,
    known: &BTreeMap<String, Tool>,
    request: &Request,
    root: &Path,
    cancellation: &Cancellation,
) {
    for (role, tool) in tools {
        let before = known.get(role).filter(|known| known.is_same_program(tool));
        tool.version =
            before.and_then(|known| known.version.clone()).or_else(|| ask(role, tool, request, root, cancellation));
    }
}

/// Returns the triple that `rustc` compiles for by default; none if it does not tell.
///
/// # Errors
///
/// [`crate::error::Error::Aborted`].
pub fn host(rustc: &Tool, request: &Request, root: &Path, cancellation: &Cancellation) -> Result<Option<String>> {
    let printed = printed(rustc, &["-vV"], request, root, cancellation);
    cancellation.check()?;
    let line = |text: String| text.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned));
    Ok(printed.and_then(line))
}

/// Returns what `rustc` can assume of a program that it compiles for the processor of this machine; none if it does not
/// tell.
///
/// # Errors
///
/// [`crate::error::Error::Aborted`].
pub fn native_features(
    rustc: &Tool,
    request: &Request,
    root: &Path,
    cancellation: &Cancellation,
) -> Result<Option<String>> {
    let printed = printed(rustc, &["-Ctarget-cpu=native", "--print=cfg"], request, root, cancellation);
    cancellation.check()?;
    Ok(printed)
}

fn ask(role: &str, tool: &Tool, request: &Request, root: &Path, cancellation: &Cancellation) -> Option<String> {
    let argument = match role {
        "cargo" | "rustc" | "cargo-zigbuild" => "-V",
        zig if zig.starts_with("zig ") => "version",
        _ => return None,
    };
    let text = printed(tool, &[argument], request, root, cancellation)?;
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

fn printed(
    tool: &Tool,
    arguments: &[&str],
    request: &Request,
    root: &Path,
    cancellation: &Cancellation,
) -> Option<String> {
    let mut command = Command::new(&tool.path);
    command.args(arguments).current_dir(root).env_clear().envs(request.env.iter());
    // The next step notices an abort. A program that does not answer has no version.
    let printed = process::capture(command, cancellation).ok()??;
    Some(String::from_utf8_lossy(&printed).into_owned())
}
