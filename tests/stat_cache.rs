//! Tests that a sweep with a stat cache finds the same as a sweep without one, whatever happened in between.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openlock_dev_bin::inputs::{self, Selection, Subject};
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::fingerprint::Digest;
use openlock_dev_bin::model::path_set::PathSet;
use openlock_dev_bin::model::portable_path::PortablePath;
use openlock_dev_bin::model::tree::Tree;
use openlock_dev_bin::request::Environment;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

/// A repository, and a stat cache outside it.
struct Checkout {
    _guard: tempfile::TempDir,
    root: PathBuf,
    cache: PathBuf,
}

impl Checkout {
    fn new(files: &[(&str, &str)]) -> Self {
        Self::within(tempfile::tempdir().unwrap(), files)
    }

    fn within(guard: tempfile::TempDir, files: &[(&str, &str)]) -> Self {
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

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        git_in(&self.root, arguments);
    }

    fn subject(&self, selection: Option<Selection>) -> Subject {
        Subject { root: self.root.clone(), exclude: Vec::new(), selection, git: Environment::default() }
    }

    /// Sweeps with the stat cache, which then holds the result. The memory of this process must give the same.
    fn warm(&self) -> Tree {
        self.warm_of(None)
    }

    fn warm_of(&self, selection: Option<Selection>) -> Tree {
        let (subject, cancellation) = (self.subject(selection), Cancellation::default());
        let from_files = inputs::sweep(&subject, &self.copy_of_cache(), &cancellation).unwrap();
        let swept = inputs::sweep(&subject, &self.cache, &cancellation).unwrap();
        assert_eq!(from_files.tree.digest(), swept.tree.digest());
        swept.unsaved.into_iter().for_each(inputs::Unsaved::save);
        swept.tree
    }

    /// Copies the cache to a path of which this process remembers nothing.
    fn copy_of_cache(&self) -> PathBuf {
        let copy = tempfile::tempdir_in(self.cache.parent().unwrap()).unwrap().keep();
        let files = fs::read_dir(&self.cache).into_iter().flatten().map(|file| file.unwrap().path());
        for file in files.filter(|path| path.is_file()) {
            fs::write(copy.join(file.file_name().unwrap()), fs::read(&file).unwrap_or_default()).unwrap();
        }
        copy
    }

    fn cold(&self) -> Tree {
        self.cold_of(None)
    }

    fn cold_of(&self, selection: Option<Selection>) -> Tree {
        let nowhere = self.cache.join("nowhere");
        inputs::sweep(&self.subject(selection), &nowhere, &Cancellation::default()).unwrap().tree
    }

    /// Waits until everything in the checkout is older than two seconds, so that all of it has settled.
    fn settle(&self) {
        let newest = newest_change(&self.root);
        while SystemTime::now() <= newest + Duration::from_millis(2_050) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the cache holds.
    fn kept(&self) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
        let files = fs::read_dir(&self.cache).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), (path.metadata().unwrap().ino(), fs::read(path).unwrap()))).collect()
    }

    fn cache_file(&self) -> PathBuf {
        self.kept().into_keys().next().expect("something was kept")
    }
}

fn newest_change(path: &Path) -> SystemTime {
    let metadata = fs::symlink_metadata(path).unwrap();
    let changed =
        UNIX_EPOCH + Duration::new(metadata.ctime().try_into().unwrap(), metadata.ctime_nsec().try_into().unwrap());
    let below = metadata.is_dir().then(|| fs::read_dir(path).unwrap()).into_iter().flatten();
    below.map(|entry| newest_change(&entry.unwrap().path())).fold(changed, SystemTime::max)
}

fn git_in(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    let identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
    let output = command.current_dir(directory).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns all of a tree, in a form that shows where two differ.
fn described(tree: &Tree) -> Vec<String> {
    let heads = tree.heads().iter().map(|(path, head)| format!("HEAD of {path:?}: {head:?}"));
    let files = tree.files().iter().map(|file| format!("{} {:?} {}", file.path, file.kind, file.digest));
    heads.chain(files).collect()
}

#[track_caller]
fn assert_same(warm: &Tree, cold: &Tree, what: &str) {
    assert_eq!(described(warm), described(cold), "after {what}");
    let from_its_files = Tree::of(warm.heads().clone(), warm.files().to_vec());
    assert_eq!(warm.digest(), cold.digest(), "after {what}");
    assert_eq!(warm.digest(), from_its_files.digest(), "after {what}");
}

fn set_modified(path: &Path, time: SystemTime) {
    File::open(path).unwrap().set_modified(time).unwrap();
}

const LONG_AGO: SystemTime = UNIX_EPOCH;

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

fn with_everything() -> Checkout {
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

#[test]
fn what_is_away_for_a_moment_counts_when_it_is_back() {
    let many: Vec<String> = (0..200).map(|number| format!("many/{number}")).collect();
    let checkout = Checkout::new(&many.iter().map(|path| (path.as_str(), "1")).collect::<Vec<_>>());
    let come = || {
        checkout.write("generated.rs", "1");
        checkout.write("directory/generated.rs", "1");
    };
    let go = || {
        fs::remove_file(checkout.at("generated.rs")).unwrap();
        fs::remove_dir_all(checkout.at("directory")).unwrap();
    };
    for round in 0..150 {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    come();
                    go();
                }
                come();
            });
            let swept = inputs::sweep(&checkout.subject(None), &checkout.cache, &Cancellation::default()).unwrap();
            stop.store(true, Ordering::Relaxed);
            swept.unsaved.into_iter().for_each(inputs::Unsaved::save);
        });
        assert_same(&checkout.warm(), &checkout.cold(), &format!("round {round}"));
        fs::remove_dir_all(&checkout.cache).unwrap();
        fs::create_dir(&checkout.cache).unwrap();
    }
}

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
        println!("NOT TESTED: nobody but root may give files away");
        return;
    }
    assert_same(&checkout.warm(), &before, "another owner, warm");
    assert_same(&checkout.cold(), &before, "another owner, cold");
}

#[test]
fn nothing_is_written_while_nothing_changes_and_nothing_young_is_kept() {
    let checkout = with_everything();
    checkout.settle();
    checkout.warm();
    let kept = checkout.kept();
    checkout.warm();
    assert_eq!(checkout.kept(), kept, "a second look has nothing to add");
    let digest_of_edit = Digest::of("only just written");
    checkout.write("src/a.rs", "only just written");
    checkout.warm();
    let holds = |kept: &BTreeMap<PathBuf, (u64, Vec<u8>)>| {
        let digest: Vec<u8> = serde_json::from_value::<String>(serde_json::to_value(digest_of_edit).unwrap())
            .map(|text| hex::decode(text).unwrap())
            .unwrap();
        kept.values().any(|(_, bytes)| bytes.windows(32).any(|window| window == digest))
    };
    assert!(!holds(&checkout.kept()));
    checkout.settle();
    checkout.warm();
    assert!(holds(&checkout.kept()));
}

#[test]
fn what_is_damaged_reads_as_nothing() {
    let checkout = with_everything();
    checkout.settle();
    checkout.warm();
    checkout.write("src/a.rs", "2");
    let expected = checkout.cold();
    let file = checkout.cache_file();
    let whole = fs::read(&file).unwrap();
    let put = |bytes: &[u8]| {
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
    };
    for length in (0..whole.len()).step_by(97) {
        put(&whole[..length]);
        assert_same(&checkout.warm(), &expected, &format!("a cut at {length}"));
    }
    for position in (0..whole.len()).step_by(61) {
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (position % 8);
        put(&bytes);
        assert_same(&checkout.warm(), &expected, &format!("a flipped bit at {position}"));
    }
    put(&[whole.as_slice(), b"more"].concat());
    assert_same(&checkout.warm(), &expected, "more behind it");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_same(&checkout.warm(), &expected, "a directory in its place");
    fs::remove_dir(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_same(&checkout.warm(), &expected, "a FIFO in its place");
    fs::remove_dir_all(&checkout.cache).unwrap();
    assert_same(&checkout.warm(), &expected, "no directory for it");
}

#[test]
fn the_look_at_one_checkout_says_nothing_of_another() {
    let [one, other] = ["1", "2"].map(|text| Checkout::new(&[("a", text)]));
    one.settle();
    other.settle();
    other.warm();
    one.warm();
    // The copy stands for two subjects with the same short name.
    fs::copy(one.cache_file(), other.cache_file()).unwrap();
    assert_same(&other.warm(), &other.cold(), "another checkout's file");
}

#[test]
fn a_rewrite_with_the_same_size_in_the_same_tick_is_noticed() {
    let checkout = Checkout::new(&[("tracked", "00000000")]);
    checkout.git(&["add", "tracked"]);
    let path = checkout.at("tracked");
    for round in 1..=400_u32 {
        let content = format!("{round:08}");
        if round % 2 == 0 {
            fs::write(&path, &content).unwrap();
        } else {
            fs::write(checkout.at(".git/new"), &content).unwrap();
            fs::rename(checkout.at(".git/new"), &path).unwrap();
        }
        // The time of the last write is set back, so that it does not reveal the write in any tick of the clock.
        set_modified(&path, LONG_AGO);
        assert_eq!(checkout.warm().files()[0].digest, Digest::of(&content), "round {round}");
    }
}

#[test]
fn many_may_write_at_once() {
    let checkout = with_everything();
    checkout.settle();
    let expected = checkout.cold();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    _ = fs::remove_file(checkout.cache.join("none"));
                    assert_same(&checkout.warm(), &expected, "a look beside others");
                    for file in fs::read_dir(&checkout.cache).unwrap() {
                        _ = fs::remove_file(file.unwrap().path());
                    }
                }
            });
        }
    });
    assert_same(&checkout.warm(), &expected, "all of them");
}

/// A small file system of its own, whose times have a grain of one second, as ext2's and ext3's have.
struct Coarse(tempfile::TempDir);

impl Coarse {
    fn mount() -> Option<Self> {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(16 * 1024 * 1024).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let succeeds = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let made = succeeds(Command::new("mkfs.ext2").args(["-q", "-I", "128"]).arg(image.path()))
            && succeeds(Command::new("mount").args(["-o", "loop"]).arg(image.path()).arg(directory.path()));
        made.then_some(Self(directory))
    }
}

impl Drop for Coarse {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn where_times_are_coarse_no_rewrite_goes_unnoticed() {
    let Some(coarse) = Coarse::mount() else {
        println!("no file system with coarse times can be mounted here: NOT TESTED");
        return;
    };
    let checkout = Checkout::within(tempfile::tempdir_in(coarse.0.path()).unwrap(), &[("tracked", "00000000")]);
    checkout.git(&["add", "tracked"]);
    // Over more than three seconds, so that looks and rewrites fall before, on and after each tick.
    let began = SystemTime::now();
    let mut round = 0_u32;
    while began.elapsed().unwrap() < Duration::from_millis(3_300) {
        round += 1;
        let content = format!("{round:08}");
        fs::write(checkout.at("tracked"), &content).unwrap();
        assert_eq!(checkout.warm().files()[0].digest, Digest::of(&content), "round {round}");
        thread::sleep(Duration::from_millis(u64::from(round % 7)));
    }
    let change = checkout.at("tracked").metadata().unwrap();
    assert_eq!(change.ctime_nsec(), 0, "its times are coarse");
    checkout.settle();
    checkout.warm();
    checkout.write("tracked", "99999999");
    assert_eq!(checkout.warm().files()[0].digest, Digest::of("99999999"));
}

fn tree_of_packages() -> impl Strategy<Value = Vec<(String, bool)>> {
    let name = select(&["a", "b", "crates", "Cargo.toml", "Cargo.lock", "x.rs", "ignored", ".gitignore"]);
    let path = proptest::collection::vec(name, 1..5).prop_map(|parts| parts.join("/"));
    proptest::collection::vec((path, any::<bool>()), 1..50)
}

proptest! {
    #![proptest_config(Config {
        cases: 64,
        rng_seed: RngSeed::Fixed(0x0063_6163_6865),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn walking_a_part_finds_what_is_left_of_the_whole(
        leaves in tree_of_packages(),
        packages in proptest::collection::btree_set(select(&["", "a", "a/b", "crates/a", "crates/a/b", "b"]), 0..3),
        manifests in proptest::collection::btree_set(select(&["Cargo.toml", "b/Cargo.toml", "a/crates/Cargo.toml"]), 0..3),
        members in proptest::collection::btree_set(select(&["crates/*", "*", "a/b", "b/**"]), 0..2),
    ) {
        let checkout = Checkout::new(&[("Cargo.toml", "[workspace]")]);
        for (path, is_tracked) in leaves {
            let full = checkout.at(&path);
            let parents = fs::create_dir_all(full.parent().unwrap_or(&full));
            if parents.is_ok() && fs::symlink_metadata(&full).is_err() {
                fs::write(full, if path.ends_with(".gitignore") { "ignored\nx.rs\n" } else { &path }).unwrap();
                if is_tracked {
                    checkout.git(&["add", "--force", "--", &path]);
                }
            }
        }
        let places = |paths: std::collections::BTreeSet<&str>| {
            paths.into_iter().map(|path| PortablePath::of(&checkout.at(path), &checkout.root)).collect()
        };
        let members = members.into_iter().map(str::to_owned).collect();
        let set = PathSet { packages: places(packages), manifests: places(manifests), members, ..PathSet::default() };
        let selection = Selection::of(&set);
        let narrowed = inputs::narrowed(&std::sync::Arc::new(checkout.cold()), Some(&selection));
        let walked = checkout.cold_of(Some(selection.clone()));
        prop_assert_eq!(described(&walked), described(&narrowed));
        prop_assert_eq!(described(&checkout.warm_of(Some(selection))), described(&narrowed));
    }
}
