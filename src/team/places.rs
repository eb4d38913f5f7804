//! Writes paths so that they mean the same on another machine.
//!
//! Promises: a path below the checkout, the target directory, cargo's home, rustup's home or the user's home is written relative
//! to that place, the innermost of them. Two different texts never become the same text on one machine.
//! Does not promise: to find a path that a text has in another form, such as with a link in it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::inputs;
use crate::model::path_set::PathSet;
use crate::model::portable_path::PortablePath;
use crate::model::system_files::is_of_system;
use crate::request::Environment;

/// Directories that every machine has, and whose files count each by itself. A C compiler looks for each header in
/// `/usr/local` first.
const OF_MACHINES: [&str; 2] = ["/etc", "/usr/local"];

/// Directories that lie elsewhere on another machine, by name.
pub(crate) struct Places(Vec<(String, &'static str)>);

impl Places {
    /// Returns the places of a build in the checkout at `root` with the variables of `env`.
    pub(crate) fn of(root: &Path, env: &Environment) -> Self {
        let rustup = env.get("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(env.home()?.join(".rustup")));
        let named = [
            (Some(root.to_owned()), "repo"),
            (inputs::target_directory(root, env).ok(), "target"),
            (env.cargo_home().map(|home| root.join(home)), "cargo"),
            (rustup.map(|home| root.join(home)), "rustup"),
            (env.home(), "home"),
        ];
        let text = |(path, name): (Option<PathBuf>, _)| Some((path?.to_str()?.to_owned(), name));
        let mut places: Vec<_> = named.into_iter().filter_map(text).filter(|(path, _)| path.len() > 1).collect();
        places.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Self(places)
    }

    /// True if `path` lies in the target directory.
    pub(super) fn are_of_target(&self, path: &Path) -> bool {
        self.0.iter().any(|(place, name)| *name == "target" && path.starts_with(place))
    }

    /// Returns `text` with the places in it named. A `$` of its own is doubled.
    pub(crate) fn portable(&self, text: &str) -> String {
        let mut portable = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = "";
        while let Some(next) = rest.chars().next() {
            let named = self.0.iter().find(|(place, _)| is_at(rest, place)).filter(|_| !ends_with_name(before));
            let taken = match named {
                Some((place, name)) => {
                    portable.push_str(&format!("${{{name}}}"));
                    place.len()
                }
                None => {
                    portable.push_str(if next == '$' { "$$" } else { &rest[..next.len_utf8()] });
                    next.len_utf8()
                }
            };
            rest = &rest[taken..];
            before = &text[..text.len() - rest.len()];
        }
        portable
    }

    /// Returns the path that [`Self::portable`] made `text` of.
    fn here(&self, text: &str) -> String {
        let named = self.0.iter().find_map(|(place, name)| {
            let below = text.strip_prefix(&format!("${{{name}}}"))?;
            Some(format!("{place}{}", below.replace("$$", "$")))
        });
        named.unwrap_or_else(|| text.replace("$$", "$"))
    }

    /// Returns `set` as JSON that means the same on another machine, where the checkout at `root` lies elsewhere.
    pub(crate) fn portable_set(&self, set: &PathSet, root: &Path) -> Value {
        let mut set = set.clone();
        for places in [&mut set.files, &mut set.manifests] {
            places.retain(|place| !is_manifest_above(&place.on_disk(root), root));
        }
        let json = serde_json::to_vec(&set).expect("escaped paths and text always become JSON");
        let json = serde_json::from_slice(&json).expect("it was just written");
        mapped(json, &|text| self.portable(text))
    }

    /// Reads what [`Self::portable_set`] wrote on another machine; none if it is no path set.
    pub(crate) fn set_here(&self, json: Value) -> Option<PathSet> {
        // Not `from_value`: code to read a path set from text exists already.
        serde_json::from_slice(mapped(json, &|text| self.here(text)).to_string().as_bytes()).ok()
    }

    /// True if machines of a team have the same file at `path`: it lies in the checkout, in the target directory, in cargo's
    /// home, in rustup's home, or in the system's directories.
    pub(super) fn are_shared(&self, path: &Path) -> bool {
        let below = |(place, name): &(String, &str)| *name != "home" && path.starts_with(place);
        self.0.iter().any(below)
            || is_of_system(path)
            || OF_MACHINES.iter().any(|directory| path.starts_with(directory))
    }

    /// True if `path` lies in one of the places, so that it means the same on another machine.
    pub(super) fn names(&self, path: &Path) -> bool {
        self.0.iter().any(|(place, _)| path.starts_with(place))
    }

    /// Returns the paths that `set` names outside the checkout, the target directory, cargo's home, rustup's home and the system's
    /// directories. Another machine has something else there, or a file that is not for others to ask about.
    pub(crate) fn foreign(&self, set: &PathSet, root: &Path) -> impl Iterator<Item = PathBuf> {
        let PathSet { packages, manifests, files, names, links, listed, output, system, .. } = set;
        let places = packages.iter().chain(manifests).chain(files).chain(names).chain(links).chain(listed.keys());
        let paths = places.chain(output).map(move |place: &PortablePath| place.on_disk(root));
        let paths = paths.filter(move |path| !is_manifest_above(path, root));
        let system = system.by_directory().flat_map(|(_, files)| files);
        let paths = paths.chain(system).map(|path| crate::model::portable_path::normalized(&path));
        paths.filter(|path| !self.are_shared(path))
    }
}

/// True if `path` is of a manifest in a directory above the checkout at `root`, where cargo looks for a workspace. Another
/// machine has other directories there.
pub(super) fn is_manifest_above(path: &Path, root: &Path) -> bool {
    let path = crate::model::portable_path::normalized(path);
    let is_above = |directory: &Path| directory != root && root.starts_with(directory);
    path.file_name().is_some_and(|name| name == "Cargo.toml") && path.parent().is_some_and(is_above)
}

/// True if `text` begins with `place`, and not with a longer name.
fn is_at(text: &str, place: &str) -> bool {
    text.strip_prefix(place).is_some_and(|rest| !rest.chars().next().is_some_and(is_of_name))
}

/// True if a path that follows `text` would be the rest of a longer one. A path may follow a flag at once, as in `-L/lib`.
fn ends_with_name(text: &str) -> bool {
    let mut last = text.chars().rev();
    let (one, two) = (last.next(), last.next());
    let is_flag = one.is_some_and(|one| one.is_ascii_alphabetic()) && two == Some('-');
    one.is_some_and(is_of_name) && !is_flag
}

fn is_of_name(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '-' | '_' | '.')
}

/// Returns `value` with each text in it changed, the names of objects included.
fn mapped(value: Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(&text)),
        Value::Array(values) => values.into_iter().map(|value| mapped(value, change)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (change(&name), mapped(value, change))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use crate::model::tree::TreePath;

    fn places(home: &str) -> Places {
        let variables = [("HOME", home), ("CARGO_HOME", &format!("{home}/.cargo"))];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        Places::of(Path::new(&format!("{home}/repo")), &Environment::from(std::collections::BTreeMap::from(variables)))
    }

    #[test]
    #[cfg(unix)]
    fn a_path_is_written_relative_to_the_innermost_place() {
        let places = places("/home/ada");
        for (text, expected) in [
            ("/home/ada/repo/src", "${repo}/src"),
            ("/home/ada/repo/target/x", "${target}/x"),
            ("/home/ada/.cargo/registry", "${cargo}/registry"),
            ("/home/ada/.rustup", "${rustup}"),
            ("/home/ada/.gitconfig", "${home}/.gitconfig"),
            ("/home/adam/x", "/home/adam/x"),
            ("/srv/home/ada/x", "/srv/home/ada/x"),
            ("-L/home/ada/repo/lib:/home/ada/lib", "-L${repo}/lib:${home}/lib"),
            ("-Clink-arg=/home/ada/repo", "-Clink-arg=${repo}"),
            ("x/home/ada", "x/home/ada"),
            ("${repo}/src", "$${repo}/src"),
            ("/usr/lib", "/usr/lib"),
        ] {
            assert_eq!(places.portable(text), expected, "{text}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_path_set_means_the_same_on_another_machine() {
        let set = |home: &str| {
            let place = |path: &str| PortablePath(TreePath(path.replace("HOME", home).as_str().into()));
            PathSet {
                files: BTreeSet::from(["HOME/.cargo/config", "src/$x.rs", "/usr/lib/crt1.o"].map(place)),
                variables: BTreeSet::from(["TAG".to_owned()]),
                ..PathSet::default()
            }
        };
        let mut with_manifest = set("/home/ada");
        with_manifest.files.insert(PortablePath(TreePath("../Cargo.toml".into())));
        let sent = places("/home/ada").portable_set(&with_manifest, Path::new("/home/ada/repo"));
        assert_eq!(places("/Users/bob").set_here(sent), Some(set("/Users/bob")));
        assert_eq!(places("/h/a").set_here(Value::String("no set".into())), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_path_set_asks_about_the_checkout_the_toolchain_and_the_system_alone() {
        let places = places("/home/ada");
        for (path, expected) in [
            ("src/main.rs", None),
            ("/home/ada/.cargo/registry/x", None),
            ("/usr/include/zlib.h", None),
            ("/usr/local/include/zlib.h", None),
            ("/usr/src/zlib.h", Some("/usr/src/zlib.h")),
            ("../other/x", Some("/home/ada/other/x")),
            ("src/../../x", Some("/home/ada/x")),
            ("../../Cargo.toml", None),
            ("../other/Cargo.toml", Some("/home/ada/other/Cargo.toml")),
            ("/home/ada/.ssh/id_ed25519", Some("/home/ada/.ssh/id_ed25519")),
            ("/srv/data", Some("/srv/data")),
        ] {
            let files = BTreeSet::from([PortablePath(TreePath(path.into()))]);
            let set = PathSet { files, ..PathSet::default() };
            let found = places.foreign(&set, Path::new("/home/ada/repo")).next();
            assert_eq!(found, expected.map(PathBuf::from), "{path}");
        }
    }
}
