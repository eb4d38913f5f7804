//! Looks at the files of a checkout.
//!
//! Promises: one `stat` for each file that has not changed, and one read for each that has. `walk` lists what counts,
//! `content` reads it, `snapshot` keeps both, and `refresh` brings a snapshot up to date.
//! Does not promise: to know what a build reads. `crate_scope` narrows a look to the packages of a path set.

pub(crate) mod cachedir;
pub(crate) mod content;
pub(crate) mod crate_scope;
pub(crate) mod directory;
pub(crate) mod exclude;
pub(crate) mod listing;
pub(crate) mod place;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
pub(crate) mod records;
#[cfg(unix)]
pub(crate) mod refresh;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
pub(crate) mod snapshot;
pub(crate) mod subject;
pub(crate) mod sweep;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
pub(crate) mod threads;
pub(crate) mod walk;
pub(crate) mod walk_state;
