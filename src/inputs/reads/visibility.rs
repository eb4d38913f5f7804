//! How much is known of the reads of a run.
//!
//! Promises: a run that was not observed when it ran last is opaque.
//! Does not promise: to know what an opaque run has read.

use super::observation::LastObserved;
use crate::observer::KnownReads;

/// Variables whose value is the path of the package's directory, or of a file in it.
pub(super) const DIRECTORY_VARIABLES: &[&str] = &["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];

/// The extent to which a run was seen.
pub(super) struct Visibility {
    pub(super) observed: LastObserved,
    /// The reason why the run is opaque, if it is.
    pub(super) opaque: Option<String>,
    /// True if it asked for the directory that it runs in, as far as is known.
    pub(super) asking_for_directory: bool,
}

impl Visibility {
    pub(super) fn of(seen: Option<KnownReads<'_>>) -> Self {
        let Some(KnownReads { reads, is_current: true }) = seen else {
            return Self {
                observed: if seen.is_some() { LastObserved::Before } else { LastObserved::Never },
                opaque: Some("it ran when no build was observed".to_owned()),
                asking_for_directory: true,
            };
        };
        let asks = DIRECTORY_VARIABLES.iter().any(|name| reads.variables.contains(*name));
        Self {
            observed: LastObserved::Last,
            opaque: reads.opaque.clone(),
            asking_for_directory: reads.asked_for_directory || asks,
        }
    }
}
