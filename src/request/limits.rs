//! The limits of a cache: its size, and the age of its entries.
//!
//! Promises: sizes and ages are understood the way people type them (`5GiB`, `500MB`, `30d`, `12h`). A value that is not
//! understood is an error that names the option or the variable and shows valid values. Units are those of the libraries
//! that parse them: `K`, `M`, `G` and `kB`, `MB`, `GB` are powers of 1000, `KiB`, `MiB`, `GiB` of 1024.
//! Does not promise: that a cache is ever that small. Entries in use stay.

use std::time::Duration;

use bytesize::ByteSize;

use super::environment::Environment;
use crate::error::{Error, Result};

/// The default size limit: 5 GiB.
pub const DEFAULT_MAX_SIZE: u64 = 5 * 1024 * 1024 * 1024;
/// The default age limit: 30 days.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The word for no limit at all.
const NO_LIMIT: &str = "none";

/// The limits that pruning enforces, except on entries in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size limit in bytes on disk; none for no limit.
    pub max_size: Option<u64>,
    /// The time that an entry is kept after its last use; none for ever.
    pub max_age: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_size: Some(DEFAULT_MAX_SIZE), max_age: Some(DEFAULT_MAX_AGE) }
    }
}

impl Limits {
    /// Reads the limits from the options `maxSize` and `maxAge`, or else from the variables `DEV_BIN_MAX_SIZE` and
    /// `DEV_BIN_MAX_AGE`, or else takes the default.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a value that is no size or no age.
    pub fn chosen(max_size: Option<&str>, max_age: Option<&str>, env: &Environment) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            max_size: match given("maxSize", max_size, "DEV_BIN_MAX_SIZE", env) {
                Some((name, text)) => limit(name, text, size)?,
                None => default.max_size,
            },
            max_age: match given("maxAge", max_age, "DEV_BIN_MAX_AGE", env) {
                Some((name, text)) => limit(name, text, age)?,
                None => default.max_age,
            },
        })
    }
}

fn given<'a>(
    option: &'static str,
    value: Option<&'a str>,
    variable: &'static str,
    env: &'a Environment,
) -> Option<(&'static str, &'a str)> {
    value.map(|value| (option, value)).or_else(|| env.word(variable).map(|value| (variable, value)))
}

fn limit<T>(name: &'static str, text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>> {
    if text.trim().eq_ignore_ascii_case(NO_LIMIT) {
        return Ok(None);
    }
    parse(text.trim()).map(Some).map_err(|problem| Error::option(name, problem))
}

fn size(text: &str) -> Result<u64, String> {
    let parsed: Result<ByteSize, _> = text.parse();
    let wrong = || format!("{text:?} is not a size; write it as `5GiB` or `500MB`, or `none` for no limit");
    parsed.map(|size| size.as_u64()).map_err(|_| wrong())
}

fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not an age; write it as `30d`, `12h` or `90min`, or `none` for no limit");
    match text {
        "0" => Ok(Duration::ZERO),
        _ => humantime::parse_duration(text).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(max_size: &str, max_age: &str) -> Result<Limits> {
        Limits::chosen(Some(max_size), Some(max_age), &Environment::default())
    }

    #[test]
    fn sizes_and_ages_are_read_as_people_type_them() {
        for (text, bytes) in [
            ("5GiB", 5 << 30),
            ("5 GiB", 5 << 30),
            ("5gib", 5 << 30),
            ("500MB", 500_000_000),
            ("500mb", 500_000_000),
            ("1.5GiB", 3 << 29),
            ("2K", 2000),
            ("10kB", 10_000),
            ("1TiB", 1 << 40),
            ("4096", 4096),
            ("4096B", 4096),
            ("0", 0),
        ] {
            assert_eq!(chosen(text, "1d").unwrap().max_size, Some(bytes), "{text}");
        }
        for (text, seconds) in [
            ("30d", 30 * 86_400),
            ("30 days", 30 * 86_400),
            ("12h", 12 * 3600),
            ("90min", 90 * 60),
            ("90m", 90 * 60),
            ("1d 12h", 36 * 3600),
            ("2w", 14 * 86_400),
            ("45s", 45),
            ("0", 0),
        ] {
            assert_eq!(chosen("1", text).unwrap().max_age, Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(chosen("none", " None ").unwrap(), Limits { max_size: None, max_age: None });
    }

    #[test]
    fn what_is_no_size_or_age_is_refused_by_name() {
        for bad in ["", "big", "-1", "5 parsecs", "GiB", "NaN", "1e400GiB"] {
            let error = chosen(bad, "1d").unwrap_err().to_string();
            assert!(error.contains("`maxSize`") && error.contains("5GiB"), "{bad}: {error}");
        }
        for bad in ["", "30", "old", "-1d", "1 fortnight", "99999999999999999999d"] {
            let error = chosen("1", bad).unwrap_err().to_string();
            assert!(error.contains("`maxAge`") && error.contains("30d"), "{bad}: {error}");
        }
    }
}
