//! `throng agent`, as far as no group is needed for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use throng_tests::{Process, Throng, until};

const PATIENCE: Duration = Duration::from_secs(30);
/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:9";

#[test]
fn an_agent_that_finds_no_coordinator_gives_up_when_it_is_to() -> Result<()> {
    let asked = Instant::now();
    let arguments = ["agent", "--join", NOBODY, "--give-up-after", "1s"];
    let finished = Throng::command(arguments)?.finish()?.expect_code(114)?;
    ensure!(asked.elapsed() >= Duration::from_secs(1), "it gave up after {:?}", asked.elapsed());
    for part in [NOBODY, "--give-up-after", "refused"] {
        ensure!(finished.stderr.contains(part), "{}", finished.stderr);
    }
    Ok(())
}

/// Waits until a process has begun to listen to SIGTERM.
fn until_it_heeds_sigterm(process: &Process) -> Result<()> {
    until("it listens to SIGTERM", PATIENCE, || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).context("no SigCgt")?;
        let caught = u64::from_str_radix(caught.trim(), 16)?;
        Ok((caught & 1 << (Signal::SIGTERM as i32 - 1) != 0).then_some(()))
    })
}

#[test]
fn an_agent_that_looks_for_coordinators_ends_at_a_signal() -> Result<()> {
    let process = Throng::command(["agent", "--join", NOBODY])?.start()?;
    until_it_heeds_sigterm(&process)?;
    process.signal(Signal::SIGTERM)?;
    process.wait(PATIENCE)?.expect_code(0)?;
    Ok(())
}

#[test]
fn an_agent_without_its_addresses_ends_before_it_joins_and_says_what_would_add_them() -> Result<()> {
    let throng = Throng::command(["agent", "--join", NOBODY, "--bind-ips", "127.0.0.1,203.0.113.1-203.0.113.2"])?;
    let finished = throng.finish()?.expect_code(112)?;
    for address in ["203.0.113.1", "203.0.113.2"] {
        ensure!(finished.stderr.contains(&format!("ip address add {address}/32")), "{}", finished.stderr);
    }
    ensure!(!finished.stderr.contains("127.0.0.1"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn what_is_wrong_with_an_agents_arguments_is_told() -> Result<()> {
    let wrong: [(&[&str], &str); 7] = [
        (&["--join", "host"], "HOST:PORT"),
        (&["--join", NOBODY, "--name", "a b"], "--name"),
        (&["--join", NOBODY, "--tag", "zone"], "KEY=VALUE"),
        (&["--join", NOBODY, "--capacity", "0"], "1 to 1000"),
        (&["--join", NOBODY, "--shards", "0"], "above 0"),
        (&["--join", NOBODY, "--give-up-after", "soon"], "--give-up-after soon"),
        (&["--join", NOBODY, "--archive-cache", "much"], "--archive-cache much"),
    ];
    for (arguments, text) in wrong {
        let finished = Throng::command(["agent"])?.args(arguments).finish()?.expect_code(104)?;
        ensure!(finished.stderr.contains(text), "{arguments:?}: {}", finished.stderr);
    }
    Ok(())
}
