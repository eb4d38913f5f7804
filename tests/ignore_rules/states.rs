//! States of a repository and of its files.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use openlock_dev_bin::model::fingerprint::Digest;

use super::{git, is_as_git_has_it, sweep, temporary, with_files};

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
