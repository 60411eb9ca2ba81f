//! Each rule on trees of a file or two: what it reports, and what it lets be.

use super::check;
use super::tree::Tree;

/// What is reported about these files, besides what is about none of them.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let owned = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect();
    let lines = check(&Tree::new(owned)).lines();
    let about = |line: &String| {
        files
            .iter()
            .any(|(path, _)| line.starts_with(&format!("{path}:")))
    };
    lines.into_iter().filter(about).collect()
}

#[track_caller]
fn reports(path: &str, text: &str, expected: &str) {
    let found = findings(&[(path, text)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(expected), "{found:?}");
}

#[track_caller]
fn passes(path: &str, text: &str) {
    assert_eq!(findings(&[(path, text)]), [""; 0]);
}

#[test]
fn long_files_are_noted_and_longer_ones_refused() {
    let file = |lines: usize| "//! A file.\n".to_owned() + &"fn f() {}\n".repeat(lines - 1);
    passes("crates/a/src/b.rs", &file(600));
    reports("crates/a/src/b.rs", &file(601), "note: 601 lines");
    reports("crates/a/src/b.rs", &file(1001), "src/b.rs:1: 1001 lines");
}

#[test]
fn large_files_belong_under_assets() {
    let large = "x".repeat(5 << 20);
    reports("tests/model.bin", &large, "5.0 MiB");
    passes("assets/model.bin", &large);
}

#[test]
fn whitespace_is_clean() {
    reports("a.md", "text \n", "a.md:1: blanks at the end");
    reports("a.rs", "//! A.\n\tfn f() {}\n", "a.rs:2: a tab");
    reports("a.py", "x = 1", "no line end");
    reports("a.py", "x = 1\n\n", "an empty line at the end");
    passes("a.npy", "binary ");
}

#[test]
fn nothing_is_left_open() {
    let word = ["TO", "DO"].concat();
    reports(
        "a.rs",
        &format!("//! A.\n// {word}: more\n"),
        "a.rs:2: `TODO`",
    );
    reports("a.py", &format!("# {word}\n"), "a.py:1: `TODO`");
    reports("a.rs", "//! A.\nfn f() { todo!() }\n", "a.rs:2: `todo!`");
    reports("a.rs", "//! A.\nfn f() { dbg!(1); }\n", "a.rs:2: `dbg!`");
    passes(
        "a.rs",
        &format!("//! A.\nconst S: &str = \"{word} dbg!\";\nfn todo() {{}}\n"),
    );
    passes("a.json", &format!("\"{word}\"\n"));
}

#[test]
fn paths_of_one_machine_are_refused() {
    for folder in ["work", "root", "home"] {
        let path = format!("/{folder}/project");
        reports("a.md", &format!("see {path}\n"), "a path of one machine");
        reports("a.json", &format!("\"{path}\""), "a path of one machine");
        passes("a.md", &format!("https://example.org{path} docs{path}\n"));
    }
}

#[test]
fn registries_are_named_in_the_lock_file_alone() {
    let package = "[[package]]\nname = \"half\"\nsource = ";
    let index = [
        "\"registry+https://github.com/rust-lang/crates",
        "io-index\"\n",
    ]
    .join(".");
    passes("Cargo.lock", &format!("{package}{index}"));
    reports(
        "Cargo.lock",
        &format!("{package}\"registry+https://mirror\"\n"),
        "from elsewhere",
    );
    reports(
        "a.md",
        &["from py", "i.org\n"].join("p"),
        "the address of a registry",
    );
    reports(
        ".cargo/config.toml",
        "[source.mirror]\n",
        "a registry in .cargo",
    );
}

#[test]
fn sources_say_what_they_are_for() {
    reports("crates/a/src/b.rs", "fn f() {}\n", "no header");
    let attribute = "#![forbid(unsafe_code)]\n";
    reports(
        "crates/a/src/lib.rs",
        &format!("//! A.\n{attribute}"),
        "`Not chosen:`",
    );
    passes(
        "crates/a/src/lib.rs",
        &format!("//! A.\n//!\n//! Not chosen: B.\n{attribute}"),
    );
}

#[test]
fn unsafe_has_its_places() {
    let block = "//! A.\nfn f() {\n    // SAFETY: so.\n    unsafe { g() }\n}\n";
    reports("crates/a/src/b.rs", block, "b.rs:4: `unsafe` here");
    passes("crates/lazuli-cpu/src/b.rs", block);
    reports(
        "crates/lazuli-core/src/host.rs",
        "//! A.\n",
        "no `unsafe` here",
    );
    reports("crates/lazuli-cpus/src/b.rs", block, "`unsafe` here");
    passes(
        "crates/a/src/b.rs",
        "//! unsafe\nconst S: &str = \"unsafe\";\n",
    );
}

#[test]
fn crates_without_unsafe_forbid_it() {
    let page = "//! A.\n//! Not chosen: B.\n";
    reports("crates/a/src/lib.rs", page, "`#![forbid(unsafe_code)]`");
    reports(
        "crates/lazuli-core/src/lib.rs",
        page,
        "`#![deny(unsafe_code)]`",
    );
    reports("xtask/src/main.rs", "//! A.\n", "`#![forbid(unsafe_code)]`");
    passes("crates/lazuli-cpu/src/lib.rs", page);
}

#[test]
fn unsafe_declarations_give_reasons() {
    let path = "crates/lazuli-cpu/src/b.rs";
    let with = |text: &str| format!("//! A.\n{text}\n");
    reports(
        path,
        &with("unsafe fn f() {}"),
        "`unsafe fn` without `# Safety`",
    );
    reports(
        path,
        &with("unsafe impl Send for X {}"),
        "`unsafe impl` without `SAFETY:`",
    );
    reports(
        path,
        &with("/// # Safety\n/// So.\nfn g() {}\nunsafe fn f() {}"),
        "`unsafe fn`",
    );
    passes(
        path,
        &with("/// # Safety\n/// So.\n#[inline]\npub unsafe fn f() {}"),
    );
    passes(
        path,
        &with("/// # Safety\n/// So.\n#[f(\n    a\n)]\npub unsafe fn f() {}"),
    );
    passes(
        path,
        &with("impl A for B {\n    m! {\n        unsafe fn f() = g;\n    }\n}"),
    );
    passes(path, &with("// SAFETY: so.\nunsafe impl Send for X {}"));
    passes(path, &with("type F = unsafe fn(u8);"));
    passes(
        path,
        &with("impl A for B {\n    fn g() {}\n\n    unsafe fn f() {}\n}"),
    );
    reports(
        path,
        &with("impl B {\n    unsafe fn f() {}\n}"),
        "`unsafe fn`",
    );
    let lifted = "#[allow(clippy::missing_safety_doc)] // Each says it.\npub trait A {";
    passes(path, &with(&format!("{lifted}\n    unsafe fn f();\n}}")));
}

const MANIFEST: &str = "\
[package]
name = \"a\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true

[lints]
workspace = true

[dependencies]
half = { workspace = true, features = [\"std\"] }
";

#[test]
fn packages_inherit_from_the_workspace() {
    let path = "crates/a/Cargo.toml";
    passes(path, MANIFEST);
    reports(
        path,
        &MANIFEST.replace("edition.workspace = true\n", ""),
        "the workspace's edition",
    );
    reports(
        path,
        &MANIFEST.replace("[lints]\nworkspace = true\n", ""),
        "lints are not",
    );
    reports(
        path,
        &format!("{MANIFEST}libc = \"0.2\"\n"),
        "Cargo.toml:13: `libc` has a version",
    );
    let outside = "[package]\nname = \"f\"\n[dependencies]\nlibc = \"0.2\"\n";
    passes("fuzz/Cargo.toml", outside);
}

#[test]
fn the_table_of_versions_has_no_leftovers() {
    let member = ("crates/a/Cargo.toml", MANIFEST);
    let table = |rest: &str| format!("[workspace.dependencies]\nhalf = \"2\"\n{rest}");
    assert_eq!(findings(&[("Cargo.toml", &table("")), member]), [""; 0]);
    let found = findings(&[("Cargo.toml", &table("half-more = \"1\"\n")), member]);
    assert_eq!(
        found,
        ["Cargo.toml:3: no package depends on `half-more`: remove it"]
    );
}

#[test]
fn links_lead_somewhere() {
    let pages = |text: &'static str| {
        findings(&[
            ("docs/a.md", text),
            ("README.md", "# A\n"),
            ("docs/b/c.md", "# C\n"),
        ])
    };
    let good = "[r](../README.md#a) [b](b) [`c`](b/c.md) [w](https://example.org) [s](#here)\n";
    assert_eq!(pages(good), [""; 0]);
    assert_eq!(
        pages("`[x](nowhere.md)`\n```\n[x](nowhere.md)\n```\n"),
        [""; 0]
    );
    let found = pages("text\n[x](nowhere.md)\n");
    assert_eq!(
        found,
        ["docs/a.md:2: a link to `nowhere.md`, which is not there"]
    );
    assert_eq!(pages("[x](../../other.md)\n").len(), 1);
}
