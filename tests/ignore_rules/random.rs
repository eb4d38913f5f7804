//! Random trees, with ignore files of random patterns.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

use super::{git, paths, place, sweep, temporary, what_git_lists, with_files};

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
