//! Data files: which rows iterations get, and what is said of wrong ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use throng_tests::{Finished, PeakMemory, Target, Throng};

use crate::SCRIPTS;

const USERS: &str = "name,age\nann,31\n\"bob, the \"\"second\"\"\",\nchloé,33\n";
const LISTS: &str = "[[1, 2],\n [],\n [40, 2]]\n";

/// A directory with the script and its files, as a user would have it.
pub(crate) struct Test {
    pub(crate) directory: TempDir,
    pub(crate) script: PathBuf,
}

impl Test {
    pub(crate) fn new(users: &str, lists: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for part in ["scripts", "common"] {
            fs::create_dir(directory.path().join(part))?;
        }
        let script = directory.path().join("scripts/data.wasm");
        fs::copy(SCRIPTS.component("data")?, &script)?;
        fs::write(directory.path().join("scripts/users.csv"), users)?;
        fs::write(directory.path().join("common/lists.json"), lists)?;
        Ok(Self { directory, script })
    }

    pub(crate) fn usual() -> Result<Self> {
        Self::new(USERS, LISTS)
    }
}

/// Bytes of the file that `sent` sends.
const LARGE_BYTES: u64 = 20_000_000;

fn per_vu(vus: u64, iterations: u64, exec: &str) -> Value {
    json!({ "scenarios": {
        "load": { "executor": "per-vu-iterations", "vus": vus, "iterations": iterations, "exec": exec }
    } })
}

/// What `default` said, a VU's row and an iteration's rows apart.
fn told(finished: &Finished) -> (BTreeSet<String>, Vec<String>) {
    let lines =
        finished.stderr_lines("rows vu=").filter_map(|line| line.split_once("rows ")?.1.split_once(" iteration="));
    let (of_vus, of_iterations): (BTreeSet<_>, Vec<_>) =
        lines.map(|(of_vu, of_iteration)| (of_vu.to_owned(), of_iteration.to_owned())).unzip();
    // Behind the message stands who said it.
    let mut of_iterations: Vec<_> =
        of_iterations.into_iter().filter_map(|line| Some(line.split("  ").next()?.to_owned())).collect();
    of_iterations.sort();
    (of_vus, of_iterations)
}

#[test]
fn vus_have_rows_of_their_own_and_iterations_of_the_whole_run_too() -> Result<()> {
    let test = Test::usual()?;
    let finished = Throng::run(&test.script)?.options(&per_vu(4, 2, "default")).finish()?.expect_code(0)?;
    let (of_vus, of_iterations) = told(&finished);
    let bob = "bob, the \"second\"";
    let wanted = ["vu=1 ann 31".into(), format!("vu=2 {bob} none"), "vu=3 chloé 33".into(), "vu=4 ann 31".into()];
    assert_eq!(of_vus, BTreeSet::from(wanted), "{}", finished.stderr);
    let wanted = [
        "0 ann ann".into(),
        format!("1 {bob} {bob}"),
        "2 chloé chloé".into(),
        "3 ann none".into(),
        format!("4 {bob} none"),
        "5 chloé none".into(),
        "6 ann none".into(),
        format!("7 {bob} none"),
    ];
    assert_eq!(of_iterations, wanted, "{}", finished.stderr);
    Ok(())
}

#[test]
fn files_are_read_in_every_way() -> Result<()> {
    let test = Test::usual()?;
    let finished = Throng::run(&test.script)?.options(&per_vu(1, 1, "all")).finish()?.expect_code(0)?;
    assert!(finished.stderr.contains("all bob, the \"second\"| [3, 0, 42] name,age\n"), "{}", finished.stderr);
    assert_eq!(finished.summary()?.rate_counts("checks"), (2, 0));
    Ok(())
}

#[test]
fn files_are_looked_for_beside_the_source_of_a_script() -> Result<()> {
    let test = Test::usual()?;
    let source = test.script.with_extension("rs");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/data.rs"), &source)?;
    let finished = Throng::run(&source)?.options(&per_vu(1, 1, "all")).finish()?.expect_code(0)?;
    assert_eq!(finished.summary()?.rate_counts("checks"), (2, 0));
    Ok(())
}

/// What is said of these files before any load.
fn refusal(users: Option<&str>, lists: &str) -> Result<String> {
    let test = Test::new(users.unwrap_or_default(), lists)?;
    if users.is_none() {
        fs::remove_file(test.directory.path().join("scripts/users.csv"))?;
    }
    let finished = Throng::run(&test.script)?.finish()?.expect_code(107)?;
    assert_eq!(finished.stdout, "", "a run that can't begin has no summary");
    Ok(finished.stderr)
}

#[test]
fn all_wrong_files_are_told_at_once_before_any_load() -> Result<()> {
    let message = refusal(None, "{}")?;
    for part in [
        "3 data files can't be used:",
        "- users.csv: it can't be read at ",
        "scripts/users.csv: No such file",
        "- ../common/lists.json: it isn't a JSON array",
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    let message = refusal(Some("name,age\nann\n"), LISTS)?;
    assert!(message.contains("users.csv: line 2, byte 10 of the file: 1 fields, where the header has 2"), "{message}");
    let message = refusal(Some(USERS), "[1,\n2,]")?;
    assert!(message.contains("lists.json: line 2, column 3: not valid JSON: trailing comma"), "{message}");
    Ok(())
}

#[test]
fn a_row_that_does_not_fit_fails_its_iteration_with_file_and_row() -> Result<()> {
    let test = Test::new("name,age\nann,31\nbob,old\n", LISTS)?;
    for (row, message) in [
        ("1", "users.csv, row 1 (from 0): column age: old: invalid digit found in string, at "),
        ("2", "users.csv has 2 rows, and none of number 2, from 0, at "),
    ] {
        let options = per_vu(1, 2, "one");
        let finished = Throng::run(&test.script)?.options(&options).variable("ROW", row).finish()?.expect_code(0)?;
        let told: Vec<_> = finished.stderr_lines(message).collect();
        assert_eq!(told.len(), 2, "{}", finished.stderr);
        assert!(told[0].contains("data.rs:"), "the place is that in the script: {}", told[0]);
        assert_eq!(finished.summary()?.count("iterations_failed"), 2);
    }
    Ok(())
}

#[test]
fn options_that_depend_on_files_are_refused_with_the_reason() -> Result<()> {
    let test = Test::usual()?;
    let finished = Throng::run(&test.script)?.variable("ROWS_IN_OPTIONS", "1").finish()?.expect_code(107)?;
    assert!(finished.stderr.contains("options can't depend on them"), "{}", finished.stderr);
    Ok(())
}

/// A directory with the script `sent` and its file, and the digests that it wants to see.
fn sending(options: &Value, target: &Target) -> Result<(TempDir, Throng)> {
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("sent.wasm");
    fs::copy(SCRIPTS.component("sent")?, &script)?;
    // More bytes than a VU may have.
    let large: Vec<u8> = (0..LARGE_BYTES as u32).map(|number| (number % 251) as u8).collect();
    fs::write(directory.path().join("large.bin"), &large)?;
    let sha = |bytes: &[u8]| -> Result<String> {
        let path = directory.path().join("part");
        fs::write(&path, bytes)?;
        let output = Command::new("sha256sum").arg(&path).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.split(' ').next().unwrap_or_default().to_owned())
    };
    let throng = Throng::run(&script)?
        .args(["--quiet", "--insecure-skip-tls-verify"])
        .variable("TARGET", target.url(""))
        .variable("SHA256", sha(&large)?)
        .variable("SHA256_TAIL", sha(&large[large.len() - 100_000..])?)
        .options(options);
    Ok((directory, throng))
}

fn sending_options(vus: u64, iterations: u64) -> Value {
    let mut options = per_vu(vus, iterations, "default");
    options["throng"] = json!({ "memoryLimit": "8MiB" });
    options
}

#[test]
fn files_are_sent_from_where_they_are() -> Result<()> {
    let target = Target::start()?;
    let (_directory, throng) = sending(&sending_options(4, 2), &target)?;
    let summary = throng.finish()?.expect_code(0)?.summary()?;
    summary.checks_passed()?;
    assert_eq!(summary.count("http_reqs"), 4 * 2 * 4);
    assert!(summary.count("data_sent") > 4 * 2 * 3 * LARGE_BYTES);
    Ok(())
}

/// What is encrypted is a copy, of which there is never more than a part.
#[test]
fn files_are_encrypted_part_by_part() -> Result<()> {
    const VUS: u64 = 12;
    // The process, its scripts, the file, and less than half of what copies of it would take.
    const BYTES_MAX: u64 = 140 << 20;
    let target = Target::start_tls([""; 0])?;
    let (_directory, throng) = sending(&sending_options(VUS, 1), &target)?;
    let process = throng.start()?;
    let memory = PeakMemory::of(process.id());
    let summary = process.wait(Duration::from_secs(120))?.expect_code(0)?.summary()?;
    let peak = memory.finish();
    summary.checks_passed()?;
    assert_eq!(summary.count("http_reqs"), VUS * 4);
    assert!(summary.count("data_sent") > VUS * 3 * LARGE_BYTES);
    assert!(peak > LARGE_BYTES && peak < BYTES_MAX, "{peak} bytes");
    Ok(())
}
