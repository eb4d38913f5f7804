//! Tells which parts of cargo's configuration can change a binary.
//!
//! Promises: tokens, aliases, proxies, terminals, job counts and output directories are left out, so that they neither cost
//! a build nor divide a team. A file that cannot be parsed counts by its bytes.
//! Does not promise: to leave out a table that it does not know. One that is new to cargo may matter.

use crate::model::fingerprint::Digest;

/// Tables that cannot change a binary.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#configuration-format>
const IRRELEVANT: &[&str] = &[
    "alias",
    "cache",
    "cargo-new",
    "credential-alias",
    "doc",
    "future-incompat-report",
    "http",
    "install",
    "net",
    "registry",
    "term",
];

/// Keys of `[build]` that cannot change a binary.
const IRRELEVANT_OF_BUILD: &[&str] =
    &["build-dir", "dep-info-basedir", "jobs", "rustdoc", "rustdocflags", "target-dir", "warnings"];

/// Keys of `[registries.NAME]` that can change a binary: the name stands for what the index has.
const RELEVANT_OF_REGISTRY: &[&str] = &["index"];

/// Returns the parts of a configuration file that can change a binary.
pub(crate) fn relevant(table: &toml::Table) -> toml::Table {
    let mut relevant = table.clone();
    relevant.retain(|name, _| !IRRELEVANT.contains(&name));
    if let Some(build) = relevant.get_mut("build").and_then(toml::Value::as_table_mut) {
        build.retain(|name, _| !IRRELEVANT_OF_BUILD.contains(&name));
    }
    if let Some(targets) = relevant.get_mut("target").and_then(toml::Value::as_table_mut) {
        for target in targets.iter_mut().filter_map(|(_, target)| target.as_table_mut()) {
            target.retain(|name, _| name != "runner" && name != "rustdocflags");
        }
    }
    if let Some(registries) = relevant.get_mut("registries").and_then(toml::Value::as_table_mut) {
        for registry in registries.iter_mut().filter_map(|(_, registry)| registry.as_table_mut()) {
            registry.retain(|name, _| RELEVANT_OF_REGISTRY.contains(&name));
        }
    }
    prune(&mut relevant);
    relevant
}

/// Removes the tables in which nothing is left.
fn prune(table: &mut toml::Table) {
    table.retain(|_, value| {
        value.as_table_mut().is_none_or(|table| {
            prune(table);
            !table.is_empty()
        })
    });
}

/// Returns the digest of a configuration file with the content `bytes`, which is `table` if it can be parsed; none if
/// nothing in it can change a binary.
pub(crate) fn digest(bytes: &[u8], table: Option<&toml::Table>) -> Option<Digest> {
    let Some(table) = table else { return Some(Digest::of(bytes)) };
    let relevant = relevant(table);
    let json = || serde_json::to_vec(&relevant).expect("names and values of TOML always become JSON");
    (!relevant.is_empty()).then(|| Digest::of(json()))
}

/// Returns the digest of the parts of `table` that can change a binary, with each text as `portable` writes it; none if
/// there are none.
pub(crate) fn portable_digest(table: &toml::Table, portable: &dyn Fn(&str) -> String) -> Option<Digest> {
    let mut relevant = relevant(table);
    rewrite(&mut relevant, portable);
    let json = || serde_json::to_vec(&relevant).expect("names and values of TOML always become JSON");
    (!relevant.is_empty()).then(|| Digest::of(json()))
}

fn rewrite(table: &mut toml::Table, portable: &dyn Fn(&str) -> String) {
    fn one(value: &mut toml::Value, portable: &dyn Fn(&str) -> String) {
        match value {
            toml::Value::String(text) => *text = portable(text),
            toml::Value::Array(values) => values.iter_mut().for_each(|value| one(value, portable)),
            toml::Value::Table(table) => rewrite(table, portable),
            _ => {}
        }
    }
    table.iter_mut().for_each(|(_, value)| one(value, portable));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_change_a_binary_does_not_count() {
        let digest = |text: &str| digest(text.as_bytes(), text.parse().ok().as_ref());
        let base = "[build]\nrustflags = ['-Cdebuginfo=1']\n";
        for (is_same, more) in [
            (true, "# a comment"),
            (true, "jobs = 4"),
            (true, "target-dir = '/elsewhere'"),
            (false, "target = 'x86_64-unknown-linux-musl'"),
            (true, "[alias]\nb = 'build'"),
            (true, "[http]\nproxy = 'proxy:8080'"),
            (true, "[net]\noffline = true"),
            (true, "[term]\ncolor = 'never'"),
            (true, "[registry]\ntoken = 'secret'"),
            (true, "[registries.ours]\ntoken = 'secret'"),
            (false, "[registries.ours]\nindex = 'sparse+https://ours/'"),
            (true, "[target.x86_64-unknown-linux-gnu]\nrunner = 'qemu'"),
            (false, "[target.x86_64-unknown-linux-gnu]\nlinker = 'clang'"),
            (false, "[profile.release]\nlto = true"),
            (false, "[env]\nA = '1'"),
            (false, "[patch.crates-io]\na.path = 'a'"),
            (false, "[source.crates-io]\nreplace-with = 'mirror'"),
            (false, "[unstable]\nbuild-std = ['std']"),
            (false, "[host]\nlinker = 'clang'"),
            (false, "[something-new]\na = 1"),
            (false, "[broken"),
        ] {
            assert_eq!(digest(&format!("{base}{more}")) == digest(base), is_same, "{more}");
        }
        assert_eq!(digest("[net]\noffline = true"), None, "such a file may as well not be there");
        assert_ne!(digest("[broken"), digest("[broken # too"), "what cannot be parsed counts by its bytes");
    }
}
