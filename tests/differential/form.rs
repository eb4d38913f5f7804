//! Things that builds depend on, or that no build does, and the forms that they may have.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The content at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Absent,
    File { bytes: Vec<u8>, is_executable: bool },
    Link(PathBuf),
}

/// A path that steps change.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    /// The path from the checkout. `../` leads to its neighbours, and `../../` to those of all checkouts.
    pub(crate) path: String,
    /// The first is there at the beginning, and again after a state that does not build.
    pub(crate) forms: Vec<Form>,
    /// Tells when the binary is built from it.
    pub(crate) counts: Counts,
    /// True if it is a program. Programs count by stat identity, so that one with the same bytes may count as another.
    pub(crate) is_program: bool,
    /// How often steps change it, compared with others.
    pub(crate) weight: u32,
}

/// Tells when the binary is built from a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    Always,
    Never,
    /// Always, by its existence alone.
    Existence,
    /// While the variable has the value.
    With(&'static str, &'static str),
    /// While the features of the workspace are enabled.
    WithFeatures,
    /// While the other thing exists.
    Beside(&'static str),
    /// While the other thing does not exist.
    Without(&'static str),
    /// While the link leads to the target.
    Linked(&'static str, &'static str),
}

/// The modification time that a file gets in a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Times {
    Now,
    Older,
    Equal,
}

impl Form {
    pub(crate) fn text(text: &str) -> Self {
        Self::File { bytes: text.into(), is_executable: false }
    }

    pub(crate) fn program(text: &str) -> Self {
        Self::File { bytes: text.into(), is_executable: true }
    }

    /// Reads the form at `path`.
    pub(crate) fn at(path: &Path) -> Self {
        if let Ok(target) = fs::read_link(path) {
            return Self::Link(target);
        }
        match fs::read(path) {
            Ok(bytes) => Self::File { bytes, is_executable: is_executable(path) },
            Err(_) => Self::Absent,
        }
    }

    /// Puts the form at `path`, in place of the present one. Only a file gets the requested time.
    pub(crate) fn put(&self, path: &Path, times: Times) {
        let before = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        if !matches!((self, Self::at(path)), (Self::File { .. }, Self::File { .. })) {
            _ = fs::remove_file(path);
        }
        match self {
            Self::Absent => {}
            Self::Link(target) => link(target, path),
            Self::File { bytes, is_executable } => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
                set_executable(path, *is_executable);
                // It differs with the text, and lies far in the past.
                let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + hash(bytes) % 1000);
                match (times, before) {
                    (Times::Older, _) => set_modified(path, old),
                    (Times::Equal, Ok(before)) => set_modified(path, before),
                    _ => {}
                }
            }
        }
    }

    /// Returns a few words that differ for each form.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::File { bytes, is_executable } => format!("{:x} {is_executable}", hash(bytes)),
            other => format!("{other:?}"),
        }
    }
}

impl Thing {
    pub(crate) fn new(path: &str, forms: impl IntoIterator<Item = Form>) -> Self {
        Self {
            path: path.into(),
            forms: forms.into_iter().collect(),
            counts: Counts::Always,
            is_program: false,
            weight: 2,
        }
    }

    /// Makes a thing with three texts of equal length.
    pub(crate) fn texts(path: &str, text: impl Fn(u8) -> String) -> Self {
        Self::new(path, (0..3).map(|value| Form::text(&text(value))))
    }

    pub(crate) fn or(mut self, form: Form) -> Self {
        self.forms.push(form);
        self
    }

    /// Makes it absent at the beginning.
    pub(crate) fn at_first_absent(mut self) -> Self {
        self.forms.insert(0, Form::Absent);
        self
    }

    pub(crate) fn weighing(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    pub(crate) fn that_counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    pub(crate) fn that_is_a_program(mut self) -> Self {
        self.is_program = true;
        self
    }
}

/// Returns the identity of a program, as far as the fingerprint may distinguish it.
#[cfg(unix)]
pub(crate) fn identity(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let stat = path.metadata().map(|it| [it.ino() as i64, it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()]);
    format!("{stat:?}")
}

#[cfg(not(unix))]
pub(crate) fn identity(path: &Path) -> String {
    format!("{:?}", path.metadata().and_then(|metadata| metadata.modified()))
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn set_modified(path: &Path, time: SystemTime) {
    File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[cfg(unix)]
fn set_executable(path: &Path, executable: bool) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 })).unwrap();
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, path).unwrap();
}

#[cfg(not(unix))]
fn set_executable(_: &Path, _: bool) {}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) {
    unreachable!("workspaces with links are for Unix");
}
