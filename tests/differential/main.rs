//! Random walks over a workspace that uses every kind of input, each step compared with a clean build.
//!
//! After each step, in both scopes, the binary that comes back must print what a build in a fresh target directory
//! prints, what does not build there must not come from the cache either, and inputs of the crate that were there
//! before must be a hit in scope `crate`. Calls are made in this process and in new ones, over one stat cache. Steps are
//! drawn from a fixed seed; `DEV_BIN_FUZZ_STEPS` says how many, `DEV_BIN_FUZZ_SEED` where to begin.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod asking;
mod step;
mod workspace;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use asking::Question;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use step::{Step, Times, step};
use workspace::*;

/// A checkout, and the choices that are not files in it.
struct World {
    _directory: tempfile::TempDir,
    /// The checkout that steps are taken in.
    repo: PathBuf,
    /// A clone of it, in which they were or will be.
    other: PathBuf,
    base: PathBuf,
    cache: PathBuf,
    shared_target: bool,
    tag: Option<u8>,
    noise: u8,
    loud: bool,
    oracle: HashMap<String, Option<String>>,
    calls: u32,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        let mut world = Self {
            repo: base.join("checkout"),
            other: base.join("clone"),
            cache: base.join("cache"),
            base,
            shared_target: false,
            _directory: directory,
            tag: None,
            noise: 0,
            loud: false,
            oracle: HashMap::new(),
            calls: 0,
        };
        for path in INPUTS.iter().chain(OTHERS) {
            world.write(path, &content(path, 0));
        }
        world.write("Cargo.toml", &root_manifest(0, false));
        for (path, text) in FIXED {
            world.write(path, text);
        }
        world.run("git", &["init", "--quiet", "--initial-branch=branch0"]);
        world.run("cargo", &["generate-lockfile", "--offline", "--quiet"]);
        world.commit();
        world.run("git", &["clone", "--quiet", ".", "../clone"]);
        for path in INPUTS.iter().filter(|path| path.starts_with("ignored/")) {
            world.take(&Step::OtherCheckout);
            world.write(path, &content(path, 0));
            world.take(&Step::OtherCheckout);
        }
        world.write("../aside/lib.rs", &content("core/src/lib.rs", 3));
        world
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.repo.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn env(&self) -> BTreeMap<String, String> {
        let keep = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
        let mut env: BTreeMap<String, String> =
            keep.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
        env.insert("NOISE".into(), self.noise.to_string());
        if let Some(tag) = self.tag {
            env.insert("TAG".into(), tag.to_string());
        }
        if self.shared_target {
            env.insert("CARGO_TARGET_DIR".into(), self.base.join("shared").to_str().unwrap().into());
        }
        env
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.attempt(program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn attempt(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .current_dir(&self.repo)
            .env_clear()
            .envs(self.env())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap()
    }

    fn commit(&self) {
        self.run("git", &["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "step"]);
    }

    fn git(&self, arguments: &[&str]) -> bool {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
        self.attempt("git", &[&identity[..], arguments].concat()).status.success()
    }

    /// What somebody types in a terminal. It may fail.
    fn own_build(&self) {
        let features: &[&str] = if self.loud { &["--features", "loud"] } else { &[] };
        self.attempt("cargo", &[&["build", "-p", "app", "--release", "--quiet", "--offline"], features].concat());
    }

    /// Takes one step.
    fn take(&mut self, step: &Step) {
        match step {
            Step::Edit { input, which, value, times } => {
                let path = which.get(if *input { INPUTS } else { OTHERS });
                let full = self.repo.join(path);
                let before = fs::metadata(&full).and_then(|metadata| metadata.modified());
                self.write(path, &content(path, *value));
                let modified = match (times, before) {
                    (Times::Older, _) => {
                        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + u64::from(*value))
                    }
                    (Times::Equal, Ok(before)) => before,
                    _ => return,
                };
                File::options().append(true).open(full).unwrap().set_modified(modified).unwrap();
            }
            Step::TouchOnly { which } => {
                if let Ok(file) = File::options().append(true).open(self.repo.join(which.get(INPUTS))) {
                    file.set_modified(SystemTime::now()).unwrap();
                }
            }
            Step::Delete { which } => _ = fs::remove_file(self.repo.join(which.get(DELETABLE))),
            Step::SecondModuleFile { value: Some(value) } => self.write(TWIN, &content("app/src/part.rs", *value)),
            Step::SecondModuleFile { value: None } => _ = fs::remove_file(self.repo.join(TWIN)),
            Step::SwapDirectory => {
                let [one, other, between] = ["core/src", "../aside", "../between"].map(|path| self.repo.join(path));
                fs::rename(&one, &between).unwrap();
                fs::rename(&other, one).unwrap();
                fs::rename(between, other).unwrap();
            }
            Step::Extra { which, value: Some(value) } => self.write(EXTRA_PROTO[*which], &format!("extra {value}\n")),
            Step::Extra { which, value: None } => _ = fs::remove_file(self.repo.join(EXTRA_PROTO[*which])),
            Step::RenameExtra => {
                let [one, other] = EXTRA_PROTO.map(|path| self.repo.join(path));
                fs::create_dir_all(other.parent().unwrap()).unwrap();
                _ = fs::rename(one, other);
            }
            Step::Mode { executable } => set_executable(&self.repo.join("app/src/part.rs"), *executable),
            Step::Commit => self.commit(),
            Step::Amend => _ = self.git(&["commit", "--quiet", "--amend", "--allow-empty", "--message", "amended"]),
            Step::Restore => _ = self.git(&["checkout", "--quiet", "--", "."]),
            Step::Stash { build_between } => {
                if self.git(&["stash", "push", "--quiet"]) {
                    if *build_between {
                        self.own_build();
                    }
                    self.git(&["stash", "pop", "--quiet"]);
                }
            }
            Step::OwnBuild => self.own_build(),
            Step::OtherCheckout => std::mem::swap(&mut self.repo, &mut self.other),
            Step::SharedTarget { shared } => self.shared_target = *shared,
            Step::Branch { which } => {
                self.commit();
                let branch = format!("branch{which}");
                let exists = self.repo.join(".git/refs/heads").join(&branch).exists();
                let arguments: &[&str] = if exists { &[] } else { &["-b"] };
                self.run("git", &[&["checkout", "--quiet"], arguments, &[&branch]].concat());
            }
            Step::Tag { value } => self.tag = *value,
            Step::Noise { value } => self.noise = *value,
            Step::ConfiguredEnv { value, above } => {
                let path = if *above { "../.cargo/config.toml" } else { ".cargo/config.toml" };
                match value {
                    Some(value) => self.write(path, &format!("[env]\nFLAVOUR = \"{value}\"\n")),
                    None => _ = fs::remove_file(self.repo.join(path)),
                }
            }
            Step::Feature { loud } => self.loud = *loud,
            Step::Version { value } => {
                let checks = self.manifest().contains("debug-assertions = true");
                self.write("Cargo.toml", &root_manifest(*value, checks));
                self.run("cargo", &["update", "--workspace", "--offline", "--quiet"]);
            }
            Step::Profile { checks } => {
                let version = self.manifest().split("0.1.").nth(1).and_then(|rest| rest[..1].parse().ok()).unwrap();
                self.write("Cargo.toml", &root_manifest(version, *checks));
            }
            Step::Settle => std::thread::sleep(Duration::from_millis(2_050)),
            Step::DevDependency { value } => {
                self.write("helper/src/lib.rs", &format!("pub fn help() -> u8 {{ {value} }}\n"))
            }
        }
    }

    fn manifest(&self) -> String {
        fs::read_to_string(self.repo.join("Cargo.toml")).unwrap()
    }

    /// After what does not build, which few steps alone would undo.
    fn mend(&self) {
        _ = fs::remove_file(self.repo.join(TWIN));
        let is_whole = |path: &&str| fs::read_to_string(self.repo.join(path)).is_ok_and(|text| !text.contains("<<<<"));
        for path in INPUTS.iter().filter(|path| !is_whole(path)) {
            self.write(path, &content(path, 1));
        }
    }

    /// Everything that the crate is built from, by the test's own list.
    fn state(&self) -> String {
        let mut state = format!("{:?} {}\n", self.tag, self.loud);
        let fixed = [
            "Cargo.toml",
            "Cargo.lock",
            "app/Cargo.toml",
            "app/build.rs",
            ".cargo/config.toml",
            "../.cargo/config.toml",
        ];
        for path in fixed.iter().chain(INPUTS).chain(&EXTRA_PROTO).chain(&[TWIN]) {
            let full = self.repo.join(path);
            state.push_str(&format!("{path} {:?} {}\n", fs::read_to_string(&full).ok(), is_executable(&full)));
        }
        state
    }

    /// Whether it was built now, and what it prints; none when it cannot be built. Every other call is made in a process
    /// that knows only what the cache holds.
    fn get(&mut self, scope: &str) -> Option<(bool, String)> {
        let question = Question {
            repo: self.repo.clone(),
            cache: self.cache.clone(),
            scope: scope.into(),
            features: if self.loud { vec!["loud".into()] } else { Vec::new() },
            env: self.env(),
        };
        self.calls += 1;
        // In threes, so that both scopes are asked for in both ways.
        let answer = if self.calls.is_multiple_of(3) { question.ask_elsewhere() } else { question.ask() };
        answer.map(|(built, path)| (built, prints(&path)))
    }

    /// What a clean build prints, none when it fails; known states are not built twice.
    fn expected(&mut self, state: &str) -> Option<String> {
        if let Some(known) = self.oracle.get(state) {
            return known.clone();
        }
        let target = tempfile::tempdir().unwrap();
        let mut command = Command::new("cargo");
        command.args(["build", "-p", "app", "--bin", "app", "--release", "--quiet", "--offline"]);
        if self.loud {
            command.args(["--features", "loud"]);
        }
        command.current_dir(&self.repo).env_clear().envs(self.env()).env("CARGO_TARGET_DIR", target.path());
        let output = command.output().unwrap();
        let printed = output.status.success().then(|| prints(&target.path().join("release").join("app")));
        self.oracle.insert(state.to_owned(), printed.clone());
        printed
    }
}

fn prints(program: &Path) -> String {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(unix)]
fn set_executable(path: &Path, executable: bool) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 })).unwrap();
}

#[cfg(not(unix))]
fn set_executable(_: &Path, _: bool) {}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    false
}

#[test]
fn no_step_gives_a_stale_binary_or_a_needless_build() {
    let number = |name: &str, default: u32| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let steps = number("DEV_BIN_FUZZ_STEPS", 40);
    let seed = number("DEV_BIN_FUZZ_SEED", 1);
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut world = World::new();
    let (mut builds, mut hits, mut failures) = (0, 0, 0);
    let mut taken = Vec::new();
    let mut seen = HashSet::new();
    for number in 0..steps {
        let step = step().new_tree(&mut runner).unwrap().current();
        world.take(&step);
        taken.push(step);
        let history = || format!("step {number} of seed {seed}: {:?}", &taken[taken.len().saturating_sub(8)..]);
        let state = world.state();
        let expected = world.expected(&state);
        for scope in ["tree", "crate"] {
            let came = world.get(scope);
            let printed = came.as_ref().map(|(_, printed)| printed);
            assert_eq!(printed, expected.as_ref(), "stale in scope {scope}, {}", history());
            match came {
                Some((true, _)) => {
                    let needless = scope == "crate" && seen.contains(&state);
                    assert!(!needless, "needless build in scope {scope}, {}", history());
                    builds += 1;
                }
                Some((false, _)) => hits += 1,
                None => failures += 1,
            }
        }
        if expected.is_none() {
            world.mend();
        } else if world.state() == state {
            // The build may have mended the lock file, and then it is another state.
            seen.insert(state);
        }
    }
    println!("{steps} steps, {builds} builds, {hits} hits, {failures} that do not build, 0 stale, 0 needless");
}
