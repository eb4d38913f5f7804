//! Judges the answers of the product: compares each with a clean build.

use std::path::Path;
use std::process::Command;

use super::asking::Question;
use super::form::{Counts, Form, Thing, identity};
use super::world::World;

/// The beginning of the output line with the commit at HEAD, which counts in scope `tree` alone.
const COMMIT: &str = "commit ";

impl World {
    /// Returns the state of everything that the crate is built from, by the test's own list.
    pub(crate) fn state(&self) -> String {
        let variables = self.workspace.variables.iter().filter(|variable| variable.counts);
        let values: Vec<_> = variables.map(|variable| self.value(variable.name)).collect();
        let branch = self.workspace.knows_branch.then(|| self.git(&["rev-parse", "--abbrev-ref", "HEAD"]));
        let place = self.workspace.knows_place.then_some(self.current);
        let things = self.workspace.things.iter().filter(|thing| self.counts(thing));
        let (named, others): (Vec<_>, Vec<_>) = things.partition(|thing| thing.counts == Counts::Existence);
        let names: Vec<_> = named.iter().map(|thing| self.at(&thing.path).exists()).collect();
        let forms = self.forms(others.iter().map(|thing| thing.path.as_str()).chain(["Cargo.lock"]));
        format!("{values:?} {} {branch:?} {place:?} {names:?}\n{forms}", self.enabled)
    }

    /// Returns the state of everything else that counts in the current checkout and in `scope`. None of it changes the
    /// binary.
    pub(crate) fn circumstances(&self, scope: &str) -> String {
        let things = || self.workspace.things.iter();
        let programs = things().filter(|thing| thing.is_program && self.counts(thing));
        let programs: String = programs.map(|thing| identity(&self.at(&thing.path))).collect();
        let of_tree = (scope == "tree").then(|| {
            let inside = things().map(|thing| thing.path.as_str()).filter(|path| !path.starts_with("../"));
            let head = ["HEAD", "--abbrev-ref HEAD"]
                .map(|what| self.git(&std::iter::once("rev-parse").chain(what.split(' ')).collect::<Vec<_>>()));
            format!("{head:?}\n{}", self.forms(inside))
        });
        let checkout = (scope == "tree" || !self.workspace.is_shared).then_some(self.current);
        format!("{programs} {checkout:?}\n{of_tree:?}")
    }

    fn counts(&self, thing: &Thing) -> bool {
        match thing.counts {
            Counts::Always | Counts::Existence => true,
            Counts::Never => false,
            Counts::With(variable, value) => self.value(variable) == Some(value),
            Counts::WithFeatures => self.enabled,
            Counts::Beside(path) => self.at(path).exists(),
            Counts::Without(path) => !self.at(path).exists(),
            Counts::Linked(path, target) => Form::at(&self.at(path)) == Form::Link(target.into()),
        }
    }

    fn forms<'p>(&self, paths: impl Iterator<Item = &'p str>) -> String {
        paths.map(|path| format!("{path} {}\n", Form::at(&self.at(path)).key())).collect()
    }

    /// Returns the reasons for the build, if there was one, and the output of the binary; or the error if it cannot be
    /// built. Every third call is made in a process that knows only the content of the cache.
    pub(crate) fn get(&mut self, scope: &str) -> Result<(Option<String>, String), String> {
        let features = if self.enabled { self.workspace.features } else { &[] };
        let question = Question {
            repo: self.repo().to_owned(),
            cache: self.cache.clone(),
            scope: scope.into(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            env: self.env(),
        };
        self.calls += 1;
        // It is every third call, so that both scopes are asked in both ways.
        let answer = if self.calls.is_multiple_of(3) { question.ask_elsewhere() } else { question.ask() };
        let (reasons, path) = answer?;
        let head = (scope == "tree").then(|| self.git(&["rev-parse", "HEAD"]).unwrap());
        let printed = but_for_commit(&prints(&path), head.as_deref().unwrap_or_default());
        Ok((reasons, printed))
    }

    /// Returns the output of a clean build of `state`; none if it fails. A known state is not built again.
    pub(crate) fn expected(&mut self, state: &str) -> Option<String> {
        if let Some(known) = self.oracle.get(state) {
            return known.clone();
        }
        let target = tempfile::tempdir().unwrap();
        let output = self.cargo_build().env("CARGO_TARGET_DIR", target.path()).output().unwrap();
        let printed =
            output.status.success().then(|| but_for_commit(&prints(&target.path().join("release").join("app")), ""));
        self.oracle.insert(state.to_owned(), printed.clone());
        printed
    }
}

fn prints(program: &Path) -> String {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Returns `printed` without the line of the commit `head`. An empty `head` is any commit.
fn but_for_commit(printed: &str, head: &str) -> String {
    let is_commit = |line: &&str| line.strip_prefix(COMMIT).is_some_and(|commit| head.is_empty() || commit == head);
    printed.lines().filter(|line| !is_commit(line)).collect::<Vec<_>>().join("\n")
}
