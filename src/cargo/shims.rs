//! Asks programs that choose a toolchain by rules of their own for that toolchain.
//!
//! Promises: the asked programs are the ones that a build runs, in its directory and with its environment. A cargo that is
//! a shim is asked through a subcommand, so that rustc runs with the variables that the shim gives to cargo.
//! Does not promise: an answer. On Windows, where no script can be a subcommand, a cargo that is a shim gives none. To
//! notice a shim that chooses by the name of the subcommand.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process;
use crate::error::{Error, Result};
use crate::model::cancellation::Cancellation;
use crate::request::Request;

/// Returns the sysroot of `rustc`, run as the cargo of the rustup `toolchain` would run it, if there is one; none if it
/// does not tell.
///
/// # Errors
///
/// [`Error::Aborted`].
pub fn sysroot(
    rustc: &Path,
    toolchain: Option<&str>,
    request: &Request,
    root: &Path,
    cancellation: &Cancellation,
) -> Result<Option<PathBuf>> {
    let mut command = Command::new(rustc);
    command.args(["--print", "sysroot"]).current_dir(root).env_clear().envs(request.env.iter());
    command.envs(toolchain.map(|toolchain| ("RUSTUP_TOOLCHAIN", toolchain)));
    Ok(lines(command, cancellation)?.pop())
}

/// Returns the cargo that runs in the end, and the sysroot of the program that it runs as `rustc`; none if it does not
/// tell.
///
/// # Errors
///
/// [`Error::Aborted`].
#[cfg(unix)]
pub fn cargo_and_sysroot(
    rustc: &Path,
    request: &Request,
    root: &Path,
    cancellation: &Cancellation,
) -> Result<Option<(PathBuf, PathBuf)>> {
    let Ok(directory) = subcommand() else { return Ok(None) };
    // The directory comes last, so that it hides no other program.
    let path = request.env.get("PATH").into_iter().flat_map(std::env::split_paths);
    let Ok(path) = std::env::join_paths(path.chain([directory.path().to_owned()])) else { return Ok(None) };
    let mut command = super::command::cargo(request, root);
    // A cargo that is started by another one would report that one.
    command.arg(SUBCOMMAND).arg(rustc).env("PATH", path).env_remove("CARGO");
    let mut lines = lines(command, cancellation)?.into_iter();
    Ok(lines.next().zip(lines.next()))
}

/// Returns none: on Windows, no script can be a subcommand.
///
/// # Errors
///
/// None.
#[cfg(not(unix))]
pub fn cargo_and_sysroot(_: &Path, _: &Request, _: &Path, _: &Cancellation) -> Result<Option<(PathBuf, PathBuf)>> {
    Ok(None)
}

#[cfg(unix)]
const SUBCOMMAND: &str = "openlock-dev-bin-toolchain";

/// The subcommand. cargo runs it with its own path in `CARGO`, and the arguments after its name. Variables that a shim sets
/// come before the `rustc` that is known from outside.
///
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#custom-subcommands>
#[cfg(unix)]
const SCRIPT: &str = r#"#!/bin/sh
printf '%s\n' "$CARGO"
exec "${RUSTC:-${CARGO_BUILD_RUSTC:-$2}}" --print sysroot
"#;

/// Makes a directory with the subcommand in it, which is removed when the returned value is dropped.
#[cfg(unix)]
fn subcommand() -> std::io::Result<tempfile::TempDir> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let directory = tempfile::tempdir()?;
    let program = directory.path().join(format!("cargo-{SUBCOMMAND}"));
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o700).open(program)?;
    file.write_all(SCRIPT.as_bytes())?;
    Ok(directory)
}

/// Returns the lines that a program prints; none if it fails.
fn lines(command: Command, cancellation: &Cancellation) -> Result<Vec<PathBuf>> {
    let printed = match process::capture(command, cancellation) {
        Err(Error::Aborted) => return Err(Error::Aborted),
        printed => printed.ok().flatten().unwrap_or_default(),
    };
    let lines = printed.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let path = |line: &[u8]| gix::path::from_byte_slice(line).map(Path::to_owned).ok();
    Ok(lines.filter(|line| !line.is_empty()).filter_map(path).collect())
}
