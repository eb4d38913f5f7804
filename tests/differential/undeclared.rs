//! A workspace with inputs that are not declared: a directory that a macro embeds; headers, libraries and linker scripts;
//! files that a build script looks for, lists and follows; and files that a fetched macro finds from the place where it
//! expands. Some of its files are never read.

use super::form::{Counts, Form, Thing};
use super::outside::libraries;
use super::workspace::{Variable, Workspace, fixed, manifest, root_manifest};

const MEMBERS: [&str; 4] = ["app", "embed", "native", "probe"];

#[allow(clippy::too_many_lines, reason = "it is a table")]
pub(crate) fn undeclared() -> Workspace {
    let texts = |path: &str| Thing::texts(path, |value| format!("text {value}\n"));
    let unread = |path: &str| texts(path).that_counts(Counts::Never).weighing(1);
    let constant = |path: &str, name: &str| {
        let (path, name) = (path.to_owned(), name.to_owned());
        Thing::texts(&path, move |value| format!("#define {name} {value}\n"))
    };
    let with_flags = |thing: Thing| thing.that_counts(Counts::With("RUSTFLAGS", RUSTFLAGS)).weighing(1);
    let plugin = |path: &str| texts(path).at_first_absent().that_counts(Counts::Existence);
    let links = |path: &str, targets: &[&str]| Thing::new(path, targets.iter().map(|target| Form::Link(target.into())));
    let outer = |value| format!("#include <inner.h>\n#define OUTER {value}\n");
    Workspace {
        name: "undeclared",
        fixed: fixed(&[
            (".gitignore", "/target\n/ignored\n"),
            ("Cargo.toml", &root_manifest(&MEMBERS, "")),
            (".cargo/config.toml", CONFIGURATION),
            ("app/Cargo.toml", APP_MANIFEST),
            ("app/build.rs", APP_BUILD),
            ("embed/Cargo.toml", &manifest("embed", "[lib]\nproc-macro = true\n")),
            ("native/Cargo.toml", &manifest("native", "")),
            ("native/build.rs", NATIVE_BUILD),
            ("native/src/lib.rs", NATIVE_LIB),
            ("native/main.c", NATIVE_C),
            ("probe/Cargo.toml", &manifest("probe", "")),
            ("probe/build.rs", PROBE_BUILD),
            ("probe/src/lib.rs", "pub const PROBE: &str = env!(\"PROBE\");\n"),
            ("vendor/vendored/Cargo.toml", &manifest("vendored", "[lib]\nproc-macro = true\n")),
            ("vendor/vendored/.cargo-checksum.json", "{\"files\":{}}"),
            ("vendor/vendored/src/lib.rs", VENDORED),
            // Each directory exists in every state: an empty one is not the same as none.
            ("app/embedded/deep/index.md", "index\n"),
            ("../deep/index.md", "index\n"),
            ("migrations/0.sql", "0\n"),
            ("native/first/other.h", ""),
            ("probe/plugins/other", ""),
            ("versions/one/other", ""),
            ("versions/two/version.txt", "two\n"),
            ("libraries/first/other", ""),
            ("archives/first/other", ""),
            ("link/first/other", ""),
        ]),
        things: vec![
            Thing::texts("app/src/main.rs", |value| APP_MAIN.replace("VALUE", &value.to_string())),
            Thing::texts("embed/src/lib.rs", |value| EMBED.replace("VALUE", &value.to_string())).weighing(1),
            texts("app/embedded/index.md"),
            texts("app/embedded/a.md").at_first_absent(),
            texts("app/embedded/deep/b.md").at_first_absent(),
            texts("../deep/b.md").at_first_absent().that_counts(Counts::Never).weighing(1),
            links("probe/link", &[ONE, TWO, BESIDE]),
            texts("assets/one.txt").that_counts(Counts::Linked("probe/link", ONE)),
            texts("assets/two.txt").that_counts(Counts::Linked("probe/link", TWO)),
            texts("../beside.txt").that_counts(Counts::Linked("probe/link", BESIDE)),
            links("probe/current", &[VERSION_ONE, "../versions/two"]),
            texts("versions/one/version.txt").that_counts(Counts::Linked("probe/current", VERSION_ONE)),
            plugin("probe/plugins/a"),
            plugin("probe/plugins/b").weighing(1),
            Thing::new("probe/marker", [Form::Absent, Form::text("marker\n")]),
            Thing::new("probe/tool.sh", [Form::text("tool\n"), Form::program("tool\n")]),
            texts("probe/optional.txt").at_first_absent(),
            texts("ignored/text.txt"),
            Thing::texts("ignored/code.rs", |value| format!("concat!(\"{value} \", include_str!(\"part.txt\"))\n")),
            texts("ignored/part.txt"),
            Thing::texts("native/second/outer.h", outer),
            constant("native/second/inner.h", "INNER").that_counts(Counts::Without("native/first/inner.h")),
            constant("native/first/inner.h", "INNER").at_first_absent(),
            constant("native/second/optional.h", "OPTIONAL").at_first_absent().weighing(1),
            Thing::new("libraries/second/libv.a", libraries("v"))
                .that_counts(Counts::Without("libraries/first/libv.a")),
            Thing::new("libraries/first/libv.a", libraries("v")).at_first_absent().weighing(1),
            Thing::new("archives/second/libw.a", libraries("w")).that_counts(Counts::Without("archives/first/libw.a")),
            Thing::new("archives/first/libw.a", libraries("w")).at_first_absent().weighing(1),
            Thing::texts("link/limit.x", |value| format!("INCLUDE more.x\n{}", section("limit", value))),
            Thing::texts("link/second/more.x", |value| section("more", value))
                .that_counts(Counts::Without("link/first/more.x")),
            Thing::texts("link/first/more.x", |value| section("more", value)).at_first_absent().weighing(1),
            with_flags(Thing::texts("link/flags.x", |value| {
                format!("INCLUDE {{base}}/included.x\n{}", section("flags", value))
            })),
            with_flags(Thing::texts("../../included.x", |value| section("included", value))),
            texts("migrations/1.sql").at_first_absent(),
            texts("migrations/2.sql").at_first_absent().weighing(1),
            texts("app/.env").at_first_absent().weighing(1),
            texts("settings.txt").that_counts(Counts::Without("app/settings.txt")),
            texts("app/settings.txt").at_first_absent().weighing(1),
            texts("vendor/vendored/settings.txt"),
            unread("README.md"),
            unread("app/README.md"),
            unread("app/tests/test.rs"),
            unread("app/examples/example.rs"),
            unread("app/src/bin/other.rs"),
            unread("app/embedded-not/index.md"),
            unread("native/second/unread.h"),
            unread("probe/unread.txt"),
            unread("libraries/second/libunread.a"),
            unread("link/second/unread.x"),
        ],
        variables: vec![
            Variable::noise(),
            Variable::new("UNDECLARED", &[None, Some("1"), Some("2")]),
            Variable::new("RUSTFLAGS", &[None, Some(RUSTFLAGS)]),
        ],
        swaps: &[["app/embedded/deep", "../deep"]],
        moves: &[
            ["app/embedded/a.md", "app/embedded/deep/b.md"],
            ["probe/plugins/a", "probe/plugins/b"],
            ["migrations/1.sql", "migrations/2.sql"],
        ],
        fetched: vec![vec![
            ("Cargo.toml", manifest("fetched", "[lib]\nproc-macro = true\n")),
            ("src/lib.rs", FETCHED.to_owned()),
        ]],
        varies: true,
        ..Workspace::default()
    }
}

const ONE: &str = "../assets/one.txt";
const TWO: &str = "../assets/two.txt";
const BESIDE: &str = "../../beside.txt";
const VERSION_ONE: &str = "../versions/one";
const RUSTFLAGS: &str = "--cfg=flags -Clink-arg=-Wl,-T,{repo}/link/flags.x";

/// Returns a linker script that defines a number.
fn section(name: &str, value: u8) -> String {
    format!("SECTIONS {{ .{name} : ALIGN(4) {{ {} = .; LONG({value}) }} }} INSERT AFTER .data;\n", name.to_uppercase())
}

const APP_MANIFEST: &str = r#"[package]
name = "app"
version = "0.1.0"
edition = "2024"

[dependencies]
embed.path = "../embed"
native.path = "../native"
probe.path = "../probe"
fetched.git = "{fetched}"
vendored = "0.1"
"#;

const CONFIGURATION: &str = r#"[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"
"#;

/// Names places from the root of the workspace, in which rustc and its linker start.
const APP_BUILD: &str = r#"
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in ["-Wl,-T,link/limit.x", "-Llink/first", "-Llink/second"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    for argument in ["-Llibraries/first", "-Llibraries/second", "-lv"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    println!("cargo::rustc-link-search=native=archives/first");
    println!("cargo::rustc-link-search=native=archives/second");
    println!("cargo::rustc-link-lib=static=w");
}
"#;

const APP_MAIN: &str = r#"#![allow(unexpected_cfgs)]

unsafe extern "C" {
    fn v() -> i32;
    fn w() -> i32;
    static LIMIT: i32;
    static MORE: i32;
}

#[cfg(flags)]
fn flags() -> (i32, i32) {
    unsafe extern "C" {
        static FLAGS: i32;
        static INCLUDED: i32;
    }
    // SAFETY: linker scripts define both.
    unsafe { (FLAGS, INCLUDED) }
}

#[cfg(not(flags))]
fn flags() -> (i32, i32) {
    (0, 0)
}

fn main() {
    println!("main VALUE");
    println!("embedded {}", embed::embed!());
    println!("probe {}", probe::PROBE);
    println!("text {}", include_str!("../../ignored/text.txt").trim());
    println!("code {}", include!("../../ignored/code.rs").trim());
    println!("native {}", native::n());
    // SAFETY: the functions take nothing and return numbers, and linker scripts define the numbers.
    println!("libraries {:?}", unsafe { (v(), w(), LIMIT, MORE) });
    println!("flags {:?}", flags());
    println!("migrations {}", fetched::migrations!());
    println!("settings {}", vendored::settings!());
}
"#;

const EMBED: &str = r#"
use std::fs;
use std::path::Path;

#[proc_macro]
pub fn embed(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let mut text = "VALUE".to_owned();
    collect(&Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("embedded"), &mut text);
    format!("{text:?}").parse().unwrap()
}

fn collect(directory: &Path, text: &mut String) {
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, text);
        } else {
            *text += &format!(" {:?} {}", path.file_name().unwrap(), fs::read_to_string(&path).unwrap().trim());
        }
    }
}
"#;

const FETCHED: &str = r#"
use std::fs;

#[proc_macro]
pub fn migrations(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let entries = fs::read_dir(format!("{package}/../migrations")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut text = fs::read_to_string(format!("{package}/.env")).unwrap_or_default();
    for path in paths {
        text += &format!(" {:?} {}", path.file_name().unwrap(), fs::read_to_string(&path).unwrap().trim());
    }
    format!("{text:?}").parse().unwrap()
}
"#;

/// Takes the first of several settings, and the files that come with the package.
const VENDORED: &str = r#"
use std::fs;

#[proc_macro]
pub fn settings(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let own = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/settings.txt")).unwrap();
    let places = [format!("{package}/settings.txt"), format!("{package}/../settings.txt")];
    let first = places.iter().find_map(|place| fs::read_to_string(place).ok()).unwrap();
    format!("{:?}", format!("{} {}", own.trim(), first.trim())).parse().unwrap()
}
"#;

const NATIVE_BUILD: &str = r#"
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let output = std::env::var("OUT_DIR").unwrap();
    let (object, archive) = (format!("{output}/n.o"), format!("{output}/libn.a"));
    run("cc", &["-c", "-Ifirst", "-Isecond", "main.c", "-o", &object]);
    // `ar` keeps what is there already.
    _ = std::fs::remove_file(&archive);
    run("ar", &["crs", &archive, &object]);
    println!("cargo::rustc-link-search=native={output}");
    println!("cargo::rustc-link-lib=static=n");
}

fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success());
}
"#;

const NATIVE_C: &str = r#"
#include <outer.h>
#if __has_include(<optional.h>)
#include <optional.h>
#else
#define OPTIONAL 9
#endif

int n(void) { return OUTER * 100 + INNER * 10 + OPTIONAL; }
"#;

const NATIVE_LIB: &str = r#"
mod library {
    unsafe extern "C" {
        pub fn n() -> i32;
    }
}

pub fn n() -> i32 {
    // SAFETY: the function takes nothing and returns a number.
    unsafe { library::n() }
}
"#;

const PROBE_BUILD: &str = r#"
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let read = |path: &str| fs::read_to_string(path).unwrap().trim().to_owned();
    let names = fs::read_dir("plugins").unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    let link = (fs::read_link("link").unwrap_or_default(), read("link"));
    let optional = fs::read_to_string("optional.txt").unwrap_or_default();
    let is_there = fs::exists("marker").unwrap();
    let is_executable = fs::metadata("tool.sh").unwrap().permissions().mode() & 0o111 != 0;
    let variable = std::env::var_os("UNDECLARED");
    let version = read("current/version.txt");
    println!(
        "cargo::rustc-env=PROBE={link:?} {version} {names:?} {optional:?} {is_there} {is_executable} {variable:?}"
    );
}
"#;
