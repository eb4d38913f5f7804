//! The parts of Redis that OpenDAL does not do.
//!
//! Promises: a connection is tried once, and says what is wrong. An object is written in pieces, and appears whole.
//! Does not promise: anything for clusters.
//!
//! OpenDAL's client tries to connect six times, which takes longer than an answer may, and gives a command half a second,
//! which a large object does not fit into.

use bytes::Bytes;
use opendal::ErrorKind;
use opendal::raw::{build_abs_path, normalize_root};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, IntoConnectionInfo, RedisConnectionInfo, RedisError};

use crate::address::Address;
use crate::service::{Environment, database, login};

/// The bytes of a command.
const PIECE: usize = 1 << 20;
/// The seconds after which an object that was not finished is gone.
const UNFINISHED: u64 = 3600;

/// Connects and logs in.
///
/// # Errors
///
/// Redis's own, as OpenDAL would wrap it.
pub(crate) async fn connected(
    address: &Address,
    environment: Environment<'_>,
) -> opendal::Result<MultiplexedConnection> {
    let mut settings = RedisConnectionInfo::default().set_db(database(address).0);
    let (user, password) = login(address, environment);
    if let Some(user) = user {
        settings = settings.set_username(user);
    }
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    let info = address.origin().into_connection_info().map_err(wrapped)?.set_redis_settings(settings);
    let client = redis::Client::open(info).map_err(wrapped)?;
    client.get_multiplexed_async_connection().await.map_err(wrapped)
}

/// Writes an object. `beat` is called after each piece.
///
/// # Errors
///
/// Redis's own, as OpenDAL would wrap it.
pub(crate) async fn write(
    connection: &mut MultiplexedConnection,
    address: &Address,
    path: &str,
    object: &Bytes,
    beat: impl Fn(),
) -> opendal::Result<()> {
    let key = build_abs_path(&normalize_root(&database(address).1), path);
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| opendal::Error::new(ErrorKind::Unexpected, format!("no random bytes: {error}")))?;
    let unfinished = format!("{key}.{}", hex::encode(random));
    let mut send = async |command: &mut Cmd| {
        command.exec_async(connection).await.map_err(wrapped)?;
        beat();
        Ok::<_, opendal::Error>(())
    };
    send(redis::cmd("SET").arg(&unfinished).arg("").arg("EX").arg(UNFINISHED)).await?;
    for piece in object.chunks(PIECE) {
        send(redis::cmd("APPEND").arg(&unfinished).arg(piece)).await?;
    }
    send(redis::cmd("PERSIST").arg(&unfinished)).await?;
    send(redis::cmd("RENAME").arg(&unfinished).arg(&key)).await
}

fn wrapped(error: RedisError) -> opendal::Error {
    opendal::Error::new(ErrorKind::Unexpected, error.category()).set_source(error).set_temporary()
}
