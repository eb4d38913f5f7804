//! Defines the steps that happen to a checkout between two calls.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::form::Times;
use super::workspace::Workspace;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A path gets one of its forms, and a build by hand may follow.
    Put {
        path: String,
        form: usize,
        times: Times,
        is_built: bool,
    },
    /// A path is removed, even if the build needs it.
    Delete {
        path: String,
    },
    Touch {
        path: String,
    },
    /// Two paths change places.
    Swap {
        paths: [&'static str; 2],
    },
    /// The content of the first path goes to the second.
    Move {
        paths: [&'static str; 2],
    },
    Commit,
    Amend,
    Restore,
    Stash {
        build_between: bool,
    },
    /// The user builds with cargo in a terminal.
    OwnBuild,
    /// The walk goes on in another checkout: with the state that it had, or with that of the checkout that is left.
    OtherCheckout {
        which: usize,
        carrying: bool,
    },
    SharedTarget {
        shared: bool,
    },
    Branch {
        which: u8,
    },
    Variable {
        name: &'static str,
        value: usize,
    },
    Features {
        enabled: bool,
    },
    /// Nothing happens until everything is old enough to have settled.
    Settle,
}

/// Returns the strategy that draws a step by its weight. Changes that are known to deceive cargo come often.
pub(crate) fn step(workspace: &Workspace) -> BoxedStrategy<Step> {
    let times = || prop_oneof![Just(Times::Now), Just(Times::Older), Just(Times::Equal)];
    let other_checkout = (0..workspace.checkouts.len(), any::<bool>())
        .prop_map(|(which, carrying)| Step::OtherCheckout { which, carrying });
    let mut steps: Vec<(u32, BoxedStrategy<Step>)> = vec![
        (2, Just(Step::Commit).boxed()),
        (1, Just(Step::Amend).boxed()),
        (2, Just(Step::Restore).boxed()),
        (1, any::<bool>().prop_map(|build_between| Step::Stash { build_between }).boxed()),
        (4, Just(Step::OwnBuild).boxed()),
        (3, other_checkout.boxed()),
        (1, any::<bool>().prop_map(|shared| Step::SharedTarget { shared }).boxed()),
        (2, (0..3u8).prop_map(|which| Step::Branch { which }).boxed()),
        (2, Just(Step::Settle).boxed()),
    ];
    for thing in &workspace.things {
        let put = {
            let path = thing.path.clone();
            let is_built = prop::bool::weighted(0.2);
            (0..thing.forms.len(), times(), is_built).prop_map(move |(form, times, is_built)| Step::Put {
                path: path.clone(),
                form,
                times,
                is_built,
            })
        };
        steps.push((thing.weight, put.boxed()));
    }
    let paths: Vec<String> = workspace.things.iter().map(|thing| thing.path.clone()).collect();
    let path = || prop::sample::select(paths.clone());
    steps.push((1, path().prop_map(|path| Step::Touch { path }).boxed()));
    steps.push((1, path().prop_map(|path| Step::Delete { path }).boxed()));
    for variable in &workspace.variables {
        let name = variable.name;
        let values = (0..variable.values.len()).prop_map(move |value| Step::Variable { name, value });
        steps.push((variable.weight, values.boxed()));
    }
    if !workspace.features.is_empty() {
        steps.push((2, any::<bool>().prop_map(|enabled| Step::Features { enabled }).boxed()));
    }
    steps.extend(workspace.swaps.iter().map(|paths| (1, Just(Step::Swap { paths: *paths }).boxed())));
    steps.extend(workspace.moves.iter().map(|paths| (1, Just(Step::Move { paths: *paths }).boxed())));
    Union::new_weighted(steps).boxed()
}
