//! Removes entries that are not needed any more.
//!
//! Promises: entries go until the limits hold, the least recently used first. These stay: an entry that was used within the
//! last hour, one that a process runs (see [`super::running`]), one that a lock protects, and the newest entry of each
//! binary of each checkout that exists. If the cache is over its size, a superseded entry goes before its hour is over (see
//! [`super::superseded`]), unless a process was just served it (see [`super::lease`]). One process prunes at a time, so
//! that no two remove the same. A process that is killed at any instruction leaves a valid cache. A dry run reports what
//! the same call would remove.
//! Does not promise: that the limits hold, if the entries that must stay are larger. To keep a binary for a process that
//! learned its path hours ago, or that starts it at the very moment of its removal. A process that runs goes on without its
//! file.
//!
//! A call that is served an entry finds it. A pruning process renames the manifest first, then checks the time of use
//! again, and puts the manifest back if it has changed. A serving process records its use before it checks that the
//! manifest is still there ([`Store::claim`]). So at least one of the two notices the other.
//!
//! Processes are listed after the times of use were read. A process runs only the entries that it was served, and each was
//! recorded as used then. If that was before the times were read, the entry counts as recent. If it was after, the time
//! differs when it is checked again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::contents::{Contents, Held};
use super::directory::Store;
use super::disk::{Ledger, current, is_gone};
use super::entry::NOTED_EVERY;
use super::layout::{inputs_path, libraries_beside, manifest_path, with_suffix};
use super::lease;
use super::leftovers::Beside;
use super::lock::Lock;
use super::pruning::{Pruned, Pruning, Reason, Removed};
use super::root::is_tagged;
use super::running::Processes;
use super::superseded::superseded;
use crate::error::Result;
use crate::model::cancellation::Cancellation;
use crate::request::limits::Limits;

/// How long an entry stays after its last use, whatever the limits are.
const SPARED: Duration = Duration::from_secs(60 * 60);
/// How often a cache is pruned automatically.
const PRUNED_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// The lock that a pruning process holds.
const LOCK: &str = "prune";

enum Removal {
    Done,
    /// Another process removed it.
    Gone,
    /// It is used, executed or locked after all.
    Spared,
}

impl Store {
    /// Removes leftovers, and entries until `pruning.limits` hold. Waits for another process that prunes.
    ///
    /// # Errors
    ///
    /// [`Error::Aborted`](crate::error::Error::Aborted). The removals until then are not undone.
    pub fn prune(&self, pruning: &Pruning, cancellation: &Cancellation) -> Result<Pruned> {
        let lock = self.lock_in_turn(LOCK, cancellation)?;
        let pruned = self.prune_under(&lock, pruning, &|| !cancellation.is_cancelled());
        cancellation.check()?;
        Ok(pruned)
    }

    /// Prunes while the lock is held. It stops early when `go_on` returns false.
    fn prune_under(&self, _: &Lock, pruning: &Pruning, go_on: &dyn Fn() -> bool) -> Pruned {
        let mut pruned = Pruned::default();
        let now = SystemTime::now();
        let contents = self.contents();
        if !pruning.dry_run && !contents.entries.is_empty() && !is_tagged(&self.root) {
            // The tag is written now. Without its last entry, nothing else would show that this is a cache.
            let tagged = self.tag();
            pruned.problems.extend(tagged.err().map(|error| error.to_string()));
        }
        let mut processes = Processes::begin();
        let mut ledger = contents.ledger();
        let beside = self.beside(pruning, now);
        for file in beside.iter().flat_map(|beside| &beside.files) {
            ledger.add(file);
        }
        self.prune_beside(&beside, &|beside| beside.is_left_over, (pruning, go_on), &mut ledger, &mut pruned);
        for other in contents.others.iter().take_while(|_| go_on()) {
            if self.remove_unfinished(other, pruning.dry_run, now, &mut processes) {
                pruned.leftovers += 1;
                pruned.freed += other.files.iter().map(|file| ledger.remove(file)).sum::<u64>();
            }
        }
        let (newest, superseded) = (newest(&contents), superseded(&contents, now));
        let mut order: Vec<_> = contents.entries.iter().enumerate().collect();
        order.sort_unstable_by_key(|(index, held)| (held.listed.used, held.listed.manifest.published_ms, *index));
        pruned.kept = order.len();
        for (index, held) in order.into_iter().take_while(|_| go_on()) {
            let Some(reason) = reason(pruning, held, now, ledger.total()) else { continue };
            let may_go_early = reason == Reason::Size && superseded.contains(&index);
            let is_spared = is_recent(held.listed.used, now) && !may_go_early;
            if !pruning.all && (is_spared || newest.contains(&index)) || held.listed.running == Some(true) {
                continue;
            }
            match self.remove(held, pruning, may_go_early, &mut processes) {
                Ok(Removal::Spared) => {}
                Ok(removal) => {
                    let freed = held.files().map(|file| ledger.remove(file)).sum();
                    pruned.kept -= 1;
                    if matches!(removal, Removal::Done) {
                        pruned.removed.push(Removed { entry: held.listed.clone(), reason, freed });
                        pruned.freed += freed;
                    }
                }
                Err(error) => {
                    pruned.problems.push(format!("`{}` cannot be removed: {error}", held.listed.path.display()));
                }
            }
        }
        if pruning.all {
            // The entries are listed again, since a new one may have been published meanwhile.
            let staying = self.checkouts_but_of(&pruned.removed);
            let is_unneeded = |beside: &Beside| !beside.is_left_over && beside.is_learned_elsewhere(&staying);
            self.prune_beside(&beside, &is_unneeded, (pruning, go_on), &mut ledger, &mut pruned);
        }
        pruned.size = ledger.total();
        pruned.over = pruning.limits.max_size.is_some_and(|most| pruned.size > most);
        pruned
    }

    /// Removes the files beside the entries for which `is_unneeded` is true.
    fn prune_beside(
        &self,
        beside: &[Beside],
        is_unneeded: &dyn Fn(&Beside) -> bool,
        (pruning, go_on): (&Pruning, &dyn Fn() -> bool),
        ledger: &mut Ledger,
        pruned: &mut Pruned,
    ) {
        for unneeded in beside.iter().filter(|beside| is_unneeded(beside)).take_while(|_| go_on()) {
            if self.remove_beside(unneeded, pruning.dry_run) {
                pruned.leftovers += 1;
                pruned.freed += unneeded.files.iter().map(|file| ledger.remove(file)).sum::<u64>();
            }
        }
    }

    /// Returns the checkouts of all entries except `gone`, which are removed, or would be if this were no dry run.
    fn checkouts_but_of(&self, gone: &[Removed]) -> Vec<PathBuf> {
        let contents = self.contents();
        let staying = contents.entries.iter().map(|held| &held.listed);
        let staying = staying.filter(|listed| !gone.iter().any(|removed| removed.entry.path == listed.path));
        staying.flat_map(|listed| listed.manifest.checkouts().map(|(checkout, _)| checkout.to_owned())).collect()
    }

    /// Prunes if that was not done within a day, or if the cache is over its size. It never waits: if another process
    /// prunes, it does nothing. If its process ends first, a later call does the rest.
    pub fn prune_if_due(&self, limits: Limits) {
        let now = SystemTime::now();
        let last = fs::symlink_metadata(self.stamp()).and_then(|metadata| metadata.modified()).ok();
        let was_pruned = last.and_then(|last| now.duration_since(last).ok()).is_some_and(|since| since < PRUNED_EVERY);
        let is_over = || limits.max_size.is_some_and(|most| self.contents().ledger().total() > most);
        if was_pruned && !is_over() {
            return;
        }
        let Some(lock) = self.try_lock(LOCK) else { return };
        let pruned = self.prune_under(&lock, &Pruning { limits, all: false, dry_run: false }, &|| true);
        tracing::debug!(removed = pruned.removed.len(), freed = pruned.freed, left = pruned.size, "pruned");
        for problem in &pruned.problems {
            tracing::debug!(problem, "not pruned");
        }
        self.note_pruning();
    }

    /// Records the time of pruning, so that it is not due for a day. After a failure, the next publication prunes again.
    pub(super) fn note_pruning(&self) {
        // Each time, a new file replaces whatever is there, even a link or a pipe without a reader.
        if let Err(error) = self.write(&self.stamp(), b"") {
            tracing::debug!(%error, "pruning is not noted");
        }
    }

    fn stamp(&self) -> PathBuf {
        self.root.join("pruned")
    }

    /// Removes an entry, unless a process uses it after all. If `is_early` is true, its hour is not over: then a lease
    /// protects it, too.
    fn remove(&self, held: &Held, pruning: &Pruning, is_early: bool, processes: &mut Processes) -> io::Result<Removal> {
        let binary = &held.listed.path;
        let Some(directory) = binary.parent() else { return Ok(Removal::Spared) };
        let short = directory.file_name().and_then(|name| name.to_str());
        let Some(locks) = short.and_then(|short| self.try_lock_for_removal(short)) else { return Ok(Removal::Spared) };
        if pruning.dry_run {
            return Ok(Removal::Done);
        }
        let (manifest, aside) = (manifest_path(binary), with_suffix(binary, ".removed"));
        match fs::rename(&manifest, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removal::Gone),
            renamed => renamed?,
        }
        let used = fs::symlink_metadata(&aside).and_then(|metadata| metadata.modified());
        let was_used = !pruning.all && used.is_ok_and(|used| used != held.listed.used);
        let is_held = is_early && !pruning.all && lease::is_held(binary);
        let files = std::iter::once(binary.clone()).chain(libraries_beside(binary, &held.listed.manifest));
        let runs = files.map(|file| processes.executes(current(&file))).any(|runs| runs == Some(true));
        if was_used || is_held || runs {
            fs::rename(&aside, &manifest)?;
            return Ok(Removal::Spared);
        }
        match fs::remove_file(binary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // Windows does not remove a file that it executes.
                fs::rename(&aside, &manifest)?;
                return if cfg!(windows) { Ok(Removal::Spared) } else { Err(error) };
            }
            _ => {}
        }
        // No look-up finds the other files any more, so a failure does no harm.
        let libraries = libraries_beside(binary, &held.listed.manifest);
        for rest in libraries.chain([inputs_path(binary), aside]) {
            let _ = fs::remove_file(rest);
        }
        let _ = fs::remove_dir(directory);
        drop(locks);
        Ok(Removal::Done)
    }
}

fn reason(pruning: &Pruning, held: &Held, now: SystemTime, size: u64) -> Option<Reason> {
    let unused = now.duration_since(held.listed.used).unwrap_or_default();
    if pruning.all {
        Some(Reason::All)
    } else if pruning.limits.max_age.is_some_and(|most| unused > most) {
        Some(Reason::Age)
    } else if pruning.limits.max_size.is_some_and(|most| size > most) {
        Some(Reason::Size)
    } else {
        None
    }
}

/// Returns the newest entry of each binary of each checkout that exists, by index.
fn newest(contents: &Contents) -> HashSet<usize> {
    let mut newest = HashMap::new();
    for (index, held) in contents.entries.iter().enumerate() {
        let manifest = &held.listed.manifest;
        for (checkout, since) in manifest.checkouts() {
            let binary = (checkout, &manifest.package, held.listed.path.file_name());
            let found = newest.entry(binary).or_insert((since, index));
            *found = (*found).max((since, index));
        }
    }
    let there = newest.into_iter().filter(|((checkout, ..), _)| !is_gone(checkout));
    there.map(|(_, (_, index))| index).collect()
}

/// True if an entry may have been used within the last hour. A use is recorded once an hour, so the last one may be an hour
/// later than `noted`. An entry with a time in the future counts as recent.
fn is_recent(noted: SystemTime, now: SystemTime) -> bool {
    now.duration_since(noted).map_or(true, |since| since < SPARED + NOTED_EVERY)
}
