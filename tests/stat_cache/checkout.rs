//! A checkout that is swept with and without a stat cache, and the comparison of both.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openlock_dev_bin::inputs::{self, CrateScope, Subject};
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::tree::Tree;
use openlock_dev_bin::request::Environment;

/// A repository, and a stat cache outside it.
pub(crate) struct Checkout {
    _guard: tempfile::TempDir,
    pub(crate) root: PathBuf,
    pub(crate) cache: PathBuf,
}

impl Checkout {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::within(tempfile::tempdir().unwrap(), files)
    }

    pub(crate) fn within(guard: tempfile::TempDir, files: &[(&str, &str)]) -> Self {
        let base = dunce::canonicalize(guard.path()).unwrap();
        let (root, cache) = (base.join("checkout"), base.join("cache"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&cache).unwrap();
        let checkout = Self { _guard: guard, root, cache };
        checkout.git(&["init", "--quiet", "--template=", "--initial-branch=main"]);
        checkout.write(".git/excludes", "");
        checkout.git(&["config", "core.excludesFile", checkout.root.join(".git/excludes").to_str().unwrap()]);
        for (path, content) in files {
            checkout.write(path, content);
        }
        checkout
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        git_in(&self.root, arguments);
    }

    pub(crate) fn subject(&self, crate_scope: Option<CrateScope>) -> Subject {
        Subject { root: self.root.clone(), exclude: Vec::new(), crate_scope, git: Environment::default() }
    }

    /// Sweeps with the stat cache, which then holds the result. The memory of this process must give the same.
    pub(crate) fn warm(&self) -> Tree {
        self.warm_of(None)
    }

    pub(crate) fn warm_of(&self, crate_scope: Option<CrateScope>) -> Tree {
        let (subject, cancellation) = (self.subject(crate_scope), Cancellation::default());
        let from_files = inputs::sweep(&subject, &self.copy_of_cache(), &cancellation).unwrap();
        let swept = inputs::sweep(&subject, &self.cache, &cancellation).unwrap();
        assert_eq!(from_files.tree.digest(), swept.tree.digest());
        swept.unsaved.into_iter().for_each(inputs::Unsaved::save);
        swept.tree
    }

    /// Copies the cache to a path of which this process remembers nothing.
    pub(crate) fn copy_of_cache(&self) -> PathBuf {
        let copy = tempfile::tempdir_in(self.cache.parent().unwrap()).unwrap().keep();
        let files = fs::read_dir(&self.cache).into_iter().flatten().map(|file| file.unwrap().path());
        for file in files.filter(|path| path.is_file()) {
            fs::write(copy.join(file.file_name().unwrap()), fs::read(&file).unwrap_or_default()).unwrap();
        }
        copy
    }

    pub(crate) fn cold(&self) -> Tree {
        self.cold_of(None)
    }

    pub(crate) fn cold_of(&self, crate_scope: Option<CrateScope>) -> Tree {
        let nowhere = self.cache.join("nowhere");
        inputs::sweep(&self.subject(crate_scope), &nowhere, &Cancellation::default()).unwrap().tree
    }

    /// Waits until everything in the checkout is older than two seconds, so that all of it has settled.
    pub(crate) fn settle(&self) {
        let newest = newest_change(&self.root);
        while SystemTime::now() <= newest + Duration::from_millis(2_050) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The contents of the cache.
    pub(crate) fn kept(&self) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
        let files = fs::read_dir(&self.cache).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), (path.metadata().unwrap().ino(), fs::read(path).unwrap()))).collect()
    }

    pub(crate) fn cache_file(&self) -> PathBuf {
        self.kept().into_keys().next().expect("something was kept")
    }
}

pub(crate) fn newest_change(path: &Path) -> SystemTime {
    let metadata = fs::symlink_metadata(path).unwrap();
    let changed =
        UNIX_EPOCH + Duration::new(metadata.ctime().try_into().unwrap(), metadata.ctime_nsec().try_into().unwrap());
    let below = metadata.is_dir().then(|| fs::read_dir(path).unwrap()).into_iter().flatten();
    below.map(|entry| newest_change(&entry.unwrap().path())).fold(changed, SystemTime::max)
}

pub(crate) fn git_in(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    let identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
    let output = command.current_dir(directory).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns all of a tree, in a form that shows where two differ.
pub(crate) fn described(tree: &Tree) -> Vec<String> {
    let heads = tree.heads().iter().map(|(path, head)| format!("HEAD of {path:?}: {head:?}"));
    let files = tree.files().iter().map(|file| format!("{} {:?} {}", file.path, file.kind, file.digest));
    heads.chain(files).collect()
}

#[track_caller]
pub(crate) fn assert_same(warm: &Tree, cold: &Tree, what: &str) {
    assert_eq!(described(warm), described(cold), "after {what}");
    let from_its_files = Tree::of(warm.heads().clone(), warm.files().to_vec());
    assert_eq!(warm.digest(), cold.digest(), "after {what}");
    assert_eq!(warm.digest(), from_its_files.digest(), "after {what}");
}

pub(crate) fn set_modified(path: &Path, time: SystemTime) {
    File::open(path).unwrap().set_modified(time).unwrap();
}

pub(crate) const LONG_AGO: SystemTime = UNIX_EPOCH;
