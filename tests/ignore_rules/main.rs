//! Tests which files count, compared with git's own answer, and that no rewrite goes unnoticed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod random;
mod settings;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use openlock_dev_bin::inputs::{self, Subject};
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::tree::Tree;

fn sweep(root: &Path) -> Tree {
    sweep_with(root, &[])
}

/// Sweeps as for a git that has these variables alone.
fn sweep_with(root: &Path, variables: &[(&str, &str)]) -> Tree {
    let variables: BTreeMap<OsString, OsString> =
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let git = inputs::git_variables(&variables.into());
    let subject = Subject { root: root.to_owned(), exclude: Vec::new(), crate_scope: None, git };
    let nowhere = root.join("there").join("is").join("no").join("cache");
    let tree = inputs::sweep(&subject, &nowhere, &Cancellation::default()).unwrap().tree;
    let from_its_files = Tree::of(tree.heads().clone(), tree.files().to_vec());
    assert_eq!(tree.digest(), from_its_files.digest(), "a digest does not depend on how it came about");
    tree
}

/// Runs git in `root`, without variables that redirect it.
fn git(root: &Path, arguments: &[&str]) -> Vec<u8> {
    git_with(root, &[], arguments)
}

/// Runs git in `root`, with these variables and with none that name its configuration.
fn git_with(root: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("git");
    let is_ours = |name: &str| name.starts_with("GIT_") || ["HOME", "XDG_CONFIG_HOME"].contains(&name);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    let output = command.current_dir(root).args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {complaint}");
    output.stdout
}

fn listed(root: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> BTreeSet<String> {
    let output = git_with(root, variables, &[&["ls-files", "-z"], arguments].concat());
    String::from_utf8(output).unwrap().split_terminator('\0').map(str::to_owned).collect()
}

fn what_git_lists(root: &Path, variables: &[(&str, &str)]) -> BTreeSet<String> {
    let mut paths = listed(root, variables, &[]);
    paths.extend(listed(root, variables, &["--others", "--exclude-standard"]));
    paths
}

/// Writes a file unless another path of the tree is in the way.
fn place(path: &Path, content: &str) -> bool {
    let parents = fs::create_dir_all(path.parent().unwrap_or(path));
    parents.is_ok() && fs::symlink_metadata(path).is_err() && fs::write(path, content).is_ok()
}

fn paths(tree: &Tree) -> BTreeSet<String> {
    let paths: BTreeSet<String> = tree.files().iter().map(|file| file.path.to_string()).collect();
    assert_eq!(paths.len(), tree.files().len(), "every path once");
    assert!(tree.files().is_sorted_by(|one, next| one.path < next.path));
    paths
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = dunce::canonicalize(directory.path()).unwrap();
    (directory, root)
}

/// Makes a repository with these files, none of which is tracked.
fn with_files(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let (guard, root) = temporary();
    git(&root, &["init", "--quiet", "--template="]);
    for (path, content) in files {
        assert!(place(&root.join(path), content), "{path}");
    }
    (guard, root)
}

fn is_as_git_has_it(root: &Path, expected: &[&str]) {
    is_as_a_git_has_it_with(root, &[], expected);
}

fn is_as_a_git_has_it_with(root: &Path, variables: &[(&str, &str)], expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(what_git_lists(root, variables), expected, "git with {variables:?}");
    assert_eq!(paths(&sweep_with(root, variables)), expected, "with {variables:?}");
}
