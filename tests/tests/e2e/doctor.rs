//! What is said of the machine, where it is as it should be and where it lacks something.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};
use serde_json::Value;
use throng_tests::{Throng, throng_binary, without_io_uring};

/// Nobody on Debian, and an id that need not have a name.
const ORDINARY_USER: u32 = 65_534;

/// The report of `throng doctor --json` under limits, which has this exit code.
fn report(limits: &[&str], code: i32) -> Result<Value> {
    parsed(Throng::limited(limits, ["doctor", "--json"])?, code)
}

fn parsed(throng: Throng, code: i32) -> Result<Value> {
    let finished = throng.finish()?.expect_code(code)?;
    let report: Value = serde_json::from_str(&finished.stdout)?;
    assert_eq!(report["ok"], code == 0);
    Ok(report)
}

fn finding<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let findings = report["findings"].as_array().context("no findings")?;
    findings.iter().find(|finding| finding["name"] == name).with_context(|| format!("no {name} in {report}"))
}

fn problems(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.filter(|one| one["status"] == "problem").filter_map(|one| one["name"].as_str()).collect()
}

fn assert_says(finding: &Value, key: &str, part: &str) {
    assert!(finding[key].as_str().is_some_and(|text| text.contains(part)), "no {part:?} as {key} of {finding}");
}

#[test]
fn a_machine_that_runs_tests_has_no_problem() -> Result<()> {
    let report = report(&[], 0)?;
    assert_eq!(problems(&report), [""; 0]);
    for name in ["kernel", "io_uring", "locked memory", "shards", "sockets", "cores", "memory", "source ports"] {
        finding(&report, name)?;
    }
    for finding in report["findings"].as_array().into_iter().flatten().filter(|one| one["status"] == "note") {
        assert!(finding["cost"].is_string(), "{finding}");
    }
    assert!(report["sockets"].as_u64() > Some(0) && report["idleVus"].as_u64() > Some(0));
    Ok(())
}

#[test]
fn people_get_lines_and_a_verdict() -> Result<()> {
    let finished = Throng::command(["doctor"])?.finish()?.expect_code(0)?;
    assert!(finished.stdout.contains("\nok       io_uring          allowed"), "{}", finished.stdout);
    assert!(finished.stdout.contains("\nA run would work here: "), "{}", finished.stdout);
    assert_eq!(finished.stderr, "");
    let quiet = Throng::command(["doctor", "--quiet"])?.finish()?.expect_code(0)?;
    assert!(!quiet.stdout.contains("ok       "), "{}", quiet.stdout);
    Ok(())
}

#[test]
fn an_ordinary_user_is_told_the_same() -> Result<()> {
    // The directory of the build may be closed to others.
    let directory = tempfile::tempdir()?;
    fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
    let binary = directory.path().join("throng");
    fs::copy(throng_binary()?, &binary)?;
    let mut command = std::process::Command::new(&binary);
    command.args(["doctor", "--json"]).current_dir(&directory).env("HOME", directory.path());
    // Who isn't root is an ordinary user already.
    if nix::unistd::geteuid().is_root() {
        command.uid(ORDINARY_USER).gid(ORDINARY_USER);
    }
    let output = command.output()?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report["ok"], true);
    Ok(())
}

#[test]
fn where_io_uring_is_forbidden_the_way_out_is_told() -> Result<()> {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let throng = Throng::command(["doctor", "--json"])?;
        let report = parsed(throng.with(|command| without_io_uring(command, errno as u16)), 1)?;
        assert_eq!(problems(&report), ["io_uring", "shards"]);
        assert_says(finding(&report, "io_uring")?, "found", "not available");
        assert_says(finding(&report, "io_uring")?, "remedy", "seccomp");
    }
    let throng = Throng::command(["doctor"])?.with(|command| without_io_uring(command, libc::EPERM as u16));
    let finished = throng.finish()?.expect_code(1)?;
    assert!(finished.stdout.contains("\nPROBLEM  io_uring "), "{}", finished.stdout);
    assert!(finished.stdout.contains("\nNo run would work here"), "{}", finished.stdout);
    Ok(())
}

#[test]
fn few_open_files_are_a_note_that_counts_the_sockets() -> Result<()> {
    let report = report(&["--nofile=64:64"], 0)?;
    let sockets = finding(&report, "sockets")?;
    assert_eq!(sockets["status"], "note");
    assert_says(sockets, "found", "(64 on each of ");
    assert_says(sockets, "remedy", "prlimit --pid $$ --nofile=");
    assert_eq!(report["sockets"].as_u64().map(|sockets| sockets % 64), Some(0));
    Ok(())
}

#[test]
fn too_little_locked_memory_is_a_problem() -> Result<()> {
    let small = report(&["--memlock=65536:65536"], 1)?;
    assert_eq!(problems(&small), ["locked memory", "shards"]);
    assert_says(finding(&small, "locked memory")?, "found", "64 KiB; rings and buffers need about ");
    assert_says(finding(&small, "locked memory")?, "remedy", "--memlock=unlimited:unlimited");
    assert_says(finding(&small, "shards")?, "found", "the limit of locked memory is 65536 bytes");
    Ok(())
}

#[test]
fn a_missing_compiler_is_a_note() -> Result<()> {
    let throng = Throng::command(["doctor", "--json"])?.with(|command| {
        command.env("RUSTC", "/nowhere/rustc");
    });
    let report = parsed(throng, 0)?;
    let building = finding(&report, "building scripts")?;
    assert_eq!((&building["status"], &building["found"]), (&"note".into(), &"no Rust compiler is installed".into()));
    assert_says(building, "remedy", "rustup target add wasm32-unknown-unknown");
    Ok(())
}

#[test]
fn help_tells_the_exit_codes() -> Result<()> {
    let help = Throng::command(["doctor", "--help"])?.finish()?.expect_code(0)?.stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("The exit code is 0 if a run would work") && help.contains("and 1 otherwise"), "{help}");
    Ok(())
}
