//! Indexes and repositories in states that git makes.

use std::process::Command;

use super::changes::with_everything;
use super::checkout::{Checkout, assert_same, described};

#[test]
fn a_sparse_index_tracks_what_a_full_one_does() {
    let checkout = Checkout::new(&[("src/a", "1"), ("out/deep/b", "1"), ("out/c.log", "1"), (".gitignore", "*.log\n")]);
    checkout.git(&["add", "--force", "."]);
    checkout.git(&["commit", "--quiet", "--message", "all"]);
    checkout.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "src"]);
    checkout.settle();
    let gone = checkout.warm();
    // Ignored, but tracked.
    checkout.write("out/c.log", "2");
    let back = checkout.warm();
    assert_same(&back, &checkout.cold(), "a tracked file that is put there");
    checkout.git(&["commit", "--quiet", "--allow-empty", "--message", "more"]);
    checkout.git(&["reset", "--quiet", "--soft", "HEAD^"]);
    checkout.git(&["-c", "index.sparse=false", "sparse-checkout", "reapply", "--no-sparse-index"]);
    let full = checkout.cold();
    assert_same(&checkout.warm(), &full, "a full index");
    assert_eq!(described(&back), described(&full));
    let absent = described(&gone).into_iter().filter(|line| line.contains("Absent")).count();
    assert_eq!(absent, 2, "{:?}", described(&gone));
}

#[test]
fn an_unmerged_path_is_tracked_whatever_its_first_stage_is() {
    let checkout = Checkout::new(&[("m", "1"), (".gitignore", "m\n")]);
    checkout.git(&["add", ".gitignore"]);
    checkout.git(&["commit", "--quiet", "--message", "all"]);
    let script = "printf '160000 %s 1\\tm\\n100644 %s 2\\tm\\n' $(git rev-parse HEAD) $(git hash-object -w m) | \
        git update-index --index-info";
    assert!(Command::new("sh").current_dir(&checkout.root).args(["-c", script]).status().unwrap().success());
    assert!(described(&checkout.cold()).iter().any(|line| line.starts_with("m File")));
}

#[test]
fn whose_git_s_files_are_changes_nothing() {
    let checkout = with_everything();
    checkout.write(".git/excludes", "untracked\n");
    checkout.settle();
    let before = checkout.warm();
    assert!(before.files().iter().all(|file| file.path.to_string() != "untracked"));
    let nobody = Command::new("chown").args(["-R", "65534:65534"]).arg(checkout.at(".git")).output().unwrap();
    if !nobody.status.success() {
        println!("NOT TESTED: root alone may give files away");
        return;
    }
    assert_same(&checkout.warm(), &before, "another owner, warm");
    assert_same(&checkout.cold(), &before, "another owner, cold");
}
