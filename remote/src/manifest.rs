//! Manifests: which files an entry has, and what else the addon wants to know of it.
//!
//! Promises: a manifest that is handed out has a trusted signature, answers the key it was asked for, and names plain files
//! that exist on every platform under one name each. Anything else is refused with a reason. What is in `requires`,
//! `builder`, `builtAt` and `extra` is kept as it came.
//! Does not promise: that the blobs exist.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::{Domain, Envelope};
use crate::error::{Error, Result};
use crate::keys::{PrivateKey, PublicKey};

/// The most bytes that a signed manifest may have.
pub(crate) const LIMIT: u64 = 64 * 1024;

/// The meaning of the fields. Raise it when one changes.
const FORMAT: u32 = 1;

/// The files of an entry.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    format: u32,
    key: String,
    /// The files, in the publisher's order.
    pub(crate) files: Vec<Stored>,
    #[serde(default)]
    requires: Value,
    #[serde(default)]
    builder: Value,
    #[serde(default)]
    built_at: Value,
    #[serde(default)]
    extra: Value,
}

/// A file of an entry, and the blob that it is made from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stored {
    /// One plain component.
    pub(crate) name: String,
    /// The digest of the content, and the name of the blob: 64 hexadecimal digits.
    pub(crate) sha256: String,
    /// The length of the content in bytes.
    pub(crate) size: u64,
    /// The length of the publisher's blob in bytes. The blob in the store may be another publisher's, of another length.
    pub(crate) encoded_size: u64,
    /// The encoding of the content.
    pub(crate) encoding: Encoding,
    /// True if the file is a program.
    pub(crate) executable: bool,
}

/// The encoding of a blob's content.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// One zstd frame.
    Zstd,
    /// Nothing.
    None,
}

/// The parts of a manifest that the addon fills in.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Particulars {
    requires: Value,
    builder: Value,
    built_at: Value,
    extra: Value,
}

impl Manifest {
    /// Makes a manifest of files that are in the store.
    pub(crate) fn new(key: &str, files: Vec<Stored>, particulars: Particulars) -> Self {
        let Particulars { requires, builder, built_at, extra } = particulars;
        Self { format: FORMAT, key: key.to_owned(), files, requires, builder, built_at, extra }
    }

    /// Signs the manifest. Returns the object for the store.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when it would have more than [`LIMIT`] bytes.
    pub(crate) fn seal(&self, signers: &[PrivateKey]) -> Result<Vec<u8>> {
        let payload = serde_json::to_vec(self).expect("a manifest has only text for keys");
        let sealed = Envelope::seal(Domain::Manifest, &self.key, &payload, signers);
        let object = serde_json::to_vec(&sealed).expect("an envelope has only text for keys");
        if object.len() as u64 > LIMIT {
            return Err(Error::TooLarge { object: path(&self.key), limit: LIMIT });
        }
        Ok(object)
    }

    /// Reads an object of the store.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] and [`Error::Untrusted`].
    pub(crate) fn open(object: &[u8], key: &str, trusted: &[PublicKey]) -> Result<(Self, Vec<PublicKey>)> {
        let path = path(key);
        let damaged = |problem: &str| Error::damaged(&path, problem);
        let envelope: Envelope =
            serde_json::from_slice(object).map_err(|_| damaged("it is not a payload with signatures"))?;
        let opened = envelope.open(Domain::Manifest, key, trusted).ok_or_else(|| Error::Untrusted(path.clone()))?;
        let manifest: Self = serde_json::from_slice(&opened.payload)
            .map_err(|error| damaged(&format!("its payload is no manifest of this format ({error})")))?;
        manifest.check(key).map_err(|problem| damaged(&problem))?;
        Ok((manifest, opened.signers))
    }

    fn check(&self, key: &str) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("its format is {}, and this program knows {FORMAT}", self.format));
        }
        if self.key != key {
            return Err("it answers another key".to_owned());
        }
        if self.files.is_empty() {
            return Err("it has no files".to_owned());
        }
        let mut names = Vec::new();
        for file in &self.files {
            if !is_plain(&file.name) {
                return Err(format!("`{}` is not a plain file name", file.name.escape_default()));
            }
            let folded = file.name.to_lowercase();
            if names.contains(&folded) {
                return Err(format!("two files are called `{}`", file.name));
            }
            names.push(folded);
            if !is_digest(&file.sha256) {
                return Err(format!("the digest of `{}` is none", file.name));
            }
        }
        Ok(())
    }
}

/// Returns the path of a manifest in the store.
pub(crate) fn path(key: &str) -> String {
    format!("1/keys/{key}")
}

/// Returns true if a name is one plain component on every platform: <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>.
pub(crate) fn is_plain(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = ["com", "lpt"].iter().any(|device| {
        let number = stem.strip_prefix(device);
        number.is_some_and(|number| number.chars().count() == 1 && number.contains(|c| "0123456789¹²³".contains(c)))
    });
    !name.is_empty()
        && name.len() <= 255
        && name.chars().any(|c| c != '.')
        && !name.ends_with(['.', ' '])
        && !name.contains(|c: char| c.is_control() || "/\\:<>\"|?*".contains(c))
        && !numbered
        && !DEVICES.contains(&stem.as_str())
}

/// Returns true if a text is a SHA-256 digest in lower-case hexadecimal digits.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns true if a text may name an object: letters, digits, `-` and `_`, 128 at most.
pub(crate) fn is_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_could_leave_their_directory_are_not_plain() {
        for name in ["app", "app.exe", "libfoo.so.1", "a b", "Ünicode", ".hidden", "con-tainer", "com10", "..a"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "a".repeat(256);
        for name in [
            "",
            ".",
            "..",
            "...",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "..\\a",
            "a\0b",
            "a\nb",
            "c:a",
            "a:stream",
            "con",
            "CON.txt",
            "nul",
            "com1",
            "LPT9.log",
            "com¹",
            "aux .txt",
            "a.",
            "a ",
            "a?",
            "a*",
            "a|b",
            "\"a\"",
            "conin$",
            &long,
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn keys_are_plain_words() {
        for (key, good) in [("a", true), ("0f-A_", true), ("", false), ("a/b", false), ("..", false), ("ä", false)] {
            assert_eq!(is_key(key), good, "{key}");
        }
        assert!(!is_key(&"a".repeat(129)));
    }

    #[test]
    fn manifests_with_anything_wrong_are_refused() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let signer = PrivateKey::create(&directory.path().join("key")).expect("the file is new");
        let trusted = [signer.public()];
        let signers = [signer];
        let file = json!({
            "name": "app", "sha256": "0".repeat(64), "size": 1, "encodedSize": 2, "encoding": "zstd", "executable": true,
        });
        let good = json!({ "format": 1, "key": "k", "files": [file] });
        let with = |pointer: &str, value: Value| {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).expect("the field exists") = value;
            changed
        };
        for (payload, problem) in [
            (good.clone(), None),
            (with("/format", json!(2)), Some("format is 2")),
            (with("/key", json!("l")), Some("another key")),
            (with("/files", json!([])), Some("no files")),
            (with("/files", json!([good["files"][0], good["files"][0]])), Some("two files")),
            (with("/files/0/name", json!("../app")), Some("plain")),
            (with("/files/0/sha256", json!("0")), Some("digest")),
            (with("/files/0/sha256", json!("A".repeat(64))), Some("digest")),
            (with("/files/0/size", json!(-1)), Some("no manifest")),
            (with("/files/0/encoding", json!("gzip")), Some("no manifest")),
            (json!([]), Some("no manifest")),
        ] {
            let payload = serde_json::to_vec(&payload).expect("it is JSON");
            let sealed = Envelope::seal(Domain::Manifest, "k", &payload, &signers);
            let object = serde_json::to_vec(&sealed).expect("it is JSON");
            let opened = Manifest::open(&object, "k", &trusted).map_err(|error| error.to_string());
            match problem {
                None => assert!(opened.is_ok(), "{opened:?}"),
                Some(problem) => assert!(opened.as_ref().is_err_and(|error| error.contains(problem)), "{opened:?}"),
            }
        }
        assert!(matches!(Manifest::open(b"{", "k", &trusted), Err(Error::Damaged { .. })));
        assert!(matches!(
            Manifest::open(br#"{"payload":"","signatures":[]}"#, "k", &trusted),
            Err(Error::Untrusted(_))
        ));
    }

    #[test]
    fn a_manifest_of_more_than_64_kib_is_not_sealed() {
        let extra = Value::String("x".repeat(LIMIT as usize));
        let manifest = Manifest::new("k", Vec::new(), Particulars { extra, ..Particulars::default() });
        assert!(matches!(manifest.seal(&[]), Err(Error::TooLarge { .. })));
    }
}
