//! A workspace whose build scripts and macros read without a declaration: links, ignored files that a package includes, the
//! names in a directory, and variables. One script writes into `src/`.

use super::form::{Counts, Form, Thing};
use super::workspace::{Variable, Workspace, fixed, manifest, root_manifest};

const MEMBERS: [&str; 5] = ["app", "linked", "packed", "pages", "generated"];

pub(crate) fn scripts() -> Workspace {
    let text = |value| format!("text {value}\n");
    let link = |target: &str| Form::Link(target.into());
    let generated = |value| format!("pub const SCHEMA: &str = \"text {value}\";\n");
    Workspace {
        name: "scripts",
        fixed: fixed(&[
            (".gitignore", "/target\n/packed/dist\n"),
            ("Cargo.toml", &root_manifest(&MEMBERS, "")),
            ("app/Cargo.toml", APP_MANIFEST),
            ("linked/Cargo.toml", &manifest("linked", "")),
            ("linked/build.rs", LINKED_BUILD),
            ("linked/src/lib.rs", LINKED_LIB),
            ("generated/Cargo.toml", &manifest("generated", "")),
            ("generated/build.rs", GENERATED_BUILD),
            ("generated/src/lib.rs", "pub mod schema;\n"),
            ("packed/Cargo.toml", &manifest("packed", "include = [\"src/**\", \"dist/**\", \"build.rs\"]\n")),
            ("packed/build.rs", PACKED_BUILD),
            ("packed/src/lib.rs", "pub const DIST: &str = env!(\"DIST\");\n"),
            ("pages/Cargo.toml", &manifest("pages", "[lib]\nproc-macro = true\n")),
            ("pages/src/lib.rs", PAGES),
            // The directories that are listed have other files, too.
            ("app/pages/index.md", "index\n"),
            ("assets/one/always.txt", "one\n"),
            ("assets/two/a.txt", "two\n"),
            ("../assets/a.txt", "beside\n"),
        ]),
        things: vec![
            Thing::new("linked/directory", [link("../assets/one"), link("../assets/two"), link("../../assets")]),
            Thing::new("linked/file", [link("../assets/file.txt"), link("../../file.txt"), Form::text("no link\n")]),
            Thing::texts("assets/one/a.txt", text),
            Thing::texts("assets/one/b.txt", text).at_first_absent(),
            Thing::texts("assets/one/deep/c.txt", text).at_first_absent().weighing(1),
            Thing::texts("assets/file.txt", text),
            Thing::texts("../assets/b.txt", text).at_first_absent(),
            Thing::texts("../file.txt", text),
            Thing::texts("generated/schema.txt", text).that_counts(Counts::WithFeatures),
            Thing::texts("generated/src/schema.rs", generated).that_counts(Counts::WithFeatures).weighing(1),
            Thing::texts("packed/dist/index.html", text),
            Thing::texts("packed/dist/more.html", text).at_first_absent(),
            Thing::texts("app/pages/a.md", text).at_first_absent().weighing(4),
            Thing::texts("app/pages/b.md", text).at_first_absent().weighing(4),
            Thing::texts("app/src/main.rs", |value| APP_MAIN.replace("VALUE", &value.to_string())),
            Thing::texts("README.md", text).that_counts(Counts::Never).weighing(1),
            Thing::texts("assets/unused.txt", text).that_counts(Counts::Never).weighing(1),
            Thing::texts("packed/dist.txt", text).weighing(1),
        ],
        variables: vec![
            Variable::noise(),
            Variable::new("SOURCE_DATE_EPOCH", &[None, Some("1"), Some("2")]),
            Variable::new("CPATH", &[None, Some("/one"), Some("/two")]),
        ],
        // A script that writes into `src/` runs each time, and then each package that depends on it is built.
        features: &["generated"],
        moves: &[["app/pages/a.md", "app/pages/b.md"], ["assets/one/b.txt", "../assets/b.txt"]],
        ..Workspace::default()
    }
}

const APP_MANIFEST: &str = r#"[package]
name = "app"
version = "0.1.0"
edition = "2024"

[features]
generated = ["dep:generated"]

[dependencies]
linked.path = "../linked"
packed.path = "../packed"
pages.path = "../pages"
generated = { path = "../generated", optional = true }
"#;

const GENERATED_BUILD: &str = r#"
fn main() {
    let schema = std::fs::read_to_string("schema.txt").unwrap();
    std::fs::write("src/schema.rs", format!("pub const SCHEMA: &str = {:?};\n", schema.trim())).unwrap();
}
"#;

const APP_MAIN: &str = r#"fn main() {
    println!("main VALUE");
    println!("linked {}", linked::LINKED);
    #[cfg(feature = "generated")]
    println!("generated {}", generated::schema::SCHEMA);
    println!("packed {}", packed::DIST);
    println!("pages {}", pages::pages!());
}
"#;

const LINKED_BUILD: &str = r#"
fn main() {
    let mut text = std::fs::read_to_string("file").unwrap().trim().to_owned();
    collect("directory".as_ref(), &mut text);
    for variable in ["SOURCE_DATE_EPOCH", "CPATH"] {
        text += &format!(" {:?}", std::env::var_os(variable));
    }
    println!("cargo::rustc-env=LINKED={text}");
}

fn collect(directory: &std::path::Path, text: &mut String) {
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, text);
        } else {
            *text += &format!(" {}: {}", path.display(), std::fs::read_to_string(&path).unwrap().trim());
        }
    }
}
"#;

const LINKED_LIB: &str = "pub const LINKED: &str = env!(\"LINKED\");\n";

const PACKED_BUILD: &str = r#"
fn main() {
    let mut paths: Vec<_> = std::fs::read_dir("dist").unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| format!("{path:?} {} ", std::fs::read_to_string(path).unwrap().trim()));
    println!("cargo::rustc-env=DIST={}", texts.collect::<String>());
}
"#;

const PAGES: &str = r#"
#[proc_macro]
pub fn pages(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/pages";
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let text = |path: &std::path::PathBuf| {
        format!("{:?} {} ", path.file_name().unwrap(), std::fs::read_to_string(path).unwrap().trim())
    };
    format!("{:?}", paths.iter().map(text).collect::<String>()).parse().unwrap()
}
"#;
