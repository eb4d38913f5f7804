//! Asks cargo about its workspace.
//!
//! Promises: nothing is fetched for dependencies, which are left out.
//! Does not promise: an answer. cargo may fail.

use std::path::Path;

use cargo_metadata::{Metadata, MetadataCommand};

use super::{command, process};
use crate::error::Result;
use crate::model::build_units::BuildDirectories;
use crate::model::cancellation::Cancellation;
use crate::request::Request;

/// Returns the workspace at `root` without its dependencies; none if cargo does not tell.
pub(super) fn metadata(request: &Request, root: &Path, cancellation: &Cancellation) -> Result<Option<Metadata>> {
    let mut cargo = command::cargo(request, root);
    cargo.args(command::metadata_arguments(request));
    let printed = process::capture(cargo, cancellation)?;
    Ok(printed.and_then(|json| MetadataCommand::parse(std::str::from_utf8(&json).ok()?).ok()))
}

/// Returns the directories that cargo writes to; none if cargo does not tell. A cargo before 1.91 has one directory for
/// both.
#[must_use]
pub fn directories(request: &Request, root: &Path, cancellation: &Cancellation) -> Option<BuildDirectories> {
    let metadata = metadata(request, root, cancellation).ok()??;
    let target = metadata.target_directory.into_std_path_buf();
    let build = metadata.build_directory.map_or_else(|| target.clone(), Into::into);
    Some(BuildDirectories { target, build })
}
