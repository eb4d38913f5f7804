//! Files that are written to while they are looked at, or so soon that no time tells.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use openlock_dev_bin::inputs;
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::fingerprint::Digest;

use super::checkout::{Checkout, LONG_AGO, assert_same, set_modified};

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
