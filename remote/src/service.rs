//! From a store's URL and the environment to an OpenDAL operator.
//!
//! Promises: credentials come from the variables and files that each store's own tools use. The machine's metadata service is
//! asked only when the URL says `?metadata=1`. Nothing is sent here.
//! Does not promise: that the credentials are good; the first request tells.

use std::path::Path;
use std::time::Duration;

use opendal::services::{Azblob, Fs, Gcs, Ghac, Redis, S3, Webdav};
use opendal::{Builder, Operator};
use reqsign_azure_storage::{DefaultCredentialProvider, StaticCredentialProvider};
use reqsign_core::ProvideCredentialChain;

use crate::address::{Address, Service};
use crate::error::{Error, Result};

/// A directory for files that are being written, beside the objects of a `file://` store.
const TEMPORARY: &str = "1/tmp";
/// The time after which no publisher writes to a file there any more.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Reads a variable of the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Makes the operator of a store.
///
/// # Errors
///
/// [`Error::Config`] when something is missing, and [`Error::Unreachable`] when the directory of a `file://` store is.
pub(crate) fn operator(address: &Address, writes: bool, environment: Environment<'_>) -> Result<Operator> {
    match address.service {
        Service::S3 => built(address, s3(address, environment)),
        Service::Gcs => built(address, gcs(address)),
        Service::Azblob => built(address, azblob(address, environment)?),
        Service::Webdav => built(address, webdav(address, environment)),
        Service::Redis => built(address, redis(address, environment)),
        Service::Ghac => built(address, ghac(address, environment)?),
        Service::Fs => built(address, directory(address, writes)?),
    }
}

fn built(address: &Address, builder: impl Builder) -> Result<Operator> {
    // The message alone: an error's context may have parts of the configuration.
    Operator::new(builder).map_err(|error| Error::Config(format!("`{address}` cannot be used: {}", error.message())))
}

/// Returns the first of the variables that has a value.
fn first(environment: Environment<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| environment(name).filter(|value| !value.is_empty()))
}

fn s3(address: &Address, environment: Environment<'_>) -> S3 {
    let region = address.option("region").or_else(|| first(environment, &["AWS_REGION", "AWS_DEFAULT_REGION"]));
    let endpoint = address
        .option("endpoint")
        .or_else(|| first(environment, &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]));
    let mut builder = S3::default()
        .bucket(address.host())
        .root(&address.prefix())
        // A store that is not Amazon's takes any region, and Amazon says which one it would have been.
        .region(region.as_deref().unwrap_or("us-east-1"))
        .profile(&address.option("profile").unwrap_or_default())
        .endpoint(&endpoint.unwrap_or_default());
    if address.option("style").as_deref() == Some("virtual") {
        builder = builder.enable_virtual_host_style();
    }
    if address.flag("anonymous") {
        builder = builder.skip_signature();
    }
    if address.flag("metadata") { builder } else { builder.disable_ec2_metadata() }
}

fn gcs(address: &Address) -> Gcs {
    let mut builder = Gcs::default()
        .bucket(address.host())
        .root(&address.prefix())
        .endpoint(&address.option("endpoint").unwrap_or_default());
    if address.flag("anonymous") {
        builder = builder.skip_signature();
    }
    if address.flag("metadata") { builder } else { builder.disable_vm_metadata() }
}

fn azblob(address: &Address, environment: Environment<'_>) -> Result<Azblob> {
    let connection =
        first(environment, &["AZURE_STORAGE_CONNECTION_STRING"]).filter(|_| address.option("account").is_none());
    let mut builder = match &connection {
        Some(text) => Azblob::from_connection_string(text)
            .map_err(|_| Error::Config("`AZURE_STORAGE_CONNECTION_STRING` is no connection string".to_owned()))?,
        None => Azblob::default(),
    };
    builder = builder.container(address.host()).root(&address.prefix());
    let account = address
        .option("account")
        .or_else(|| first(environment, &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"]));
    let endpoint = address.option("endpoint").or_else(|| first(environment, &["AZURE_STORAGE_ENDPOINT"]));
    match (endpoint, &account) {
        (Some(endpoint), _) => builder = builder.endpoint(&endpoint),
        (None, Some(account)) if connection.is_none() => {
            builder = builder.endpoint(&format!("https://{account}.blob.core.windows.net"));
        }
        (None, _) => {}
    }
    if address.flag("anonymous") {
        return Ok(builder.skip_signature());
    }
    if connection.is_some_and(|text| text.contains("AccountKey=") || text.contains("SharedAccessSignature=")) {
        return Ok(builder);
    }
    let mut default = DefaultCredentialProvider::builder().no_azure_cli();
    if !address.flag("metadata") {
        default = default.no_imds();
    }
    let mut chain = ProvideCredentialChain::new();
    let key = first(environment, &["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY"]);
    if let (Some(account), Some(key)) = (&account, key) {
        chain = chain.push(StaticCredentialProvider::new_shared_key(account, &key));
    }
    Ok(builder.credential_provider_chain(chain.push(default.build())))
}

fn webdav(address: &Address, environment: Environment<'_>) -> Webdav {
    let (user, password) = login(address, environment);
    Webdav::default()
        .endpoint(&address.origin())
        .root(&address.prefix())
        .username(&user.unwrap_or_default())
        .password(&password.unwrap_or_default())
        .token(&first(environment, &["DEV_BIN_REMOTE_TOKEN"]).unwrap_or_default())
}

fn redis(address: &Address, environment: Environment<'_>) -> Redis {
    let (user, password) = login(address, environment);
    let (database, root) = database(address);
    Redis::default()
        .endpoint(&address.origin())
        .db(database)
        .root(&root)
        .username(&user.unwrap_or_default())
        .password(&password.unwrap_or_default())
}

/// Returns the database and the prefix of Redis's keys. The first component is the number of a database, as in every other
/// program: <https://www.iana.org/assignments/uri-schemes/prov/redis>.
pub(crate) fn database(address: &Address) -> (i64, String) {
    let prefix = address.prefix();
    let (head, rest) = prefix.split_once('/').unwrap_or((&prefix, ""));
    head.parse().map_or((0, prefix.clone()), |database| (database, rest.to_owned()))
}

/// Returns the user's name and password of `WebDAV` or Redis, from the URL or else from the environment.
pub(crate) fn login(address: &Address, environment: Environment<'_>) -> (Option<String>, Option<String>) {
    let (user, password) = address.user();
    (
        user.or_else(|| first(environment, &["DEV_BIN_REMOTE_USERNAME"])),
        password.or_else(|| first(environment, &["DEV_BIN_REMOTE_PASSWORD"])),
    )
}

fn ghac(address: &Address, environment: Environment<'_>) -> Result<Ghac> {
    // OpenDAL would say that a variable is missing, but not who sets it.
    if first(environment, &["ACTIONS_RUNTIME_TOKEN"]).is_none() {
        let variables = address.service.variables();
        return Err(Error::NoCredentials { store: address.to_string(), variables });
    }
    let version = Some(address.host()).filter(|host| !host.is_empty()).unwrap_or("dev-bin");
    Ok(Ghac::default().version(version).root(&address.prefix()))
}

fn directory(address: &Address, writes: bool) -> Result<Fs> {
    let directory = address.directory();
    // OpenDAL would make it, also where a share is not mounted.
    if !directory.is_dir() {
        let problem = "there is no such directory; is the share mounted?".to_owned();
        return Err(Error::Unreachable { store: address.to_string(), problem });
    }
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| Error::Config(format!("`{address}` is not a path in Unicode")))
    };
    let builder = Fs::default().root(&text(&directory)?);
    if !writes {
        return Ok(builder);
    }
    let temporary = directory.join(TEMPORARY);
    remove_abandoned(&temporary);
    Ok(builder.atomic_write_dir(&text(&temporary)?))
}

/// Removes what publishers that were killed left half written.
fn remove_abandoned(temporary: &Path) {
    for entry in std::fs::read_dir(temporary).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(url: &str, variables: &[(&str, &str)]) -> Result<Operator> {
        let environment = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        operator(&Address::parse(url)?, false, &environment)
    }

    #[test]
    fn urls_and_variables_make_operators() {
        let key = ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0");
        let string =
            "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;BlobEndpoint=http://127.0.0.1:1/a";
        for (url, variables, scheme, root) in [
            ("s3://bucket/a/b?endpoint=http://127.0.0.1:1&region=eu", &[][..], "s3", "/a/b/"),
            ("s3://bucket", &[], "s3", "/"),
            ("s3://bucket?metadata=1&profile=p&style=virtual&anonymous=1", &[], "s3", "/"),
            ("gcs://bucket/p?endpoint=http://127.0.0.1:1", &[], "gcs", "/p/"),
            ("azblob://c/p?account=a", &[key], "azblob", "/p/"),
            ("azblob://c/p", &[("AZURE_STORAGE_CONNECTION_STRING", string)], "azblob", "/p/"),
            ("azblob://c?endpoint=http://127.0.0.1:1/a", &[], "azblob", "/"),
            ("webdav://u:p@127.0.0.1:1/dav/x", &[], "webdav", "/dav/x/"),
            ("redis://127.0.0.1:1/2/p", &[], "redis", "/p/"),
            ("redis://127.0.0.1:1/p/q", &[], "redis", "/p/q/"),
        ] {
            let operator = made(url, variables).expect(url);
            assert_eq!((operator.info().scheme(), &*operator.info().root()), (scheme, root), "{url}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (url, variables, problem) in [
            ("azblob://c/p", &[][..], "endpoint"),
            ("azblob://c/p", &[("AZURE_STORAGE_CONNECTION_STRING", "nonsense")], "AZURE_STORAGE_CONNECTION_STRING"),
            ("ghac:///p", &[], "ACTIONS_RUNTIME_TOKEN"),
            ("file:///no/such/directory", &[], "mounted"),
        ] {
            let error = made(url, variables).expect_err(url).to_string();
            assert!(error.contains(problem), "{url}: {error}");
        }
    }
}
