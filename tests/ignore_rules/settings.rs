//! Settings of git that name files of rules, or say how rules are read.

use std::fs;

use super::{git, is_as_a_git_has_it_with, is_as_git_has_it, place, temporary, with_files};

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
