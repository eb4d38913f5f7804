//! Checks arguments that are passed on to cargo.
//!
//! Promises: each argument is a known option of cargo. With them, the build stays one that can be followed: it makes the
//! requested targets, prints messages that are read, and writes to a known target directory. An argument that can change a
//! binary is an input.
//! Does not promise: to check values. cargo does.
//!
//! <https://doc.rust-lang.org/cargo/commands/cargo-build.html>

use crate::error::{Error, Result};

/// Arguments for cargo, each with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CargoArguments {
    /// Arguments for every command of cargo: configuration, unstable features, and limits on downloads.
    pub everywhere: Vec<String>,
    /// Arguments for a build alone.
    pub of_build: Vec<String>,
    /// The values of `--config`, in the given order.
    pub configuration: Vec<String>,
    /// The arguments that can change a binary, in the given order.
    pub counting: Vec<String>,
}

/// An argument that may be passed on.
struct Known {
    names: &'static [&'static str],
    takes_value: bool,
    is_everywhere: bool,
    counts: bool,
}

const fn known(names: &'static [&'static str], takes_value: bool, is_everywhere: bool, counts: bool) -> Known {
    Known { names, takes_value, is_everywhere, counts }
}

const KNOWN: [Known; 9] = [
    known(&["--locked"], false, true, false),
    known(&["--frozen"], false, true, false),
    known(&["--offline"], false, true, false),
    known(&["--config"], true, true, true),
    known(&["-Z"], true, true, true),
    known(&["--all-features"], false, false, true),
    known(&["--ignore-rust-version"], false, false, false),
    known(&["--keep-going"], false, false, false),
    known(&["-j", "--jobs"], true, false, false),
];

/// Arguments that are refused, each with the remedy. Most have an option of their own.
const REFUSED: [(&[&str], &str); 11] = [
    (&["-p", "--package"], "name the package in `crate`"),
    (&["--bin", "--bins"], "name the binary in `bin`"),
    (&["--lib", "--example", "--examples"], "say what is wanted in `kind`"),
    (&["--test", "--tests", "--bench", "--benches", "--all-targets"], "tests and benchmarks are not built here"),
    (&["--workspace", "--all", "--exclude"], "one package is built, which `crate` names"),
    (&["-r", "--release", "--profile"], "name the profile in `profile`"),
    (&["--target"], "name the target in `target`"),
    (&["-F", "--features", "--no-default-features"], "say it in `features` and `noDefaultFeatures`"),
    (&["--target-dir", "--artifact-dir", "--out-dir"], "set CARGO_TARGET_DIR, or ask for a copy with `out`"),
    (&["-C", "--manifest-path", "--lockfile-path"], "name the directory of the workspace in `repo`"),
    (
        &[
            "-q",
            "--quiet",
            "-v",
            "-vv",
            "--verbose",
            "--color",
            "--message-format",
            "--timings",
            "--build-plan",
            "--unit-graph",
            "--future-incompat-report",
        ],
        "what cargo prints is read here; `report` says what is shown of it",
    ),
];

/// Keys of the configuration that say where cargo writes and how it prints.
const REFUSED_KEYS: [(&str, &str); 3] = [
    ("build.target-dir", "set CARGO_TARGET_DIR"),
    ("build.build-dir", "set CARGO_BUILD_BUILD_DIR"),
    ("term.", "what cargo prints is read here"),
];

impl CargoArguments {
    /// Checks the arguments `given`. The value of an option is joined to it or is the next argument.
    pub(super) fn of(given: Vec<String>) -> Result<Self> {
        let mut arguments = Self::default();
        let mut given = given.into_iter();
        while let Some(argument) = given.next() {
            if argument.contains('\0') {
                return refused(format!("{argument:?} holds a NUL character"));
            }
            let (name, joined) = split(&argument);
            let Some(known) = KNOWN.iter().find(|known| known.names.contains(&name)) else {
                return refused(format!("`{argument}` is not handed on: {}", instead_of(name)));
            };
            let value = match (known.takes_value, joined) {
                (true, Some(value)) => Some(value.to_owned()),
                (true, None) => given.next(),
                (false, Some(_)) => return refused(format!("`{name}` takes no value")),
                (false, None) => None,
            };
            if known.takes_value && value.as_deref().is_none_or(str::is_empty) {
                return refused(format!("`{name}` needs a value behind it"));
            }
            if name == "--config"
                && let Some(value) = &value
            {
                configuration(value)?;
                arguments.configuration.push(value.clone());
            }
            let counts = known.counts && !value.as_deref().is_some_and(|value| name == "--config" && is_noise(value));
            let whole = std::iter::once(name.to_owned()).chain(value);
            let list = if known.is_everywhere { &mut arguments.everywhere } else { &mut arguments.of_build };
            list.extend(whole.clone());
            if counts {
                arguments.counting.extend(whole);
            }
        }
        Ok(arguments)
    }
}

/// Splits an option from the value that is joined to it: `--config=x`, `-j4`, `-Zx`.
fn split(argument: &str) -> (&str, Option<&str>) {
    if argument.starts_with("--") {
        return argument.split_once('=').map_or((argument, None), |(name, value)| (name, Some(value)));
    }
    match argument.char_indices().nth(2) {
        Some((end, _)) if argument.starts_with('-') && argument != "-vv" => {
            let (name, value) = argument.split_at(end);
            (name, Some(value.strip_prefix('=').unwrap_or(value)))
        }
        _ => (argument, None),
    }
}

/// Tables of the configuration that say how cargo downloads and which commands it has, and never what it builds.
const NOISE: [&str; 7] = ["alias", "cache", "future-incompat-report", "http", "net", "registries", "registry"];

/// True if a piece of configuration cannot change a binary.
fn is_noise(value: &str) -> bool {
    let table: toml::Table = value.parse().unwrap_or_default();
    !table.is_empty() && table.keys().all(|key| NOISE.contains(&key.as_str()))
}

/// Refuses some keys of the configuration. They are parsed as TOML, which allows spaces and quotes around them.
fn configuration(value: &str) -> Result<()> {
    let Ok(table) = value.parse::<toml::Table>() else { return Ok(()) };
    let has = |key: &str| match key.split_once('.') {
        Some((section, "")) => table.contains_key(section),
        Some((section, key)) => table.get(section).is_some_and(|section| section.get(key).is_some()),
        None => false,
    };
    match REFUSED_KEYS.iter().find(|(key, _)| has(key)) {
        Some((key, instead)) => refused(format!("`--config {value}` is not handed on: `{key}` {}", because(instead))),
        None => Ok(()),
    }
}

fn because(instead: &str) -> String {
    format!("says where or how cargo writes; {instead}")
}

fn instead_of(name: &str) -> String {
    if name.starts_with('+') {
        return "set RUSTUP_TOOLCHAIN in `env`, or name the toolchain in `rust-toolchain.toml`".to_owned();
    }
    let refused = REFUSED.iter().find(|(names, _)| names.contains(&name));
    refused.map_or_else(
        || {
            let names: Vec<_> = KNOWN.iter().flat_map(|known| known.names).map(|name| format!("`{name}`")).collect();
            format!("there are {}", names.join(", "))
        },
        |(_, instead)| (*instead).to_owned(),
    )
}

fn refused<T>(problem: String) -> Result<T> {
    Err(Error::option("cargoArgs", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &[&str]) -> Result<CargoArguments> {
        CargoArguments::of(given.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_may_be_joined_or_stand_behind() {
        for (given, everywhere, of_build) in [
            (&["--locked", "--offline"][..], &["--locked", "--offline"][..], &[][..]),
            (&["-j4"], &[], &["-j", "4"]),
            (&["-j", "4"], &[], &["-j", "4"]),
            (&["--jobs=4"], &[], &["--jobs", "4"]),
            (&["-Zx"], &["-Z", "x"], &[]),
            (&["--config=a.b=1"], &["--config", "a.b=1"], &[]),
            (&["--config", "a.b=1"], &["--config", "a.b=1"], &[]),
        ] {
            let arguments = parsed(given).unwrap();
            assert_eq!(arguments.everywhere, everywhere);
            assert_eq!(arguments.of_build, of_build);
        }
    }

    #[test]
    fn what_can_change_a_binary_counts() {
        let arguments = parsed(&["--locked", "-j4", "--all-features", "-Z", "x", "--config", "a.b=1"]).unwrap();
        assert_eq!(arguments.counting, ["--all-features", "-Z", "x", "--config", "a.b=1"]);
        assert!(parsed(&["--config", "net.offline=true", "--config", "http.timeout=1"]).unwrap().counting.is_empty());
    }

    #[test]
    fn what_breaks_a_promise_is_refused_with_what_to_do_instead() {
        for (given, said) in [
            (&["--target-dir", "x"][..], "CARGO_TARGET_DIR"),
            (&["--message-format=json"], "is read here"),
            (&["-p", "x"], "`crate`"),
            (&["--release"], "`profile`"),
            (&["--target=x"], "`target`"),
            (&["+nightly"], "RUSTUP_TOOLCHAIN"),
            (&["--nonsense"], "--all-features"),
            (&["build"], "--all-features"),
            (&["--config"], "needs a value"),
            (&["-j"], "needs a value"),
            (&["--locked=x"], "takes no value"),
            (&["--config", "build.target-dir='x'"], "build.target-dir"),
            (&["--config", "build = { build-dir = 'x' }"], "build.build-dir"),
            (&["--config", "term.quiet = true"], "is read here"),
        ] {
            match parsed(given) {
                Err(Error::InvalidOption { option: "cargoArgs", problem }) => {
                    assert!(problem.contains(said), "{problem}");
                }
                other => panic!("{given:?} must be refused, got {other:?}"),
            }
        }
    }
}
