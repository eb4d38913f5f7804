//! The rules for names: which of them may become part of a path or of a command line.
//!
//! Promises: a name that passes is one that cargo accepts, is a plain file name, and is no option. Nothing of that name need
//! exist.
//! Does not promise: to accept every name that cargo accepts for a binary. Names that are no file names on some system are
//! refused on all.

use crate::error::{Error, Result};

/// Checks a package's name by the rule of cargo's `validate_package_name`.
///
/// <https://doc.rust-lang.org/cargo/reference/manifest.html#the-name-field>
pub(crate) fn package_name(name: String) -> Result<String> {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|first| unicode_ident::is_xid_start(first) || first == '_');
    if first && characters.all(|rest| unicode_ident::is_xid_continue(rest) || rest == '-') {
        return Ok(name);
    }
    Err(Error::option(
        "crate",
        format!(
            "{name:?} is not a package name; it starts with a letter or `_` and goes on with letters, digits, `-` and `_`"
        ),
    ))
}

/// Checks a binary's name. cargo itself accepts almost any name; here it must also be a plain file name that is no option.
pub(crate) fn bin_name(option: &'static str, name: String) -> Result<String> {
    let bad = |character: char| {
        character.is_control() || matches!(character, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
    };
    if name.trim().is_empty() || name.starts_with(['-', '.']) || name.chars().any(bad) {
        return Err(Error::option(option, format!("{name:?} is not the name of a binary target")));
    }
    Ok(name)
}

pub(crate) fn target_triple(name: String) -> Result<String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let wrong = !name.starts_with(|first: char| first.is_ascii_alphanumeric())
        || !name.contains('-')
        || !name.chars().all(plain)
        || name.contains("..");
    if wrong {
        return Err(Error::option(
            "target",
            format!("{name:?} is not a target triple such as `x86_64-unknown-linux-gnu`"),
        ));
    }
    if name.ends_with(".json") {
        return Err(Error::option(
            "target",
            format!("{name:?} is a target specification file; only triples are supported"),
        ));
    }
    Ok(name)
}

/// Checks a feature's name by cargo's rule, `package/feature` included.
///
/// <https://doc.rust-lang.org/cargo/reference/features.html#the-features-section>
pub(crate) fn feature_name(name: String) -> Result<String> {
    let valid = |part: &str| {
        let mut characters = part.chars();
        characters
            .next()
            .is_some_and(|first| unicode_ident::is_xid_start(first) || first == '_' || first.is_ascii_digit())
            && characters.all(|rest| unicode_ident::is_xid_continue(rest) || matches!(rest, '-' | '+' | '.'))
    };
    let good = match name.split_once('/') {
        // `package?/feature` enables the feature only if something else enables the dependency.
        Some((package, feature)) => valid(package.strip_suffix('?').unwrap_or(package)) && valid(feature),
        None => valid(&name),
    };
    if good { Ok(name) } else { Err(Error::option("features", format!("{name:?} is not the name of a feature"))) }
}

/// Checks a profile's name by cargo's rule.
///
/// <https://doc.rust-lang.org/cargo/reference/profiles.html#custom-profiles>
pub(crate) fn profile_name(name: String) -> Result<String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
        return Err(Error::option("profile", format!("{name:?} is not the name of a profile")));
    }
    if name == "debug" {
        return Err(Error::option("profile", "cargo calls the profile of `target/debug` `dev`"));
    }
    Ok(name)
}

/// Returns the `2.28` of `x86_64-unknown-linux-gnu.2.28`, which is how cargo-zigbuild is told the oldest glibc to support.
pub(crate) fn glibc_version(target: &str) -> Option<&str> {
    let (triple, version) = target.split_once('.')?;
    (triple.contains("-linux-gnu") && version.starts_with(|first: char| first.is_ascii_digit())).then_some(version)
}
