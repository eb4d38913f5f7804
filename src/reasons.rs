//! Finds the reasons why the cache has no entry for the inputs of a call.
//!
//! Promises: the inputs are compared with those of the nearest earlier build: one in this checkout, or else one in another
//! checkout of the same repository. To tell the versions of a program that was not there at that build, the program is asked
//! for its version.
//! Does not promise: every difference. A build of other inputs may lie between.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::cargo;
use crate::error::Result;
use crate::inputs::Kinship;
use crate::model::differences;
use crate::model::event::{Event, MissReason};
use crate::model::inventory::Inventory;
use crate::request::Scope;
use crate::search::{Search, Survey};
use crate::store::{Earlier, LookUp};

/// The number of builds of other checkouts that are compared with the inputs here. Each comparison may look at all of them.
const MOST_COMPARED: usize = 8;

impl Search<'_> {
    /// Returns the reasons why the cache has no entry for `survey`.
    pub(crate) fn reasons(&self, survey: &Survey, found: &LookUp) -> Result<Vec<MissReason>> {
        if self.request.rebuild {
            return Ok(vec![MissReason::Rebuild]);
        }
        if let LookUp::Damaged(detail) = found {
            return Ok(vec![MissReason::Corrupt { detail: detail.clone() }]);
        }
        let earlier = self.earlier();
        let bound = self.bound(survey, &earlier)?;
        let is_own = |earlier: &&Earlier| earlier.manifest.knows(&self.root);
        // A bond to another checkout says more than the differences from that checkout's other builds.
        let nearest = earlier.iter().filter(|it| bound.is_none() || is_own(it)).find_map(Earlier::inventory);
        let Some(before) = nearest else { return Ok(vec![bound.unwrap_or(MissReason::FirstBuild)]) };
        let mut now = self.as_before(survey, &before)?;
        cargo::name_versions(&mut now.tools, &before.tools, self.request, &self.root, self.call.cancellation);
        let mut reasons = differences::between(&before, &now);
        let unknown = before.path_set.unknown.map(|detail| MissReason::UnknownReads { detail });
        reasons.extend(unknown);
        if let Some(program) = survey.hiding_program() {
            let program = program.display();
            let message = format!(
                "`{program}` does not tell which toolchain is behind it, so cargo runs each time; \
                 `RUSTC` and `PATH` can name the toolchain's own programs instead"
            );
            (self.call.emit)(Event::Warning { message });
            let (tool, to) = ("rustc".to_owned(), Some("unknown".to_owned()));
            reasons.push(MissReason::Toolchain { tool, from: None, to });
        }
        reasons.extend(bound);
        if reasons.is_empty() {
            let detail =
                "names of what it read are kept for the last few builds, and these are not among them".to_owned();
            reasons.push(MissReason::UnknownReads { detail });
        }
        Ok(reasons)
    }

    /// Returns the earlier builds in this checkout, and then those in other checkouts of the same repository. A build that
    /// has nothing but names in common with this one says nothing.
    fn earlier(&self) -> Vec<Earlier> {
        let mut earlier = self.store.earlier(self.request, &self.root);
        let kinship = OnceCell::new();
        let is_akin = |Earlier { manifest, .. }: &Earlier| {
            let kinship = || kinship.get_or_init(|| Kinship::of(&self.root));
            manifest.knows(&self.root) || manifest.commit.as_ref().is_some_and(|commit| kinship().has(commit))
        };
        earlier.retain(is_akin);
        earlier
    }

    /// Returns a reason if another checkout has built the same request from the same inputs, and its binary is not shared.
    fn bound(&self, survey: &Survey, earlier: &[Earlier]) -> Result<Option<MissReason>> {
        let asked = self.request.inputs();
        let is_asked = |Earlier { manifest, .. }: &&Earlier| !manifest.knows(&self.root) && manifest.request == asked;
        for other in earlier.iter().filter(is_asked).take(MOST_COMPARED) {
            let Some(before) = other.inventory().filter(|before| before.path_set.unknown.is_none()) else { continue };
            let now = self.inventory_under(survey, &before.path_set)?;
            if before.location != now.location && differences::between(&before, &now).is_empty() {
                let checkout = other.manifest.checkout.clone();
                let bound_by: Vec<String> = before.path_set.bound_by.into_iter().collect();
                let remapped = || vec!["`--remap-path-prefix` makes something else of its path".to_owned()];
                let bound_by = if bound_by.is_empty() { remapped() } else { bound_by };
                return Ok(Some(MissReason::Bound { checkout, bound_by }));
            }
        }
        Ok(None)
    }

    /// Returns the inputs now of everything that counted `before`, in the scope that counted then.
    fn as_before(&self, survey: &Survey, before: &Inventory) -> Result<Inventory> {
        let mut like_before = Cow::Borrowed(self.request);
        if let Some(scope) = before.request.get("scope").and_then(|name| Scope::named(name))
            && scope != self.request.scope
        {
            like_before.to_mut().scope = scope;
        }
        self.inventory_under_as(&like_before, survey, &before.path_set)
    }
}
