//! ed25519 keys as text and in files.
//!
//! Promises: a public key is `ed25519:BASE64`, and two texts of one key are equal once they are read. A private key lies in a
//! file of one line that only its owner can read; any other file is refused. A new private key never replaces a file.
//! Does not promise: to keep keys out of swapped memory. On Windows, who can read a file is not checked.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::error::{Error, Result};

const PUBLIC: &str = "ed25519:";
const PRIVATE: &str = "ed25519-private:";

/// A key that signatures are checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a key from its text.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when it is not `ed25519:` and 32 bytes in base64, or no point of the curve.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        decoded(text.trim(), PUBLIC)
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or_else(|| {
                let shown: String = text.chars().take(60).collect();
                Error::Config(format!("`{shown}` is no public key: a key is `ed25519:` and 44 characters of base64"))
            })
    }

    /// Returns true if this key made `signature`, a text in base64, over `message`.
    pub(crate) fn made(&self, signature: &str, message: &[u8]) -> bool {
        let bytes = STANDARD.decode(signature).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.is_some_and(|bytes| self.0.verify_strict(message, &Signature::from_bytes(&bytes)).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PUBLIC}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

/// A key that signs.
pub(crate) struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Reads a key from its file.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when others can read the file, or when it holds no key; [`Error::Local`] when it cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let failed = |error| Error::local("read the private key", path, error);
        let mut file = File::open(path).map_err(failed)?;
        owned(path, &file)?;
        let mut text = String::new();
        (&mut file).take(1024).read_to_string(&mut text).map_err(failed)?;
        let bytes = decoded(text.trim_end(), PRIVATE).ok_or_else(|| {
            Error::Config(format!("`{}` holds no private key: `dev-bin-remote keygen FILE` writes one", path.display()))
        })?;
        Ok(Self(SigningKey::from_bytes(&bytes)))
    }

    /// Makes a key and writes it to a new file that only its owner can read.
    ///
    /// # Errors
    ///
    /// [`Error::Local`] when the file exists or cannot be written.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Internal(format!("no random bytes: {error}")))?;
        let failed = |error| Error::local("write the private key", path, error);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        writeln!(file, "{PRIVATE}{}", STANDARD.encode(seed)).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Returns the key that checks what this one signs.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message. The signature is a text in base64.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.0.sign(message).to_bytes())
    }
}

/// Returns the 32 bytes after a prefix.
fn decoded(text: &str, prefix: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text.strip_prefix(prefix)?).ok()?.try_into().ok()
}

/// Refuses a file that others can read.
#[cfg(unix)]
fn owned(path: &Path, file: &File) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mode = file.metadata().map_err(|error| Error::local("look at", path, error))?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::Config(format!("others can read the private key `{0}`: `chmod 600 {0}`", path.display())))
}

#[cfg(not(unix))]
fn owned(_: &Path, _: &File) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_read_from_its_text_alone() {
        let key = PrivateKey(SigningKey::from_bytes(&[7; 32])).public().to_string();
        let bare = key.strip_prefix(PUBLIC).expect("it has the prefix");
        for (text, good) in [
            (key.as_str(), true),
            (&format!(" {key}\n"), true),
            (bare, false),
            ("", false),
            ("ed25519:", false),
            ("ed25519:AAAA", false),
            // The point of order one, with which every message can be signed.
            ("ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false),
            (&format!("rsa:{bare}"), false),
        ] {
            assert_eq!(PublicKey::parse(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_signature_holds_for_one_key_and_one_message() {
        let (one, other) = (PrivateKey(SigningKey::from_bytes(&[1; 32])), PrivateKey(SigningKey::from_bytes(&[2; 32])));
        let signature = one.sign(b"message");
        assert!(one.public().made(&signature, b"message"));
        assert!(!one.public().made(&signature, b"messages"));
        assert!(!other.public().made(&signature, b"message"));
        assert!(!one.public().made("", b"message"));
    }

    #[test]
    fn a_new_key_replaces_no_file_and_can_be_read_again() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("key");
        let key = PrivateKey::create(&path).expect("the file is new");
        assert_eq!(PrivateKey::read(&path).expect("it is a key").public(), key.public());
        assert!(PrivateKey::create(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_private_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("key");
        PrivateKey::create(&path).expect("the file is new");
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
            assert_eq!(PrivateKey::read(&path).is_ok(), good, "{mode:o}");
        }
    }
}
