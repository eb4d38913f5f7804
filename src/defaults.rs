//! What is meant where a call leaves the package or the target out.
//!
//! Promises: the choice is that of `cargo run` in the directory of the workspace: its default members, the only binary
//! among them, or the one that `default-run` names. Of a package that is named, a binary called like the package comes
//! before having to choose. A package that has no binary and whose library is a `cdylib` means that. Where nothing follows,
//! the error lists what there is.
//! Does not promise: that what was chosen can be built.

use crate::afterwards::Afterwards;
use crate::error::{Error, Result, listed};
use crate::inputs::{self, Asked, Library, Targets};
use crate::nearest::offered;
use crate::request::{self, Kind, Options};
use crate::store::Store;

/// More would not be read.
const MOST_NAMES: usize = 20;

/// `options` with package, kind and target filled in as far as they follow from the workspace's manifests, which are looked
/// at only where something is left out. What is worth keeping of the look is kept `afterwards`.
///
/// # Errors
///
/// [`Error::InvalidOption`] where there are several to choose from, or none; [`Error::NotACheckout`] without a workspace.
pub fn fill_in(mut options: Options, afterwards: &Afterwards) -> Result<Options> {
    let kind = options.kind.as_deref().map(Kind::named).transpose()?;
    let is_library = kind.is_some_and(Kind::is_library);
    if is_library && options.bin.is_some() {
        return Err(Error::option("bin", "a package has one library, which is asked for by no name"));
    }
    if options.crate_name.is_some() && options.bin.is_some() {
        return Ok(options);
    }
    if options.crate_name.is_none() {
        inputs::checkout_root(&options.repo)?;
    } else if !options.repo.join("Cargo.toml").is_file() {
        // It is for the call itself to tell, when the other options are checked.
        return Ok(options);
    }
    let store = Store::open(&request::absolute("cacheDir", &options.cache_dir)?)?;
    let packages = |asked: Asked<'_>| {
        let (found, unsaved) = inputs::packages(&options.repo, asked, &store.stat_caches());
        if let Some(unsaved) = unsaved {
            let store = store.clone();
            afterwards.add(move || {
                store.prepare_stat_caches();
                unsaved.save();
            });
        }
        found
    };
    let Some(name) = &options.crate_name else {
        let candidates = packages(Asked::Default);
        let package = only_package(&candidates, kind, options.bin.as_deref()).map_err(|error| {
            match inputs::broken_manifest(&options.repo) {
                Some((path, problem)) => Error::unreadable(path, std::io::Error::other(problem)),
                None => error,
            }
        })?;
        options.crate_name = Some(package.package.clone());
        return target(options, kind, package);
    };
    match packages(Asked::Named(name)).pop() {
        Some(package) => target(options, kind, &package),
        // cargo says whether there is one.
        None => Ok(options),
    }
}

/// The one of `candidates` that has what is asked for.
fn only_package<'p>(candidates: &'p [Targets], kind: Option<Kind>, name: Option<&str>) -> Result<&'p Targets> {
    let has = |package: &&Targets| match name {
        Some(name) => names_of(package, kind.unwrap_or_default()).contains(&name),
        None => !names_of(package, kind.unwrap_or_default()).is_empty(),
    };
    let mut fitting: Vec<&Targets> = candidates.iter().filter(has).collect();
    if fitting.is_empty() && kind.is_none() && name.is_none() {
        fitting = candidates.iter().filter(|package| is_addon(package)).collect();
    }
    let runs = || fitting.iter().filter(|package| package.default_run.is_some()).copied();
    match (fitting.as_slice(), runs().count()) {
        ([only], _) => Ok(only),
        (_, 1) if name.is_none() && kind.unwrap_or_default() == Kind::Bin => {
            Ok(runs().next().expect("one was counted"))
        }
        ([], _) => {
            let all = candidates.iter().flat_map(|package| names_of(package, kind.unwrap_or_default()));
            let all: Vec<String> = all.map(str::to_owned).collect();
            let what = target_word(kind.unwrap_or_default());
            let problem = match (name, all.as_slice()) {
                (Some(name), [_, ..]) => {
                    let there_are = offered(&all, name, "there are");
                    format!("it is left out, and no default package has the {what} `{name}`; {there_are}")
                }
                _ if candidates.is_empty() => {
                    "it is left out, and the manifests name no package; `cargo metadata` says what is wrong with them"
                        .to_owned()
                }
                _ => {
                    let packages: Vec<String> = candidates.iter().map(|package| package.package.clone()).collect();
                    let packages = listed(&packages, MOST_NAMES);
                    format!("it is left out, and no default package has a {what}; default packages: {packages}")
                }
            };
            Err(Error::option("crate", problem))
        }
        _ => {
            let described = |package: &&Targets| {
                let names = names_of(package, kind.unwrap_or_default());
                if names == [package.package.as_str()] {
                    package.package.clone()
                } else {
                    format!("{} ({})", package.package, names.join(", "))
                }
            };
            let packages: Vec<String> = fitting.iter().map(described).collect();
            let packages = listed(&packages, MOST_NAMES);
            Err(Error::option(
                "crate",
                format!("it is left out, and there are several packages to choose from: {packages}"),
            ))
        }
    }
}

/// What a target of a kind is called.
fn target_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Bin => "binary",
        Kind::Example => "target of the kind `example`",
        Kind::Cdylib | Kind::Staticlib => "library",
    }
}

/// `options` for the target of `package` that is meant.
fn target(mut options: Options, kind: Option<Kind>, package: &Targets) -> Result<Options> {
    let kind = match kind {
        Some(kind) => kind,
        None if options.bin.is_none() && is_addon(package) => {
            options.kind = Some(Kind::Cdylib.name().to_owned());
            Kind::Cdylib
        }
        None => Kind::Bin,
    };
    if options.bin.is_some() {
        return Ok(options);
    }
    let names = names_of(package, kind);
    let is_default = |name: &&&str| Some(**name) == package.default_run.as_deref();
    let chosen = match names.as_slice() {
        [only] => Some(*only),
        several if kind == Kind::Bin => {
            several.iter().find(is_default).or_else(|| several.iter().find(|name| **name == package.package)).copied()
        }
        _ => None,
    };
    let name = &package.package;
    options.bin = match (chosen, names.as_slice()) {
        (Some(chosen), _) => Some(chosen.to_owned()),
        (None, []) if kind.is_library() => {
            return Err(Error::option("kind", format!("package `{name}` has no library")));
        }
        (None, []) if kind == Kind::Example => {
            return Err(Error::option("kind", format!("package `{name}` has no example")));
        }
        // cargo says that the package has no binary, and which do.
        (None, []) => None,
        (None, several) => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            let what = if kind == Kind::Example { "examples" } else { "binaries, and no `default-run`" };
            let problem = format!("package `{name}` has several {what}: {}", listed(&names, MOST_NAMES));
            return Err(Error::option("bin", problem));
        }
    };
    Ok(options)
}

/// The targets of `package` of one kind. Whether a library is made in a form is for cargo to tell.
fn names_of(package: &Targets, kind: Kind) -> Vec<&str> {
    match kind {
        Kind::Bin => package.bins.iter().map(String::as_str).collect(),
        Kind::Example => package.examples.iter().map(String::as_str).collect(),
        Kind::Cdylib | Kind::Staticlib => package.library.iter().map(|library| library.name.as_str()).collect(),
    }
}

/// True if all that a package is for is a library that other programs load.
fn is_addon(package: &Targets) -> bool {
    let is_cdylib = |library: &Library| library.crate_types.iter().any(|it| it == Kind::Cdylib.name());
    package.bins.is_empty() && package.library.as_ref().is_some_and(is_cdylib)
}
