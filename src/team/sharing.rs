//! Finds the inputs of a binary that keep a team from sharing it, or that let equal machines alone share it.
//!
//! Promises: a binary is put into a store only if no limit of the kind [`Sharing::None`] is found. Nothing is run or digested.
//! Does not promise: that machines without a limit have the same inputs. Equal team keys say that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::key::{NATIVE, libc_version, release};
use super::places::Places;
use crate::error::Result;
use crate::inputs;
use crate::model::inventory::Inventory;
use crate::model::marks::{Marked, unmarked};
use crate::model::path_set::PathSet;
use crate::model::portable_path::PortablePath;
use crate::search::{Search, Survey};

/// The number of paths that are listed. A user would not read more.
const MOST_PATHS: usize = 20;
/// Flags by which a C compiler compiles for the processor that it runs on.
const NATIVE_IN_C: [&str; 3] = ["-march=native", "-mcpu=native", "-mtune=native"];
/// Variables that differ from user to user, or from machine to machine.
const PERSONAL: [&str; 6] = ["COMPUTERNAME", "HOSTNAME", "LOGNAME", "PWD", "USER", "USERNAME"];

/// The machines that share a binary in spite of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// None.
    None,
    /// Those where the checkout has the same path.
    EqualPaths,
    /// Those that are equal in the part that the limit names.
    EqualMachines,
}

/// A part of the inputs that is not portable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit {
    /// The machines that share the binary all the same.
    pub sharing: Sharing,
    /// The part, in words.
    pub part: String,
}

/// Returns the limits for the binary of `inputs`, those of each kind in order; none where the request names no store.
pub(crate) fn limits(search: &Search<'_>, survey: &Survey, inputs: &Inventory) -> Result<Vec<Limit>> {
    if search.request.remote.is_none() {
        return Ok(Vec::new());
    }
    let unknown = (!survey.knows_toolchain()).then(|| "it is not known which toolchain builds it".to_owned());
    let unknown = unknown.map(|part| Limit { sharing: Sharing::None, part });
    Ok(unknown.into_iter().chain(limits_of(search, inputs)?).collect())
}

/// Returns the reason why no other machine can have the binary of `inputs`, if there is one.
pub(super) fn refusal(search: &Search<'_>, inputs: &Inventory) -> Result<Option<String>> {
    let limits = limits_of(search, inputs)?;
    Ok(limits.into_iter().find(|limit| limit.sharing == Sharing::None).map(|limit| limit.part))
}

fn limits_of(search: &Search<'_>, inputs: &Inventory) -> Result<BTreeSet<Limit>> {
    let Search { request, root, .. } = search;
    let places = Places::of(root, &request.env);
    let mut found = Found { places: &places, root, limits: BTreeSet::new() };
    found.take_path_set(&inputs.path_set);
    for (name, value) in &inputs.request {
        found.take_text(&format!("the option `{name}`"), value);
    }
    for name in inputs.variables.keys().chain(inputs.read_variables.keys()) {
        found.take_variable(name, request.env.get(name).and_then(|value| value.to_str()));
    }
    let texts = std::cell::RefCell::new(Vec::new());
    let portable = |text: &str| {
        texts.borrow_mut().push(text.to_owned());
        places.portable(text)
    };
    inputs::portable_configuration(root, &request.env, &portable)?;
    for text in texts.into_inner() {
        found.take_text("cargo's configuration", &text);
    }
    for (role, tool) in &inputs.tools {
        let path = Path::new(&tool.path);
        if path.is_absolute() && !places.are_shared(path) {
            found.add(Sharing::EqualMachines, format!("the program `{}`, which is {role}", path.display()));
        }
    }
    for named in &inputs.named {
        let path = PortablePath(named.file.path.clone()).on_disk(root);
        found.take_path(&path, "the file");
    }
    for file in inputs.read_files.iter().filter(|file| Marked::of(&file.path) == Marked::Program) {
        if let Some(path) = request.env.find_program(unmarked(&file.path), root) {
            found.take_path(&path, "the program");
        }
    }
    Ok(found.limits)
}

/// The limits that were found so far.
struct Found<'a> {
    places: &'a Places,
    root: &'a Path,
    limits: BTreeSet<Limit>,
}

impl Found<'_> {
    fn add(&mut self, sharing: Sharing, part: String) {
        self.limits.insert(Limit { sharing, part });
    }

    fn take_path_set(&mut self, set: &PathSet) {
        if let Some(unknown) = &set.unknown {
            self.add(Sharing::None, format!("it is not known what its build read: {unknown}"));
        }
        let foreign: BTreeSet<PathBuf> = self.places.foreign(set, self.root).collect();
        for path in foreign.iter().take(MOST_PATHS) {
            let part = format!("it depends on `{}`, which is this machine's own", path.display());
            self.add(Sharing::None, part);
        }
        if foreign.len() > MOST_PATHS {
            self.add(Sharing::None, format!("it depends on {} more such paths", foreign.len() - MOST_PATHS));
        }
        for bond in &set.bound_by {
            self.add(Sharing::EqualPaths, bond.clone());
        }
        if !set.system.is_empty() {
            let libc = libc_version().map(|version| format!(" with glibc {version}")).unwrap_or_default();
            self.add(Sharing::EqualMachines, format!("the system, whose files it reads: {}{libc}", release()));
        }
    }

    fn take_variable(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        if PERSONAL.contains(&name) {
            self.add(Sharing::EqualMachines, format!("the variable `{name}`"));
        }
        self.take_text(&format!("the variable `{name}`"), value);
    }

    /// Takes a text of `source`, which may have flags and paths in it.
    fn take_text(&mut self, source: &str, text: &str) {
        for flag in NATIVE_IN_C.iter().filter(|flag| text.contains(**flag)) {
            self.add(
                Sharing::None,
                format!("{source} has `{flag}`, by which a C compiler makes it for this processor"),
            );
        }
        if text.contains(NATIVE) {
            self.add(Sharing::EqualMachines, format!("the features of the processor, by `{NATIVE}` in {source}"));
        }
        let mut paths = paths_in(text).filter(|path| !self.places.names(path) && !self.places.are_shared(path));
        if let Some(path) = paths.next() {
            self.add(Sharing::EqualMachines, format!("{source}, which names `{}`", path.display()));
        }
    }

    fn take_path(&mut self, path: &Path, kind: &str) {
        if path.is_absolute() && !self.places.are_shared(path) {
            self.add(Sharing::EqualMachines, format!("{kind} `{}`", path.display()));
        }
    }
}

/// Returns the absolute paths in `text`: those that stand alone in a list or in a value, or that follow a flag.
fn paths_in(text: &str) -> impl Iterator<Item = &Path> {
    let between = |char: char| char.is_whitespace() || char.is_control() || ":;,='\"[]".contains(char);
    text.split(between).filter_map(|part| {
        let (before, path) = part.split_at(part.find('/')?);
        let is_flag = before.len() == 2 && before.starts_with('-');
        // Two slashes are those of a URL.
        let is_path = path.len() > 1 && !path.starts_with("//");
        ((before.is_empty() || is_flag) && is_path).then(|| Path::new(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_values_and_behind_flags() {
        for (text, expected) in [
            ("/opt/x", &["/opt/x"][..]),
            ("-L/opt/x -I /srv/y", &["/opt/x", "/srv/y"]),
            ("/a/b:/c", &["/a/b", "/c"]),
            ("--sysroot=/opt/s", &["/opt/s"]),
            ("https://host/path", &[]),
            ("src/main.rs", &[]),
            ("a / b", &[]),
            ("", &[]),
        ] {
            assert_eq!(
                paths_in(text).collect::<Vec<_>>(),
                expected.iter().map(Path::new).collect::<Vec<_>>(),
                "{text}"
            );
        }
    }
}
