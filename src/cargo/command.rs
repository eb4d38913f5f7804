//! Makes cargo's command lines and environment.
//!
//! Promises: cargo runs in the checkout with the request's variables, and with none of this process's own.
//! Does not promise: that cargo accepts the arguments.

use std::path::Path;

use crate::model::build_units::Package;
use crate::request::{Kind, Request};

/// The width of the progress line: enough for every unit that compiles on a machine with many cores.
const PROGRESS_WIDTH: &str = "400";

pub(super) fn arguments(request: &Request) -> Vec<String> {
    let mut arguments = vec![request.builder.subcommand().to_owned(), "-p".to_owned(), request.package.clone()];
    match request.kind {
        Kind::Bin => arguments.extend(request.bins().flat_map(|bin| ["--bin".to_owned(), bin.to_owned()])),
        Kind::Example => arguments.extend(["--example".to_owned(), request.bin.clone()]),
        Kind::Cdylib | Kind::Staticlib => arguments.push("--lib".to_owned()),
    }
    arguments.extend(profile(request));
    arguments.push("--message-format=json-diagnostic-rendered-ansi".to_owned());
    if let Some(target) = &request.target {
        arguments.extend(["--target".to_owned(), target.clone()]);
    }
    if !request.features.is_empty() {
        arguments.extend(["--features".to_owned(), request.features.join(",")]);
    }
    if request.no_default_features {
        arguments.push("--no-default-features".to_owned());
    }
    arguments.extend(request.cargo.everywhere.iter().chain(&request.cargo.of_build).cloned());
    arguments
}

pub(super) fn metadata_arguments(request: &Request) -> Vec<String> {
    let arguments = ["metadata", "--no-deps", "--format-version=1"].map(str::to_owned);
    arguments.into_iter().chain(request.cargo.everywhere.iter().cloned()).collect()
}

pub(super) fn clean_arguments(request: &Request, packages: &[Package]) -> Vec<String> {
    let mut arguments = vec!["clean".to_owned()];
    // `cargo clean` takes IDs, warns that it ignores parts of them, and cleans by name.
    arguments.extend(packages.iter().flat_map(|package| ["-p".to_owned(), package.name().to_owned()]));
    arguments.extend(profile(request));
    if let Some(target) = &request.target {
        let triple = target.split_once('.').map_or(target.as_str(), |(triple, _)| triple);
        arguments.extend(["--target".to_owned(), triple.to_owned()]);
    }
    arguments.extend(request.cargo.everywhere.iter().cloned());
    arguments
}

fn profile(request: &Request) -> Vec<String> {
    match request.profile.as_str() {
        "release" => vec!["--release".to_owned()],
        profile => vec!["--profile".to_owned(), profile.to_owned()],
    }
}

/// Returns the command line that a person would type for the same result. The message format is left out: only programs
/// read it.
pub(super) fn shown(arguments: &[String]) -> String {
    let typed = arguments.iter().filter(|argument| !argument.starts_with("--message-format")).map(String::as_str);
    std::iter::once("cargo").chain(typed).collect::<Vec<_>>().join(" ")
}

/// Prepares to run cargo in the checkout, with the environment of the request alone.
pub(super) fn cargo(request: &Request, root: &Path) -> std::process::Command {
    let program = request.env.find_program("cargo", root).unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(&program);
    named_as_typed(&mut command, &program);
    command
        .current_dir(root)
        .env_clear()
        .envs(request.env.iter())
        // The progress line is read, so it must be there and without colours, whatever the caller has configured.
        // https://doc.rust-lang.org/cargo/reference/config.html#term
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", PROGRESS_WIDTH)
        .env("CARGO_TERM_PROGRESS_TERM_INTEGRATION", "false")
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TERM_QUIET", "false")
        .env("CARGO_TERM_VERBOSE", "false")
        .stdin(std::process::Stdio::null());
    command
}

/// Calls a program by its plain name if its path is not text. rustup goes by that name, and accepts text alone.
#[cfg(unix)]
fn named_as_typed(command: &mut std::process::Command, program: &Path) {
    use std::os::unix::process::CommandExt;
    if program.to_str().is_none()
        && let Some(name) = program.file_name()
    {
        command.arg0(name);
    }
}

#[cfg(not(unix))]
fn named_as_typed(_: &mut std::process::Command, _: &Path) {}
