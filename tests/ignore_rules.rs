//! Tests which files count, compared with git's own answer on random trees, and that no rewrite goes unnoticed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use openlock_dev_bin::inputs::{self, Subject};
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::fingerprint::Digest;
use openlock_dev_bin::model::tree::Tree;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

fn sweep(root: &Path) -> Tree {
    sweep_with(root, &[])
}

/// Sweeps as for a git that has these variables alone.
fn sweep_with(root: &Path, variables: &[(&str, &str)]) -> Tree {
    let variables: BTreeMap<OsString, OsString> =
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let git = inputs::git_variables(&variables.into());
    let subject = Subject { root: root.to_owned(), exclude: Vec::new(), selection: None, git };
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

/// The content of a path in a random tree.
#[derive(Clone, Copy, Debug)]
enum Leaf {
    Untracked,
    Tracked,
    /// The path is tracked, and does not exist on disk.
    Deleted,
    /// An untracked link to the root, which is a directory.
    Link,
}

#[derive(Debug)]
struct Repository {
    leaves: Vec<(String, Leaf)>,
    /// A directory, the lines of its `.gitignore`, and whether that is tracked and deleted.
    ignores: Vec<(String, Vec<String>, Leaf)>,
    info_exclude: Vec<String>,
    excludes_file: Vec<String>,
}

/// There are few names, so that patterns often match paths.
const NAMES: &[&str] = &["a", "b", "ab", "B", "c.txt", "d.log", "x y", "ü", "target", "#", "!a", "a[b", "-"];

fn directory() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(&["a", "b", "ab", "x y", "target"]), 0..3).prop_map(|parts| parts.join("/"))
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(NAMES), 1..5).prop_map(|parts| parts.join("/"))
}

fn leaf() -> impl Strategy<Value = Leaf> {
    prop_oneof![
        6 => Just(Leaf::Untracked),
        3 => Just(Leaf::Tracked),
        1 => Just(Leaf::Deleted),
        1 => Just(Leaf::Link),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    let part = select(&[
        "a", "b", "ab", "B", "c.txt", "*.txt", "*.log", "*", "?", "a*", "[ab]", "[!a]", "**", "x y", "ü", "target",
        "d.*", "\\a", "\\#", "\\!a", "a\\[b", "a[", "#", "-",
    ]);
    let body = proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let start = prop_oneof![6 => Just(""), 3 => Just("!"), 2 => Just("/"), 1 => Just("!/"), 1 => Just("**/")];
    let end =
        prop_oneof![6 => Just(""), 3 => Just("/"), 1 => Just("/*"), 1 => Just("/**"), 1 => Just(" "), 1 => Just("\r")];
    (start, body, end).prop_map(|(start, body, end)| format!("{start}{body}{end}"))
}

fn patterns(most: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(pattern(), 0..=most)
}

fn repository() -> impl Strategy<Value = Repository> {
    (
        proptest::collection::vec((path(), leaf()), 1..60),
        proptest::collection::vec((directory(), patterns(6), leaf()), 0..5),
        patterns(3),
        patterns(3),
    )
        .prop_map(|(leaves, ignores, info_exclude, excludes_file)| Repository {
            leaves,
            ignores,
            info_exclude,
            excludes_file,
        })
}

fn lines(patterns: &[String]) -> String {
    patterns.iter().map(|pattern| format!("{pattern}\n")).collect()
}

/// Writes a file unless another path of the tree is in the way.
fn place(path: &Path, content: &str) -> bool {
    let parents = fs::create_dir_all(path.parent().unwrap_or(path));
    parents.is_ok() && fs::symlink_metadata(path).is_err() && fs::write(path, content).is_ok()
}

fn create(root: &Path, repository: &Repository) {
    git(root, &["init", "--quiet", "--template="]);
    let git_directory = root.join(".git");
    assert!(place(&git_directory.join("info/exclude"), &lines(&repository.info_exclude)));
    assert!(place(&git_directory.join("excludes"), &lines(&repository.excludes_file)));
    // This also keeps out the settings of the user who runs the test.
    git(root, &["config", "core.excludesFile", &git_directory.join("excludes").to_string_lossy()]);

    let mut tracked = vec!["add".to_owned(), "--force".to_owned(), "--".to_owned()];
    let mut deleted = Vec::new();
    let mut links = Vec::new();
    let mut put = |path: &str, content: &str, leaf: Leaf| {
        let full = root.join(path);
        match leaf {
            Leaf::Link => links.push(full),
            _ if !place(&full, content) => {}
            Leaf::Untracked => {}
            Leaf::Tracked => tracked.push(path.to_owned()),
            Leaf::Deleted => {
                tracked.push(path.to_owned());
                deleted.push(full);
            }
        }
    };
    for (directory, patterns, leaf) in &repository.ignores {
        put(format!("{directory}/.gitignore").trim_start_matches('/'), &lines(patterns), *leaf);
    }
    for (path, leaf) in &repository.leaves {
        put(path, path, *leaf);
    }
    if tracked.len() > 3 {
        git(root, &tracked.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for path in deleted {
        fs::remove_file(path).unwrap();
    }
    // Links come last, since git adds nothing that lies behind a link.
    for path in links {
        link(root, &path);
    }
}

#[cfg(unix)]
fn link(root: &Path, path: &Path) {
    let parents = fs::create_dir_all(path.parent().unwrap_or(path));
    if parents.is_ok() && fs::symlink_metadata(path).is_err() {
        std::os::unix::fs::symlink(root, path).unwrap();
    }
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) {}

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

proptest! {
    #![proptest_config(Config {
        cases: cases(),
        rng_seed: RngSeed::Fixed(0x6465_7662_696e),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    })]

    #[test]
    fn the_paths_that_count_are_those_that_git_lists(repository in repository()) {
        let (_guard, root) = temporary();
        create(&root, &repository);
        prop_assert_eq!(paths(&sweep(&root)), what_git_lists(&root, &[]));
    }

    #[test]
    fn brackets_are_gits_where_case_is_ignored_and_where_it_is_not(
        patterns in proptest::collection::vec(bracket_pattern(), 1..4),
        ignore_case in any::<bool>(),
    ) {
        let (_guard, root) = with_files(&[(".gitignore", &lines(&patterns))]);
        git(&root, &["config", "core.ignoreCase", &ignore_case.to_string()]);
        for byte in "!+-09:;?@AMQZ[\\]^_`amqz~".chars() {
            place(&root.join(byte.to_string()), "");
            place(&root.join(format!("x/{byte}q")), "");
        }
        prop_assert_eq!(paths(&sweep(&root)), what_git_lists(&root, &[]));
    }
}

/// Returns one bracket expression, whole or not, between other parts of a pattern.
fn bracket_pattern() -> impl Strategy<Value = String> {
    let part = select(&[
        "a",
        "A",
        "m",
        "Z",
        "-",
        "^",
        "!",
        "]",
        "[",
        "\\]",
        "\\-",
        "\\Q",
        "\\",
        "a-z",
        "A-Z",
        "Y-b",
        "_-a",
        "z-a",
        "0-9",
        "+--",
        "[:upper:]",
        "[:lower:]",
        "[:alpha:]",
        "[:punct:]",
        "[:digit:]",
        "[:Upper:]",
        "[:x",
        ":",
        "_",
    ]);
    let inside = proptest::collection::vec(part, 0..5).prop_map(|parts| parts.concat());
    let before = select(&["", "", "/", "x/", "*", "?", "**/"]);
    let start = select(&["[", "[!", "[^", "[]", "[!]", "\\["]);
    let end = select(&["]", "]", "]", "]q", "]*", "][Q-r]", ""]);
    (before, start, inside, end).prop_map(|(before, start, inside, end)| format!("{before}{start}{inside}{end}"))
}

/// Returns the number of cases. A longer search: `PROPTEST_CASES=5000 cargo test --test ignore_rules`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
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

#[test]
fn everything_excluded_but_for_what_is_taken_back() {
    let (_guard, root) = with_files(&[("a.rs", ""), ("b.txt", ""), (".git/info/exclude", "*\n!*.rs\n")]);
    is_as_git_has_it(&root, &["a.rs"]);
}

#[test]
fn a_setting_that_ignores_case_holds_for_patterns() {
    let (_guard, root) =
        with_files(&[("a.LOG", ""), ("Sub/b.log", ""), ("c.txt", ""), (".gitignore", "*.log\n/SUB/\n")]);
    git(&root, &["config", "core.ignoreCase", "true"]);
    is_as_git_has_it(&root, &[".gitignore", "c.txt"]);
}

#[test]
fn an_empty_setting_means_no_file_of_excludes() {
    let (_guard, root) = with_files(&[("a.txt", "")]);
    git(&root, &["config", "core.excludesFile", ""]);
    is_as_git_has_it(&root, &["a.txt"]);
}

#[test]
fn a_relative_setting_starts_at_the_top_of_the_worktree() {
    let (_guard, root) = with_files(&[("a.txt", ""), ("b.log", ""), ("config/ignored", "*.log\n")]);
    git(&root, &["config", "core.excludesFile", "config/ignored"]);
    is_as_git_has_it(&root, &["a.txt", "config/ignored"]);
}

#[test]
fn the_users_configuration_is_where_the_variables_say() {
    let (_guard, root) = with_files(&[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")]);
    let (_other, home) = temporary();
    for (path, content) in [
        ("ignore-a", "a\n"),
        ("ignore-b", "b\n"),
        ("ignore-c", "c\n"),
        ("home/.gitconfig", "[core]\n\texcludesFile = ~/../ignore-a\n"),
        ("xdg/git/config", "[core]\n\texcludesFile = ~/../ignore-b\n"),
        ("xdg/git/ignore", "d\n"),
        ("plain/.config/git/ignore", "e\n"),
        ("global", "[CORE]\n\tEXCLUDESFILE = ignored\n[include]\n\tpath = included\n"),
        ("included", "[core]\n\texcludesFile = ~/../ignore-c\n"),
        ("none", ""),
    ] {
        assert!(place(&home.join(path), content));
    }
    let at = |name: &str| home.join(name).to_string_lossy().into_owned();
    let (user, xdg, plain, global, none) = (at("home"), at("xdg"), at("plain"), at("global"), at("none"));
    let system = ("GIT_CONFIG_NOSYSTEM", "1");
    for (variables, ignored) in [
        (vec![("HOME", &user)], "a"),
        (vec![("HOME", &user), ("XDG_CONFIG_HOME", &xdg)], "a"),
        (vec![("HOME", &plain), ("XDG_CONFIG_HOME", &xdg)], "b"),
        (vec![("XDG_CONFIG_HOME", &xdg), ("GIT_CONFIG_GLOBAL", &none)], "d"),
        (vec![("HOME", &plain)], "e"),
        (vec![("HOME", &user), ("GIT_CONFIG_GLOBAL", &global)], "c"),
        (vec![("HOME", &plain), ("GIT_CONFIG_GLOBAL", &none)], "e"),
        (vec![], ""),
    ] {
        let variables: Vec<_> =
            variables.into_iter().map(|(name, path)| (name, path.as_str())).chain([system]).collect();
        // The meaning of `~` without a home and of a broken link do not matter here: all paths exist.
        let expected: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().filter(|name| *name != ignored).collect();
        is_as_a_git_has_it_with(&root, &variables, &expected);
    }
}

#[test]
fn the_systems_configuration_is_where_a_variable_says_unless_another_says_no() {
    let (_guard, root) = with_files(&[("a", ""), ("b", "")]);
    let system = root.join(".git").join("system");
    fs::write(&system, "[core]\n\texcludesFile = .git/ignored\n").unwrap();
    fs::write(root.join(".git").join("ignored"), "a\n").unwrap();
    let system = system.to_string_lossy();
    is_as_a_git_has_it_with(&root, &[("GIT_CONFIG_SYSTEM", &system)], &["b"]);
    is_as_a_git_has_it_with(&root, &[("GIT_CONFIG_SYSTEM", &system), ("GIT_CONFIG_NOSYSTEM", "false")], &["b"]);
    is_as_a_git_has_it_with(&root, &[("GIT_CONFIG_SYSTEM", &system), ("GIT_CONFIG_NOSYSTEM", "true")], &["a", "b"]);
}

#[test]
fn what_is_included_under_a_condition_holds_where_the_condition_does() {
    let (_guard, root) = with_files(&[("a", ""), ("b", ""), (".git/ignored", "a\n"), (".git/also", "b\n")]);
    fs::write(root.join(".git/one"), "[core]\n\texcludesFile = .git/ignored\n").unwrap();
    fs::write(root.join(".git/two"), "[core]\n\texcludesFile = .git/also\n").unwrap();
    git(&root, &["symbolic-ref", "HEAD", "refs/heads/work"]);
    let global = root.join(".git").join("global");
    let (directory, text) = (root.join(".git"), global.to_string_lossy());
    let one = directory.join("one").to_string_lossy().into_owned();
    let with = |condition: &str, expected: &[&str]| {
        fs::write(&global, format!("[{condition}]\n\tpath = {one}\n")).unwrap();
        is_as_a_git_has_it_with(&root, &[("GIT_CONFIG_GLOBAL", &text)], expected);
    };
    with("include", &["b"]);
    with("includeIf \"onbranch:work\"", &["b"]);
    with("includeIf \"onbranch:other\"", &["a", "b"]);
    with(&format!("includeIf \"gitdir:{}/\"", root.display()), &["b"]);
    with("includeIf \"gitdir:/nowhere/\"", &["a", "b"]);
    with("includeIf \"hasconfig:remote.*.url:https://example.com/**\"", &["a", "b"]);
    git(&root, &["remote", "add", "origin", "https://example.com/x.git"]);
    with("includeIf \"hasconfig:remote.*.url:https://example.com/**\"", &["b"]);
    with("includeIf \"nothing:known\"", &["a", "b"]);
}

#[cfg(unix)]
#[test]
fn a_head_that_is_a_link_stands_for_the_commit_of_its_branch() {
    let (_guard, root) = with_files(&[("a", "")]);
    let commit = ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "--allow-empty", "-m", "x"];
    let head = || sweep(&root).heads().values().next().unwrap().clone();
    let link = |branch: &str| {
        let path = root.join(".git/HEAD");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(format!("refs/heads/{branch}"), path).unwrap();
    };
    let said =
        |revision: &str| Some(String::from_utf8(git(&root, &["rev-parse", revision])).unwrap().trim().to_owned());
    git(&root, &["symbolic-ref", "HEAD", "refs/heads/one"]);
    git(&root, &commit);
    link("one");
    git(&root, &["branch", "two"]);
    git(&root, &commit);
    assert_eq!(head(), said("one"));
    link("two");
    assert_eq!(head(), said("two"));
    assert_ne!(said("one"), said("two"));
}

#[test]
fn a_directory_with_the_name_of_an_ignore_file_is_a_directory() {
    let (_guard, root) = with_files(&[("a.txt", ""), (".gitignore/b.txt", "")]);
    is_as_git_has_it(&root, &[".gitignore/b.txt", "a.txt"]);
}

#[test]
fn an_ignore_file_that_a_sparse_checkout_leaves_out_still_holds() {
    let (_guard, root) = with_files(&[("sub/.gitignore", "*.log\n"), ("sub/a.txt", ""), ("sub/b.log", "")]);
    git(&root, &["add", "--all"]);
    git(&root, &["update-index", "--skip-worktree", "sub/.gitignore"]);
    fs::remove_file(root.join("sub/.gitignore")).unwrap();
    is_as_git_has_it(&root, &["sub/.gitignore", "sub/a.txt"]);
    git(&root, &["update-index", "--no-skip-worktree", "sub/.gitignore"]);
    is_as_git_has_it(&root, &["sub/.gitignore", "sub/a.txt", "sub/b.log"]);
}

#[test]
fn a_rewrite_with_the_same_size_in_the_same_tick_is_noticed() {
    let (_guard, root) = temporary();
    git(&root, &["init", "--quiet", "--template="]);
    let path = root.join("tracked");
    fs::write(&path, "00000000").unwrap();
    git(&root, &["add", "tracked"]);
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let digest = || sweep(&root).files()[0].digest;
    for round in 1..=400_u32 {
        let content = format!("{round:08}");
        if round % 2 == 0 {
            fs::write(&path, &content).unwrap();
        } else {
            fs::write(root.join(".git/new"), &content).unwrap();
            fs::rename(root.join(".git/new"), &path).unwrap();
        }
        // The time of the last write is set back, so that it does not reveal the write in any tick of the clock.
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
        assert_eq!(digest(), Digest::of(&content), "round {round}");
    }
}
