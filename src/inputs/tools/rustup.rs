//! Finds the toolchain that rustup would choose, by rustup's own rules.
//!
//! Promises: rustup is not run. Every file and directory that decides is kept with the answer.
//! Does not promise: that the toolchain is installed.

use std::fs;
use std::path::{Path, PathBuf};

use super::program_search::ProgramSearch;
use crate::fs::files;
use crate::fs::identity::StatIdentity;
use crate::inputs::remember::dependency::Recorder;

/// The triple that this addon was built for. The build script sets it.
const HOST: &str = env!("DEV_BIN_HOST");

/// An installation of rustup.
pub(crate) struct Rustup<'a> {
    home: PathBuf,
    settings: toml::Table,
    search: ProgramSearch<'a>,
}

pub(crate) struct Toolchain {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
}

impl Toolchain {
    /// Returns the value that rustup gives to `RUSTUP_TOOLCHAIN` when it runs a program of this toolchain.
    pub(crate) fn into_name(self) -> String {
        let is_relative = self.name.contains('/') && Path::new(&self.name).is_relative();
        if is_relative { self.directory.to_string_lossy().into_owned() } else { self.name }
    }
}

/// The content of a directory's toolchain file.
enum FileSays {
    /// There is no such file.
    Nothing,
    /// The file names components or targets and no toolchain. rustup takes the default then, without looking further up.
    Default,
    This(Toolchain),
}

impl<'a> Rustup<'a> {
    pub(crate) fn behind(cargo: &Path, search: ProgramSearch<'a>) -> Option<Self> {
        if !is_proxy(cargo, search.recorder) {
            return None;
        }
        let home = match search.env.non_empty("RUSTUP_HOME") {
            Some(home) => PathBuf::from(home),
            None => search.env.home()?.join(".rustup"),
        };
        let settings = table(&home.join("settings.toml"), search.recorder);
        Some(Self { home, settings, search })
    }

    /// Returns the toolchain by rustup's rules. `RUSTUP_TOOLCHAIN` comes first. Then, from the working directory upwards,
    /// comes an override for the directory or a toolchain file in it. The default comes last.
    ///
    /// <https://rust-lang.github.io/rustup/overrides.html>
    pub(crate) fn toolchain(&self) -> Toolchain {
        if let Some(name) = self.search.env.word("RUSTUP_TOOLCHAIN") {
            return self.named(name);
        }
        let overrides = self.settings.get("overrides").and_then(toml::Value::as_table);
        for directory in self.search.root.ancestors() {
            let name = directory.to_str().and_then(|directory| overrides?.get(directory)?.as_str());
            if let Some(name) = name {
                return self.named(name);
            }
            match self.of_file(directory) {
                FileSays::Nothing => {}
                FileSays::Default => break,
                FileSays::This(toolchain) => return toolchain,
            }
        }
        let fallback = || table(Path::new("/etc/rustup/settings.toml"), self.search.recorder);
        let default = |settings: &toml::Table| Some(settings.get("default_toolchain")?.as_str()?.to_owned());
        let name = default(&self.settings).or_else(|| default(&fallback()));
        self.named(name.as_deref().unwrap_or("stable"))
    }

    /// Reads `rust-toolchain`, which holds a bare name or TOML, or else `rust-toolchain.toml`. rustup prefers the former
    /// too.
    fn of_file(&self, directory: &Path) -> FileSays {
        let read = |name| {
            let path = directory.join(name);
            self.search.recorder.at(&path);
            files::read_to_string(&path)
        };
        let Ok(text) = read("rust-toolchain").or_else(|_| read("rust-toolchain.toml")) else {
            return FileSays::Nothing;
        };
        let Ok(table) = text.parse::<toml::Table>() else { return FileSays::This(self.named(text.trim())) };
        let of_key = |key| table.get("toolchain")?.get(key)?.as_str();
        if let Some(path) = of_key("path") {
            return FileSays::This(Toolchain { name: path.to_owned(), directory: directory.join(path) });
        }
        of_key("channel").map_or(FileSays::Default, |name| FileSays::This(self.named(name)))
    }

    /// Returns the toolchain called `name`. Its directory has that name, if it is a custom one or the name is complete, or
    /// else the name followed by the host's triple.
    fn named(&self, name: &str) -> Toolchain {
        if Path::new(name).is_absolute() {
            return Toolchain { name: name.to_owned(), directory: PathBuf::from(name) };
        }
        let toolchains = self.home.join("toolchains");
        let exact = toolchains.join(name);
        self.search.recorder.at(&exact);
        if exact.is_dir() {
            return Toolchain { name: name.to_owned(), directory: exact };
        }
        let host = self.settings.get("default_host_triple").and_then(toml::Value::as_str).unwrap_or(HOST);
        let name = format!("{name}-{host}");
        Toolchain { directory: toolchains.join(&name), name }
    }
}

/// True if `program` is rustup under another name: a link to it, or a hard link beside it.
pub(crate) fn is_proxy(program: &Path, recorder: &Recorder) -> bool {
    let name = format!("rustup{}", std::env::consts::EXE_SUFFIX);
    recorder.with_target(program);
    let is_rustup = |path: &Path| path.file_name().is_some_and(|found| found == name.as_str());
    if dunce::canonicalize(program).is_ok_and(|target| is_rustup(&target)) {
        return true;
    }
    let beside = program.with_file_name(&name);
    recorder.at(&beside);
    let (Ok(one), Ok(other)) = (fs::metadata(program), fs::metadata(beside)) else { return false };
    StatIdentity::of(&one) == StatIdentity::of(&other)
}

fn table(path: &Path, recorder: &Recorder) -> toml::Table {
    recorder.at(path);
    files::read_to_string(path).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}
