//! Looks for programs, as a shell in the checkout would.
//!
//! Promises: everything that an answer depends on is recorded, so that a later look can tell whether it still holds.
//! Does not promise: that a program can be run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fs::identity::StatIdentity;
use crate::inputs::remember::dependency::Recorder;
use crate::model::inventory::Tool;
use crate::request::Environment;

/// The place to look for programs from, and the recorder of what the answers depend on.
#[derive(Clone, Copy)]
pub(crate) struct ProgramSearch<'a> {
    pub(crate) env: &'a Environment,
    pub(crate) root: &'a Path,
    pub(crate) recorder: &'a Recorder,
}

impl ProgramSearch<'_> {
    /// Returns the path of a program as a shell in the checkout would find it.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let found = self.env.find_program(name, self.root);
        self.recorder.sought(name, found.as_deref());
        found
    }

    /// Returns the path of `program`: where it is found, or else as it is.
    pub(crate) fn located(&self, program: &Path) -> PathBuf {
        program.to_str().and_then(|name| self.find(name)).unwrap_or_else(|| program.to_owned())
    }

    /// Returns the program at `path`, links followed.
    pub(crate) fn tool(&self, path: &Path, toolchain: Option<&str>) -> Tool {
        self.recorder.with_target(path);
        let path = dunce::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Tool {
            stat: fs::metadata(&path).ok().map(|metadata| StatIdentity::of(&metadata)),
            path: path.to_string_lossy().into_owned(),
            toolchain: toolchain.map(str::to_owned),
            known_as: None,
            version: None,
        }
    }
}
