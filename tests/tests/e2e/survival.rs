//! What a run outlives, with counts that are those of the target.
//!
//! `THRONG_TEST_KILLS=30 THRONG_TEST_RATE=3000 THRONG_TEST_SECONDS=60` is the long form of killing leaders.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::json;
use throng_tests::{Cluster, Target, until};

use crate::live::{Live, Load, PATIENCE};

/// What the loss of a leader may cost, on machines that are busy with other tests.
const FAILOVER_MAX: Duration = Duration::from_secs(10);

fn setting(name: &str, usual: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is a number")),
        Err(_) => Ok(usual),
    }
}

/// A run on three agents.
fn start(on_agent_loss: &str, rate: u64, seconds: u64) -> Result<Live> {
    Live::start(Cluster::start(3)?, Target::start()?, on_agent_loss, Load { rate, seconds })
}

#[test]
fn a_run_outlives_its_leader_and_every_iteration_is_counted_once() -> Result<()> {
    let (kills, rate) = (setting("THRONG_TEST_KILLS", 2)?, setting("THRONG_TEST_RATE", 300)?);
    let seconds = setting("THRONG_TEST_SECONDS", 10)?;
    let mut took = Vec::new();
    for round in 0..kills {
        let mut live = start("fail", rate, seconds)?;
        // At another instant of a second each time.
        sleep(Duration::from_millis(500 + round * 1_237 % (seconds * 1_000 / 2)));
        let leader = live.cluster.group.leader()?;
        let killed = live.cluster.group.kill(leader)?;
        live.until_led_by(&Live::others(leader))?;
        let time = killed.elapsed();
        println!("round {round}: {time:?}");
        took.push(time);
        live.cluster.group.boot(leader)?;
        live.end_with_all()?;
    }
    took.sort();
    let (median, max) = (took[took.len() / 2], took[took.len() - 1]);
    println!("kill -9 of the leader until the next one's first acknowledged window: median {median:?}, max {max:?}");
    ensure!(max < FAILOVER_MAX, "{took:?}");
    Ok(())
}

#[test]
fn a_run_outlives_the_loss_of_followers_and_of_most_nodes() -> Result<()> {
    let mut live = start("fail", 200, 14)?;
    let leader = live.cluster.group.leader()?;
    let others = Live::others(leader);
    live.cluster.group.kill(others[0])?;
    sleep(Duration::from_secs(1));
    // Without most nodes nothing is acknowledged; agents keep what they measure.
    live.cluster.group.kill(others[1])?;
    sleep(Duration::from_secs(3));
    // The load goes on.
    live.target.await_served(live.target.served()? + 1)?;
    live.cluster.group.boot(others[0])?;
    live.cluster.group.boot(others[1])?;
    live.end_with_all()
}

#[test]
fn a_run_outlives_all_nodes_at_once() -> Result<()> {
    let mut live = start("fail", 200, 12)?;
    for id in 1..=3 {
        live.cluster.group.kill(id)?;
    }
    sleep(Duration::from_secs(2));
    for id in 1..=3 {
        live.cluster.group.boot(id)?;
    }
    live.end_with_all()
}

#[test]
fn a_lost_agent_ends_the_run_unless_the_options_say_otherwise() -> Result<()> {
    let mut live = start("fail", 300, 60)?;
    let agent = live.cluster.take_agent("a2")?;
    agent.signal(Signal::SIGKILL)?;
    let killed = Instant::now();
    let (finished, summary) = live.finish()?;
    let finished = finished.expect_code(116)?;
    println!("kill -9 of an agent until the run's end: {:?}", killed.elapsed());
    ensure!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    ensure!(finished.stderr.contains("the agent `a2` was lost"), "{}", finished.stderr);
    ensure!(finished.stdout.contains("the agent `a2` was lost"), "{}", finished.stdout);
    ensure!(summary.count("iterations") > 0, "what was measured before is kept");
    Ok(())
}

#[test]
fn a_run_goes_on_without_a_lost_agent_and_says_what_is_missing() -> Result<()> {
    let mut live = start("continue", 300, 8)?;
    live.cluster.take_agent("a2")?.signal(Signal::SIGKILL)?;
    let (finished, summary) = live.finish()?;
    ensure!(finished.code != Some(0) || finished.stdout.contains("a2"), "a silent loss: {}", finished.stdout);
    ensure!(summary.count("iterations") <= live.target.served()?, "more was counted than took place");
    let machine = live.machine_readable()?;
    let complete: Vec<_> =
        machine["agents"].as_array().context("no agents")?.iter().map(|one| &one["complete"]).collect();
    assert_eq!(complete, [&json!(true), &json!(false), &json!(true)], "{machine}");
    ensure!(finished.stdout.contains("what it did after its window"), "{}", finished.stdout);
    Ok(())
}

#[test]
fn others_take_over_what_a_lost_agent_had_to_do() -> Result<()> {
    let (rate, seconds) = (300, 24);
    let mut live = start("reassign", rate, seconds)?;
    live.cluster.take_agent("a2")?.signal(Signal::SIGKILL)?;
    let killed = Instant::now();
    // The whole rate is there again when a second has as many requests as were planned.
    let restored = until("the whole rate again", PATIENCE, || {
        let before = live.target.served()?;
        sleep(Duration::from_secs(1));
        let in_a_second = live.target.served()? - before;
        Ok((killed.elapsed() > Duration::from_millis(1_500) && in_a_second >= rate * 95 / 100)
            .then(|| killed.elapsed()))
    })?;
    println!("kill -9 of an agent until the whole rate is there again: {restored:?}");
    let (finished, summary) = live.finish()?;
    ensure!(finished.stdout.contains("took over its part"), "{}", finished.stdout);
    ensure!(summary.count("iterations") <= live.target.served()?, "more was counted than took place");
    Ok(())
}
