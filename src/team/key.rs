//! The names that a state of inputs has in a team's store: a fingerprint's form that means the same on another machine.
//!
//! Tools count by content, and paths by what they are relative to. The rest counts as in a fingerprint.
//!
//! Promises: equal team keys mean equal inputs, wherever they lie, on machines of one kind: the host's triple is part of each
//! key, and so are libc and the system's version where the build read the system's files.
//! Does not promise: the same bytes. A panic message may hold the path of cargo's home on the machine that built.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::places::{Places, is_manifest_above};
use crate::cargo;
use crate::error::Result;
use crate::fs::files;
use crate::fs::identity::StatIdentity;
use crate::inputs::{self, SystemContents};
use crate::model::cancellation::Cancellation;
use crate::model::fingerprint::Digest;
use crate::model::inventory::{Inventory, Tool};
use crate::model::maps::map_of;
use crate::model::marks::Marked;
use crate::model::portable_path::PortablePath;
use crate::model::tree::{FileInput, Kind, TreePath};
use crate::request::{Environment, Request};
use crate::search::Search;

/// The meaning of the keys. It is raised when a part of them changes its meaning.
const FORMAT: &str = "dev-bin team 1";

/// The flag by which rustc compiles for the processor that it runs on.
pub(super) const NATIVE: &str = "target-cpu=native";

/// Variables that only name a program. The program counts by its content.
const NAMES_OF_TOOLS: &[&str] = &["RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];

/// The means to write inputs so that they mean the same on another machine.
pub(crate) struct Portable<'a> {
    pub(super) places: Places,
    request: &'a Request,
    root: &'a Path,
    contents: &'a SystemContents,
    cancellation: &'a Cancellation,
    /// True once a flag was seen by which rustc compiles for the processor that it runs on.
    is_native: Cell<bool>,
}

impl<'a> Portable<'a> {
    pub(crate) fn of(search: &'a Search<'_>) -> Self {
        let Search { request, root, system: contents, call, .. } = search;
        let places = Places::of(root, &request.env);
        Self { places, request, root, contents, cancellation: call.cancellation, is_native: Cell::default() }
    }

    /// Returns the name under which a team keeps the path sets of `inputs`.
    pub(crate) fn weak_key(&self, inputs: &Inventory) -> Result<String> {
        Ok(named(&[env!("DEV_BIN_HOST")], self.inventory(inputs)?.weak_key().to_string()))
    }

    /// Returns the name under which a team keeps the entry of `inputs`.
    pub(crate) fn team_key(&self, inputs: &Inventory) -> Result<String> {
        let portable = self.inventory(inputs)?;
        let mut machine = vec![env!("DEV_BIN_HOST").to_owned()];
        if !inputs.path_set.system.is_empty() {
            machine.extend(system_version());
        }
        if self.is_native.get()
            && let Some(rustc) = inputs.tools.get("rustc")
        {
            machine.extend(cargo::native_features(rustc, self.request, self.root, self.cancellation)?);
        }
        let machine: Vec<&str> = machine.iter().map(String::as_str).collect();
        Ok(named(&machine, portable.fingerprint().to_string()))
    }

    /// Returns `text` so that it means the same on another machine.
    fn text(&self, text: &str) -> String {
        self.is_native.set(self.is_native.get() || text.contains(NATIVE));
        self.places.portable(text)
    }

    /// Returns `inputs` without what lies elsewhere on another machine.
    fn inventory(&self, inputs: &Inventory) -> Result<Inventory> {
        let Inventory { tools, variables, read_variables, .. } = inputs;
        let env = &self.request.env;
        let steering = variables.keys().filter(|name| !is_name_of_tool(name));
        let steering = steering.filter_map(|name| Some((name.clone(), self.variable(env, name)?)));
        // No variable has such a name.
        let tools = tools.iter().map(|(role, tool)| Ok((format!("\0{role}"), self.tool(role, tool)?)));
        let tools: Vec<_> = tools.collect::<Result<_>>()?;
        let named = inputs.named.iter().map(|named| {
            let mut named = named.clone();
            named.file.path = self.path(&named.file.path);
            named
        });
        let is_elsewhere = |file: &&FileInput| {
            let place = PortablePath(file.path.clone());
            is_manifest_above(&place.on_disk(self.root), self.root)
        };
        let files = inputs.read_files.iter().filter(|file| !is_elsewhere(file)).map(|file| self.file(file));
        let mut files: Vec<FileInput> = files.chain(self.manifests_above()).collect();
        let mut named: Vec<_> = named.collect();
        // Where the places lie decided their order.
        files.sort_by(|one, other| one.path.cmp(&other.path));
        named.sort_by(|one, other| one.file.path.cmp(&other.file.path));
        Ok(Inventory {
            // A `--config` among the arguments may have flags, too.
            request: map_of(inputs.request.iter().map(|(name, value)| (name.clone(), self.text(value)))),
            tree: inputs.tree.clone(),
            tools: map_of(std::iter::empty()),
            variables: map_of(steering.chain(tools)),
            configs: inputs::portable_configuration(self.root, env, &|text| self.text(text))?,
            named,
            read_variables: map_of(read_variables.keys().map(|name| (name.clone(), self.variable(env, name)))),
            read_files: files,
            location: inputs.location.clone(),
            branch: inputs.branch.clone(),
            ..Inventory::default()
        })
    }

    /// Returns the manifests above the checkout that are there, the nearest first. There are none, as a rule.
    fn manifests_above(&self) -> impl Iterator<Item = FileInput> {
        let above = self.root.ancestors().skip(1).map(|directory| directory.join("Cargo.toml"));
        let found = above.filter_map(|path| files::read(&path).ok());
        let stat = StatIdentity::default();
        found.enumerate().map(move |(index, bytes)| FileInput {
            path: TreePath(format!("${{above}}/{index}").into()),
            kind: Kind::File,
            digest: Digest::of(bytes),
            stat,
        })
    }

    fn variable(&self, env: &Environment, name: &str) -> Option<Digest> {
        let value = env.get(name)?;
        Some(value.to_str().map_or_else(|| Digest::of(value.as_encoded_bytes()), |text| Digest::of(self.text(text))))
    }

    fn path(&self, path: &TreePath) -> TreePath {
        let Ok(text) = std::str::from_utf8(&path.0) else { return path.clone() };
        // Only one in the checkout has relative paths in it.
        let in_target = self.root.join(text);
        let in_target = in_target.to_str().filter(|_| self.places.are_of_target(&in_target));
        TreePath(self.places.portable(in_target.unwrap_or(text)).into())
    }

    fn file(&self, file: &FileInput) -> FileInput {
        let mut portable = FileInput { path: self.path(&file.path), ..file.clone() };
        if Marked::of(&file.path) == Marked::Program {
            // It counts by the path at which it is found.
            let name = crate::model::marks::unmarked(&file.path);
            let found = self.request.env.find_program(&name, self.root);
            let found = found.and_then(|path| Some(self.places.portable(path.to_str()?)));
            portable.digest = found.map(Digest::of).unwrap_or_default();
        }
        portable
    }

    /// Returns the digest of a program, and of the compiler's libraries if it is the compiler.
    fn tool(&self, role: &str, tool: &Tool) -> Result<Digest> {
        let path = PathBuf::from(&tool.path);
        let mut parts = vec![self.contents.digest(std::slice::from_ref(&path))?];
        if role == "rustc" {
            let target = self.request.triple().unwrap_or(env!("DEV_BIN_HOST"));
            for directory in inputs::compiler_libraries(&path, target) {
                parts.push(self.contents.digest(&directory)?);
            }
        }
        Ok(Digest::of(parts.iter().map(Digest::to_string).collect::<Vec<_>>().join("\n")))
    }
}

/// True if `name` is of a variable that only names a program.
fn is_name_of_tool(name: &str) -> bool {
    let name = name.strip_prefix("CARGO_BUILD_").unwrap_or(name);
    NAMES_OF_TOOLS.contains(&name) || (name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER"))
}

fn named(system: &[&str], key: String) -> String {
    let parts: Vec<&str> = [FORMAT].into_iter().chain(system.iter().copied()).chain([key.as_str()]).collect();
    Digest::of(parts.join("\n")).to_string()
}

/// Returns the version of libc, and the name and version of the system, as far as they are known.
fn system_version() -> Vec<String> {
    libc_version().into_iter().chain([release()]).collect()
}

/// Returns the name and version of the system; empty if they are not known.
pub(super) fn release() -> String {
    let release = ["/etc/os-release", "/usr/lib/os-release", "/System/Library/CoreServices/SystemVersion.plist"];
    let release = release.iter().find_map(|path| files::read_to_string(Path::new(path)).ok()).unwrap_or_default();
    release_of(&release)
}

/// Returns the lines of an `os-release` that tell one release from another. Any other text counts whole.
///
/// <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>
fn release_of(text: &str) -> String {
    let counts = |line: &&str| line.starts_with("ID=") || line.starts_with("VERSION_ID=");
    let lines: Vec<&str> = text.lines().filter(counts).collect();
    if lines.is_empty() { text.to_owned() } else { lines.join("\n") }
}

/// Returns the version of the GNU C library that this process runs with.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn libc_version() -> Option<String> {
    // SAFETY: the function takes nothing, and returns a pointer to a constant that ends with a NUL.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    version.to_str().ok().map(str::to_owned)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn libc_version() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_known_by_its_name_and_version() {
        let debian = "PRETTY_NAME=\"Debian 12\"\nVERSION_ID=\"12\"\nID=debian\nHOME_URL=\"x\"\n";
        assert_eq!(release_of(debian), release_of(&debian.replace("\"x\"", "\"y\"")));
        assert_ne!(release_of(debian), release_of(&debian.replace("\"12\"\nID", "\"13\"\nID")));
        assert_ne!(release_of(debian), release_of(&debian.replace("ID=debian", "ID=ubuntu")));
        assert_ne!(release_of("<plist>1"), release_of("<plist>2"));
    }

    #[test]
    fn variables_that_only_name_a_program_are_left_out() {
        for (name, expected) in [
            ("RUSTC_WRAPPER", true),
            ("CARGO_BUILD_RUSTC", true),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", true),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", false),
            ("RUSTFLAGS", false),
            ("CC", false),
        ] {
            assert_eq!(is_name_of_tool(name), expected, "{name}");
        }
    }
}
