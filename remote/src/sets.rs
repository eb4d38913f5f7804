//! Path sets in a store: which names earlier builds read, signed one by one.
//!
//! Promises: a set that is handed out has a trusted signature and answers the weak key it was asked for. There are eight at
//! most, the newest first. Publishing keeps the trusted ones that are there.
//! Does not promise: to keep a set that two publishers replace at the same moment. It costs a look-up, and nothing else.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::deadline::Pace;
use crate::envelope::{Domain, Envelope};
use crate::error::{Error, Kind, Result};
use crate::keys::{PrivateKey, PublicKey};
use crate::store::Session;

/// The most sets of a weak key.
const COUNT: usize = 8;
/// The most bytes of one set, before it is compressed.
const SET_LIMIT: usize = 1 << 20;
/// The most bytes of the object: eight sets that nothing compresses, in base64, with their signatures.
const LIMIT: u64 = 12 << 20;
/// The meaning of the fields. Raise it when one changes.
const FORMAT: u32 = 1;

/// The object in the store.
#[derive(Deserialize, Serialize)]
struct Sets {
    format: u32,
    sets: Vec<Envelope>,
}

/// A set that a trusted key signed.
#[derive(Debug)]
pub(crate) struct Set {
    envelope: Envelope,
    /// The set, as the addon made it.
    pub(crate) value: Value,
    /// The trusted keys that signed it.
    pub(crate) signers: Vec<PublicKey>,
}

/// Returns the path of the sets of a weak key in the store.
fn path(weak: &str) -> String {
    format!("1/sets/{weak}")
}

/// Returns the paths of the objects that have the sets of a weak key, the oldest first: one, or as many as there may be sets
/// where an object cannot be replaced.
fn slots(weak: &str, replaces: bool) -> impl Iterator<Item = String> {
    let others = if replaces { 0 } else { COUNT - 1 };
    std::iter::once(path(weak)).chain((1..=others).map(move |number| format!("{}-{number}", path(weak))))
}

/// Reads the sets of a weak key.
///
/// # Errors
///
/// The errors of [`open`], and those of the store.
pub(crate) async fn read(session: &Session<'_>, weak: &str) -> Result<Vec<Set>> {
    let mut found = Vec::new();
    for slot in slots(weak, session.replaces()) {
        let Some(object) = session.read(&slot, LIMIT, Pace::Read).await? else { break };
        let older = std::mem::replace(&mut found, open(&object, weak, &session.store.config.trusted)?);
        found.extend(older);
    }
    found.truncate(COUNT);
    Ok(found)
}

/// Puts a set before the trusted ones that are there. What is damaged is replaced.
///
/// # Errors
///
/// [`Error::TooLarge`] when the set has more than 1 MiB, and whatever the store causes.
pub(crate) async fn write(session: &Session<'_>, weak: &str, set: &Value) -> Result<()> {
    let there = match read(session, weak).await {
        Ok(there) => there,
        Err(error) if matches!(error.kind(), Kind::Damaged | Kind::Untrusted | Kind::TooLarge) => Vec::new(),
        // S3 says so of what is not there to those who may not list.
        Err(error) if error.kind() == Kind::Credentials => Vec::new(),
        Err(error) => return Err(error),
    };
    let signers = &session.store.config.signers;
    if session.replaces() {
        return match merged(there, set, weak, signers)? {
            Some(object) => session.write(&path(weak), object.into()).await,
            None => Ok(()),
        };
    }
    if there.iter().any(|other| other.value == *set) {
        return Ok(());
    }
    let object = Bytes::from(merged(Vec::new(), set, weak, signers)?.unwrap_or_default());
    for slot in slots(weak, false) {
        match session.write(&slot, object.clone()).await {
            Err(Error::Exists(_)) => {}
            written => return written,
        }
    }
    // All slots are taken. Those who look build, and are right.
    Ok(())
}

/// Reads an object of the store. Sets that are damaged or untrusted are left out.
///
/// # Errors
///
/// [`Error::Damaged`] when the object is no list of sets, and [`Error::Untrusted`] when none of its sets can be trusted.
fn open(object: &[u8], weak: &str, trusted: &[PublicKey]) -> Result<Vec<Set>> {
    let damaged = |problem: &str| Error::damaged(&path(weak), problem);
    let sets: Sets = serde_json::from_slice(object).map_err(|_| damaged("it is not a list of signed sets"))?;
    if sets.format != FORMAT {
        return Err(damaged("its format is another"));
    }
    let some = !sets.sets.is_empty();
    let opened: Vec<_> =
        sets.sets.into_iter().filter_map(|envelope| opened(envelope, weak, trusted)).take(COUNT).collect();
    if some && opened.is_empty() { Err(Error::Untrusted(path(weak))) } else { Ok(opened) }
}

fn opened(envelope: Envelope, weak: &str, trusted: &[PublicKey]) -> Option<Set> {
    let opened = envelope.open(Domain::Set, weak, trusted)?;
    // The signature comes first: what is inflated is a publisher's.
    let text = zstd::bulk::decompress(&opened.payload, SET_LIMIT).ok()?;
    let value = serde_json::from_slice(&text).ok()?;
    Some(Set { envelope, value, signers: opened.signers })
}

/// Puts a set before those that are there. Returns the object for the store, or none if nothing would change.
///
/// # Errors
///
/// [`Error::TooLarge`] when the set has more than 1 MiB.
fn merged(there: Vec<Set>, set: &Value, weak: &str, signers: &[PrivateKey]) -> Result<Option<Vec<u8>>> {
    let own: Vec<_> = signers.iter().map(PrivateKey::public).collect();
    let newest =
        there.first().is_some_and(|first| first.value == *set && own.iter().all(|own| first.signers.contains(own)));
    if newest {
        return Ok(None);
    }
    let text = serde_json::to_vec(set).expect("a value is JSON");
    if text.len() > SET_LIMIT {
        return Err(Error::TooLarge { object: path(weak), limit: SET_LIMIT as u64 });
    }
    let payload = zstd::bulk::compress(&text, zstd::DEFAULT_COMPRESSION_LEVEL)
        .map_err(|error| Error::Internal(format!("zstd failed: {error}")))?;
    let mut first = Envelope::seal(Domain::Set, weak, &payload, signers);
    let mut rest = Vec::new();
    for other in there {
        if other.value == *set {
            first.join(&other.envelope);
        } else {
            rest.push(other.envelope);
        }
    }
    let sets = std::iter::once(first).chain(rest).take(COUNT).collect();
    Ok(Some(serde_json::to_vec(&Sets { format: FORMAT, sets }).expect("an envelope has only text for keys")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> PrivateKey {
        let directory = tempfile::tempdir().expect("a directory can be made");
        PrivateKey::create(&directory.path().join("key")).expect("the file is new")
    }

    fn values(object: &[u8], trusted: &[PublicKey]) -> Vec<Value> {
        open(object, "w", trusted).expect("some are trusted").into_iter().map(|set| set.value).collect()
    }

    #[test]
    fn a_store_that_replaces_nothing_has_a_slot_for_each_set() {
        assert_eq!(slots("w", true).collect::<Vec<_>>(), ["1/sets/w"]);
        let slots: Vec<_> = slots("w", false).collect();
        assert_eq!((slots.len(), &*slots[0], &*slots[7]), (COUNT, "1/sets/w", "1/sets/w-7"));
    }

    #[test]
    fn the_newest_of_eight_comes_first_and_none_is_there_twice() {
        let signers = [key()];
        let trusted = [signers[0].public()];
        let mut object = None;
        for number in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 5, 5] {
            let there =
                object.as_ref().map_or(Vec::new(), |object: &Vec<u8>| open(object, "w", &trusted).expect("ours"));
            object = merged(there, &json!({ "set": number }), "w", &signers).expect("it is small").or(object);
        }
        let numbers: Vec<_> = [5, 9, 8, 7, 6, 4, 3, 2].iter().map(|number| json!({ "set": number })).collect();
        assert_eq!(values(&object.expect("it was merged"), &trusted), numbers);
    }

    #[test]
    fn a_set_of_another_trusted_publisher_is_kept_with_both_signatures() {
        let (one, two) = ([key()], [key()]);
        let (first, second) = (one[0].public(), two[0].public());
        let object = merged(Vec::new(), &json!(1), "w", &one).expect("it is small").expect("it is new");
        let both = |object: &[u8]| open(object, "w", &[first, second]).expect("one is trusted");
        let object = merged(both(&object), &json!(1), "w", &two).expect("it is small").expect("a signature is new");
        assert_eq!(both(&object)[0].signers, [first, second]);
        assert!(merged(both(&object), &json!(1), "w", &two).expect("it is small").is_none());
        let object = merged(both(&object), &json!(2), "w", &two).expect("it is small").expect("it is new");
        assert_eq!(values(&object, &[first]), [json!(1)]);
        assert_eq!(values(&object, &[second]), [json!(2), json!(1)]);
    }

    #[test]
    fn sets_that_are_not_good_are_refused() {
        let signers = [key()];
        let (trusted, stranger) = ([signers[0].public()], [key().public()]);
        let object = merged(Vec::new(), &json!(1), "w", &signers).expect("it is small").expect("it is new");
        assert!(matches!(open(&object, "w", &stranger), Err(Error::Untrusted(_))));
        assert!(matches!(open(&object, "v", &trusted), Err(Error::Untrusted(_))));
        assert!(matches!(open(&object[1..], "w", &trusted), Err(Error::Damaged { .. })));
        let large = Value::String("x".repeat(SET_LIMIT));
        assert!(matches!(merged(Vec::new(), &large, "w", &signers), Err(Error::TooLarge { .. })));
        // A small payload that inflates to more than a set may have.
        let payload = zstd::bulk::compress(&vec![b' '; 2 * SET_LIMIT], 3).expect("zstd works");
        let sets = vec![Envelope::seal(Domain::Set, "w", &payload, &signers)];
        let bomb = serde_json::to_vec(&Sets { format: FORMAT, sets }).expect("it is JSON");
        assert!(matches!(open(&bomb, "w", &trusted), Err(Error::Untrusted(_))));
    }
}
