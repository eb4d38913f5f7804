//! Stat caches that are damaged, of another checkout, or written by many at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use openlock_dev_bin::model::fingerprint::Digest;

use super::changes::with_everything;
use super::checkout::{Checkout, assert_same};

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
