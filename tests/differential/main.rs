//! Walks at random over workspaces that use every kind of input, and compares each step with a clean build.
//!
//! After each step, in both scopes, the binary must print the output of a build in a fresh target directory. A state that
//! does not build there must not come from the cache either. A state that the same checkout had before must be a hit: in
//! scope `crate` by the inputs of the crate, in scope `tree` by all files and HEAD. A binary without a bond must be a hit
//! in every checkout.
//!
//! Calls are made in this process and in new ones, over one stat cache. Each workspace has a walk of its own, and the walks
//! run side by side. Steps are drawn from a fixed seed. `DEV_BIN_FUZZ_STEPS` is the number of steps of all walks together,
//! and `DEV_BIN_FUZZ_SEED` the seed. `DEV_BIN_FUZZ_SCOPE` names one scope and `DEV_BIN_FUZZ_WALK` one workspace, to leave
//! the others out.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod asking;
mod form;
mod judging;
mod outside;
mod scripts;
mod sources;
mod step;
mod taking;
mod tools;
#[cfg(observes)]
mod undeclared;
mod workspace;
mod world;

use std::collections::{BTreeMap, HashMap};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use workspace::Workspace;
use world::World;

const WALKS: u32 = match (cfg!(unix), cfg!(observes)) {
    (_, true) => 5,
    (true, false) => 4,
    (false, false) => 1,
};

/// The number of path sets that the product keeps, as in `src/store/path_sets.rs`. A state is a hit at least for as many
/// builds.
const KEPT: u32 = 8;

#[test]
fn sources_give_no_stale_binary_and_no_needless_build() {
    walk(sources::sources());
}

#[cfg(unix)]
#[test]
fn what_scripts_and_macros_read_gives_no_stale_binary_and_no_needless_build() {
    walk(scripts::scripts());
}

#[cfg(unix)]
#[test]
fn what_lies_outside_gives_no_stale_binary_and_no_needless_build() {
    walk(outside::outside());
}

#[cfg(unix)]
#[test]
fn what_steers_gives_no_stale_binary_and_no_needless_build() {
    walk(tools::tools());
}

#[cfg(observes)]
#[test]
fn what_nobody_declares_gives_no_stale_binary_and_no_needless_build() {
    walk(undeclared::undeclared());
}

/// The plan of a walk, from the environment.
struct Plan {
    steps: u32,
    seed: u32,
    scopes: Vec<&'static str>,
}

impl Plan {
    /// Returns the plan of `walk`; none if another walk is asked for.
    fn of(walk: &str) -> Option<Self> {
        let text = |name: &str| std::env::var(name).ok();
        let number = |name: &str, default: u32| text(name).map_or(default, |text| text.parse().unwrap());
        let of_walks = match text("DEV_BIN_FUZZ_WALK") {
            Some(only) if only != walk => return None,
            Some(_) => 1,
            None => WALKS,
        };
        let only = text("DEV_BIN_FUZZ_SCOPE");
        let is_asked = |scope: &&str| only.as_deref().is_none_or(|only| only == *scope);
        Some(Self {
            steps: number("DEV_BIN_FUZZ_STEPS", 40).div_ceil(of_walks),
            seed: number("DEV_BIN_FUZZ_SEED", 1),
            scopes: ["tree", "crate"].into_iter().filter(is_asked).collect(),
        })
    }

    fn runner(&self) -> TestRunner {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&self.seed.to_le_bytes());
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }
}

/// The outcomes of the calls in one scope.
#[derive(Default)]
struct Counts {
    builds: u32,
    hits: u32,
    failures: u32,
}

fn walk(workspace: Workspace) {
    let name = workspace.name;
    let Some(plan) = Plan::of(name) else { return };
    let Plan { steps, seed, scopes } = &plan;
    let (mut runner, drawn) = (plan.runner(), step::step(&workspace));
    let mut world = World::new(workspace);
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    // For each known state, the number of builds that there had been in its scope when it was built.
    let (mut taken, mut seen) = (Vec::new(), HashMap::new());
    for number in 0..*steps {
        let step = drawn.new_tree(&mut runner).unwrap().current();
        world.take(&step);
        taken.push(step);
        let history = |problem: &str| {
            let last = taken[taken.len().saturating_sub(12)..].iter().map(|step| format!("\n  {step:?}"));
            format!("{problem}, step {number} of `{name}`, seed {seed}, after{}", last.collect::<String>())
        };
        let state = world.state();
        // Both scopes share a target directory. A build for one of them hides a change that cargo did not notice from the
        // other. So the order alternates.
        let mut scopes = scopes.clone();
        if number % 2 == 1 {
            scopes.reverse();
        }
        let known: Vec<_> = scopes.iter().map(|scope| (*scope, state.clone(), world.circumstances(scope))).collect();
        let came: Vec<_> = scopes.iter().map(|scope| world.get(scope)).collect();
        // The build may have mended the lock file, which makes another state.
        let is_lasting = world.state() == state;
        let expected = world.expected(&state);
        for (known, came) in known.into_iter().zip(came) {
            let scope = known.0;
            let printed = came.as_ref().map(|(_, printed)| printed).ok();
            let problem = || format!("{}\n{:?}", history(&format!("stale in scope {scope}")), came.as_ref().err());
            assert_eq!(printed, expected.as_ref(), "{}", problem());
            let counts = counts.entry(scope).or_default();
            // A hit does not tell how long its path set has been kept.
            let is_known_since = matches!(came, Ok((Some(_), _))) || !world.workspace.varies;
            match came {
                Ok((Some(reasons), _)) => {
                    let kept = |built: &u32| !world.workspace.varies || counts.builds - built < KEPT;
                    let is_needless = seen.remove(&known).as_ref().is_some_and(kept);
                    assert!(!is_needless, "{}", history(&format!("needless build in scope {scope} for {reasons}")));
                    counts.builds += 1;
                }
                Ok((None, _)) => counts.hits += 1,
                Err(_) => counts.failures += 1,
            }
            if expected.is_some() && is_lasting && is_known_since {
                seen.entry(known).or_insert(counts.builds);
            }
        }
        if expected.is_none() {
            world.mend();
        }
    }
    for (scope, Counts { builds, hits, failures }) in counts {
        println!(
            "{name}, scope {scope}, seed {seed}: {steps} steps, {builds} builds, {hits} hits, {failures} that do not build, 0 stale, 0 needless"
        );
    }
}
