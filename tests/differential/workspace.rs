//! The workspace that the walks are over: files, and what they may contain.

/// What every build of the application reads, and what none does.
pub(crate) const INPUTS: &[&str] = &[
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
pub(crate) const OTHERS: &[&str] = &[
    "README.md",
    "docs/guide.md",
    "unrelated/src/main.rs",
    "unrelated/tests/it.rs",
    "assets/unused.txt",
    "helper/src/lib.rs",
];
pub(crate) const EXTRA_PROTO: [&str; 2] = ["proto/b.proto", "proto/deep/c.proto"];

/// What is inputs only now and then: files that may be missing, and one that must not stand beside `part.rs`.
pub(crate) const DELETABLE: &[&str] =
    &["app/src/part.rs", "proto/a.proto", "assets/banner.txt", "core/data.txt", "ignored/secret.txt"];
pub(crate) const TWIN: &str = "app/src/part/mod.rs";

/// Files that no step edits.
pub(crate) const FIXED: &[(&str, &str)] = &[
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
];

/// The text of a file in one of its variants, all of them equally long.
pub(crate) fn content(path: &str, value: u8) -> String {
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

pub(crate) fn root_manifest(version: u8, checks: bool) -> String {
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
