//! Finds the shared libraries that an ELF executable is started with.
//!
//! Promises: a library is looked for as glibc does, from the place where cargo put the executable. A library goes along
//! with the executable if it lies in the build's output or in a toolchain, or was reached from the executable's own place.
//! All others stay.
//! Does not promise: to know the `LD_LIBRARY_PATH` under which the binary is started, or the libraries that it loads by
//! itself.
//!
//! <https://man7.org/linux/man-pages/man8/ld.so.8.html>

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::elf::{Image, RunPath};
use super::output::{OutputDirectories, RUSTLIB, is_of_a_toolchain};
use crate::fs::identity::StatIdentity;
use crate::model::companions::{Companion, Companions, Edit, can_be_called};

/// The name, in a run path, of the directory of the file with that run path.
const ORIGIN: &str = "$ORIGIN";
/// The directories of the system's libraries, and of package managers that never change a library.
const OF_THE_SYSTEM: [&str; 8] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store", "/gnu/store"];
/// The loader's list of further libraries of the system.
pub(super) const SYSTEM_CACHE: &str = "/etc/ld.so.cache";

/// The needs of an executable when it is started.
#[derive(Debug, Default)]
pub(super) struct Libraries {
    /// The libraries that go along with it, and its edits.
    pub(super) companions: Companions,
    /// Libraries that are used where they are, and libraries that go along but were not made by this build.
    pub(super) inputs: Vec<PathBuf>,
    /// The reason why it does not start from another place; none if it does.
    pub(super) refusal: Option<String>,
}

/// A file that the process loads.
struct Loaded {
    path: PathBuf,
    stat: StatIdentity,
    image: Image,
    /// The name by which it was looked up; none for the executable.
    name: Option<Vec<u8>>,
    /// The number of the file that it was loaded for.
    by: usize,
    /// True if it goes along with the executable. The executable itself goes, too.
    goes: bool,
}

/// The place at which a library was found.
struct FoundAt {
    path: PathBuf,
    image: Image,
    /// True if it was reached from the place of a file that goes along.
    is_relative: bool,
    /// True if the file that needs it stays in its place, and so finds it there.
    stays_found: bool,
}

/// Returns the libraries of the executable at `path`; none if it is no ELF file.
pub(super) fn of(path: &Path, output: &OutputDirectories) -> io::Result<Option<Libraries>> {
    let stat = StatIdentity::of(&fs::metadata(path)?);
    let Some(image) = Image::read(path)? else { return Ok(None) };
    let path = dunce::canonicalize(path)?;
    let mut process = Process { loaded: Vec::new(), unreached: Vec::new(), is_relative: false, inputs: Vec::new() };
    process.loaded.push(Loaded { path, stat, image, name: None, by: 0, goes: true });
    process.load_all(output)?;
    Ok(Some(process.libraries(output)))
}

struct Process {
    /// In the order in which they are loaded.
    loaded: Vec<Loaded>,
    /// The names of libraries that only `cargo run` finds.
    unreached: Vec<String>,
    /// True if a library was reached from the executable's own place.
    is_relative: bool,
    inputs: Vec<PathBuf>,
}

impl Process {
    fn load_all(&mut self, output: &OutputDirectories) -> io::Result<()> {
        let mut ahead = VecDeque::from([0]);
        while let Some(by) = ahead.pop_front() {
            let needed: Vec<Vec<u8>> = self.loaded[by].image.needed.iter().map(|text| text.bytes.clone()).collect();
            for name in needed {
                if self.is_loaded(&name) {
                    continue;
                }
                let Some(place) = self.find(by, &name) else {
                    self.miss(&name, output);
                    continue;
                };
                let directory = place.path.parent().unwrap_or(&place.path).to_owned();
                if is_of_the_system(&directory) {
                    continue;
                }
                let is_own = output.holds(&directory) || is_of_a_toolchain(&directory);
                let goes = !place.stays_found && (is_own || place.is_relative);
                self.is_relative |= goes && place.is_relative;
                if !is_own || !goes {
                    self.inputs.push(place.path.clone());
                }
                let stat = StatIdentity::of(&fs::metadata(&place.path)?);
                ahead.push_back(self.loaded.len());
                self.loaded.push(Loaded { path: place.path, stat, image: place.image, name: Some(name), by, goes });
            }
        }
        Ok(())
    }

    /// True if a library of this name is loaded already. A loader loads no second one under the name.
    fn is_loaded(&self, name: &[u8]) -> bool {
        let is_it =
            |loaded: &Loaded| loaded.name.as_deref() == Some(name) || loaded.image.soname.as_deref() == Some(name);
        self.loaded.iter().skip(1).any(is_it)
    }

    fn find(&self, by: usize, name: &[u8]) -> Option<FoundAt> {
        if name.contains(&b'/') {
            let path = Path::new(std::ffi::OsStr::from_bytes(name)).to_owned();
            let stays_found = !self.loaded[by].goes;
            let image = if path.is_absolute() { self.fitting(&path) } else { None };
            return image.map(|image| FoundAt { path, image, is_relative: false, stays_found });
        }
        for (owner, run_path) in self.run_paths(by) {
            let Loaded { path, goes, .. } = &self.loaded[owner];
            for entry in run_path.text.bytes.split(|byte| *byte == b':') {
                let Some((directory, is_relative)) = directory_of(entry, path) else { continue };
                let path = directory.join(std::ffi::OsStr::from_bytes(name));
                if let Some(image) = self.fitting(&path) {
                    return Some(FoundAt { path, image, is_relative: is_relative && *goes, stays_found: !goes });
                }
            }
        }
        None
    }

    /// Returns the run paths that apply to the libraries that `by` needs. A `DT_RUNPATH` applies to its own file alone, and
    /// then no other run path does.
    fn run_paths(&self, by: usize) -> Vec<(usize, &RunPath)> {
        let own = |index: usize| self.loaded[index].image.run_path.as_ref().map(|run_path| (index, run_path));
        if let Some((index, run_path)) = own(by).filter(|(_, run_path)| !run_path.is_inherited) {
            return vec![(index, run_path)];
        }
        let mut found = Vec::new();
        let mut index = by;
        loop {
            found.extend(own(index).filter(|(_, run_path)| run_path.is_inherited));
            if index == 0 {
                return found;
            }
            index = self.loaded[index].by;
        }
    }

    /// Reads the file at `path`, if it is a library for the same machine.
    fn fitting(&self, path: &Path) -> Option<Image> {
        let image = path.is_file().then(|| Image::read(path).ok().flatten()).flatten();
        image.filter(|image| image.machine == self.loaded[0].image.machine)
    }

    /// Notes a library that no path leads to, unless the system finds it.
    fn miss(&mut self, name: &[u8], output: &OutputDirectories) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        if output.found_by_cargo_run(name).is_some() && !system_has(name) {
            self.unreached.push(name.to_owned());
        }
    }

    fn libraries(self, output: &OutputDirectories) -> Libraries {
        let going = || self.loaded.iter().filter(|loaded| loaded.goes);
        let name = |loaded: &Loaded| String::from_utf8_lossy(loaded.name.as_deref().unwrap_or_default()).into_owned();
        if let Some(name) = self.unreached.first() {
            let refusal = format!("it needs `{name}`, which is found by `cargo run` alone; link it with an rpath");
            return Libraries { refusal: Some(refusal), inputs: self.inputs, ..Libraries::default() };
        }
        if going().nth(1).is_none() {
            return Libraries { inputs: self.inputs, ..Libraries::default() };
        }
        match self.companions(output) {
            Ok(companions) => Libraries { companions, inputs: self.inputs, refusal: None },
            Err(problem) => {
                tracing::debug!(problem, "libraries stay where they are");
                let named: Vec<String> = going().skip(1).map(|loaded| format!("`{}`", name(loaded))).collect();
                let refusal = || {
                    format!("it needs {} of the build, and cannot be made to find them: {problem}", named.join(", "))
                };
                let refusal = self.is_relative.then(refusal);
                let stay = going().skip(1).map(|loaded| loaded.path.clone()).collect::<Vec<_>>();
                Libraries { inputs: [self.inputs, stay].concat(), refusal, ..Libraries::default() }
            }
        }
    }

    /// Returns the files that go along, with edits by which each finds the others beside it, or the obstacle.
    fn companions(&self, output: &OutputDirectories) -> Result<Companions, String> {
        let loads = self.loaded.iter().any(|loaded| loaded.image.loads);
        let bin = self.loaded[0].path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut companions = Companions::default();
        let mut files = HashSet::new();
        for loaded in self.loaded.iter().filter(|loaded| loaded.goes) {
            let edits = self.edits(loaded, loads, output)?;
            let Some(name) = &loaded.name else {
                companions.edits = edits;
                continue;
            };
            let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
            let name = String::from_utf8(name.to_vec()).map_err(|_| "a name is no text")?;
            if !files.insert(dunce::canonicalize(&loaded.path).map_err(|error| error.to_string())?) {
                return Err(format!("`{name}` has another name, too"));
            }
            if !can_be_called(&name, bin) || companions.files.iter().any(|other| other.name == name) {
                return Err(format!("`{name}` is the name of another file"));
            }
            companions.files.push(Companion { name, path: loaded.path.clone(), stat: loaded.stat, edits });
        }
        Ok(companions)
    }

    fn edits(&self, loaded: &Loaded, loads: bool, output: &OutputDirectories) -> Result<Vec<Edit>, String> {
        let shown = || format!("`{}`", loaded.path.display());
        let mut edits = Vec::new();
        if let Some(run_path) = &loaded.image.run_path {
            let new = run_path_from(&run_path.text.bytes, &loaded.path, loads, output);
            if new != run_path.text.bytes {
                let edit = loaded.image.edit(&run_path.text, &new);
                edits.push(edit.ok_or_else(|| format!("the run path of {} has no room", shown()))?);
            }
        }
        for needed in &loaded.image.needed {
            let goes = |other: &&Loaded| other.goes && other.name.as_ref() == Some(&needed.bytes);
            if let Some(library) = self.loaded.iter().find(goes)
                && needed.bytes.contains(&b'/')
            {
                if !self.loaded[0].image.expands_names {
                    return Err(format!("{} names a library by its whole path", shown()));
                }
                let name = library.path.file_name().unwrap_or_default().as_bytes();
                let edit = loaded.image.edit(needed, &[ORIGIN.as_bytes(), b"/", name].concat());
                edits.push(edit.ok_or_else(|| format!("{} has no room for another name", shown()))?);
            }
        }
        Ok(edits)
    }
}

/// Returns the run path of a file that goes along. Its own directory replaces those that its libraries come from. If the
/// process loads libraries by itself, a directory of the build's output stays, too, since they may lie there.
fn run_path_from(old: &[u8], file: &Path, loads: bool, output: &OutputDirectories) -> Vec<u8> {
    let mut kept = vec![ORIGIN.as_bytes()];
    let mut is_as_it_was = true;
    for entry in old.split(|byte| *byte == b':') {
        let (stays, is_replaced) = match directory_of(entry, file) {
            Some((_, true)) => (false, true),
            Some((directory, false)) if output.holds(&directory) => (loads, true),
            Some((directory, false)) if is_of_a_toolchain(&directory) => (false, true),
            _ => (true, false),
        };
        is_as_it_was &= !is_replaced;
        kept.extend(stays.then_some(entry));
    }
    if is_as_it_was { old.to_vec() } else { kept.join(&b':') }
}

/// Returns the directory that an entry of a run path in `file` names, with true if it is relative to the file; none if it
/// depends on the machine or the working directory.
pub(super) fn directory_of(entry: &[u8], file: &Path) -> Option<(PathBuf, bool)> {
    let text = std::ffi::OsStr::from_bytes(entry);
    let of_origin = entry.strip_prefix(b"$ORIGIN").or_else(|| entry.strip_prefix(b"${ORIGIN}"));
    match of_origin {
        _ if of_origin.unwrap_or(entry).contains(&b'$') => None,
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => {
            let rest = std::ffi::OsStr::from_bytes(rest.trim_start_with(|byte| byte == '/'));
            Some((file.parent()?.join(rest), true))
        }
        None if entry.starts_with(b"/") => Some((text.into(), false)),
        _ => None,
    }
}

fn is_of_the_system(directory: &Path) -> bool {
    let directory = dunce::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let is_rusts = directory.components().any(|part| part.as_os_str() == RUSTLIB);
    !is_rusts && OF_THE_SYSTEM.iter().any(|system| directory.starts_with(system))
}

/// True if the system finds a library of this name.
fn system_has(name: &str) -> bool {
    let cache = fs::read(SYSTEM_CACHE).unwrap_or_default();
    cache.find([b"\0", name.as_bytes(), b"\0"].concat()).is_some()
        || OF_THE_SYSTEM.iter().any(|system| Path::new(system).join(name).is_file())
}

/// Returns the version of glibc that the binary at `path` needs.
pub(super) fn glibc_of(path: &Path) -> Option<(u32, u32)> {
    let image = Image::read(path).ok()??;
    let version = |name: &Vec<u8>| -> Option<(u32, u32)> {
        let (major, minor) = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.split_once('.')?;
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    };
    image.versions.iter().filter_map(version).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::build_units::Units;

    #[test]
    fn a_run_path_begins_with_its_own_place_and_keeps_what_is_nobody_elses() {
        let units = Units { executable: "/w/target/release/hello".into(), ..Units::default() };
        let output = OutputDirectories::of(&units, Path::new("/w"));
        let file = Path::new("/w/target/release/hello");
        let cases = [
            ("/opt/lib", false, "/opt/lib"),
            ("lib:$LIB", false, "lib:$LIB"),
            ("$ORIGIN", false, "$ORIGIN"),
            ("${ORIGIN}/../lib:/opt/lib", false, "$ORIGIN:/opt/lib"),
            ("/w/target/release/deps", false, "$ORIGIN"),
            ("/w/target/release/deps", true, "$ORIGIN:/w/target/release/deps"),
            ("/opt/lib:/w/target/release", false, "$ORIGIN:/opt/lib"),
            ("$ORIGIN:$ORIGIN/../../rust/lib/rustlib/x/lib", true, "$ORIGIN"),
            ("/rust/lib/rustlib/x/lib", false, "$ORIGIN"),
        ];
        for (old, loads, new) in cases {
            let made = run_path_from(old.as_bytes(), file, loads, &output);
            assert_eq!(String::from_utf8_lossy(&made), new, "{old}");
        }
    }
}
