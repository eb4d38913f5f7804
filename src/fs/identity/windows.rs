//! The answers of Windows about files.

use std::fs::Metadata;
use std::os::windows::fs::MetadataExt;

use super::stat_identity::{FileId, StatIdentity};

/// Every time that Windows tells programs can be set, so that no identity settles.
pub(super) const SETTLES_AFTER_NS: Option<i64> = None;

/// The attribute that tells a directory from a file.
pub(super) const FILE_TYPE: u32 = 0x10;

pub(super) fn identity(metadata: &Metadata) -> StatIdentity {
    let hundreds_of_ns = i64::try_from(metadata.last_write_time()).unwrap_or(i64::MAX);
    StatIdentity {
        mode: metadata.file_attributes(),
        size: metadata.file_size(),
        modified_ns: hundreds_of_ns.saturating_mul(100),
        ..StatIdentity::default()
    }
}

/// The number of a file needs an open handle here.
pub(super) fn file_id(_: &Metadata) -> Option<FileId> {
    None
}

pub(super) fn bytes_on_disk(metadata: &Metadata) -> u64 {
    metadata.len()
}

/// No identity settles, so that no clock is compared.
pub(super) fn steady_ns() -> i64 {
    0
}
