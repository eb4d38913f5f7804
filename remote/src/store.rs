//! Reading and writing single objects of a store.
//!
//! Promises: each operation ends within the limits of its request, and a failure is named by its cause. An object that is read
//! is never longer than it may be.
//! Does not promise: that what was written is there for the next reader at once; some stores take a moment.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use opendal::{ErrorKind, HttpTransporter, OperationContext, Operator};
use tokio::time::Instant;

use crate::address::Service;
use crate::classify::classified;
use crate::config::Config;
use crate::deadline::{Lapse, Pace, Pulse, Seen, paced};
use crate::error::{Error, Kind, Result};
use crate::own_redis;
use crate::service;
use crate::transport::Connections;

/// The bytes of a `file://` store's object that are written at once, so that progress is seen.
const PIECE: usize = 4 << 20;
/// The times that a write to a `WebDAV` store is tried. Apache refuses to make a directory that another publisher makes at the
/// same time, as if that were not allowed.
const TRIES: usize = 4;
/// The bytes of Redis's object that are read at once. A request that takes more than half a second is given up by its client.
const CHUNK: usize = 1 << 20;

/// A store, and what may be done with it.
pub(crate) struct Store {
    /// The configuration.
    pub(crate) config: Config,
    operator: Operator,
    connections: Option<Connections>,
    /// True once Redis answered.
    greeted: Cell<bool>,
}

impl Store {
    /// Opens a store. Nothing is sent.
    ///
    /// # Errors
    ///
    /// The errors of [`service::operator`] and [`Connections::new`].
    pub(crate) fn open(config: Config) -> Result<Self> {
        let writes = config.mode == crate::config::Mode::Publish;
        let operator = service::operator(&config.address, writes, &variable)?;
        let speaks_http = !matches!(config.address.service, Service::Fs);
        let connections = if speaks_http { Some(Connections::new()?) } else { None };
        Ok(Self { config, operator, connections, greeted: Cell::new(false) })
    }

    /// Begins a request, and with it its deadline.
    pub(crate) fn begin(&self, deadline: Duration) -> Session<'_> {
        let pulse = Arc::new(Pulse::new());
        let operator = match &self.connections {
            Some(connections) => {
                let transporter = HttpTransporter::new(connections.transport(&pulse));
                self.operator.clone().with_context(OperationContext::new().with_http_transport(transporter))
            }
            None => self.operator.clone(),
        };
        Session { store: self, operator, pulse, until: Instant::now() + deadline, deadline }
    }
}

/// One request to a store.
pub(crate) struct Session<'a> {
    /// The store.
    pub(crate) store: &'a Store,
    operator: Operator,
    pulse: Arc<Pulse>,
    until: Instant,
    deadline: Duration,
}

impl Session<'_> {
    /// Returns true if a write replaces an object that is there.
    pub(crate) fn replaces(&self) -> bool {
        self.store.config.address.service != Service::Ghac
    }

    /// Reads an object, or returns none if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when it has more than `limit` bytes, and whatever the store causes.
    pub(crate) async fn read(&self, path: &str, limit: u64, pace: Pace) -> Result<Option<Vec<u8>>> {
        let mut object = Vec::new();
        let mut fits = true;
        let take = async |piece: Bytes| {
            fits = (object.len() + piece.len()) as u64 <= limit;
            object.extend_from_slice(if fits { &piece } else { &[] });
            fits
        };
        let there = self.pieces(path, pace, take).await?;
        if !fits {
            return Err(Error::TooLarge { object: path.to_owned(), limit });
        }
        Ok(there.then_some(object))
    }

    /// Gives an object's pieces to `take`, until it returns false. Returns false if there is no object.
    ///
    /// # Errors
    ///
    /// Whatever the store causes.
    pub(crate) async fn pieces(
        &self,
        path: &str,
        pace: Pace,
        mut take: impl AsyncFnMut(Bytes) -> bool,
    ) -> Result<bool> {
        let step = async {
            let reader = match self.store.config.address.service {
                Service::Redis => self.operator.reader_with(path).chunk(CHUNK).await?,
                _ => self.operator.reader(path).await?,
            };
            let mut stream = reader.into_stream(..).await?;
            while let Some(pieces) = stream.try_next().await? {
                self.pulse.heard();
                for piece in pieces {
                    if !take(piece).await {
                        return Ok(());
                    }
                }
            }
            Ok(())
        };
        self.there(step, pace).await.map(|found| found.is_some())
    }

    /// Returns an object's length, or none if there is no object.
    ///
    /// # Errors
    ///
    /// Whatever the store causes.
    pub(crate) async fn length(&self, path: &str) -> Result<Option<u64>> {
        let found = self.there(self.operator.stat(path), Pace::Answer).await?;
        Ok(found.map(|metadata| metadata.content_length()))
    }

    /// Writes an object, and replaces one that is there if stores of this kind do.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`], and whatever the store causes.
    pub(crate) async fn write(&self, path: &str, object: Bytes) -> Result<()> {
        let address = &self.store.config.address;
        match address.service {
            Service::Fs => {
                let mut writer = self.done(self.operator.writer(path), Pace::Transfer).await?;
                let step = async {
                    let mut rest = object;
                    while !rest.is_empty() {
                        writer.write(rest.split_to(rest.len().min(PIECE))).await?;
                        self.pulse.beat();
                    }
                    writer.close().await
                };
                if let Err(error) = self.done(step, Pace::Transfer).await {
                    let _ = self.done(writer.abort(), Pace::Transfer).await;
                    return Err(error);
                }
            }
            Service::Redis => {
                let step = async {
                    let mut connection = own_redis::connected(address, &variable).await?;
                    own_redis::write(&mut connection, address, path, &object, || self.pulse.beat()).await
                };
                self.done(step, Pace::Transfer).await?;
            }
            Service::Webdav => {
                for left in (0..TRIES).rev() {
                    let written = self.done(self.operator.write(path, object.clone()), Pace::Transfer).await;
                    match written {
                        Err(error) if left > 0 && error.kind() == Kind::Credentials => {}
                        written => return written.map(drop),
                    }
                }
            }
            _ => drop(self.done(self.operator.write(path, object), Pace::Transfer).await?),
        }
        Ok(())
    }

    /// Deletes an object. Returns false if stores of this kind cannot.
    ///
    /// # Errors
    ///
    /// Whatever the store causes.
    pub(crate) async fn delete(&self, path: &str) -> Result<bool> {
        if !self.operator.info().capability().delete {
            return Ok(false);
        }
        self.done(self.operator.delete(path), Pace::Transfer).await.map(|()| true)
    }

    /// Runs an operation on an object that may be missing.
    async fn there<T>(&self, step: impl Future<Output = opendal::Result<T>>, pace: Pace) -> Result<Option<T>> {
        match self.ended(step, pace).await? {
            Ok(output) => Ok(Some(output)),
            Err(error) if error.kind() == ErrorKind::NotFound && !lacks_container(&self.pulse.seen()) => Ok(None),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Runs an operation that nothing missing excuses.
    async fn done<T>(&self, step: impl Future<Output = opendal::Result<T>>, pace: Pace) -> Result<T> {
        self.ended(step, pace).await?.map_err(|error| self.failure(&error))
    }

    /// Runs an operation within its limits.
    async fn ended<T>(&self, step: impl Future<Output = opendal::Result<T>>, pace: Pace) -> Result<opendal::Result<T>> {
        let Store { config, greeted, .. } = self.store;
        if config.address.service == Service::Redis && !greeted.get() {
            let greeting = own_redis::connected(&config.address, &variable);
            self.within(greeting, Pace::Answer).await?.map_err(|error| self.failure(&error))?;
            greeted.set(true);
        }
        self.within(step, pace).await
    }

    async fn within<T>(&self, step: impl Future<Output = T>, pace: Pace) -> Result<T> {
        let address = &self.store.config.address;
        let ended = paced(step, &self.pulse, pace, self.until, self.deadline).await;
        ended.map_err(|Lapse { what, limit }| Error::Timeout { store: address.to_string(), lapse: what, limit })
    }

    fn failure(&self, error: &opendal::Error) -> Error {
        classified(&self.store.config.address, error, &self.pulse.seen())
    }
}

/// Returns true if more than an object is missing. Azure says so in its code alone.
fn lacks_container(seen: &Seen) -> bool {
    seen.code.as_deref() == Some("ContainerNotFound")
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
