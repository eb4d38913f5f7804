//! What a binary must be, and what the product gives.

use std::path::Path;
use std::process::Command;

use super::asking::Question;
use super::form::Form;
use super::world::World;

/// Lines of output that begin with it tell the commit at HEAD, which counts in scope `tree` alone.
const COMMIT: &str = "commit ";

impl World {
    /// Everything that the crate is built from, by the test's own list.
    pub(crate) fn state(&self) -> String {
        self.state_of(true)
    }

    /// Everything that counts in scope `tree`, by the same list.
    pub(crate) fn whole_state(&self) -> String {
        let head = self.git(&["rev-parse", "HEAD"]);
        format!("{}{}{head:?}", self.state_of(true), self.state_of(false))
    }

    fn state_of(&self, counts: bool) -> String {
        let mut state = String::new();
        let things = self.workspace.things.iter().filter(|thing| thing.counts == counts);
        let mut paths: Vec<&str> = things.map(|thing| thing.path.as_str()).collect();
        if counts {
            paths.extend(["Cargo.lock"].iter().chain(self.workspace.written));
            let variables = self.workspace.variables.iter().filter(|variable| variable.counts);
            let values: Vec<usize> = variables.map(|variable| self.values[variable.name]).collect();
            let branch = self.workspace.knows_branch.then(|| self.git(&["rev-parse", "--abbrev-ref", "HEAD"]));
            state.push_str(&format!("{values:?} {} {branch:?}\n", self.enabled));
        }
        for path in paths {
            state.push_str(&format!("{path} {}\n", Form::at(&self.at(path)).key()));
        }
        state
    }

    /// Whether it was built now, and what it prints; none when it cannot be built. Every other call is made in a process
    /// that knows only what the cache holds.
    pub(crate) fn get(&mut self, scope: &str) -> Option<(bool, String)> {
        let features = if self.enabled { self.workspace.features } else { &[] };
        let question = Question {
            repo: self.repo().to_owned(),
            cache: self.cache.clone(),
            scope: scope.into(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            env: self.env(),
        };
        self.calls += 1;
        // In threes, so that both scopes are asked for in both ways.
        let answer = if self.calls.is_multiple_of(3) { question.ask_elsewhere() } else { question.ask() };
        let (built, path) = answer?;
        let (printed, commit) = prints(&path);
        if let Some(commit) = commit.filter(|_| scope == "tree") {
            assert_eq!(Some(commit), self.git(&["rev-parse", "HEAD"]), "stale commit");
        }
        Some((built, printed))
    }

    /// What a clean build of `state` prints, none when it fails; known states are not built twice.
    pub(crate) fn expected(&mut self, state: &str) -> Option<String> {
        if let Some(known) = self.oracle.get(state) {
            return known.clone();
        }
        let target = tempfile::tempdir().unwrap();
        let output = self.cargo_build().env("CARGO_TARGET_DIR", target.path()).output().unwrap();
        let printed = output.status.success().then(|| prints(&target.path().join("release").join("app")).0);
        if printed.is_none() && std::env::var_os("DEV_BIN_FUZZ_SHOW_FAILURES").is_some() {
            println!("{}", String::from_utf8_lossy(&output.stderr));
        }
        self.oracle.insert(state.to_owned(), printed.clone());
        printed
    }
}

/// What a program prints, and apart from that the commit, where it tells one.
fn prints(program: &Path) -> (String, Option<String>) {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (commits, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with(COMMIT));
    (others.join("\n"), commits.first().map(|line| line[COMMIT.len()..].to_owned()))
}
