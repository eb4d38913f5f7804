//! What may happen to a checkout between two calls.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) enum Times {
    Now,
    Older,
    Equal,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Edit {
        input: bool,
        which: prop::sample::Index,
        value: u8,
        times: Times,
    },
    Delete {
        which: prop::sample::Index,
    },
    SecondModuleFile {
        value: Option<u8>,
    },
    SwapDirectory,
    TouchOnly {
        which: prop::sample::Index,
    },
    Extra {
        which: usize,
        value: Option<u8>,
    },
    RenameExtra,
    Mode {
        executable: bool,
    },
    Commit,
    Amend,
    Restore,
    Stash {
        build_between: bool,
    },
    OwnBuild,
    OtherCheckout,
    SharedTarget {
        shared: bool,
    },
    Branch {
        which: u8,
    },
    Tag {
        value: Option<u8>,
    },
    Noise {
        value: u8,
    },
    ConfiguredEnv {
        value: Option<u8>,
        above: bool,
    },
    Feature {
        loud: bool,
    },
    Version {
        value: u8,
    },
    Profile {
        checks: bool,
    },
    DevDependency {
        value: u8,
    },
    /// Nothing, until everything is old enough to be kept by a stat cache.
    Settle,
}

/// Drawn by weight: what cargo is known to be fooled by comes often.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let times = || prop_oneof![2 => Just(Times::Now), 2 => Just(Times::Older), 2 => Just(Times::Equal)];
    prop_oneof![
        12 => (prop::bool::weighted(0.75), any::<prop::sample::Index>(), 0..4u8, times())
            .prop_map(|(input, which, value, times)| Step::Edit { input, which, value, times }),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::Delete { which }),
        1 => prop::option::of(0..3u8).prop_map(|value| Step::SecondModuleFile { value }),
        1 => Just(Step::SwapDirectory),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::TouchOnly { which }),
        2 => (0..2usize, prop::option::of(0..3u8)).prop_map(|(which, value)| Step::Extra { which, value }),
        1 => Just(Step::RenameExtra),
        1 => any::<bool>().prop_map(|executable| Step::Mode { executable }),
        2 => Just(Step::Commit),
        1 => Just(Step::Amend),
        2 => Just(Step::Restore),
        1 => any::<bool>().prop_map(|build_between| Step::Stash { build_between }),
        4 => Just(Step::OwnBuild),
        2 => Just(Step::OtherCheckout),
        1 => any::<bool>().prop_map(|shared| Step::SharedTarget { shared }),
        2 => (0..3u8).prop_map(|which| Step::Branch { which }),
        2 => prop::option::of(0..3u8).prop_map(|value| Step::Tag { value }),
        1 => any::<u8>().prop_map(|value| Step::Noise { value }),
        2 => (prop::option::of(0..3u8), any::<bool>()).prop_map(|(value, above)| Step::ConfiguredEnv { value, above }),
        2 => any::<bool>().prop_map(|loud| Step::Feature { loud }),
        1 => (0..3u8).prop_map(|value| Step::Version { value }),
        1 => any::<bool>().prop_map(|checks| Step::Profile { checks }),
        1 => (0..2u8).prop_map(|value| Step::DevDependency { value }),
        2 => Just(Step::Settle),
    ]
}
