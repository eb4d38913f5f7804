//! Random walks over a workspace that uses every kind of input, each step compared with a clean build.
//!
//! After each step, in both scopes, the binary that comes back must print what a build in a fresh target directory
//! prints, and a step that touched no input of the crate must be a hit in scope `crate`. Steps are drawn from a fixed
//! seed; `DEV_BIN_FUZZ_STEPS` says how many, `DEV_BIN_FUZZ_SEED` where to begin.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use openlock_dev_bin::cancellation::Cancellation;
use openlock_dev_bin::flight::Moment;
use openlock_dev_bin::request::{Options, Request};
use openlock_dev_bin::resolve::{Call, Outcome, get_dev_binary};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// What every build of the application reads, and what none does.
const INPUTS: &[&str] = &[
    "app/src/main.rs",
    "app/src/part.rs",
    "assets/banner.txt",
    "proto/a.proto",
    "core/data.txt",
    "core/src/lib.rs",
    "macros/src/lib.rs",
    "ignored/secret.txt",
    "../external/src/lib.rs",
];
const OTHERS: &[&str] = &[
    "README.md",
    "docs/guide.md",
    "unrelated/src/main.rs",
    "unrelated/tests/it.rs",
    "assets/unused.txt",
    "helper/src/lib.rs",
];
const EXTRA_PROTO: [&str; 2] = ["proto/b.proto", "proto/deep/c.proto"];

#[derive(Clone, Debug)]
enum Times {
    Now,
    Older,
    Equal,
}

#[derive(Clone, Debug)]
enum Step {
    Edit { input: bool, which: prop::sample::Index, value: u8, times: Times },
    TouchOnly { which: prop::sample::Index },
    Extra { which: usize, value: Option<u8> },
    RenameExtra,
    Mode { executable: bool },
    Commit,
    Branch { which: u8 },
    Tag { value: Option<u8> },
    Noise { value: u8 },
    ConfiguredEnv { value: Option<u8>, above: bool },
    Feature { loud: bool },
    Version { value: u8 },
    Profile { checks: bool },
    DevDependency { value: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let times = || prop_oneof![2 => Just(Times::Now), 1 => Just(Times::Older), 1 => Just(Times::Equal)];
    prop_oneof![
        8 => (any::<bool>(), any::<prop::sample::Index>(), 0..4u8, times())
            .prop_map(|(input, which, value, times)| Step::Edit { input, which, value, times }),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::TouchOnly { which }),
        2 => (0..2usize, prop::option::of(0..3u8)).prop_map(|(which, value)| Step::Extra { which, value }),
        1 => Just(Step::RenameExtra),
        1 => any::<bool>().prop_map(|executable| Step::Mode { executable }),
        2 => Just(Step::Commit),
        2 => (0..3u8).prop_map(|which| Step::Branch { which }),
        2 => prop::option::of(0..3u8).prop_map(|value| Step::Tag { value }),
        1 => any::<u8>().prop_map(|value| Step::Noise { value }),
        2 => (prop::option::of(0..3u8), any::<bool>()).prop_map(|(value, above)| Step::ConfiguredEnv { value, above }),
        2 => any::<bool>().prop_map(|loud| Step::Feature { loud }),
        1 => (0..3u8).prop_map(|value| Step::Version { value }),
        1 => any::<bool>().prop_map(|checks| Step::Profile { checks }),
        1 => (0..2u8).prop_map(|value| Step::DevDependency { value }),
    ]
}

/// A checkout, and the choices that are not files in it.
struct World {
    _directory: tempfile::TempDir,
    repo: PathBuf,
    cache: PathBuf,
    tag: Option<u8>,
    noise: u8,
    loud: bool,
    oracle: HashMap<String, String>,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        let world = Self {
            repo: base.join("checkout"),
            cache: base.join("cache"),
            _directory: directory,
            tag: None,
            noise: 0,
            loud: false,
            oracle: HashMap::new(),
        };
        for path in INPUTS.iter().chain(OTHERS) {
            world.write(path, &content(path, 0));
        }
        world.write("Cargo.toml", &root_manifest(0, false));
        for (path, text) in [
            (".gitignore", "/target\n/ignored\n"),
            ("app/Cargo.toml", APP_MANIFEST),
            ("app/build.rs", APP_BUILD),
            ("core/Cargo.toml", "[package]\nname = \"core-part\"\nversion.workspace = true\nedition = \"2024\"\n"),
            ("core/build.rs", CORE_BUILD),
            (
                "macros/Cargo.toml",
                "[package]\nname = \"macros\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n",
            ),
            ("shout/Cargo.toml", "[package]\nname = \"shout\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
            ("shout/src/lib.rs", "pub fn shout() -> &'static str { \"LOUD\" }\n"),
            ("helper/Cargo.toml", "[package]\nname = \"helper\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
            (
                "unrelated/Cargo.toml",
                "[package]\nname = \"unrelated\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dev-dependencies]\nhelper.path = \"../helper\"\n",
            ),
            ("../external/Cargo.toml", "[package]\nname = \"external\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        ] {
            world.write(path, text);
        }
        world.run("git", &["init", "--quiet", "--initial-branch=branch0"]);
        world.run("cargo", &["generate-lockfile", "--offline", "--quiet"]);
        world.commit();
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
        env
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.repo)
            .env_clear()
            .envs(self.env())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self) {
        self.run("git", &["add", "--all"]);
        let identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
        self.run("git", &[&identity[..], &["commit", "--quiet", "--allow-empty", "--message", "step"]].concat());
    }

    /// Takes one step.
    fn take(&mut self, step: &Step) {
        match step {
            Step::Edit { input, which, value, times } => {
                let path = which.get(if *input { INPUTS } else { OTHERS });
                let full = self.repo.join(path);
                let before = fs::metadata(&full).and_then(|metadata| metadata.modified());
                self.write(path, &content(path, *value));
                let modified = match times {
                    Times::Now => return,
                    Times::Older => SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + u64::from(*value)),
                    Times::Equal => before.unwrap(),
                };
                File::options().append(true).open(full).unwrap().set_modified(modified).unwrap();
            }
            Step::TouchOnly { which } => {
                let full = self.repo.join(which.get(INPUTS));
                File::options().append(true).open(full).unwrap().set_modified(SystemTime::now()).unwrap();
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
            Step::DevDependency { value } => {
                self.write("helper/src/lib.rs", &format!("pub fn help() -> u8 {{ {value} }}\n"))
            }
        }
    }

    fn manifest(&self) -> String {
        fs::read_to_string(self.repo.join("Cargo.toml")).unwrap()
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
        for path in fixed.iter().chain(INPUTS).chain(&EXTRA_PROTO) {
            let full = self.repo.join(path);
            state.push_str(&format!("{path} {:?} {}\n", fs::read_to_string(&full).ok(), is_executable(&full)));
        }
        state
    }

    fn get(&self, scope: &str) -> (Outcome, String) {
        let options = Options {
            crate_name: "app".into(),
            repo: self.repo.clone(),
            cache_dir: self.cache.clone(),
            scope: Some(scope.into()),
            features: if self.loud { vec!["loud".into()] } else { Vec::new() },
            env: self.env(),
            ..Options::default()
        };
        let request = Request::try_from(options).unwrap();
        let cancellation = Cancellation::default();
        let call = Call { cancellation: &cancellation, made: Moment::now(), emit: &|_| {} };
        let binary = get_dev_binary(&request, &call).unwrap_or_else(|error| panic!("scope {scope}: {error}"));
        (binary.outcome, prints(&binary.entry.path))
    }

    /// What a clean build prints; known states are not built twice.
    fn expected(&mut self, state: &str) -> String {
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
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = prints(&target.path().join("release").join("app"));
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

/// The text of a file in one of its variants, all of them equally long.
fn content(path: &str, value: u8) -> String {
    match path {
        "app/src/main.rs" => APP_MAIN.replace("VALUE", &value.to_string()),
        "app/src/part.rs" => format!("pub const PART: u8 = {value};\n"),
        "core/src/lib.rs" => format!(
            "pub const CORE: u8 = {value};\npub const DATA: &str = env!(\"DATA\");\npub const VERSION: &str = env!(\"CARGO_PKG_VERSION\");\n"
        ),
        "macros/src/lib.rs" => format!(
            "#[proc_macro]\npub fn spell(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{ \"\\\"spell {value}\\\"\".parse().unwrap() }}\n"
        ),
        "../external/src/lib.rs" => format!("pub const EXTERNAL: u8 = {value};\n"),
        "unrelated/src/main.rs" => format!("fn main() {{ println!(\"{value}\"); }}\n"),
        "unrelated/tests/it.rs" => format!("#[test]\nfn it() {{ assert_eq!({value}, {value}); }}\n"),
        "helper/src/lib.rs" => format!("pub fn help() -> u8 {{ {value} }}\n"),
        _ => format!("text {value}\n"),
    }
}

fn root_manifest(version: u8, checks: bool) -> String {
    format!(
        "[workspace]\nmembers = [\"app\", \"core\", \"macros\", \"shout\", \"helper\", \"unrelated\"]\nresolver = \"3\"\n\n\
         [workspace.package]\nversion = \"0.1.{version}\"\n\n[profile.release]\ndebug-assertions = {checks}\nopt-level = 0\n"
    )
}

const APP_MANIFEST: &str = r#"[package]
name = "app"
version.workspace = true
edition = "2024"

[features]
loud = ["dep:shout"]

[dependencies]
core-part.path = "../core"
macros.path = "../macros"
external.path = "../../external"
shout = { path = "../shout", optional = true }

[dev-dependencies]
helper.path = "../helper"
"#;

const APP_BUILD: &str = r#"
fn main() {
    println!("cargo::rerun-if-changed=../proto");
    println!("cargo::rerun-if-env-changed=FLAVOUR");
    let mut names = Vec::new();
    collect("../proto".as_ref(), &mut names);
    names.sort();
    let text: String = names.iter().map(|name| std::fs::read_to_string(name).unwrap().trim().to_owned() + "+").collect();
    println!("cargo::rustc-env=PROTO={text}");
    println!("cargo::rustc-env=SCRIPT_FLAVOUR={}", std::env::var("FLAVOUR").unwrap_or_default());
}

fn collect(directory: &std::path::Path, names: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, names) } else { names.push(path) }
    }
}
"#;

const CORE_BUILD: &str = r#"
fn main() {
    println!("cargo::rustc-env=DATA={}", std::fs::read_to_string("data.txt").unwrap().trim());
}
"#;

const APP_MAIN: &str = r#"mod part;

fn main() {
    println!("main VALUE");
    println!("part {}", part::PART);
    println!("banner {}", include_str!("../../assets/banner.txt").trim());
    println!("secret {}", include_str!("../../ignored/secret.txt").trim());
    println!("proto {}", env!("PROTO"));
    println!("flavour {:?} {}", option_env!("FLAVOUR"), env!("SCRIPT_FLAVOUR"));
    println!("core {} {} {}", core_part::CORE, core_part::DATA, core_part::VERSION);
    println!("{}", macros::spell!());
    println!("external {}", external::EXTERNAL);
    println!("tag {:?}", option_env!("TAG"));
    println!("checks {}", cfg!(debug_assertions));
    #[cfg(feature = "loud")]
    println!("{}", shout::shout());
}
"#;

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
    let (mut builds, mut hits) = (0, 0);
    let mut taken = Vec::new();
    let mut last_state = String::new();
    for number in 0..steps {
        let step = step().new_tree(&mut runner).unwrap().current();
        world.take(&step);
        taken.push(step);
        let history = || format!("step {number} of seed {seed}: {:?}", &taken[taken.len().saturating_sub(6)..]);
        let state = world.state();
        let expected = world.expected(&state);
        for scope in ["tree", "crate"] {
            let (outcome, printed) = world.get(scope);
            assert_eq!(printed, expected, "stale in scope {scope}, {}", history());
            match outcome {
                Outcome::Built => builds += 1,
                Outcome::Cached => hits += 1,
            }
            let needless = scope == "crate" && outcome == Outcome::Built && state == last_state;
            assert!(!needless, "needless build in scope {scope}, {}", history());
        }
        last_state = state;
    }
    println!("{steps} steps, {builds} builds, {hits} hits, 0 stale, 0 needless");
}
