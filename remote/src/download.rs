//! From blobs to files.
//!
//! Promises: a file gets its name only when its length and its digest are those that were signed. Inflating stops at the
//! signed length. What is incomplete is removed, and so are the files of a fetch that fails.
//! Does not promise: that files reach the disk before the machine fails.

use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::deadline::Pace;
use crate::error::{Error, Result};
use crate::manifest::{Encoding, Manifest, Stored};
use crate::store::Session;
use crate::unfinished::Unfinished;

/// The pieces that may wait for the thread that writes them.
const AHEAD: usize = 16;

/// Returns the path of a blob in the store.
pub(crate) fn path(sha256: &str) -> String {
    format!("1/blobs/{sha256}")
}

/// Makes all files of a manifest in a directory. `progress` is told the bytes that came, and how many there are.
///
/// # Errors
///
/// [`Error::Damaged`], [`Error::TooLarge`], [`Error::Local`], and whatever the store causes.
pub(crate) async fn fetch(
    session: &Session<'_>,
    manifest: &Manifest,
    into: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<()> {
    let total = manifest.files.iter().map(|file| file.encoded_size).fold(0, u64::saturating_add);
    let mut came = 0;
    let mut named = Vec::new();
    for file in &manifest.files {
        let path = into.join(&file.name);
        let fetched = blob(session, file, into, |bytes| {
            came += bytes;
            progress(came, total);
        });
        let named_now = fetched
            .await
            .and_then(|unfinished| unfinished.name(&path).map_err(|error| Error::local("name", &path, error)));
        if let Err(error) = named_now {
            named.iter().for_each(|path| drop(std::fs::remove_file(path)));
            return Err(error);
        }
        named.push(path);
    }
    Ok(())
}

/// Makes one file, which has no name yet.
async fn blob(session: &Session<'_>, file: &Stored, into: &Path, mut came: impl FnMut(u64)) -> Result<Unfinished> {
    let path = path(&file.sha256);
    let unfinished =
        Unfinished::create(into, file.executable).map_err(|error| Error::local("write to", into, error))?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let intake = Intake { unfinished, file: file.clone(), into: into.to_owned() };
    // A thread of its own, so that inflating and digesting run beside the network.
    let written = tokio::task::spawn_blocking(move || intake.run(receiver));
    let limit = most(file);
    let mut length = 0;
    let read = session.pieces(&path, Pace::Read, async |piece: Bytes| {
        length += piece.len() as u64;
        came(piece.len() as u64);
        // The thread gives up on a blob that is damaged, and its channel closes.
        length <= limit && sender.send(piece).await.is_ok()
    });
    let read = read.await;
    drop(sender);
    let written = written.await.map_err(|error| Error::Internal(error.to_string()))?;
    if length > limit {
        return Err(Error::TooLarge { object: path, limit });
    }
    if !read? {
        return Err(Error::damaged(&path, "a manifest names it, and it is not there"));
    }
    written
}

/// Returns the most bytes that a blob may have. Another publisher's may be longer than the manifest says, but no longer than
/// zstd makes anything: <https://github.com/facebook/zstd/blob/v1.5.7/lib/zstd.h#L242>.
fn most(file: &Stored) -> u64 {
    let bound = file.size.saturating_add(file.size >> 8).saturating_add(1024);
    match file.encoding {
        Encoding::Zstd => bound.max(file.encoded_size),
        Encoding::None => file.size,
    }
}

/// The thread that turns a blob into a file.
struct Intake {
    unfinished: Unfinished,
    file: Stored,
    into: std::path::PathBuf,
}

impl Intake {
    fn run(self, mut pieces: mpsc::Receiver<Bytes>) -> Result<Unfinished> {
        let Self { unfinished, file, into } = self;
        let content = Content { unfinished, digest: Sha256::new(), left: file.size, over: false, failed: None };
        let content = match file.encoding {
            Encoding::None => {
                let mut content = content;
                let written =
                    std::iter::from_fn(|| pieces.blocking_recv()).try_for_each(|piece| content.write_all(&piece));
                content.checked(written, &file, &into)?
            }
            Encoding::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(content)
                    .map_err(|error| Error::Internal(format!("zstd failed: {error}")))?;
                let written = std::iter::from_fn(|| pieces.blocking_recv())
                    .try_for_each(|piece| decoder.write_all(&piece))
                    .and_then(|()| decoder.flush());
                decoder.into_inner().checked(written, &file, &into)?
            }
        };
        Ok(content)
    }
}

/// A file's content on its way to the disk.
struct Content {
    unfinished: Unfinished,
    digest: Sha256,
    left: u64,
    over: bool,
    failed: Option<io::Error>,
}

impl Content {
    /// Returns the file if it is what was signed.
    fn checked(mut self, written: io::Result<()>, file: &Stored, into: &Path) -> Result<Unfinished> {
        let path = path(&file.sha256);
        if let Some(error) = self.failed.take() {
            return Err(Error::local("write to", into, error));
        }
        if self.over {
            return Err(Error::TooLarge { object: path, limit: file.size });
        }
        if let Err(error) = written {
            return Err(Error::damaged(&path, format!("it cannot be inflated ({error})")));
        }
        if self.left > 0 {
            return Err(Error::damaged(&path, format!("{} bytes are missing", self.left)));
        }
        if hex::encode(self.digest.finalize()) != file.sha256 {
            return Err(Error::damaged(&path, "its content has another digest"));
        }
        Ok(self.unfinished)
    }
}

impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.over = true;
            return Err(io::Error::other("more than was signed"));
        }
        if let Err(error) = self.unfinished.file().write_all(bytes) {
            let kind = error.kind();
            self.failed = Some(error);
            return Err(kind.into());
        }
        self.digest.update(bytes);
        self.left -= bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
