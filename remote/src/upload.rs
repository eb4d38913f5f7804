//! From files to blobs, sets and a manifest.
//!
//! Promises: the manifest is written last, so that a reader who finds it finds what it names. A blob that is there with the right
//! length is not sent again, unless that is asked for. Nothing depends on who writes first: two publishers leave one valid manifest.
//! Does not promise: to use little memory. The compressed files are held until they are sent.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::deadline::Pace;
use crate::download;
use crate::error::{Error, Kind, Result};
use crate::manifest::{self, Encoding, Manifest, Particulars, Stored};
use crate::sets;
use crate::store::Session;

/// zstd's own default: three times smaller, at the speed of a disk.
const LEVEL: i32 = 3;

/// A file to publish.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Source {
    name: String,
    path: PathBuf,
    #[serde(default)]
    executable: bool,
}

/// A publication.
pub(crate) struct Publication {
    /// The team key.
    pub(crate) key: String,
    /// The addon's part of the manifest.
    pub(crate) particulars: Particulars,
    /// The files, one at least.
    pub(crate) files: Vec<Source>,
    /// The weak key and the path set, if there is one.
    pub(crate) set: Option<(String, Value)>,
    /// True to send blobs also where some of their length are there.
    pub(crate) replace: bool,
}

/// The result of a publication.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The blobs that were sent.
    pub(crate) blobs: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// Publishes. `progress` is told the bytes that are in the store, and how many there are to be.
///
/// # Errors
///
/// [`Error::Local`] when a file cannot be read, [`Error::TooLarge`] when the manifest or the set is, and whatever the store
/// causes.
pub(crate) async fn publish(
    session: &Session<'_>,
    publication: Publication,
    mut progress: impl FnMut(u64, u64),
) -> Result<Sent> {
    let Publication { key, particulars, files, set, replace } = publication;
    let signers = &session.store.config.signers;
    let mut blobs = Vec::new();
    for file in files {
        if !manifest::is_plain(&file.name) {
            return Err(Error::Request(format!("`{}` is not a plain file name", file.name.escape_default())));
        }
        let compressed = tokio::task::spawn_blocking(move || compressed(file));
        blobs.push(compressed.await.map_err(|error| Error::Internal(error.to_string()))??);
    }
    if blobs.is_empty() {
        return Err(Error::Request("there are no files to publish".to_owned()));
    }
    let stored = blobs.iter().map(|(stored, _)| stored.clone()).collect();
    // Before anything is sent: it may be too large.
    let manifest = Manifest::new(&key, stored, particulars).seal(signers)?;
    let total = blobs.iter().map(|(stored, _)| stored.encoded_size).sum();
    let mut sent = Sent::default();
    let mut there = 0;
    for (stored, blob) in blobs {
        let path = download::path(&stored.sha256);
        if replace || !is_there(session, &path, stored.encoded_size).await? {
            match session.write(&path, blob).await {
                // Another publisher was quicker.
                Err(Error::Exists(_)) => {}
                written => {
                    written?;
                    sent.blobs += 1;
                    sent.bytes += stored.encoded_size;
                }
            }
        }
        there += stored.encoded_size;
        progress(there, total);
    }
    if let Some((weak, set)) = set {
        sets::write(session, &weak, &set).await?;
    }
    seal(session, &key, manifest).await?;
    Ok(sent)
}

/// Returns true if an object of this length is there.
async fn is_there(session: &Session<'_>, path: &str, length: u64) -> Result<bool> {
    match session.length(path).await {
        Ok(found) => Ok(found == Some(length)),
        // S3 says so of what is not there to those who may not list.
        Err(error) if error.kind() == Kind::Credentials => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a manifest. Where nothing is replaced, a good one that is there serves as well.
async fn seal(session: &Session<'_>, key: &str, manifest: Vec<u8>) -> Result<()> {
    let path = manifest::path(key);
    let Err(error) = session.write(&path, manifest.into()).await else { return Ok(()) };
    if !matches!(error, Error::Exists(_)) {
        return Err(error);
    }
    let there = session.read(&path, manifest::LIMIT, Pace::Answer).await?.unwrap_or_default();
    Manifest::open(&there, key, &session.store.config.trusted).map(drop).map_err(|_| error)
}

/// Digests and compresses a file.
fn compressed(source: Source) -> Result<(Stored, Bytes)> {
    let failed = |error| Error::local("read", &source.path, error);
    let mut file = File::open(&source.path).map_err(failed)?;
    let expected = file.metadata().map_err(failed)?.len();
    let failed_to_compress = |error| Error::Internal(format!("zstd failed: {error}"));
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).map_err(failed_to_compress)?;
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer).map_err(failed)?;
        if length == 0 {
            break;
        }
        digest.update(&buffer[..length]);
        encoder.write_all(&buffer[..length]).map_err(failed_to_compress)?;
        size += length as u64;
    }
    if size != expected {
        return Err(failed(std::io::Error::other("it changed while it was read")));
    }
    let blob = encoder.finish().map_err(failed_to_compress)?;
    let stored = Stored {
        name: source.name,
        sha256: hex::encode(digest.finalize()),
        size,
        encoded_size: blob.len() as u64,
        encoding: Encoding::Zstd,
        executable: source.executable,
    };
    Ok((stored, blob.into()))
}
