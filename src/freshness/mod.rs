//! Finds runs whose earlier results cargo kept as fresh though an input has changed.
//!
//! cargo compares times: a changed file counts as fresh if its modification time is not newer than the last build
//! (rust-lang/cargo#8100, #7982, #9312, #5918). It does not follow `[env]` of its own configuration into `option_env!` and
//! build scripts (#10358, #13280). From a target directory that two checkouts share, it can take the other one's build
//! (#17312, #7740). Of programs, it looks at rustc's version alone (#9348). It does not see an undeclared read of a build
//! script, a procedural macro or a linker (#12502).
//!
//! A record of each build tells what every run read. It vouches for a run as long as the file that the run wrote keeps its
//! stat identity. If the file has another one, another program may have built it.
//!
//! Promises: a run that cargo kept is doubted in each of these cases:
//!
//! - Its record vouches, and differs from now in anything that the run reads, in a program that builds, in a file that
//!   configuration or flags name, or in a variable that steers builds, unless another run is known to read the variable. If
//!   the run is a build script, or its package may read undeclared files, it must itself be known to read it: the record
//!   has the values of what a run is known to read.
//! - No record vouches, it is a local build script, and a variable steers builds that it does not declare: the program that
//!   built it may have had another value.
//! - Its record vouches, the run is opaque, and a file of its package that no run names has changed. In scope `tree`, this
//!   extends to all files that no run names and to the commits at HEAD.
//! - Its record vouches, the scope is `tree`, and the run was seen to read git's state, which has changed.
//! - No record vouches, since another program built it, and an input was changed when the run began or later, by the change
//!   time, which no program can set. The same holds if the target directory lies outside the checkout, or if another rustc
//!   or wrapper ran there last.
//! - Its record vouches, and the run was recorded when builds were not observed, and they are now.
//! - No record vouches, builds are observed, and the run may have read more than it declares since it was last observed.
//! - It belongs to a local package, and the target directory has been moved since it ran.
//! - The run of another package has overwritten the library that it wrote.
//! - The record of the target directory says that nothing in it can be relied on, as after a verification that found a stale
//!   binary.
//! - It is a build script, and an input was written to while it ran in an earlier build of the same call.
//!
//! Does not promise: to doubt a run for the change of something that is no input.

mod doubt;
mod record;
#[cfg(test)]
mod tests;
mod undeclared;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

pub(crate) use self::doubt::Doubt;
pub(crate) use self::record::Present;
pub use self::record::{BuildRecord, TargetRecord};
use self::record::{RunRecord, Surroundings};
use self::undeclared::Files;
use crate::fs::identity;
use crate::inputs::{LastObserved, Observation, PackageReads, Run};
use crate::model::marks::{Marked, unmarked};
use crate::model::portable_path::{PortablePath, normalized};
use crate::model::tree::TreePath;
use crate::request::Scope;

/// The roles of programs whose version cargo does not ask for.
const UNVERSIONED: [&str; 3] = ["rustc wrapper", "workspace wrapper", "linker"];

/// A finished build, and everything that tells whether it can be relied on.
pub(crate) struct Audit<'a> {
    pub(crate) record: &'a BuildRecord,
    /// The reason why nothing in the target directory can be relied on.
    pub(crate) distrusted: Option<&'a str>,
    pub(crate) observation: &'a Observation,
    pub(crate) present: &'a Present<'a>,
    pub(crate) began: SystemTime,
    /// The paths that are known to have changed, to name one in a reason.
    pub(crate) changed: &'a [String],
    /// True if the cargo that last ran in the target directory ran another rustc, or another wrapper of it.
    pub(crate) is_other_rustc: bool,
    /// True if builds are observed.
    pub(crate) is_observing: bool,
    /// Files that were written to during earlier builds of the same call.
    pub(crate) disturbed: &'a [TreePath],
}

impl Audit<'_> {
    /// Returns a doubt for each package that cargo took for fresh wrongly.
    pub(crate) fn doubts(&self) -> Vec<Doubt> {
        if let Some(why) = self.distrusted {
            return Doubt::of_all(self.observation, why.to_owned());
        }
        let kept = || {
            let packages = self.observation.packages.values();
            packages.flat_map(|reads| reads.runs.iter().map(move |run| (reads, run)))
        };
        let kept = || kept().filter(|(_, run)| !run.ran_since(self.began));
        if let Some(reason) = kept().find_map(|(_, run)| self.steered_otherwise(run)) {
            return Doubt::of_all(self.observation, reason);
        }
        let doubt = |reads: &PackageReads| {
            let mut kept = reads.runs.iter().filter(|run| !run.ran_since(self.began));
            let reason = kept.find_map(|run| self.doubt(run, reads))?;
            Some(Doubt { packages: vec![reads.package.clone()], is_everything: false, reason })
        };
        self.observation.packages.values().filter_map(doubt).collect()
    }

    /// Returns the record of `run`, if the file that the run wrote has kept its stat identity.
    fn vouching(&self, run: &Run, now: &RunRecord) -> Option<&RunRecord> {
        self.record.runs.get(&run.last_written).filter(|then| then.last_written == now.last_written)
    }

    /// Returns the reason to doubt all packages, if a run that cargo kept would be another one now whatever it reads.
    fn steered_otherwise(&self, run: &Run) -> Option<String> {
        let written = crate::fs::identity::StatIdentity::of(&run.last_written.metadata().ok()?).but_for_links();
        let then = self.record.runs.get(&run.last_written).filter(|then| then.last_written == written);
        let Some(then) = then else {
            if self.is_other_rustc {
                return Some("another rustc, or another wrapper of it, ran in the target directory last".to_owned());
            }
            let written = modified(&run.last_written)?;
            let changed = |path: &str| changed_after(Path::new(path), written);
            // rustc is left out: it has a version, which cargo asks for.
            let mut tools = UNVERSIONED.into_iter().filter_map(|role| self.present.known.tools.get_key_value(role));
            let role = tools.find(|(_, tool)| changed(&tool.path)).map(|(role, _)| format!("the {role}"));
            let mut files = self.present.surroundings.files.keys();
            let is_changed = |place: &&PortablePath| changed_after(&place.on_disk(self.present.root), written);
            let what = role.or_else(|| files.find(is_changed).map(|place| place.0.to_string()))?;
            return Some(format!("{what} was changed after it"));
        };
        let then = self.record.surroundings.get(&then.surroundings)?;
        let now = &self.present.surroundings;
        if let Some(role) = differing(&then.programs, &now.programs) {
            return Some(format!("the {role} is not the one it was built with"));
        }
        if let Some(place) = differing(&then.files, &now.files) {
            return Some(format!("{} is not what it was built with", place.0));
        }
        // The records of the runs that are known to read a variable tell its value.
        let is_known = |name: &str| self.observation.packages.values().any(|reads| reads.reads_variable(name));
        let variable = steering(then, now).find(|name| !is_known(name))?;
        Some(format!("{variable} is not what it was built with"))
    }

    fn doubt(&self, run: &Run, reads: &PackageReads) -> Option<String> {
        if let Some(path) = self.disturbed.iter().find(|path| self.is_written_during(path, run)) {
            return Some(format!("{path} was written to while its build script ran before"));
        }
        if let Some(then) = run.moved_from.as_ref().filter(|_| reads.is_local) {
            return Some(format!("it was built in `{}`, from where the target directory was moved", then.display()));
        }
        if run.is_overwritten {
            return Some(format!(
                "`{}` was built from another package that has the same name for it",
                run.last_written.display()
            ));
        }
        let now = self.present.record(run, reads)?;
        match self.vouching(run, &now) {
            Some(then) => then
                .differs_from(&now)
                .or_else(|| self.may_have_read(run, reads, then, &now))
                .or_else(|| self.reason_if_never_observed(run, reads)),
            None if reads.is_local || !run.files.is_empty() => {
                self.reason_if_unobserved(run, reads).or_else(|| self.reason_if_unvouched(run, reads))
            }
            None => self.configured_since(run),
        }
    }

    /// Returns the reason if a run was recorded when builds were not observed, and they are now.
    fn reason_if_never_observed(&self, run: &Run, reads: &PackageReads) -> Option<String> {
        let may_hide = run.observed == LastObserved::Never && (run.is_script || self.may_read_more(reads));
        (self.is_observing && reads.is_local && may_hide)
            .then(|| "it was built when builds were not observed, and nothing tells all that it read".to_owned())
    }

    /// True if the package has files that no run names.
    fn may_read_more(&self, reads: &PackageReads) -> bool {
        self.present.undeclared.in_package(&reads.package.id).digest.is_some()
    }

    /// Returns the reason if a run without a record may have read more than is known. Built again, it is observed.
    fn reason_if_unobserved(&self, run: &Run, reads: &PackageReads) -> Option<String> {
        let names_files_for_linker = || self.present.linked(run).next().is_some();
        let may_hide = match run.observed {
            LastObserved::Last => false,
            LastObserved::Before => run.reads_undeclared,
            LastObserved::Never => self.may_read_more(reads) || names_files_for_linker(),
        };
        (self.is_observing && reads.is_local && may_hide)
            .then(|| "another program built it, and nothing tells all that it read".to_owned())
    }

    /// True if a build script may have read the file at `path` before it was written to, whether it declares that read or
    /// not. A file that is gone counts, and so does each file if the time of the script is unknown.
    fn is_written_during(&self, path: &TreePath, run: &Run) -> bool {
        let path = PortablePath(path.clone()).on_disk(self.present.root);
        let changed = |since| changed_after(&path, since) || !identity::put_in_place_since(&path, since).is_empty();
        let during = |(began, ended)| !changed(ended) && changed(began);
        run.is_script && (!path.exists() || run.span.is_none_or(during))
    }

    /// Returns the reason if an input has changed that a run may have read without declaring it.
    fn may_have_read(&self, run: &Run, reads: &PackageReads, then: &RunRecord, now: &RunRecord) -> Option<String> {
        let unsaid = |what: String| format!("{what}, and nothing tells whether it was read");
        if run.opaque.is_some() && then.undeclared != now.undeclared {
            return Some(unsaid(self.named(self.present.undeclared.in_package(&reads.package.id))));
        }
        let may_read_anything = run.is_script || self.may_read_more(reads);
        if may_read_anything
            && let Some(then) = self.record.surroundings.get(&then.surroundings)
            && let Some(name) = steering(then, &self.present.surroundings).find(|name| !run.variables.contains(*name))
        {
            return Some(unsaid(format!("{name} changed")));
        }
        if self.present.scope == Scope::Crate {
            return None;
        }
        if then.git_state != now.git_state {
            let differing = then.git_state.as_ref().zip(now.git_state.as_ref());
            let place = differing.and_then(|(then, now)| self::differing(then, now));
            return Some(format!(
                "{} is not what was built",
                place.map_or("HEAD".to_owned(), |place| place.0.to_string())
            ));
        }
        let is_opaque = run.opaque.is_some();
        if is_opaque && then.everywhere != now.everywhere {
            return Some(unsaid(self.named(self.present.undeclared.everywhere(&reads.package.id))));
        }
        (is_opaque && then.heads != now.heads).then(|| unsaid("HEAD moved".to_owned()))
    }

    /// Describes a change of `files`, with the name of one that is known to have changed.
    fn named(&self, files: &Files) -> String {
        let root = self.present.root;
        let known = self.changed.iter().find(|path| files.paths.contains(&root.join(path)));
        let known = known.or_else(|| self.changed.first().filter(|path| !root.join(path).exists()));
        known.map_or_else(|| "a file changed".to_owned(), |path| format!("{path} changed"))
    }

    /// Returns the reason to doubt a run for which no record vouches.
    fn reason_if_unvouched(&self, run: &Run, reads: &PackageReads) -> Option<String> {
        let root = self.present.root;
        // Links are resolved: `target` may be a link to a directory in which other checkouts build.
        let resolved = dunce::canonicalize(&run.last_written).unwrap_or_else(|_| run.last_written.clone());
        if !resolved.starts_with(root) {
            let directory = resolved.parent().unwrap_or(&resolved);
            return Some(format!("another checkout may have built in `{}`", directory.display()));
        }
        let written = modified(&run.last_written)?;
        // The run may have read a file early and written its output late. So changes count from its beginning.
        let began = run.span.map_or(written, |(began, _)| began);
        let changed = |path: &Path| changed_within(path, began) || self.was_moved(path, reads, written);
        let linked = self.present.linked(run).map(|(place, _)| place);
        let places: BTreeSet<PortablePath> = self.present.places(run, reads).into_iter().chain(linked).collect();
        if let Some(place) = places.into_iter().find(|place| changed(&place.on_disk(root))) {
            return Some(format!("{} was changed after the last build", place.0));
        }
        let files = self.present.undeclared.in_package(&reads.package.id).paths.iter();
        if let Some(path) = files.into_iter().find(|path| changed(path)) {
            let place = PortablePath::of(path, root).0;
            return Some(format!("{place} was changed after the last build, and nothing tells whether it was read"));
        }
        if let Some(reason) = self.unvouched_in_tree(reads, began, &changed) {
            return Some(reason);
        }
        let mut steering = self.present.surroundings.variables.keys();
        let undeclared = || steering.find(|name| !run.declared_variables.contains(*name));
        if let Some(name) = (reads.is_local && run.is_script).then(undeclared).flatten() {
            return Some(format!("{name} may not be what it was built with"));
        }
        self.configured_since(run)
    }

    /// Returns the reason in scope `tree`: a file of another package that no run names, or a commit.
    fn unvouched_in_tree(
        &self,
        reads: &PackageReads,
        began: SystemTime,
        changed: &dyn Fn(&Path) -> bool,
    ) -> Option<String> {
        let files = self.present.undeclared.everywhere(&reads.package.id);
        if self.present.scope == Scope::Crate || files.digest.is_none() {
            return None;
        }
        if let Some(path) = files.paths.iter().find(|path| changed(path)) {
            let place = PortablePath::of(path, self.present.root).0;
            return Some(format!("{place} was changed after the last build, and nothing tells whether it was read"));
        }
        let has_moved = self.present.head_files().iter().any(|path| changed_after(path, began));
        has_moved.then(|| "HEAD may have moved after the last build, and nothing tells whether it was read".to_owned())
    }

    /// True if `path` came to its place at `written` or later, together with a directory that was moved.
    fn was_moved(&self, path: &Path, reads: &PackageReads, written: SystemTime) -> bool {
        // Moving a directory leaves the times of the files in it as they were.
        let (root, directory) = (self.present.root, normalized(&reads.package.directory));
        let path = normalized(path);
        let is_ours = |above: &Path| above != root && (above.starts_with(&directory) || above.starts_with(root));
        let mut above = path.ancestors().skip(1).take_while(|above| is_ours(above));
        above.any(|above| changed_after(above, written))
    }

    fn configured_since(&self, run: &Run) -> Option<String> {
        let written = modified(&run.last_written)?;
        let configured = |name: &&String| {
            self.present.configured.get(*name).is_some_and(|configured| changed_after(&configured.file, written))
        };
        run.variables.iter().find(configured).map(|name| format!("{name} may not be what was built with"))
    }
}

/// Returns the steering variables that differ.
fn steering<'s>(then: &'s Surroundings, now: &'s Surroundings) -> impl Iterator<Item = &'s String> {
    let names: BTreeSet<_> = then.variables.keys().chain(now.variables.keys()).collect();
    names.into_iter().filter(|name| then.variables.get(*name) != now.variables.get(*name))
}

/// Returns the first key for which two maps differ.
fn differing<'m, K: Ord, V: PartialEq>(one: &'m BTreeMap<K, V>, other: &'m BTreeMap<K, V>) -> Option<&'m K> {
    one.keys().chain(other.keys()).find(|key| one.get(key) != other.get(key))
}

/// Describes a change of the input at `path`, which is not only a file.
fn changed_besides(path: &TreePath) -> String {
    let name = unmarked(path);
    match Marked::of(path) {
        Marked::Directory => format!("other names are in {name}"),
        Marked::Link => format!("{name} is gone or leads elsewhere"),
        Marked::Program => format!("`{name}` is found elsewhere"),
        Marked::System | Marked::File => format!("{name} is not what was built with"),
    }
}

impl RunRecord {
    fn differs_from(&self, now: &Self) -> Option<String> {
        if let Some(checkout) = self.checkout.as_ref().filter(|_| self.checkout != now.checkout) {
            return Some(format!("`{}` was built there last", checkout.display()));
        }
        if let Some(place) = differing(&self.files, &now.files).or_else(|| differing(&self.linked, &now.linked)) {
            return Some(format!("{} is not what was built", place.0));
        }
        if let Some(place) = differing(&self.seen, &now.seen) {
            return Some(changed_besides(&place.0));
        }
        let variable = differing(&self.variables, &now.variables)?;
        Some(format!("{variable} is not what was built with"))
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// True if a file, or anything in a directory, was changed at `moment` or later.
fn changed_within(path: &Path, moment: SystemTime) -> bool {
    let below = || std::fs::read_dir(path).into_iter().flatten().flatten();
    changed_after(path, moment) || (path.is_dir() && below().any(|entry| changed_within(&entry.path(), moment)))
}

/// True if a file or directory was changed at `moment` or later, by its change time, which no program can set.
#[cfg(unix)]
fn changed_after(path: &Path, moment: SystemTime) -> bool {
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, UNIX_EPOCH};
    path.metadata().is_ok_and(|metadata| {
        let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
        let rest = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        UNIX_EPOCH + Duration::new(seconds, rest) >= moment
    })
}

/// False: Windows tells programs no change time. Only records are used there.
#[cfg(not(unix))]
fn changed_after(_: &Path, _: SystemTime) -> bool {
    false
}
