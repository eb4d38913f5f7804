//! The URL of a store.
//!
//! Promises: a URL that is taken names a store of a kind that is known, with options that the kind knows. Its label has no
//! secret in it. An error says what is accepted, and repeats nothing that could be a secret.
//! Does not promise: that the store exists.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::error::{Error, Result};

/// The forms that are accepted, for messages.
const ACCEPTED: &str = "a store's URL is one of `s3://BUCKET/PREFIX?endpoint=…&region=…`, `gcs://BUCKET/PREFIX`, \
`azblob://CONTAINER/PREFIX?account=…`, `webdav://HOST/PATH`, `webdavs://HOST/PATH`, `http://HOST/PATH`, `https://HOST/PATH`, \
`redis://HOST:PORT/DATABASE/PREFIX`, `rediss://HOST:PORT/DATABASE/PREFIX`, `ghac:///PREFIX` and `file:///PATH`";

/// The kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Amazon S3 and everything that speaks it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azblob,
    /// `WebDAV` over HTTP or HTTPS.
    Webdav,
    /// Redis, with TLS or without.
    Redis,
    /// The cache of GitHub Actions.
    Ghac,
    /// A directory, such as a mounted share.
    Fs,
}

impl Service {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "s3" => Some(Self::S3),
            "gcs" | "gs" => Some(Self::Gcs),
            "azblob" => Some(Self::Azblob),
            "webdav" | "webdavs" | "http" | "https" => Some(Self::Webdav),
            "redis" | "rediss" => Some(Self::Redis),
            "ghac" => Some(Self::Ghac),
            "file" => Some(Self::Fs),
            _ => None,
        }
    }

    /// Returns the options that a URL of this kind may have.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &["anonymous", "endpoint", "metadata", "profile", "region", "style"],
            Self::Gcs => &["anonymous", "endpoint", "metadata"],
            Self::Azblob => &["account", "anonymous", "endpoint", "metadata"],
            Self::Webdav | Self::Redis | Self::Ghac | Self::Fs => &[],
        }
    }

    /// Returns the name of the kind.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azblob => "azblob",
            Self::Webdav => "webdav",
            Self::Redis => "redis",
            Self::Ghac => "ghac",
            Self::Fs => "fs",
        }
    }

    /// Returns the places that credentials come from, for messages.
    pub(crate) fn variables(self) -> &'static str {
        match self {
            Self::S3 => {
                "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or the profile that `AWS_PROFILE` names, and let them list the bucket: to others, S3 answers 403 for what is not there"
            }
            Self::Gcs => "`GOOGLE_APPLICATION_CREDENTIALS`, or log in with `gcloud auth application-default login`",
            Self::Azblob => {
                "`AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_SAS_TOKEN`"
            }
            Self::Webdav | Self::Redis => {
                "`DEV_BIN_REMOTE_USERNAME` and `DEV_BIN_REMOTE_PASSWORD`, or `DEV_BIN_REMOTE_TOKEN` for WebDAV"
            }
            Self::Ghac => "`ACTIONS_RUNTIME_TOKEN` and `ACTIONS_RESULTS_URL`, which only steps of an action see",
            Self::Fs => "the permissions of the directory",
        }
    }
}

/// Where a store is.
#[derive(Clone)]
pub(crate) struct Address {
    /// The kind of store.
    pub(crate) service: Service,
    url: Url,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`Error::Config`], with what is accepted.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refused = |problem: String| Error::Config(format!("{problem}: {ACCEPTED}"));
        let url = Url::parse(text.trim()).map_err(|error| refused(format!("the store's URL is none ({error})")))?;
        let service =
            Service::of(url.scheme()).ok_or_else(|| refused(format!("no store is known by `{}://`", url.scheme())))?;
        for (name, value) in url.query_pairs() {
            if !service.options().contains(&&*name) {
                let known = service.options().iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "none".to_owned() } else { known };
                return Err(Error::Config(format!(
                    "a URL of `{}://` has no option `{name}`: its options are {known}",
                    url.scheme()
                )));
            }
            let flag = matches!(&*name, "metadata" | "anonymous");
            if (flag && value != "1") || (name == "style" && value != "path" && value != "virtual") {
                let values = if flag { "`1`" } else { "`path` or `virtual`" };
                return Err(Error::Config(format!("the option `{name}` of the store's URL is {values}")));
            }
        }
        let address = Self { service, url };
        address.check().map_err(refused)?;
        Ok(address)
    }

    fn check(&self) -> Result<(), String> {
        let host = self.url.host_str().is_some_and(|host| !host.is_empty());
        match self.service {
            Service::S3 | Service::Gcs | Service::Azblob if !host => {
                Err(format!("`{}://` needs a bucket", self.url.scheme()))
            }
            Service::Webdav | Service::Redis if !host => Err(format!("`{}://` needs a host", self.url.scheme())),
            Service::Fs if self.url.to_file_path().is_err() => Err("`file://` needs an absolute path".to_owned()),
            Service::S3 | Service::Gcs | Service::Azblob | Service::Fs | Service::Ghac
                if !self.url.username().is_empty() || self.url.password().is_some() =>
            {
                Err(format!("credentials of `{}://` come from the environment, not from the URL", self.url.scheme()))
            }
            _ => Ok(()),
        }
    }

    /// Returns an option's value.
    pub(crate) fn option(&self, name: &str) -> Option<String> {
        let found = self.url.query_pairs().find(|(found, _)| found == name);
        found.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
    }

    /// Returns true if an option is `1`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.option(name).is_some()
    }

    /// Returns the bucket, container, host or namespace.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Returns the path, decoded, without its first slash.
    pub(crate) fn prefix(&self) -> String {
        percent_decoded(self.url.path().trim_start_matches('/'))
    }

    /// Returns the directory of a `file://` URL.
    pub(crate) fn directory(&self) -> PathBuf {
        self.url.to_file_path().expect("`check` refuses others")
    }

    /// Returns the scheme, host and port that `WebDAV` or Redis is spoken at.
    pub(crate) fn origin(&self) -> String {
        let scheme = match self.url.scheme() {
            "webdav" => "http",
            "webdavs" => "https",
            scheme => scheme,
        };
        match self.url.port() {
            Some(port) => format!("{scheme}://{}:{port}", self.host()),
            None => format!("{scheme}://{}", self.host()),
        }
    }

    /// Returns the user's name and password in the URL.
    pub(crate) fn user(&self) -> (Option<String>, Option<String>) {
        let name = Some(percent_decoded(self.url.username())).filter(|name| !name.is_empty());
        (name, self.url.password().map(percent_decoded))
    }
}

/// Writes the URL without its user and its options.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        write!(formatter, "{url}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// Returns a text with `%41` and its like decoded.
fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_service_a_place_and_options() {
        for (url, service, host, prefix, label) in [
            (
                "s3://bucket/a/b?endpoint=http://127.0.0.1:9000&region=eu",
                Service::S3,
                "bucket",
                "a/b",
                "s3://bucket/a/b",
            ),
            ("s3://Bucket", Service::S3, "Bucket", "", "s3://Bucket"),
            ("gcs://bucket/p", Service::Gcs, "bucket", "p", "gcs://bucket/p"),
            ("gs://bucket/p", Service::Gcs, "bucket", "p", "gs://bucket/p"),
            ("azblob://c/p%20q?account=a", Service::Azblob, "c", "p q", "azblob://c/p%20q"),
            ("webdav://user:secret@host:81/dav", Service::Webdav, "host", "dav", "webdav://host:81/dav"),
            ("https://user:secret@host/dav", Service::Webdav, "host", "dav", "https://host/dav"),
            ("rediss://:secret@host:6380/3/p", Service::Redis, "host", "3/p", "rediss://host:6380/3/p"),
            ("ghac:///p", Service::Ghac, "", "p", "ghac:///p"),
            ("file:///srv/share", Service::Fs, "", "srv/share", "file:///srv/share"),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!((address.service, address.host(), &*address.prefix()), (service, host, prefix), "{url}");
            assert_eq!(address.to_string(), label, "{url}");
        }
    }

    #[test]
    fn an_origin_has_the_scheme_that_is_spoken() {
        for (url, origin) in [
            ("webdav://host/p", "http://host"),
            ("webdavs://host:8443/p", "https://host:8443"),
            ("http://host:81", "http://host:81"),
            ("redis://host", "redis://host"),
            ("rediss://[::1]:7000", "rediss://[::1]:7000"),
        ] {
            assert_eq!(Address::parse(url).expect(url).origin(), origin, "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_what_is_accepted_and_without_secrets() {
        for (url, problem) in [
            ("", "is none"),
            ("bucket/prefix", "is none"),
            ("ftp://user:secret@host/", "no store is known by `ftp://`"),
            ("s3:///prefix", "needs a bucket"),
            ("webdav:///path", "needs a host"),
            ("file://relative", "absolute path"),
            ("s3://key:secret@bucket/", "come from the environment"),
            ("s3://bucket?region=eu&secret_access_key=secret", "no option `secret_access_key`"),
            ("redis://host?password=secret", "no option `password`"),
            ("s3://bucket?metadata=yes", "option `metadata`"),
            ("s3://bucket?style=dns", "option `style`"),
        ] {
            let error = Address::parse(url).expect_err(url).to_string();
            assert!(error.contains(problem), "{url}: {error}");
            assert!(!error.contains("=secret") && !error.contains(":secret"), "{url}: {error}");
        }
    }
}
