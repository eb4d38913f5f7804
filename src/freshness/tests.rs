//! The cases of the module's page as tables: what a run read when it was recorded, what is there now, and the doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::*;
use crate::fs::identity::StatIdentity;
use crate::inputs::SystemContents;
use crate::model::build_units::Package;
use crate::model::fingerprint::Digest;
use crate::model::inventory::{Inventory, NamedFile, Tool};
use crate::model::system_files::SystemFiles;
use crate::model::tree::{FileInput, Heads, Kind, Tree};

/// A checkout with one package `app`, one run of it that cargo kept, and everything that an audit of it is told.
struct World {
    _guard: tempfile::TempDir,
    root: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    known: Inventory,
    run: Run,
    is_local: bool,
    /// Variables that a run of another package declares.
    declared_elsewhere: BTreeSet<String>,
    scope: Scope,
    head: &'static str,
    record: BuildRecord,
    distrusted: Option<&'static str>,
    is_other_rustc: bool,
    is_observing: bool,
    changed: Vec<String>,
    disturbed: Vec<TreePath>,
}

/// The time of a file that was written before all others, and of one that was written after them.
const EARLY: SystemTime = SystemTime::UNIX_EPOCH;
fn late() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

impl World {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(guard.path()).unwrap().join("w");
        let run = Run {
            last_written: root.join("target/app"),
            is_script: false,
            is_final: true,
            fresh: Some(true),
            span: None,
            is_overwritten: false,
            moved_from: None,
            files: BTreeSet::from([root.join("src/main.rs")]),
            git_state: BTreeSet::new(),
            listed: BTreeSet::new(),
            links: BTreeSet::new(),
            system: SystemFiles::default(),
            programs: BTreeSet::new(),
            observed: LastObserved::Last,
            reads_undeclared: false,
            opaque: None,
            asked_for_directory: false,
            reads_whole_package: false,
            variables: BTreeSet::from(["TAG".to_owned()]),
            declared_variables: BTreeSet::from(["TAG".to_owned()]),
        };
        let world = Self {
            _guard: guard,
            root,
            variables: BTreeMap::new(),
            known: Inventory::default(),
            run,
            is_local: true,
            declared_elsewhere: BTreeSet::new(),
            scope: Scope::Tree,
            head: "1",
            record: BuildRecord::default(),
            distrusted: None,
            is_other_rustc: false,
            is_observing: true,
            changed: Vec::new(),
            disturbed: Vec::new(),
        };
        for path in ["src/main.rs", "NOTES.md", "data/one", "target/app", "target/other", "tools/ld"] {
            world.write(path, "1");
        }
        world.write("Cargo.toml", "[package]\nname = \"app\"\n");
        world.date(late());
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    /// Dates the file that the run wrote.
    fn date(&self, time: SystemTime) {
        fs::File::options().write(true).open(&self.run.last_written).unwrap().set_modified(time).unwrap();
    }

    /// Makes the run one of a build script.
    fn script(&mut self) {
        (self.run.is_script, self.run.fresh) = (true, None);
    }

    /// Makes the run one of a build script of which not all reads are known.
    fn opaque(&mut self) {
        self.script();
        self.run.opaque = Some("it calls the system by itself".to_owned());
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.into(), value.into());
    }

    /// Sets a variable that steers a build.
    fn steer(&mut self, name: &str, value: &str) {
        self.known.variables.insert(name.to_owned(), Digest::of(value));
    }

    /// Has the configuration name a file.
    fn name(&mut self, content: &str, links_only: bool) {
        let path = TreePath("/opt/named".into());
        let file = FileInput { path, kind: Kind::File, digest: Digest::of(content), stat: StatIdentity::default() };
        self.known.named = vec![NamedFile { file, links_only }];
    }

    /// Has the linker be the file `tools/ld` with this content.
    fn link_with(&mut self, content: &str) {
        self.write("tools/ld", content);
        let path = self.at("tools/ld");
        let stat = Some(StatIdentity::of(&path.metadata().unwrap()));
        let path = path.display().to_string();
        self.known
            .tools
            .insert("linker".to_owned(), Tool { path, toolchain: None, stat, known_as: None, version: None });
    }

    /// Has the link `way` lead to `target`.
    #[cfg(unix)]
    fn link(&self, target: &str) {
        let _ = fs::remove_file(self.at("way"));
        std::os::unix::fs::symlink(target, self.at("way")).unwrap();
    }

    /// Writes a program, and sets the `PATH` that leads to those in `first` and `last`.
    #[cfg(unix)]
    fn program(&mut self, path: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.write(path, "");
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", self.at("first").display(), self.at("last").display());
        self.set("PATH", &path);
    }

    fn tree(&self) -> Tree {
        fn files(root: &Path, directory: &Path, found: &mut Vec<FileInput>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let place = PortablePath::of(&path, root).0;
                if path.is_symlink() || place.0.starts_with(b"target") || place.0.starts_with(b".git") {
                } else if path.is_dir() {
                    files(root, &path, found);
                } else {
                    let digest = Digest::of(fs::read(&path).unwrap());
                    found.push(FileInput { path: place, kind: Kind::File, digest, stat: StatIdentity::default() });
                }
            }
        }
        let mut found = Vec::new();
        files(&self.root, &self.root, &mut found);
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Tree::of(Heads::from([(TreePath("".into()), Some(self.head.to_owned()))]), found)
    }

    fn observation(&self) -> Observation {
        let of = |name: &str, run: Run, is_local| {
            let package = Package { id: format!("path+file:///w/{name}#0.1.0"), directory: self.root.clone() };
            let files = run.files.clone();
            (name.to_owned(), PackageReads { package, is_local, runs: vec![run], files, include: Vec::new() })
        };
        let elsewhere = Run {
            last_written: self.at("target/other"),
            fresh: Some(false),
            files: BTreeSet::new(),
            variables: self.declared_elsewhere.clone(),
            declared_variables: self.declared_elsewhere.clone(),
            is_script: false,
            opaque: None,
            ..self.run.clone()
        };
        let packages = BTreeMap::from([of("app", self.run.clone(), self.is_local), of("other", elsewhere, false)]);
        Observation { packages, output: BTreeSet::from([self.at("target")]), ..Observation::default() }
    }

    fn with_present<T>(&self, then: impl FnOnce(&Observation, &Present<'_>) -> T) -> T {
        let (tree, observation, env) = (self.tree(), self.observation(), self.variables.clone().into());
        let contents = SystemContents::new(self.root.join("no/cache"));
        let scope = (self.root.as_path(), &env, self.scope);
        then(&observation, &Present::of(&observation, &self.known, &tree, scope, &contents).unwrap())
    }

    /// Records the run as it is now.
    fn record(&mut self) {
        let mut record = std::mem::take(&mut self.record);
        self.with_present(|observation, present| record.update(observation, present, EARLY));
        self.record = record;
    }

    /// Returns the reason to doubt the run; none if there is none.
    fn doubt(&self) -> Option<String> {
        let reasons = self.with_present(|observation, present| {
            let audit = Audit {
                record: &self.record,
                distrusted: self.distrusted,
                observation,
                present,
                began: late() + Duration::from_secs(3600),
                changed: &self.changed,
                is_other_rustc: self.is_other_rustc,
                is_observing: self.is_observing,
                disturbed: &self.disturbed,
            };
            audit.doubts().into_iter().map(|doubt| doubt.reason).collect::<Vec<_>>()
        });
        assert!(reasons.len() < 2, "{reasons:?}");
        reasons.into_iter().next().map(|reason| reason.replace(&self.root.display().to_string(), "/w"))
    }
}

/// A change of a world.
type Step = fn(&mut World);

const NOTHING: Step = |_| {};

/// Each case: the run when it was recorded, the difference since, and the reason to doubt it.
#[rustfmt::skip]
const RECORDED: &[(Step, Step, Option<&str>)] = &[
    // Its own reads.
    (NOTHING, NOTHING, None),
    (NOTHING, |it| it.write("src/main.rs", "2"), Some("src/main.rs is not what was built")),
    (NOTHING, |it| it.write("src/main.rs", "1"), None),
    (NOTHING, |it| it.write("NOTES.md", "2"), None),
    (NOTHING, |it| fs::remove_file(it.at("src/main.rs")).unwrap(), Some("src/main.rs is not what was built")),
    (NOTHING, |it| it.set("TAG", "2"), Some("TAG is not what was built with")),
    (|it| it.set("TAG", "2"), |it| it.set("TAG", "2"), None),
    (NOTHING, |it| it.set("UNREAD", "2"), None),
    (NOTHING, |it| it.write(".cargo/config.toml", "[env]\nTAG = \"2\"\n"), Some("TAG is not what was built with")),
    (|it| { it.run.listed.insert(it.at("data")); }, |it| it.write("data/two", ""), Some("other names are in data/")),
    (|it| { it.run.listed.insert(it.at("data")); }, |it| it.write("data/one", "2"), None),
    #[cfg(unix)]
    (|it| { it.link("data"); it.run.links.insert(it.at("way")); }, |it| it.link("src"),
        Some("way is gone or leads elsewhere")),
    #[cfg(unix)]
    (|it| { it.program("last/tool"); it.run.programs.insert("tool".into()); }, |it| it.program("first/tool"),
        Some("`tool` is found elsewhere")),
    #[cfg(unix)]
    (|it| { it.program("last/tool"); it.run.programs.insert("tool".into()); }, |it| it.program("first/other"), None),
    // A record of another checkout.
    (NOTHING, |it| it.record.runs.values_mut().for_each(|run| run.checkout = Some("/other".into())),
        Some("`/other` was built there last")),
    // A run of this build is no earlier result.
    (NOTHING, |it| { it.write("src/main.rs", "2"); it.run.fresh = Some(false) }, None),
    // Programs, named files and variables that steer every run.
    (|it| it.link_with("1"), |it| it.link_with("2"), Some("the linker is not the one it was built with")),
    (|it| it.link_with("1"), |it| it.link_with("1"), None),
    (|it| it.name("1", false), |it| it.name("2", false), Some("/opt/named is not what it was built with")),
    (|it| it.name("1", true), |it| it.name("2", true), Some("/opt/named is not what was built")),
    (|it| { it.name("1", true); it.run.is_final = false }, |it| it.name("2", true), None),
    (NOTHING, |it| it.steer("CC", "2"), Some("CC is not what it was built with")),
    (NOTHING, |it| it.steer("RUSTFLAGS", "2"), None),
    (|it| { it.declared_elsewhere.insert("CC".into()); }, |it| it.steer("CC", "2"), None),
    (|it| { it.declared_elsewhere.insert("CC".into()); it.script() }, |it| it.steer("CC", "2"),
        Some("CC changed, and nothing tells whether it was read")),
    (|it| { it.run.variables.insert("CC".into()); it.script() }, |it| it.steer("CC", "2"), None),
    // Files that no run names, and git.
    (|it| it.script(), |it| it.write("NOTES.md", "2"), None),
    (|it| it.opaque(), |it| it.write("NOTES.md", "2"), Some("a file changed, and nothing tells whether it was read")),
    (|it| it.opaque(), |it| { it.write("NOTES.md", "2"); it.changed.push("NOTES.md".into()) },
        Some("NOTES.md changed, and nothing tells whether it was read")),
    (|it| { it.opaque(); it.scope = Scope::Crate }, |it| it.write("NOTES.md", "2"),
        Some("a file changed, and nothing tells whether it was read")),
    (|it| { it.opaque(); it.write("lib/Cargo.toml", "") }, |it| it.write("lib/x", "2"),
        Some("a file changed, and nothing tells whether it was read")),
    (|it| { it.opaque(); it.write("lib/Cargo.toml", ""); it.scope = Scope::Crate }, |it| it.write("lib/x", "2"), None),
    (|it| it.opaque(), |it| it.head = "2", Some("HEAD moved, and nothing tells whether it was read")),
    (|it| { it.opaque(); it.scope = Scope::Crate }, |it| it.head = "2", None),
    (|it| it.script(), |it| it.head = "2", None),
    (|it| { it.write(".git/HEAD", "1"); it.run.git_state.insert(it.at(".git/HEAD")); },
        |it| it.write(".git/HEAD", "2"), Some(".git/HEAD is not what was built")),
    // The change to its output.
    (NOTHING, |it| it.run.is_overwritten = true,
        Some("`/w/target/app` was built from another package that has the same name for it")),
    (NOTHING, |it| it.run.moved_from = Some("/old".into()),
        Some("it was built in `/old`, from where the target directory was moved")),
    (|it| it.is_local = false, |it| it.run.moved_from = Some("/old".into()), None),
    (NOTHING, |it| it.distrusted = Some("it was stale"), Some("it was stale")),
    // Observing.
    (|it| { it.script(); it.run.observed = LastObserved::Never; }, NOTHING,
        Some("it was built when builds were not observed, and nothing tells all that it read")),
    (|it| { it.script(); it.run.observed = LastObserved::Never; it.is_observing = false }, NOTHING, None),
    (|it| it.run.observed = LastObserved::Never, NOTHING, None),
    // Earlier builds of the same call.
    (|it| it.script(), |it| it.disturbed.push(TreePath("gone".into())),
        Some("gone was written to while its build script ran before")),
    (|it| it.script(), |it| it.disturbed.push(TreePath("src/main.rs".into())),
        Some("src/main.rs was written to while its build script ran before")),
    (NOTHING, |it| it.disturbed.push(TreePath("gone".into())), None),
];

#[test]
fn a_run_with_a_record_is_doubted_when_something_that_it_may_have_read_differs() {
    for (index, (before, after, expected)) in RECORDED.iter().enumerate() {
        let mut world = World::new();
        before(&mut world);
        world.record();
        after(&mut world);
        assert_eq!(world.doubt().as_deref(), *expected, "case {index}");
    }
}

/// Without records, times decide, which no program can set. Windows does not tell them.
#[cfg(unix)]
#[test]
fn a_run_without_a_record_is_doubted_when_something_was_changed_after_it() {
    #[rustfmt::skip]
    let cases: &[(Step, Option<&str>)] = &[
        (NOTHING, None),
        (|it| it.date(EARLY), Some("src/main.rs was changed after the last build")),
        (|it| { it.date(EARLY); it.is_local = false; it.run.files.clear() }, None),
        (|it| { it.run.last_written = it.at("../app"); it.write("../app", "") },
            Some("another checkout may have built in `/`")),
        (|it| it.is_other_rustc = true, Some("another rustc, or another wrapper of it, ran in the target directory last")),
        (|it| { it.link_with("1"); it.date(EARLY) }, Some("the linker was changed after it")),
        (|it| { it.run.observed = LastObserved::Before; it.run.reads_undeclared = true },
            Some("another program built it, and nothing tells all that it read")),
        (|it| it.run.observed = LastObserved::Before, None),
        (|it| { it.run.observed = LastObserved::Never; it.name("1", true) },
            Some("another program built it, and nothing tells all that it read")),
        (|it| it.run.observed = LastObserved::Never, None),
        (|it| { it.script(); it.steer("CC", "1") }, Some("CC may not be what it was built with")),
        (|it| { it.script(); it.steer("CC", "1"); it.run.declared_variables.insert("CC".into()); }, None),
        (|it| { it.script(); it.steer("CC", "1"); it.declared_elsewhere.insert("CC".into()); },
            Some("CC may not be what it was built with")),
        // It was seen to read the variable by an earlier build, and no declaration had cargo run it again since.
        (|it| { it.script(); it.steer("CC", "1"); it.run.variables.insert("CC".into()); it.is_observing = false },
            Some("CC may not be what it was built with")),
        (|it| it.steer("CC", "1"), None),
        (|it| { it.opaque(); it.run.files.clear(); it.date(EARLY) },
            Some("Cargo.toml was changed after the last build, and nothing tells whether it was read")),
        (|it| { it.write(".cargo/config.toml", "[env]\nTAG = \"1\"\n"); it.is_local = false; it.run.files.clear(); it.date(EARLY) },
            Some("TAG may not be what was built with")),
    ];
    for (index, (make, expected)) in cases.iter().enumerate() {
        let mut world = World::new();
        make(&mut world);
        let above = world.root.parent().unwrap().display().to_string();
        let doubt = world.doubt().map(|reason| reason.replace(&above, "/"));
        assert_eq!(doubt.as_deref(), *expected, "case {index}");
    }
}

#[test]
fn a_doubt_is_said_in_one_sentence() {
    let package = |name: &str| Package { id: format!("path+file:///w/{name}#0.1.0"), directory: PathBuf::from("/w") };
    for (packages, is_everything, expected) in [
        (vec![package("app")], false, "cargo takes `app` for fresh, but it is old; cleaning it and building again"),
        (
            vec![package("app"), package("core")],
            true,
            "cargo takes the last build for fresh, but it is old; cleaning all 2 packages and building again",
        ),
    ] {
        assert_eq!(Doubt { packages, is_everything, reason: "it is old".to_owned() }.summary(), expected);
    }
}
