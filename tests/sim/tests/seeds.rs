//! Seeds that every push runs, each in a process of its own: more of them by `cargo xtask sim --seeds N`.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Seeds that hold on every push.
const SEEDS: &str = "60";
/// Seeds in which a planted bug has to be found.
const SEEDS_TO_FIND: &str = "40";

fn simulate(arguments: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_throng-sim")).args(arguments).output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8(text)?))
}

#[test]
fn what_must_hold_does_in_all_seeds() -> Result<()> {
    let (holds, text) = simulate(&["sim", "--seeds", SEEDS])?;
    println!("{text}");
    ensure!(holds, "{text}");
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_trace() -> Result<()> {
    let trace = |seed| simulate(&["seed", seed, "--lines", "20000"]);
    for seed in ["3", "14"] {
        let (first, second) = (trace(seed)?.1, trace(seed)?.1);
        ensure!(first.lines().count() > 100, "{first}");
        let differ = first.lines().zip(second.lines()).find(|(first, second)| first != second);
        assert_eq!(differ, None);
        assert_eq!(first, second);
    }
    assert_ne!(trace("3")?.1, trace("4")?.1);
    Ok(())
}

/// Has a planted bug be found, and told so that it can be found again.
fn found(bug: &str, claims: &[&str]) -> Result<String> {
    let (is_found, text) = simulate(&["sim", "--seeds", SEEDS_TO_FIND, "--bug", bug, "--until-found"])?;
    ensure!(is_found, "{bug} isn't found: {text}");
    let is_told = |claim: &&str| text.contains(&format!("violates \"{claim}\""));
    ensure!(claims.iter().any(is_told), "none of {claims:?} in {text}");
    let again = text.lines().find_map(|line| line.strip_prefix("again by: cargo xtask ")).context("no command")?;
    let (holds, _) = simulate(&again.split(' ').collect::<Vec<_>>())?;
    ensure!(!holds, "{again} doesn't find it again");
    Ok(text)
}

#[test]
fn a_disk_that_lies_about_its_syncs_is_found() -> Result<()> {
    let claims = [
        "nodes go on",
        "acknowledged proposals survive",
        "applied state is equal",
        "election safety",
        "archives are kept",
    ];
    println!("{}", found("lying-disk", &claims)?);
    Ok(())
}

#[test]
fn a_vote_that_is_not_on_disk_is_found() -> Result<()> {
    println!("{}", found("forgotten-vote", &["applied state is equal", "election safety", "log matching"])?);
    Ok(())
}

#[test]
fn a_read_that_does_not_ask_the_leader_is_found() -> Result<()> {
    println!("{}", found("stale-read", &["acknowledged proposals survive"])?);
    Ok(())
}

#[test]
fn a_leader_that_calls_windows_safe_too_early_is_found() -> Result<()> {
    println!(
        "{}",
        found(
            "early-word",
            &["no window is lost or doubled", "nobody is lost when all is well", "a run fails for a reason"]
        )?
    );
    Ok(())
}

#[test]
fn a_leader_that_counts_a_window_twice_is_found() -> Result<()> {
    println!("{}", found("own-numbers", &["no window is lost or doubled"])?);
    Ok(())
}
