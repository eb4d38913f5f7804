//! A workspace with sources, features, profiles and versions, files that build scripts declare and code includes, and a
//! procedural macro.

use super::form::{Counts, Form, Thing};
use super::workspace::{Variable, Workspace, fixed, manifest, root_manifest};

const MEMBERS: [&str; 6] = ["app", "core", "macros", "shout", "helper", "unrelated"];

pub(crate) fn sources() -> Workspace {
    let text = |value| format!("text {value}\n");
    let part = |value| format!("pub const PART: u8 = {value};\n");
    let other = |path: &str| Thing::texts(path, text).that_counts(Counts::Never).weighing(1);
    let config =
        |path| Thing::texts(path, |value| format!("[env]\nFLAVOUR = \"{value}\"\n")).at_first_absent().weighing(1);
    Workspace {
        name: "sources",
        fixed: fixed(&[
            (".gitignore", "/target\n/ignored\n"),
            ("app/Cargo.toml", APP_MANIFEST),
            ("app/build.rs", APP_BUILD),
            ("core/Cargo.toml", "[package]\nname = \"core-part\"\nversion.workspace = true\nedition = \"2024\"\n"),
            ("core/build.rs", CORE_BUILD),
            ("macros/Cargo.toml", &manifest("macros", "[lib]\nproc-macro = true\n")),
            ("shout/Cargo.toml", &manifest("shout", "")),
            ("shout/src/lib.rs", "pub fn shout() -> &'static str { \"LOUD\" }\n"),
            // The target is named, so that its file may be deleted while cargo still builds other packages.
            ("helper/Cargo.toml", &manifest("helper", "[lib]\npath = \"src/lib.rs\"\n")),
            ("unrelated/Cargo.toml", &manifest("unrelated", UNRELATED)),
            ("../external/Cargo.toml", &manifest("external", "")),
            ("../aside/lib.rs", &core(3)),
        ]),
        things: vec![
            Thing::new("Cargo.toml", [(0, false), (1, false), (0, true), (1, true)].map(root)),
            Thing::texts("app/src/main.rs", |value| APP_MAIN.replace("VALUE", &value.to_string())),
            Thing::texts("app/src/part.rs", part).or(Form::program(&part(0))),
            // This file must not exist beside `part.rs`.
            Thing::texts("app/src/part/mod.rs", part).at_first_absent().weighing(1),
            Thing::texts("assets/banner.txt", text),
            Thing::texts("proto/a.proto", text),
            Thing::texts("proto/b.proto", text).at_first_absent().weighing(1),
            Thing::texts("proto/deep/c.proto", text).at_first_absent().weighing(1),
            Thing::texts("core/data.txt", text),
            Thing::texts("core/src/lib.rs", core).or(Form::text(&core(3))),
            Thing::texts("macros/src/lib.rs", |value| MACROS.replace("VALUE", &value.to_string())),
            Thing::texts("ignored/secret.txt", text),
            Thing::texts("../external/src/lib.rs", |value| format!("pub const EXTERNAL: u8 = {value};\n")),
            config(".cargo/config.toml"),
            config("../.cargo/config.toml"),
            other("README.md"),
            other("docs/guide.md"),
            other("assets/unused.txt"),
            Thing::texts("unrelated/src/main.rs", |value| format!("fn main() {{ println!(\"{value}\"); }}\n"))
                .that_counts(Counts::Never)
                .weighing(1),
            Thing::texts("helper/src/lib.rs", |value| format!("pub fn help() -> u8 {{ {value} }}\n"))
                .that_counts(Counts::Never)
                .weighing(1),
        ],
        variables: vec![Variable::noise(), Variable::new("TAG", &[None, Some("0"), Some("1"), Some("2")])],
        features: &["loud"],
        swaps: &[["core/src", "../aside"]],
        moves: &[["proto/b.proto", "proto/deep/c.proto"]],
        ..Workspace::default()
    }
}

fn core(value: u8) -> String {
    format!(
        "pub const CORE: u8 = {value};\npub const DATA: &str = env!(\"DATA\");\npub const VERSION: &str = env!(\"CARGO_PKG_VERSION\");\n"
    )
}

fn root((version, checks): (u8, bool)) -> Form {
    let manifest = root_manifest(&MEMBERS, &format!("[workspace.package]\nversion = \"0.1.{version}\"\n"));
    Form::text(&format!("{manifest}debug-assertions = {checks}\n"))
}

const UNRELATED: &str = r#"[[bin]]
name = "unrelated"
path = "src/main.rs"

[dev-dependencies]
helper.path = "../helper"
"#;

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

const MACROS: &str = r#"#[proc_macro]
pub fn spell(_: proc_macro::TokenStream) -> proc_macro::TokenStream { "\"spell VALUE\"".parse().unwrap() }
"#;
