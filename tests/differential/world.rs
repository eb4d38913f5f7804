//! Holds the checkouts of one walk, with everything around them, and the choices that are not files.
//!
//! Each checkout is alone in its directory, so that each has neighbours of its own. cargo's home and git's configuration
//! belong to the walk, too. cargo fetches from a repository beside the checkouts.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::form::{Form, Times};
use super::workspace::{Checkout, Workspace};

pub(crate) struct World {
    _directory: tempfile::TempDir,
    pub(crate) workspace: Workspace,
    pub(crate) base: PathBuf,
    pub(crate) checkouts: Vec<PathBuf>,
    /// The number of the checkout in which steps are taken.
    pub(crate) current: usize,
    pub(crate) cache: PathBuf,
    pub(crate) shared_target: bool,
    /// True if the workspace's features are enabled.
    pub(crate) enabled: bool,
    /// The number of the value that each variable has.
    pub(crate) values: BTreeMap<&'static str, usize>,
    /// The output of clean builds, by state; none for a state that does not build.
    pub(crate) oracle: HashMap<String, Option<String>>,
    pub(crate) calls: u32,
}

impl World {
    pub(crate) fn new(workspace: Workspace) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        let checkouts = (0..workspace.checkouts.len()).map(|number| base.join(format!("{number}/checkout"))).collect();
        let mut world = Self {
            cache: base.join("cache"),
            values: workspace.variables.iter().map(|variable| (variable.name, 0)).collect(),
            base,
            checkouts,
            current: 0,
            shared_target: false,
            enabled: false,
            oracle: HashMap::new(),
            calls: 0,
            workspace,
            _directory: directory,
        };
        let identity = "[user]\nname = t\nemail = t@localhost\n";
        fs::write(world.base.join("gitconfig"), identity).unwrap();
        let commits = world.make_fetched();
        world.fill_in(&commits);
        for number in 0..world.checkouts.len() {
            world.make_checkout(number);
        }
        world.current = 0;
        world
    }

    /// Makes the repository of the fetched crate. Returns its commits.
    fn make_fetched(&self) -> Vec<String> {
        let directory = self.base.join("fetched");
        let commit = |files: &Vec<(&str, String)>| {
            for (path, text) in files {
                Form::text(&self.filled(text, &[])).put(&directory.join(path), Times::Now);
            }
            self.run(&directory, "git", &["init", "--quiet", "--initial-branch=main"]);
            self.run(&directory, "git", &["add", "--all"]);
            self.run(&directory, "git", &["commit", "--quiet", "--message", "fetched"]);
            let head = self.attempt(&directory, "git", &["rev-parse", "HEAD"]).stdout;
            String::from_utf8(head).unwrap().trim().to_owned()
        };
        self.workspace.fetched.iter().map(commit).collect()
    }

    /// Replaces placeholders in the texts of the workspace by real paths and commits.
    fn fill_in(&mut self, commits: &[String]) {
        let mut fixed = std::mem::take(&mut self.workspace.fixed);
        fixed.iter_mut().for_each(|(_, text)| *text = self.filled(text, commits));
        let mut things = std::mem::take(&mut self.workspace.things);
        for form in things.iter_mut().flat_map(|thing| &mut thing.forms) {
            if let Form::File { bytes, .. } = form
                && let Ok(text) = std::str::from_utf8(bytes)
            {
                *bytes = self.filled(text, commits).into();
            }
        }
        (self.workspace.fixed, self.workspace.things) = (fixed, things);
    }

    fn filled(&self, text: &str, commits: &[String]) -> String {
        let base = self.base.to_str().unwrap();
        let text = text.replace("{base}", base).replace("{fetched}", &format!("file://{base}/fetched"));
        commits
            .iter()
            .enumerate()
            .fold(text, |text, (number, commit)| text.replace(&format!("{{commit{number}}}"), commit))
    }

    fn make_checkout(&mut self, number: usize) {
        self.current = number;
        let (repo, first) = (self.checkouts[number].clone(), self.checkouts[0].clone());
        let path = repo.to_str().unwrap();
        fs::create_dir_all(repo.parent().unwrap()).unwrap();
        match self.workspace.checkouts[number] {
            Checkout::Made => {
                fs::create_dir(&repo).unwrap();
                self.run(&repo, "git", &["init", "--quiet", "--initial-branch=branch0"]);
            }
            Checkout::Cloned => self.run(&first, "git", &["clone", "--quiet", ".", path]),
            Checkout::LinkedWorktree => {
                self.run(&first, "git", &["worktree", "add", "--quiet", "-b", &format!("branch0-{number}"), path]);
            }
        }
        for (path, text) in &self.workspace.fixed {
            Form::text(text).put(&self.at(path), Times::Now);
        }
        for thing in &self.workspace.things {
            thing.forms[0].put(&self.at(&thing.path), Times::Now);
        }
        if number == 0 {
            // This is the only time that something is fetched.
            let mut lock = Command::new("cargo");
            self.with_env(lock.args(["generate-lockfile", "--quiet"]).current_dir(&repo));
            let output = lock.env("CARGO_NET_OFFLINE", "false").output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            self.commit();
        }
    }

    pub(crate) fn repo(&self) -> &Path {
        &self.checkouts[self.current]
    }

    /// Returns the path on disk of `path`, which begins at the checkout.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        let repo = self.repo();
        match (path.strip_prefix("../../"), path.strip_prefix("../")) {
            (Some(path), _) => self.base.join(path),
            (_, Some(path)) => repo.with_file_name(path),
            _ => repo.join(path),
        }
    }

    /// Returns the value of a variable.
    pub(crate) fn value(&self, name: &str) -> Option<&'static str> {
        let variable = self.workspace.variables.iter().find(|variable| variable.name == name).unwrap();
        variable.values[self.values[name]]
    }

    /// Returns the variables of every build.
    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        let keep = ["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
        let mut env: BTreeMap<String, String> =
            keep.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
        let mut set = |name: &str, value: &str| _ = env.insert(name.into(), value.into());
        let (base, repo) = (self.base.to_str().unwrap(), self.repo().to_str().unwrap());
        set("CARGO_HOME", &format!("{base}/cargo-home"));
        set("CARGO_NET_OFFLINE", "true");
        set("GIT_CONFIG_GLOBAL", &format!("{base}/gitconfig"));
        set("GIT_CONFIG_NOSYSTEM", "1");
        for variable in &self.workspace.variables {
            if let Some(value) = self.value(variable.name) {
                set(variable.name, &value.replace("{base}", base).replace("{repo}", repo));
            }
        }
        if self.shared_target {
            set("CARGO_TARGET_DIR", &format!("{base}/shared"));
        }
        env
    }

    pub(crate) fn with_env<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env_clear().envs(self.env())
    }

    fn run(&self, directory: &Path, program: &str, arguments: &[&str]) {
        let output = self.attempt(directory, program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a program, which may fail.
    pub(crate) fn attempt(&self, directory: &Path, program: &str, arguments: &[&str]) -> Output {
        self.with_env(Command::new(program).args(arguments).current_dir(directory)).output().unwrap()
    }

    /// Returns git's output; none if git fails.
    pub(crate) fn git(&self, arguments: &[&str]) -> Option<String> {
        let output = self.attempt(self.repo(), "git", arguments);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    pub(crate) fn commit(&self) {
        self.run(self.repo(), "git", &["add", "--all"]);
        self.run(self.repo(), "git", &["commit", "--quiet", "--allow-empty", "--message", "step"]);
    }

    /// Returns the command line of a build in the current checkout, without the target directory.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut command = Command::new("cargo");
        command.args(["build", "-p", "app", "--bin", "app", "--release", "--quiet", "--offline"]);
        if self.enabled {
            command.args(["--features", &self.workspace.features.join(",")]);
        }
        self.with_env(command.current_dir(self.repo()));
        command
    }
}
