//! Claims about the repository: what its documents say and its rules demand is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Files longer than this are to be split.
const LINES_MAX: usize = 600;
/// The introduction of a library.
const INTRODUCTION_LINES_MAX: usize = 25;
/// Directories with sources of ours.
const SOURCES: [&str; 4] = ["benches", "crates", "sdk", "tests"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

/// A member of one of the workspaces.
struct Member {
    /// Its directory, from the root.
    path: String,
    name: String,
    /// What it depends on, but for its tests and build scripts.
    dependencies: BTreeSet<String>,
}

fn members() -> Result<Vec<Member>> {
    let root = fs::canonicalize(root())?;
    let mut members = Vec::new();
    for workspace in [root.clone(), root.join("sdk"), root.join("tests/fuzz")] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(&workspace);
        let output = cargo.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        for package in metadata["packages"].as_array().context("no packages")? {
            let manifest = Path::new(package["manifest_path"].as_str().context("no manifest")?);
            let directory = manifest.parent().context("no directory")?.strip_prefix(&root)?;
            let dependencies = package["dependencies"].as_array().context("no dependencies")?.iter();
            let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
            members.push(Member {
                path: directory.to_string_lossy().into_owned(),
                name: package["name"].as_str().context("no name")?.to_owned(),
                dependencies: normal.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect(),
            });
        }
    }
    Ok(members)
}

/// The part of `crates/ARCHITECTURE.md` under a heading.
fn section(heading: &str) -> Result<String> {
    let text = read("crates/ARCHITECTURE.md")?;
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).with_context(|| format!("no section {heading}"))?;
    Ok(rest.split("\n## ").next().unwrap_or(rest).to_owned())
}

/// What stands in backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Files of our own with one of these endings.
fn files(endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = SOURCES.iter().map(|directory| root().join(directory)).collect();
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    left.push(path);
                }
            } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
                found.push(path);
            }
        }
    }
    ensure!(!found.is_empty(), "there are no files {endings:?}");
    Ok(found)
}

#[test]
fn the_code_map_names_exactly_the_members() -> Result<()> {
    let map = section("Code map")?;
    let named: Vec<&str> = map.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next()).collect();
    let members: BTreeSet<String> = members()?.into_iter().map(|member| member.path).collect();
    assert_eq!(named.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), members);
    assert_eq!(named.len(), members.len(), "one is named twice");
    Ok(())
}

/// A row of the table of dependency directions.
struct Direction {
    may_use: BTreeSet<String>,
    alone_owns: BTreeSet<String>,
}

fn directions() -> Result<BTreeMap<String, Direction>> {
    let text = section("Dependency directions")?;
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        let name = quoted(cells.get(1)?).into_iter().next()?;
        Some((name, Direction { may_use: quoted(cells.get(2)?), alone_owns: quoted(cells.get(3)?) }))
    };
    rows.map(|line| row(line).with_context(|| line.to_owned())).collect()
}

#[test]
fn crates_depend_only_in_the_directions_that_are_written_down() -> Result<()> {
    let (directions, members) = (directions()?, members()?);
    let ours: BTreeMap<&str, &Member> =
        members.iter().filter_map(|member| Some((member.path.strip_prefix("crates/")?, member))).collect();
    assert_eq!(directions.keys().map(String::as_str).collect::<Vec<_>>(), ours.keys().copied().collect::<Vec<_>>());
    for (name, member) in &ours {
        let Direction { may_use, alone_owns } = &directions[*name];
        for (other, of_other) in &ours {
            if member.dependencies.contains(&of_other.name) {
                assert!(may_use.contains(*other), "{name} may not use {other}");
            }
        }
        for owned in alone_owns {
            assert!(member.dependencies.contains(owned), "{name} is to own {owned} and doesn't use it");
            for (other, of_other) in &ours {
                assert!(other == name || !of_other.dependencies.contains(owned), "{owned} is {name}'s and {other}'s");
            }
        }
    }
    Ok(())
}

#[test]
fn the_directions_hold_what_the_design_rests_on() -> Result<()> {
    let directions = directions()?;
    for (name, may_use) in
        [("stats", vec![]), ("plan", vec!["stats"]), ("web", vec![]), ("control", vec!["plan", "stats"])]
    {
        assert_eq!(directions[name].may_use.iter().collect::<Vec<_>>(), may_use, "{name} is pure");
        let bans = read(&format!("crates/{name}/clippy.toml"))?;
        for banned in ["std::time::Instant::now", "std::env::var", "std::fs::"] {
            assert!(bans.contains(banned), "{name} may call {banned}");
        }
    }
    for (name, owned) in [
        ("stats", vec!["hdrhistogram"]),
        ("vu", vec!["wasmtime"]),
        ("protocol", vec!["prost"]),
        ("coordinator", vec!["openraft", "redb"]),
        ("transport", vec!["glommio", "io-uring", "socket2"]),
        ("cli", vec!["anyhow", "clap"]),
    ] {
        assert!(owned.iter().all(|owned| directions[name].alone_owns.contains(*owned)), "{name} owns {owned:?}");
    }
    // Who runs the program from outside has no part of it inside.
    for member in members()?.iter().filter(|member| ["benches", "tests"].contains(&member.path.as_str())) {
        let inside = member.dependencies.iter().find(|name| name.starts_with("throng"));
        assert_eq!(inside, None, "of {}", member.path);
    }
    Ok(())
}

#[test]
fn every_member_inherits_the_lints() -> Result<()> {
    for member in members()? {
        let manifest = read(&format!("{}/Cargo.toml", member.path))?;
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", member.path);
    }
    Ok(())
}

#[test]
fn no_file_is_longer_than_it_may_be() -> Result<()> {
    for path in files(&["rs", "wit", "wat"])? {
        let text = fs::read_to_string(&path)?;
        let lines = text.lines().count();
        // What a generator has written nobody reads.
        let is_generated = text.starts_with("// This file is @generated by prost-build.");
        assert!(is_generated || lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
    Ok(())
}

#[test]
fn every_library_is_introduced_briefly() -> Result<()> {
    for path in files(&["rs"])?.iter().filter(|path| path.ends_with("src/lib.rs")) {
        let text = fs::read_to_string(path)?;
        let lines = text.lines().take_while(|line| line.starts_with("//!")).count();
        assert!((1..=INTRODUCTION_LINES_MAX).contains(&lines), "{} has {lines} lines of it", path.display());
    }
    Ok(())
}

#[test]
fn no_test_is_switched_off_and_nothing_is_left_to_do() -> Result<()> {
    // In two parts, so that this file doesn't find itself.
    let marks = [("#[ig", "nore"), ("tod", "o!("), ("unimpl", "emented!("), ("TO", "DO"), ("FIX", "ME")];
    for path in files(&["rs", "wit"])? {
        let text = fs::read_to_string(&path)?;
        for (head, tail) in marks {
            let mark = format!("{head}{tail}");
            assert!(!text.contains(&mark), "{} has {mark}", path.display());
        }
    }
    Ok(())
}

/// What a document refers to: the targets of its links, and paths in backticks that begin in a directory of ours.
fn referred(text: &str, directories: &[&str]) -> BTreeSet<String> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let links = links.filter_map(|link| link.split('#').next()).map(str::to_owned);
    let is_path = |word: &String| {
        directories.iter().any(|directory| word.starts_with(&format!("{directory}/")))
            && !word.contains([' ', '*', '{'])
    };
    links.chain(text.lines().flat_map(quoted).filter(is_path)).collect()
}

#[test]
fn documents_refer_to_what_is_there() -> Result<()> {
    for (document, directories) in [
        ("README.md", ["benches", "crates", "proto", "sdk", "tests", "tools", "wit", ".ci"].as_slice()),
        ("crates/ARCHITECTURE.md", ["agent", "cli", "plan", "stats", "target", "transport", "vu", "web"].as_slice()),
    ] {
        let path = root().join(document);
        let base = path.parent().context("no directory")?;
        let referred = referred(&fs::read_to_string(&path)?, directories);
        assert!(!referred.is_empty(), "{document} refers to nothing");
        for name in referred {
            // What a build makes is there after one.
            assert!(name.starts_with("target/release") || base.join(&name).exists(), "{document} refers to {name}");
        }
    }
    Ok(())
}
