//! Every change that a user may make between two sweeps.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::checkout::{Checkout, LONG_AGO, assert_same, git_in, set_modified};

/// A change to a checkout, and its description.
type Change = (&'static str, fn(&Checkout));

/// Every change that a user may make between two sweeps.
const CHANGES: &[Change] = &[
    ("nothing", |_| {}),
    ("an edit", |it| it.write("src/a.rs", "changed")),
    ("an edit of the same size with the same time", |it| {
        let before = it.at("src/a.rs").metadata().unwrap().modified().unwrap();
        it.write("src/a.rs", "2");
        set_modified(&it.at("src/a.rs"), before);
    }),
    ("an edit with an old time", |it| {
        it.write("src/a.rs", "2");
        set_modified(&it.at("src/a.rs"), LONG_AGO);
    }),
    ("an edit with a time to come", |it| {
        it.write("src/a.rs", "2");
        set_modified(&it.at("src/a.rs"), SystemTime::now() + Duration::from_secs(86_400));
    }),
    ("a rename over", |it| {
        it.write("src/new", "2");
        fs::rename(it.at("src/new"), it.at("src/a.rs")).unwrap();
    }),
    ("two files that change places", |it| {
        for (from, to) in [("src/a.rs", "src/x"), ("src/b.rs", "src/a.rs"), ("src/x", "src/b.rs")] {
            fs::rename(it.at(from), it.at(to)).unwrap();
        }
    }),
    ("two directories that change places", |it| {
        for (from, to) in [("src", "x"), ("lib", "src"), ("x", "lib")] {
            fs::rename(it.at(from), it.at(to)).unwrap();
        }
    }),
    ("a touch", |it| set_modified(&it.at("src/a.rs"), SystemTime::now())),
    ("a mode", |it| fs::set_permissions(it.at("src/a.rs"), Permissions::from_mode(0o755)).unwrap()),
    ("a link in place of a file", |it| {
        fs::remove_file(it.at("src/a.rs")).unwrap();
        symlink("b.rs", it.at("src/a.rs")).unwrap();
    }),
    ("another target of a link", |it| {
        fs::remove_file(it.at("link")).unwrap();
        symlink("src/b.rs", it.at("link")).unwrap();
    }),
    ("a link in place of a directory", |it| {
        fs::rename(it.at("lib"), it.at(".git/lib")).unwrap();
        symlink(".git/lib", it.at("lib")).unwrap();
    }),
    ("a link to itself in place of a directory", |it| {
        fs::remove_dir_all(it.at("src")).unwrap();
        symlink("src", it.at("src")).unwrap();
    }),
    ("a link to a name that no file can have in place of a directory", |it| {
        fs::remove_dir_all(it.at("src")).unwrap();
        symlink("x".repeat(300), it.at("src")).unwrap();
    }),
    ("a FIFO in place of the index of a repository inside", |it| {
        let _ = fs::remove_file(it.at("nested/.git/index"));
        assert!(Command::new("mkfifo").arg(it.at("nested/.git/index")).status().unwrap().success());
    }),
    ("a FIFO in place of the HEAD of a repository inside", |it| {
        fs::remove_file(it.at("nested/.git/HEAD")).unwrap();
        assert!(Command::new("mkfifo").arg(it.at("nested/.git/HEAD")).status().unwrap().success());
    }),
    ("a directory in place of a file", |it| {
        fs::remove_file(it.at("src/a.rs")).unwrap();
        it.write("src/a.rs/b", "1");
    }),
    ("a FIFO in place of a file", |it| {
        fs::remove_file(it.at("src/a.rs")).unwrap();
        assert!(Command::new("mkfifo").arg(it.at("src/a.rs")).status().unwrap().success());
    }),
    ("a tracked file that is gone", |it| fs::remove_file(it.at("src/a.rs")).unwrap()),
    ("a directory that is gone", |it| fs::remove_dir_all(it.at("src")).unwrap()),
    ("an untracked file that is gone", |it| fs::remove_file(it.at("lib/untracked")).unwrap()),
    ("a new file", |it| it.write("src/new.rs", "1")),
    ("a new directory", |it| it.write("src/new/deep/a.rs", "1")),
    ("a new file that is ignored", |it| it.write("src/new.log", "1")),
    ("a new file in an ignored directory", |it| it.write("ignored/new", "1")),
    ("more that is ignored", |it| it.write(".gitignore", "ignored/\n*.log\nuntracked\n")),
    ("less that is ignored", |it| it.write(".gitignore", "ignored/\n")),
    ("no ignore file", |it| fs::remove_file(it.at(".gitignore")).unwrap()),
    ("an ignore file in a directory", |it| it.write("lib/.gitignore", "untracked\n")),
    ("info/exclude", |it| it.write(".git/info/exclude", "untracked\n")),
    ("the user's ignore file", |it| it.write(".git/excludes", "untracked\n")),
    ("another ignore file for the user", |it| {
        it.write(".git/other", "untracked\n");
        it.git(&["config", "core.excludesFile", it.at(".git/other").to_str().unwrap()]);
    }),
    ("a configuration that comes to be included", |it| {
        let excludes = it.at(".git/more-excludes");
        it.write(".git/more-excludes", "untracked\n");
        it.write(".git/included", &format!("[core]\n\texcludesFile = {}\n", excludes.display()));
    }),
    ("a file that comes to be tracked", |it| it.git(&["add", "--force", "ignored/file"])),
    ("a file that is tracked no more", |it| it.git(&["rm", "--quiet", "--cached", "tracked.log"])),
    ("a commit", |it| it.git(&["commit", "--quiet", "--allow-empty", "--message", "more"])),
    ("a branch of the same commit", |it| it.git(&["checkout", "--quiet", "-b", "other"])),
    ("packed references", |it| it.git(&["pack-refs", "--all"])),
    ("a new repository inside", |it| {
        it.write("lib/sub/file", "1");
        git_in(&it.at("lib/sub"), &["init", "--quiet", "--template="]);
    }),
    ("a commit in a repository inside", |it| {
        git_in(&it.at("nested"), &["commit", "--quiet", "--allow-empty", "--message", "more"]);
    }),
    ("a repository inside that is none any more", |it| fs::remove_dir_all(it.at("nested/.git")).unwrap()),
    ("a broken repository that is mended", |it| fs::rename(it.at("broken/HEAD"), it.at("broken/.git/HEAD")).unwrap()),
    ("a repository inside that lacks what one needs", |it| fs::remove_dir_all(it.at("nested/.git/objects")).unwrap()),
    ("a repository elsewhere that a directory belongs to, and that appears", |it| {
        git_in(&it.at(".git"), &["init", "--quiet", "--template=", "--bare", "elsewhere"]);
        it.write(".git/elsewhere/info/exclude", "file\n");
    }),
    ("a broken configuration that is mended", |it| {
        it.write("garbled/.git/config", "[core]\n\trepositoryformatversion = 0\n");
    }),
    ("a second configuration of one include that appears", |it| {
        let excludes = it.at(".git/more-excludes");
        it.write(".git/more-excludes", "untracked\n");
        it.write(".git/also-included", &format!("[core]\n\texcludesFile = {}\n", excludes.display()));
    }),
    ("a commit on a branch that HEAD stands for by another name", |it| {
        let commit = "-c user.name=t -c user.email=t@localhost commit-tree -m more HEAD^{tree}";
        let output = Command::new("git").current_dir(&it.root).args(commit.split(' ')).output().unwrap();
        it.git(&["update-ref", "refs/heads/main", String::from_utf8(output.stdout).unwrap().trim()]);
    }),
    ("a tag that makes a directory a cache", |it| {
        it.write("lib/CACHEDIR.TAG", TAG);
    }),
    ("a tag that becomes valid", |it| {
        it.write("tagged/CACHEDIR.TAG", TAG);
    }),
    ("a manifest that is gone", |it| fs::remove_file(it.at("Cargo.lock")).unwrap()),
];

pub(crate) fn with_everything() -> Checkout {
    let it = Checkout::new(&[
        (".gitignore", "ignored/\n*.log\n"),
        ("Cargo.lock", ""),
        ("src/a.rs", "1"),
        ("src/b.rs", "b"),
        ("lib/a.rs", "lib a"),
        ("lib/b.rs", "lib b"),
        ("lib/untracked", "1"),
        ("ignored/file", "1"),
        ("tracked.log", "1"),
        ("untracked", "1"),
        ("tagged/CACHEDIR.TAG", "no signature"),
        ("tagged/file", "1"),
        ("nested/file", "1"),
    ]);
    symlink("src/a.rs", it.at("link")).unwrap();
    it.git(&["add", "--force", "src", "lib/a.rs", "lib/b.rs", "tracked.log", ".gitignore", "link"]);
    it.git(&["commit", "--quiet", "--message", "all"]);
    it.git(&["config", "include.path", "included"]);
    it.git(&["config", "--add", "include.path", "also-included"]);
    it.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    it.git(&["symbolic-ref", "HEAD", "refs/heads/alias"]);
    it.write("belongs/.git", "gitdir: ../.git/elsewhere\n");
    it.write("belongs/file", "1");
    it.write("garbled/file", "1");
    it.write("garbled/.gitignore", "file\n");
    git_in(&it.at("garbled"), &["init", "--quiet", "--template="]);
    it.write("garbled/.git/config", "[core\n");
    git_in(&it.at("nested"), &["init", "--quiet", "--template="]);
    git_in(&it.at("nested"), &["commit", "--quiet", "--allow-empty", "--message", "first"]);
    it.write("broken/file", "1");
    git_in(&it.at("broken"), &["init", "--quiet", "--template="]);
    it.write("broken/.gitignore", "file\n");
    fs::rename(it.at("broken/.git/HEAD"), it.at("broken/HEAD")).unwrap();
    it
}

/// The beginning of a tag, as cargo writes it.
const TAG: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n";

#[test]
fn whatever_changes_a_warm_look_finds_what_a_cold_one_finds() {
    let checkouts: Vec<Checkout> = CHANGES.iter().map(|_| with_everything()).collect();
    checkouts.iter().for_each(Checkout::settle);
    for (checkout, (what, change)) in checkouts.iter().zip(CHANGES) {
        checkout.warm();
        change(checkout);
        let cold = checkout.cold();
        assert_same(&checkout.warm(), &cold, what);
        assert_same(&checkout.warm(), &cold, &format!("{what}, again"));
    }
    // Files that were too young to be kept have settled now.
    checkouts.iter().for_each(Checkout::settle);
    for (checkout, (what, _)) in checkouts.iter().zip(CHANGES) {
        let cold = checkout.cold();
        assert_same(&checkout.warm(), &cold, &format!("{what}, settled"));
        assert_same(&checkout.warm(), &cold, &format!("{what}, settled, again"));
    }
}
