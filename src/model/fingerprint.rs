//! SHA-256 over typed, length-prefixed fields.
//!
//! Promises: two different sequences of fields never give the same bytes to the hash, whatever they contain. Each field is
//! preceded by its length, and each section by its name and count, so no field can run into its neighbour.
//! Does not promise: the same value in every version of this package. [`SCHEMA`] is part of every fingerprint, and a change
//! in what counts changes it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// The version of the fields, which is part of every fingerprint. It is raised when the meaning of a field changes.
pub const SCHEMA: &str = "dev-bin 4";
/// The first bytes of a stat cache. The length of the checkout's path follows, as four bytes, the lowest first, and then the
/// path. It changes with the layout up to there, by which the store finds the checkout.
pub(crate) const STAT_CACHE_MAGIC: &[u8; 8] = b"devbinS1";

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// True if it is the default, which stands for content that was not read.
    pub(crate) fn is_of_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the digest that has these bytes.
    #[must_use]
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the digest of `bytes`.
    #[must_use]
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the digest of the rest of `file`, and the length of the rest in bytes. `buffer` is scratch space.
    pub fn of_file(mut file: &File, buffer: &mut [u8]) -> io::Result<(Self, u64)> {
        let mut hash = Sha256::new();
        let mut size = 0;
        loop {
            match file.read(buffer) {
                Ok(0) => return Ok((Self(hash.finalize().into()), size)),
                Ok(count) => {
                    hash.update(&buffer[..count]);
                    size += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the digest of the next `size` bytes of `file`, or of the rest if that is shorter. `buffer` is scratch space.
    pub fn of_start(file: &File, size: u64, buffer: &mut [u8]) -> io::Result<Self> {
        let (mut hash, mut rest) = (Sha256::new(), file.take(size));
        while rest.limit() > 0 {
            match rest.read(buffer) {
                Ok(0) => break,
                Ok(count) => hash.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(hash.finalize().into()))
    }

    /// Returns the raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl std::str::FromStr for Digest {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The name of an entry: the digest over a request and everything that its build reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// Returns the first 16 hex digits, which name the entry's directory.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0.0[..8])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The hash of one fingerprint, to which fields are added.
pub(crate) struct FingerprintBuilder(Sha256);

impl FingerprintBuilder {
    pub(crate) fn new() -> Self {
        let mut builder = Self(Sha256::new());
        builder.field(SCHEMA);
        builder
    }

    /// Starts a section of `count` items.
    pub(crate) fn section(&mut self, name: &str, count: usize) {
        self.field(name);
        self.0.update((count as u64).to_le_bytes());
    }

    pub(crate) fn field(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds a value that may be absent. An absent value differs from every present one.
    pub(crate) fn optional(&mut self, value: Option<impl AsRef<[u8]>>) {
        match value {
            None => self.0.update([0]),
            Some(bytes) => {
                self.0.update([1]);
                self.field(bytes);
            }
        }
    }

    pub(crate) fn digest(self) -> Digest {
        Digest(self.0.finalize().into())
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(self.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> Fingerprint {
        let mut builder = FingerprintBuilder::new();
        for field in fields {
            builder.field(field);
        }
        builder.finish()
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a,b"]), of(&["a", "b"]));
        assert_ne!(of(&[""]), of(&[]));
    }

    #[test]
    fn an_absent_value_differs_from_an_empty_one() {
        let with = |value: Option<&str>| {
            let mut builder = FingerprintBuilder::new();
            builder.optional(value);
            builder.finish()
        };
        assert_ne!(with(None), with(Some("")));
    }

    #[test]
    fn the_short_form_is_the_start_of_the_long_one() {
        let fingerprint = of(&["x"]);
        assert_eq!(fingerprint.short().len(), 16);
        assert!(fingerprint.to_string().starts_with(&fingerprint.short()));
    }
}
