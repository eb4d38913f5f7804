//! Says which inputs count for a binary, and which runs read them.
//!
//! Promises: the inputs that the last build of the request in this checkout was seen to read, or is taken to read. Nothing
//! is built.
//! Does not promise: that the same inputs count after the next build.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::Call;
use crate::error::{Error, Result};
use crate::model::fingerprint::Fingerprint;
use crate::model::inventory::{Inventory, Reader};
use crate::model::marks::{Marked, unmarked};
use crate::model::tree::{FileInput, Kind, TreePath};
use crate::request::Request;
use crate::search::Search;
use crate::store::{Earlier, LookUp};

/// The kind of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputKind {
    /// A file, by its bytes.
    File,
    /// The absence of a file.
    Absent,
    /// A directory, by the names in it.
    Directory,
    /// A symbolic link, by where it leads.
    Link,
    /// Files of one directory of the system.
    System,
    /// A program that is looked up on the `PATH`, by where it is found.
    Program,
    /// A program that takes part in the build.
    Tool,
    /// One of cargo's configuration files.
    Config,
    /// A variable of the environment.
    Variable,
    /// The commit at HEAD of a repository, by its path in the checkout.
    Head,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownInput {
    /// Its kind.
    pub kind: InputKind,
    /// Its path, or its name.
    pub name: String,
    /// The runs that read it, in words; empty if it counts by itself.
    pub read_by: Vec<String>,
}

/// An opaque run, which counts by what it declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpaqueRun {
    /// The run, in words.
    pub run: String,
    /// The reason why it is opaque.
    pub reason: String,
}

/// The inputs of a binary.
#[derive(Clone, Debug)]
pub struct KnownInputs {
    /// The cargo package.
    pub package: String,
    /// The name of the target.
    pub bin: String,
    /// The fingerprint of the build that they are known from.
    pub fingerprint: Fingerprint,
    /// True if a call would be served the binary of that build.
    pub is_current: bool,
    /// The inputs, sorted by kind and name.
    pub inputs: Vec<KnownInput>,
    /// The opaque runs.
    pub opaque: Vec<OpaqueRun>,
}

/// Returns the inputs of the binary of `request`, as its last build in this checkout was seen to read them.
///
/// # Errors
///
/// The errors of [`crate::resolve::get_dev_binary`] that come before a build, and [`Error::NotBuilt`] if no build is known.
pub fn known_inputs(request: &Request, call: &Call<'_>) -> Result<KnownInputs> {
    let search = Search::begin(request, call)?;
    let found = search.look_up(&search.survey(call.made)?)?;
    let current = match &found.entry {
        LookUp::Hit(entry) => Some(entry.manifest.fingerprint),
        _ => None,
    };
    let earlier = search.store.earlier(request, &search.root);
    let is_wanted = |earlier: &&Earlier| match &current {
        Some(current) => earlier.manifest.fingerprint == *current,
        None => earlier.manifest.checkouts().any(|(checkout, _)| checkout == search.root),
    };
    let last = earlier.iter().find(is_wanted).and_then(|last| Some((last.manifest.fingerprint, last.inventory()?)));
    let not_built = || Error::NotBuilt { bin: request.bin.clone(), checkout: search.root.clone() };
    let (fingerprint, inventory) = last.ok_or_else(not_built)?;
    Ok(KnownInputs {
        package: request.package.clone(),
        bin: request.bin.clone(),
        fingerprint,
        is_current: current.is_some(),
        inputs: inputs_of(&inventory),
        opaque: opaque_in(&inventory.readers),
    })
}

/// Returns the runs that read each of `paths`, as far as the newest of the `earlier` builds tells.
#[must_use]
pub(crate) fn readers_of<'p>(
    paths: impl Iterator<Item = &'p str>,
    earlier: &[Earlier],
) -> BTreeMap<String, Vec<String>> {
    let readers = earlier.iter().find_map(Earlier::inventory).map(|inventory| inventory.readers).unwrap_or_default();
    let is_of_link = |reader: &&Reader, path: &str| {
        reader.inputs.iter().any(|input| Marked::of(input) == Marked::Link && unmarked(input) == path)
    };
    let read_by = |path: &str| {
        let input = TreePath(path.into());
        let readers = readers.iter().filter(|reader| reader.reads(&input) || is_of_link(reader, path));
        (path.to_owned(), distinct(readers.map(Reader::name)))
    };
    paths.map(read_by).filter(|(_, read_by)| !read_by.is_empty()).collect()
}

fn inputs_of(inventory: &Inventory) -> Vec<KnownInput> {
    let Inventory { tree, tools, variables, configs, named, read_variables, read_files, readers, .. } = inventory;
    let files = tree.files().iter().chain(read_files).chain(named.iter().map(|named| &named.file));
    let files = files.map(|file| KnownInput {
        kind: kind_of(file),
        name: unmarked(&file.path),
        read_by: read_by(&file.path, readers),
    });
    let by_itself = |kind| move |name: &String| KnownInput { kind, name: name.clone(), read_by: Vec::new() };
    let variables: BTreeSet<&String> = variables.keys().chain(read_variables.keys()).collect();
    let variables = variables.into_iter().map(|name| {
        let read_by = readers.iter().filter(|reader| reader.variables.contains(name)).map(Reader::name);
        KnownInput { kind: InputKind::Variable, name: name.clone(), read_by: distinct(read_by) }
    });
    let tools: BTreeSet<&String> = tools.values().map(|tool| &tool.path).collect();
    let heads = tree.heads().keys().map(|repository| repository.to_string());
    let heads = heads.map(|name| KnownInput { kind: InputKind::Head, name, read_by: Vec::new() });
    let mut all: Vec<KnownInput> = files
        .chain(tools.into_iter().map(by_itself(InputKind::Tool)))
        .chain(configs.keys().map(by_itself(InputKind::Config)))
        .chain(variables)
        .chain(heads)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn kind_of(file: &FileInput) -> InputKind {
    match (Marked::of(&file.path), file.kind) {
        (Marked::Program, _) => InputKind::Program,
        (Marked::System, _) => InputKind::System,
        (Marked::Directory, _) | (_, Kind::Directory) => InputKind::Directory,
        (Marked::Link, _) | (_, Kind::Symlink) => InputKind::Link,
        (Marked::File, Kind::Absent) => InputKind::Absent,
        (Marked::File, Kind::File | Kind::Executable | Kind::Special) => InputKind::File,
    }
}

fn read_by(path: &TreePath, readers: &[Reader]) -> Vec<String> {
    distinct(readers.iter().filter(|reader| reader.reads(path)).map(Reader::name))
}

fn opaque_in(readers: &[Reader]) -> Vec<OpaqueRun> {
    let opaque =
        readers.iter().filter_map(|reader| Some(OpaqueRun { run: reader.name(), reason: reader.opaque.clone()? }));
    let mut opaque: Vec<_> = opaque.collect();
    opaque.sort_unstable();
    opaque.dedup();
    opaque
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}
