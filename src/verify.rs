//! Builds once more, from nothing, and compares the result with the entry.
//!
//! Promises: the comparison is with a build in a target directory that no other build has used, from inputs that did not
//! change meanwhile. If the results differ, a second such build tells whether two fresh builds agree at all.
//! Does not promise: to be quick. It takes as long as a cold build, or two.

use crate::call::Call;
use crate::cargo;
use crate::error::{Error, Result};
use crate::freshness::TargetRecord;
use crate::in_process::{self, Moment};
use crate::inputs;
use crate::model::differences;
use crate::model::event::MissReason;
use crate::model::fingerprint::Digest;
use crate::request::{Builder, Request};
use crate::resolve::{DevBinary, get_dev_binary};
use crate::runtime::Needs;
use crate::search::Search;
use crate::store::{LockName, Staged};

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The entry equals a fresh build.
    Equal,
    /// Two fresh builds differ, so nothing follows from the entry being different.
    NotReproducible,
    /// Two fresh builds agree, and the entry differs.
    Stale,
}

/// A comparison and its evidence.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The result.
    pub verdict: Verdict,
    /// The entry; it was built first if there was none.
    pub binary: DevBinary,
    /// SHA-256 of the fresh builds, in order.
    pub fresh: Vec<Digest>,
}

/// Compares the entry of `request` with fresh builds.
///
/// # Errors
///
/// The errors of [`get_dev_binary`]; [`Error::ChangedDuringBuild`] if the inputs changed during the comparison.
pub fn verify(request: &Request, call: &Call<'_>) -> Result<Verification> {
    let binary = get_dev_binary(request, call)?;
    let search = Search::begin(request, call)?;
    search.store.prepare()?;
    let _turn = in_process::take_turn(&search.root, call.cancellation, call.emit)?;
    let before = search.everything(Moment::now())?;
    let asked = search.for_cargo(&before)?;
    let mut fresh = vec![fresh_build(&search, &asked, "target")?];
    let is_equal = fresh[0].is_same(&binary.entry.manifest);
    if !is_equal {
        // The second build is at another depth, so that two builds do not agree merely because of where they lie.
        fresh.push(fresh_build(&search, &asked, "another/target")?);
    }
    let changed = differences::between(&before, &search.everything(Moment::now())?);
    if !changed.is_empty() {
        let paths = changed.iter().map(MissReason::summary).collect();
        return Err(Error::ChangedDuringBuild { attempts: 1, paths });
    }
    let verdict = match fresh.as_slice() {
        [_] => Verdict::Equal,
        [one, other] if one.equals(other) => Verdict::Stale,
        _ => Verdict::NotReproducible,
    };
    if verdict == Verdict::Stale {
        // The cause of the stale binary is still in the target directory, and cargo takes it for fresh.
        let target = inputs::target_directory(&search.root, &request.env)?;
        let why = "a build from nothing gave another binary".to_owned();
        search.store.keep_record(&target, &TargetRecord::distrusting(why))?;
    }
    let fresh = fresh.iter().map(Staged::sha256).collect();
    Ok(Verification { verdict, binary, fresh })
}

/// Builds in a target directory of its own, which is removed afterwards. Returns the result in the form in which it would be
/// published.
fn fresh_build(search: &Search<'_>, request: &Request, below: &str) -> Result<Staged> {
    let Search { root, call, store, .. } = search;
    let target = store.private_directory()?;
    let zig = request.builder == Builder::Zigbuild;
    let _lock = zig.then(|| store.lock(LockName::Zigbuild, call.cancellation, call.emit)).transpose()?;
    let built =
        cargo::build(&request.building_in(&target.path().join(below)), root, &[], None, call.cancellation, call.emit)?;
    let Needs { companions, .. } = Needs::of(&built.units, &built.siblings, root)?;
    let staged = store.stage(&built.executable, &built.stat, &companions, &[])?;
    staged.ok_or_else(|| Error::unreadable(&built.executable, std::io::ErrorKind::NotFound.into()))
}
