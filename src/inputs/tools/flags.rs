//! Finds names in flags and in cargo's configuration: of files, of directories that are searched, and of linkers.
//!
//! Promises: every part of a flag or of a configured value that could be a path is mentioned, with the directory that it
//! starts from: rustc's working directory for flags, the file's base directory for values that cargo takes for paths. Flags
//! are read as rustc reads them, `-C x` like `-Cx`, and flags for the linker as the linker reads them.
//! Does not promise: that a file is there. Files that a flag only writes are not mentioned.

use std::path::{Path, PathBuf};

use super::cargo_config::CargoConfig;
use crate::request::Environment;

/// Options of rustc and of linkers whose value is no path, or is the path of a file that is only written.
const NOT_READ: &[&str] = &[
    "--cfg",
    "--check-cfg",
    "--emit",
    "--out-dir",
    "-A",
    "-D",
    "-F",
    "-W",
    "-l",
    "-o",
    "extra-filename",
    "incremental",
    "metadata",
    "profile-generate",
    "remark-dir",
    "save-temps",
    "self-profile",
    "target-cpu",
    "target-feature",
];

/// Options of linkers whose value is no path, or is the path of a file that is only written, without the dashes or the slash
/// before them and in lower case.
///
/// <https://sourceware.org/binutils/docs/ld/Options.html>
/// <https://learn.microsoft.com/en-us/cpp/build/reference/linker-options>
const LINKER_WRITES: &[&str] = &[
    "cref",
    "dependency-file",
    "ilk",
    "implib",
    "lto-obj-path",
    "map",
    "map_path",
    "o",
    "object_path_lto",
    "out",
    "out-implib",
    "pdb",
    "reproduce",
    "rpath",
    "rpath-link",
    "soname",
    "thinlto-cache-dir",
    "time-trace",
    "trace-symbol",
];

/// Keys of cargo's configuration whose values are no inputs, or count in another way.
const NOT_INPUTS: &[&str] = &[
    "build-dir",
    "dep-info-basedir",
    "runner",
    "rustc",
    "rustc-wrapper",
    "rustc-workspace-wrapper",
    "rustdoc",
    "rustdocflags",
    "target-dir",
];

/// Variables with flags for rustc, except those for one target.
const RUSTFLAGS: [&str; 4] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_HOST_RUSTFLAGS"];
/// The character between the flags in `CARGO_ENCODED_RUSTFLAGS`.
const ENCODED_SEPARATOR: char = '\x1f';

/// The use of a mentioned text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Text that may hold paths of files that any step of a build reads.
    Any,
    /// Text that may hold paths of files that the linker alone reads.
    Link,
    /// A file with more flags for rustc.
    Arguments,
    /// A file with more flags for the linker.
    LinkArguments,
    /// A directory that is searched for libraries.
    Search,
    /// The linker itself.
    Linker,
    /// No file, but a directory and the text that rustc writes in its place.
    Remapping,
}

/// A text that may name something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) text: String,
    /// The directory that relative paths in it start from.
    pub(crate) base: PathBuf,
    pub(crate) used: Use,
}

/// True if the variable `name` may name files or a linker. `CFLAGS` and its kin do not count: they are read in the directory
/// of the package that builds something with them, and its build script has to declare the files that they name.
pub(crate) fn is_read(name: &str) -> bool {
    let of_target = |suffix| name.starts_with("CARGO_TARGET_") && name.ends_with(suffix);
    RUSTFLAGS.contains(&name)
        || ["CARGO_BUILD_TARGET", "CARGO_HOST_LINKER"].contains(&name)
        || of_target("_RUSTFLAGS")
        || of_target("_LINKER")
}

/// Returns everything that `configs` and `env` mention for a cargo started in `root`.
pub(crate) fn mentioned(configs: &[CargoConfig], env: &Environment, root: &Path) -> Vec<Mention> {
    let mut found = Vec::new();
    for config in configs {
        for (section, value) in &config.table {
            match section.as_str() {
                "build" | "host" | "profile" | "target" => configured(section, value, config, root, &mut found),
                "env" => variables(value, config, root, &mut found),
                _ => {}
            }
        }
    }
    // A value that is not UTF-8 counts by its digest alone.
    let texts = env.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    for (name, value) in texts.filter(|(name, value)| is_read(name) && !value.is_empty()) {
        let mention = |text: &str, used| Mention { text: text.to_owned(), base: root.to_owned(), used };
        match name {
            "CARGO_ENCODED_RUSTFLAGS" => flags(value.split(ENCODED_SEPARATOR), root, &mut found),
            name if name.ends_with("RUSTFLAGS") => flags(value.split_whitespace(), root, &mut found),
            name if name.ends_with("_LINKER") => found.push(mention(value, Use::Linker)),
            _ => found.extend(value.split_whitespace().map(|target| mention(target, Use::Any))),
        }
    }
    found
}

/// Adds the mentions in `value`, which stands under `key`, to `found`.
fn configured(key: &str, value: &toml::Value, config: &CargoConfig, root: &Path, found: &mut Vec<Mention>) {
    let mention = |text: &str, base: &Path, used| Mention { text: text.to_owned(), base: base.to_owned(), used };
    let texts = || strings(value);
    match (key, value) {
        (key, _) if NOT_INPUTS.contains(&key) => {}
        (_, toml::Value::Table(table)) => {
            table.iter().for_each(|(key, value)| configured(key, value, config, root, found));
        }
        ("rustflags" | "rustc-flags", toml::Value::String(text)) => flags(text.split_whitespace(), root, found),
        ("rustflags", _) => flags(texts().into_iter(), root, found),
        // A bare name is looked up on the PATH. Anything else starts from the file's base directory.
        // https://doc.rust-lang.org/cargo/reference/config.html#executable-paths-with-arguments
        ("linker", _) => found.extend(texts().iter().map(|text| mention(text, &config.base, Use::Linker))),
        ("rustc-link-search", _) => {
            found.extend(texts().iter().map(|text| mention(without_kind(text), root, Use::Search)));
        }
        (key, _) if key.contains("link-arg") => linker_flags(texts().into_iter(), root, found),
        _ => found.extend(texts().iter().map(|text| mention(text, &config.base, Use::Any))),
    }
}

/// Adds the mentions in the variables that a configuration file sets to `found`.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#env>
fn variables(value: &toml::Value, config: &CargoConfig, root: &Path, found: &mut Vec<Mention>) {
    for variable in value.as_table().into_iter().flat_map(|table| table.values()) {
        let text = variable.as_str().or_else(|| variable.get("value")?.as_str());
        let is_relative = variable.get("relative").and_then(toml::Value::as_bool).unwrap_or(false);
        let base = if is_relative { &config.base } else { root };
        found.extend(text.map(|text| Mention { text: text.to_owned(), base: base.to_owned(), used: Use::Any }));
    }
}

fn strings(value: &toml::Value) -> Vec<&str> {
    match value {
        toml::Value::Array(values) => values.iter().flat_map(strings).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// Adds the mentions in flags for rustc to `found`.
pub(crate) fn flags<'a>(arguments: impl Iterator<Item = &'a str>, root: &Path, found: &mut Vec<Mention>) {
    let mut arguments = arguments.filter(|argument| !argument.is_empty());
    let mut for_linker = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut mention = |text: &str, used| found.push(Mention { text: text.to_owned(), base: root.to_owned(), used });
        if let Some(file) = argument.strip_prefix('@') {
            mention(file, Use::Arguments);
            continue;
        }
        let (option, value) = match split_option(argument) {
            (option, Some(value)) => (option, value),
            (option, None) if takes_value(option) => (option, arguments.next().unwrap_or_default()),
            (option, None) => ("", option),
        };
        let (option, value) = match option {
            "-C" | "-Z" | "--codegen" => value.split_once('=').unwrap_or((value, "")),
            option => (option, value),
        };
        match option {
            option if NOT_READ.contains(&option) => {}
            "--remap-path-prefix" => mention(value, Use::Remapping),
            "-L" => mention(without_kind(value), Use::Search),
            "linker" => mention(value, Use::Linker),
            option if option.ends_with("link-arg") => for_linker.push(value),
            option if option.ends_with("link-args") => for_linker.extend(value.split_whitespace()),
            _ => mention(value, Use::Any),
        }
    }
    linker_flags(for_linker.into_iter(), root, found);
}

/// Returns rustc's option at the start of an argument, and the value that is joined to it.
fn split_option(argument: &str) -> (&str, Option<&str>) {
    if argument.starts_with("--") {
        return argument.split_once('=').map_or((argument, None), |(option, value)| (option, Some(value)));
    }
    match argument.split_at_checked(2) {
        Some((option, value)) if option.starts_with('-') => (option, Some(value).filter(|value| !value.is_empty())),
        _ => ("", Some(argument)),
    }
}

/// True if a value follows rustc's option `option`.
fn takes_value(option: &str) -> bool {
    !matches!(option, "-g" | "-O" | "-v" | "-V" | "-h" | "--test" | "--verbose" | "--help" | "--version")
        && option.starts_with('-')
}

/// Returns the directory in a value of `-L`, without the kind before it: `dir` of `native=dir`.
fn without_kind(value: &str) -> &str {
    let kinds = ["dependency", "crate", "native", "framework", "all"];
    value.split_once('=').filter(|(kind, _)| kinds.contains(kind)).map_or(value, |(_, directory)| directory)
}

/// Adds the mentions in flags for the linker to `found`. The compiler that links passes on the flags behind `-Wl,`, with
/// commas between them.
pub(crate) fn linker_flags<'a>(arguments: impl Iterator<Item = &'a str>, root: &Path, found: &mut Vec<Mention>) {
    let arguments = arguments.flat_map(|argument| match argument.strip_prefix("-Wl,") {
        Some(list) => list.split(',').collect(),
        None => vec![argument],
    });
    let mut last = "";
    for argument in arguments.filter(|argument| !matches!(*argument, "" | "-Xlinker")) {
        let mut mention = |text: &str, used| found.push(Mention { text: text.to_owned(), base: root.to_owned(), used });
        let before = std::mem::replace(&mut last, argument);
        match argument.split_at_checked(2) {
            _ if written(before) == Some(Written::Next) || written(argument).is_some() => {}
            _ if ["-L", "-B"].contains(&before) => mention(argument, Use::Search),
            Some(("-L" | "-B", directory)) if !directory.is_empty() => mention(directory, Use::Search),
            Some(("-l", _)) => {}
            _ => match argument.strip_prefix('@') {
                Some(file) => mention(file, Use::LinkArguments),
                None => mention(argument, Use::Link),
            },
        }
    }
}

/// The place of the name of a file that a linker writes.
#[derive(PartialEq, Eq)]
enum Written {
    /// Joined to the option.
    Here,
    /// In the next argument.
    Next,
}

/// Returns where the linker's option `argument` names a file that is written; none for other arguments.
fn written(argument: &str) -> Option<Written> {
    let option = argument.strip_prefix(['-', '/'])?.trim_start_matches('-');
    let joined = option.split_once(['=', ':']);
    let name = joined.map_or(option, |(name, _)| name).to_ascii_lowercase();
    let place = if joined.is_some() { Written::Here } else { Written::Next };
    LINKER_WRITES.contains(&name.as_str()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_flags(arguments: &[&str]) -> Vec<(String, Use)> {
        let mut found = Vec::new();
        flags(arguments.iter().copied(), Path::new("/w"), &mut found);
        found.into_iter().map(|mention| (mention.text, mention.used)).collect()
    }

    #[test]
    fn flags_mention_what_they_read() {
        for (arguments, text, used) in [
            (&["-Clink-arg=-Tlink.x"][..], "-Tlink.x", Use::Link),
            (&["-C", "link-arg=-T", "-C", "link-arg=link.x"], "link.x", Use::Link),
            (&["--codegen=link-arg=link.x"], "link.x", Use::Link),
            (&["-C", "link-args=-nostdlib a.o"], "a.o", Use::Link),
            (&["-Zpre-link-arg=crt.o"], "crt.o", Use::Link),
            (&["-Clink-arg=-Wl,-T,/abs/link.x"], "/abs/link.x", Use::Link),
            (&["-Clink-arg=-Wl,@file"], "file", Use::LinkArguments),
            (&["-Clink-arg=-L/abs"], "/abs", Use::Search),
            (&["@flags"], "flags", Use::Arguments),
            (&["-Cprofile-use=/p.profdata"], "/p.profdata", Use::Any),
            (&["--extern", "x=libx.rlib"], "x=libx.rlib", Use::Any),
            (&["--extern=x=libx.rlib"], "x=libx.rlib", Use::Any),
            (&["-L", "native=lib"], "lib", Use::Search),
            (&["-Llib"], "lib", Use::Search),
            (&["-Clinker=/opt/ld"], "/opt/ld", Use::Linker),
            (&["--target", "x.json"], "x.json", Use::Any),
            (&["--remap-path-prefix=/a=/b.c"], "/a=/b.c", Use::Remapping),
            (&["--remap-path-prefix", "/a=/b.c"], "/a=/b.c", Use::Remapping),
        ] {
            assert!(of_flags(arguments).contains(&(text.to_owned(), used)), "{arguments:?}: {:?}", of_flags(arguments));
        }
    }

    #[test]
    fn what_flags_only_write_is_not_mentioned() {
        for arguments in [
            &["-Clink-arg=-Wl,-Map=out.map"][..],
            &["-Clink-arg=-Wl,-Map,out.map"],
            &["-Clink-arg=-Map", "-Clink-arg=out.map"],
            &["-Clink-arg=/PDB:out.pdb"],
            &["--emit=asm=out.s"],
            &["--emit", "asm=out.s"],
            &["-o", "out"],
            &["--cfg", "feature=\"a.b\""],
            &["--cfg=loud"],
            &["-Cincremental=/out.d"],
            &["-lstatic=foo"],
        ] {
            let found: Vec<_> = of_flags(arguments).into_iter().filter(|(text, _)| text.contains(['o', '.'])).collect();
            assert_eq!(found, [], "{arguments:?}");
        }
    }
}
