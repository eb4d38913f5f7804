//! A workspace with inputs outside the checkout: neighbours, a fetched crate that declares files, HEAD of a linked
//! worktree, and a static library that is not declared.

use std::process::Command;

use super::form::{Counts, Form, Thing};
use super::workspace::{Checkout, Variable, Workspace, fixed, manifest, root_manifest};

pub(crate) fn outside() -> Workspace {
    let text = |value| format!("text {value}\n");
    let fetched = |value: u8| {
        let lib = format!("pub const FETCHED: &str = concat!(\"{value} \", env!(\"FETCHED\"));\n");
        vec![("Cargo.toml", manifest("fetched", "")), ("build.rs", FETCHED_BUILD.to_owned()), ("src/lib.rs", lib)]
    };
    let app_manifest = |commit: &str| Form::text(&APP_MANIFEST.replace("COMMIT", commit));
    Workspace {
        name: "outside",
        fixed: fixed(&[
            (".gitignore", "/target\n"),
            ("Cargo.toml", &root_manifest(&["app", "native"], "")),
            ("app/build.rs", APP_BUILD),
            ("native/Cargo.toml", &manifest("native", "")),
            ("native/build.rs", NATIVE_BUILD),
            ("native/src/lib.rs", NATIVE_LIB),
            ("../shared/Cargo.toml", &manifest("shared", "")),
        ]),
        things: vec![
            Thing::new("app/Cargo.toml", ["{commit0}", "{commit1}"].map(app_manifest)).weighing(1),
            Thing::texts("app/src/main.rs", |value| APP_MAIN.replace("VALUE", &value.to_string())),
            Thing::texts("../shared/src/lib.rs", |value| SHARED_LIB.replace("VALUE", &value.to_string())),
            Thing::texts("../shared/data.txt", text),
            Thing::texts("../beside.txt", text),
            Thing::texts("../../header.h", text),
            Thing::texts("settings.txt", text).that_counts(Counts::With("SETTINGS", SETTINGS)),
            Thing::new("native/libv.a", libraries("v")),
            Thing::texts("README.md", text).that_counts(Counts::Never).weighing(1),
            Thing::texts("../unused.txt", text).that_counts(Counts::Never).weighing(1),
        ],
        variables: vec![Variable::noise(), Variable::new("SETTINGS", &[Some(SETTINGS), None])],
        checkouts: &[Checkout::Made, Checkout::Cloned, Checkout::LinkedWorktree],
        fetched: vec![fetched(0), fetched(1)],
        knows_branch: true,
        knows_place: true,
        ..Workspace::default()
    }
}

const SETTINGS: &str = "{repo}/settings.txt";

/// Returns static libraries whose one function, `name`, returns different numbers.
pub(crate) fn libraries(name: &str) -> Vec<Form> {
    let directory = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(directory.path()).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let library = |value: u8| {
        std::fs::write(directory.path().join("v.c"), format!("int {name}(void) {{ return {value}; }}\n")).unwrap();
        run("cc", &["-c", "v.c", "-o", "v.o"]);
        run("ar", &["crs", &format!("{value}.a"), "v.o"]);
        Form::File { bytes: std::fs::read(directory.path().join(format!("{value}.a"))).unwrap(), is_executable: false }
    };
    (0..3).map(library).collect()
}

const APP_MANIFEST: &str = r#"[package]
name = "app"
version = "0.1.0"
edition = "2024"

[dependencies]
native.path = "../native"
shared.path = "../../shared"
fetched = { git = "{fetched}", rev = "COMMIT" }
"#;

const APP_BUILD: &str = r#"
fn git(arguments: &[&str]) -> String {
    let output = std::process::Command::new("git").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn main() {
    println!("cargo::rerun-if-changed={}/HEAD", git(&["rev-parse", "--absolute-git-dir"]));
    println!("cargo::rustc-env=BRANCH={}", git(&["rev-parse", "--abbrev-ref", "HEAD"]));
    println!("cargo::rustc-env=COMMIT={}", git(&["rev-parse", "HEAD"]));
    // The number of the checkout, in which it has a directory: `N/checkout/app`.
    let place = std::env::current_dir().unwrap().ancestors().nth(2).unwrap().file_name().unwrap().to_owned();
    println!("cargo::rustc-env=PLACE={}", place.display());
}
"#;

const APP_MAIN: &str = r#"fn main() {
    println!("main VALUE");
    println!("branch {}", env!("BRANCH"));
    println!("commit {}", env!("COMMIT"));
    println!("place {}", env!("PLACE"));
    println!("beside {}", include_str!("../../../beside.txt").trim());
    println!("shared {}", shared::SHARED);
    println!("fetched {}", fetched::FETCHED);
    println!("native {}", native::v());
}
"#;

const SHARED_LIB: &str = "pub const SHARED: &str = concat!(\"VALUE \", include_str!(\"../data.txt\"));\n";

const FETCHED_BUILD: &str = r#"
fn main() {
    let header = "{base}/header.h";
    println!("cargo::rerun-if-changed={header}");
    println!("cargo::rerun-if-env-changed=SETTINGS");
    let mut text = std::fs::read_to_string(header).unwrap().trim().to_owned();
    if let Ok(settings) = std::env::var("SETTINGS") {
        println!("cargo::rerun-if-changed={settings}");
        text += &format!(" {}", std::fs::read_to_string(settings).unwrap().trim());
    }
    println!("cargo::rustc-env=FETCHED={text}");
}
"#;

const NATIVE_BUILD: &str = r#"
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-search=native={}", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo::rustc-link-lib=static=v");
}
"#;

const NATIVE_LIB: &str = r#"
mod library {
    unsafe extern "C" {
        pub fn v() -> i32;
    }
}

pub fn v() -> i32 {
    // SAFETY: the function takes nothing and returns a number.
    unsafe { library::v() }
}
"#;
