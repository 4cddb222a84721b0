//! Runs on the agents of a cluster, as those see them who want them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use throng_tests::{Cluster, Target, Throng, until};

use crate::SCRIPTS;

const PATIENCE: Duration = Duration::from_secs(60);

/// Iterations that the agents share.
fn shared(iterations: u64) -> Value {
    json!({ "scenarios": { "all": { "executor": "shared-iterations", "vus": 6, "iterations": iterations } } })
}

/// As many iterations a second, for so long.
fn arrivals(rate: u64, seconds: u64) -> Value {
    json!({ "scenarios": { "all": { "executor": "constant-arrival-rate", "rate": rate, "duration": format!("{seconds}s"),
        "preAllocatedVUs": 30 } } })
}

/// The lines of a summary.
fn summary_of(stdout: &str) -> &str {
    stdout.trim_end()
}

#[test]
fn a_run_on_three_agents_is_counted_exactly_and_told_everywhere_alike() -> Result<()> {
    let (cluster, target) = (Cluster::start(3)?, Target::start()?);
    let script = SCRIPTS.component("plain")?;
    let run = cluster.run(&script)?.options(&shared(300)).variable("TARGET", target.url("/"));
    let finished = run.args(["--run-id", "first"]).finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!((target.served()?, summary.count("http_reqs"), summary.count("iterations")), (300, 300, 300));
    assert_eq!(summary.checks_passed()?, 300);
    ensure!(finished.stderr.contains("execution: cluster"), "{}", finished.stderr);
    // Whoever asks later, at whatever node, gets the same.
    for id in 1..=3 {
        let told = Throng::command(["summary", "first", "--cluster", &cluster.group.address(id)])?;
        let told = told.args(["--summary-export", "again.json"]).finish()?.expect_code(0)?;
        assert_eq!(summary_of(&told.stdout), summary_of(&finished.stdout));
        let again: Value = serde_json::from_str(&told.file("again.json")?)?;
        assert_eq!(again, *summary.json());
    }
    let watched = cluster.ask(&["watch", "--run", "first"])?.expect_code(0)?;
    assert_eq!(summary_of(&watched.stdout), summary_of(&finished.stdout));
    let listed: Value = serde_json::from_str(&cluster.ask(&["runs", "--json"])?.expect_code(0)?.stdout)?;
    let first = &listed["runs"][0];
    assert_eq!((&first["id"], &first["ending"]["exitCode"]), (&json!("first"), &json!(0)), "{listed}");
    assert_eq!(first["completeness"]["complete"], json!(true), "{listed}");
    let names = cluster.ask(&["summary", "first", "--summary-export", "m.json", "--new-machine-readable-summary"])?;
    let machine: Value = serde_json::from_str(&names.expect_code(0)?.file("m.json")?)?;
    let agents: Vec<_> = machine["agents"].as_array().context("no agents")?.iter().map(|one| &one["name"]).collect();
    assert_eq!(agents, ["a1", "a2", "a3"]);
    assert_eq!(machine["completeness"]["complete"], json!(true));
    Ok(())
}

#[test]
fn a_run_that_is_left_alone_or_whose_client_is_killed_is_watched_from_elsewhere() -> Result<()> {
    let (cluster, target) = (Cluster::start(2)?, Target::start()?);
    let script = SCRIPTS.component("plain")?;
    let start = |id: &str| -> Result<Throng> {
        let run = cluster.run(&script)?.options(&arrivals(20, 6)).variable("TARGET", target.url("/"));
        Ok(run.args(["--run-id", id]))
    };
    let detached = start("left")?.arg("--detach").finish()?.expect_code(0)?;
    assert_eq!(detached.stdout.trim(), "left");
    let watched = cluster.ask(&["watch", "--run", "left"])?.expect_code(0)?;
    ensure!(watched.stdout.contains("TOTAL RESULTS"), "{}", watched.stdout);
    let mut client = start("killed")?.start()?;
    client.stderr_line("running (", PATIENCE)?;
    client.signal(Signal::SIGKILL)?;
    client.wait(PATIENCE)?;
    let watched = cluster.ask(&["watch", "--json", "--run", "killed"])?.expect_code(0)?;
    let last: Value = serde_json::from_str(watched.stdout.lines().last().context("nothing was told")?)?;
    let count = &last["end"]["summary"]["metrics"]["http_reqs"]["values"]["count"];
    let told = cluster.ask(&["summary", "killed"])?.expect_code(0)?;
    assert_eq!(last["end"]["summaryText"].as_str().map(summary_of), Some(summary_of(&told.stdout)));
    let left = cluster.ask(&["summary", "left", "--json"])?.expect_code(0)?;
    let left: Value = serde_json::from_str(&left.stdout)?;
    let both = [&left["summary"]["metrics"]["http_reqs"]["values"]["count"], count].map(|count| count.as_u64());
    assert_eq!(both.into_iter().flatten().sum::<u64>(), target.served()?, "{both:?}");
    Ok(())
}

#[test]
fn asking_twice_with_one_id_makes_one_run_and_another_test_is_refused() -> Result<()> {
    let (cluster, target) = (Cluster::start(2)?, Target::start()?);
    let script = SCRIPTS.component("plain")?;
    let start = |iterations: u64| -> Result<Throng> {
        let run = cluster.run(&script)?.options(&shared(iterations)).variable("TARGET", target.url("/"));
        Ok(run.args(["--run-id", "twice"]))
    };
    let (one, other) = (start(60)?.start()?, start(60)?.start()?);
    let (one, other) = (one.wait(PATIENCE)?.expect_code(0)?, other.wait(PATIENCE)?.expect_code(0)?);
    assert_eq!(summary_of(&one.stdout), summary_of(&other.stdout));
    assert_eq!(target.served()?, 60);
    // Once more, when it has ended.
    let later = start(60)?.finish()?.expect_code(0)?;
    ensure!(later.stderr.contains("was there already"), "{}", later.stderr);
    assert_eq!((summary_of(&later.stdout), target.served()?), (summary_of(&one.stdout), 60));
    let refused = start(61)?.finish()?.expect_code(115)?;
    ensure!(refused.stderr.contains("choose another id"), "{}", refused.stderr);
    Ok(())
}

#[test]
fn thresholds_are_judged_for_all_agents_together_and_stop_all_of_them() -> Result<()> {
    let (cluster, target) = (Cluster::start(3)?, Target::start()?);
    let script = SCRIPTS.component("plain")?;
    let mut options = shared(30);
    // Each agent alone makes 10 or so.
    options["thresholds"] = json!({ "http_reqs": ["count<25"] });
    let run = cluster.run(&script)?.options(&options).variable("TARGET", target.url("/"));
    let finished = run.finish()?.expect_code(99)?;
    ensure!(finished.stderr.contains("thresholds on http_reqs have failed"), "{}", finished.stderr);
    assert_eq!(target.served()?, 30);
    let mut options = arrivals(60, 120);
    options["thresholds"] = json!({ "http_reqs": [{ "threshold": "count<60", "abortOnFail": true }] });
    let run = cluster.run(&script)?.options(&options).variable("TARGET", target.url("/"));
    let finished = run.finish()?.expect_code(99)?;
    let served = target.served()? - 30;
    assert_eq!(finished.summary()?.count("http_reqs"), served);
    // The threshold fails with the 60th request: what comes in 3 s after that are 180 more.
    println!("abortOnFail at 60 requests, 60 a second: {served} were served");
    ensure!((60..=60 + 180).contains(&served), "{served}");
    Ok(())
}

#[test]
fn ctrl_c_aborts_with_teardown_and_control_works_from_elsewhere() -> Result<()> {
    let cluster = Cluster::start(2)?;
    let script = SCRIPTS.component("hooks")?;
    let options = json!({ "vus": 2, "duration": "10m" });
    let run = cluster.run(&script)?.options(&options).variable("ITERATION", "sleep");
    let mut process = run.args(["--run-id", "cut"]).start()?;
    process.stderr_line("asleep", PATIENCE)?;
    process.signal(Signal::SIGINT)?;
    let finished = process.wait(PATIENCE)?.expect_code(105)?;
    // VUs that slept were cut, and all who tell of the run say so.
    let listed: Value = serde_json::from_str(&cluster.ask(&["runs", "--json"])?.expect_code(0)?.stdout)?;
    let slept = finished.stderr_lines("asleep").count() as u64;
    for cut in [&cluster.status("cut")?, &listed["runs"][0]] {
        let interrupted = cut["iterationsInterrupted"].as_u64().unwrap_or_default();
        ensure!((slept..=2).contains(&interrupted) && cut["iterationsCompleted"] == 0, "{slept} slept: {cut}");
    }
    assert_eq!(finished.stderr_lines("teardown begins").count(), 1, "{}", finished.stderr);
    ensure!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
    // One that is paused begins when it is told to, and ends when it is told to.
    let run = cluster.run(&script)?.options(&options).variable("ITERATION", "sleep");
    run.args(["--paused", "--detach", "--run-id", "held"]).finish()?.expect_code(0)?;
    cluster.until_state("held", "paused before start")?;
    let refused = cluster.ask(&["pause", "--run", "held"])?.expect_code(115)?;
    ensure!(refused.stderr.contains("paused already"), "{}", refused.stderr);
    cluster.ask(&["resume"])?.expect_code(0)?;
    cluster.until_state("held", "running")?;
    let refused = cluster.ask(&["scale", "--vus", "3"])?.expect_code(115)?;
    ensure!(refused.stderr.contains("externally-controlled"), "{}", refused.stderr);
    cluster.ask(&["stop"])?.expect_code(0)?;
    let told = cluster.ask(&["watch", "--run", "held"])?.expect_code(103)?;
    ensure!(told.stdout.contains("TOTAL RESULTS"), "{}", told.stdout);
    let refused = cluster.ask(&["abort", "held"])?.expect_code(115)?;
    ensure!(refused.stderr.contains("is aborted, so it can't be"), "{}", refused.stderr);
    Ok(())
}

#[test]
fn each_of_several_controlled_scenarios_of_a_cluster_is_scaled_by_its_name() -> Result<()> {
    let cluster = Cluster::start(2)?;
    let controlled = json!({ "executor": "externally-controlled", "vus": 2, "maxVUs": 6, "duration": "0s" });
    let options = json!({ "scenarios": { "a": controlled, "b": controlled } });
    let run = cluster.run(&SCRIPTS.component("hooks")?)?.options(&options).variable("ITERATION", "sleep");
    run.args(["--detach", "--run-id", "both"]).finish()?.expect_code(0)?;
    let until_vus = |a: u64, b: u64| {
        until("the VUs are there", PATIENCE, || {
            let status = cluster.status("both")?;
            let vus = |index: usize| status["scenarios"][index]["vus"].as_u64();
            Ok(((vus(0), vus(1)) == (Some(a), Some(b))).then_some(()))
        })
    };
    until_vus(2, 2)?;
    let refused = cluster.ask(&["scale", "--vus", "3"])?.expect_code(104)?;
    ensure!(refused.stderr.contains("say which scenario is meant: a, b"), "{}", refused.stderr);
    cluster.ask(&["scale", "--vus", "5", "--scenario", "b"])?.expect_code(0)?;
    until_vus(2, 5)?;
    cluster.ask(&["scale", "--vus", "8", "--max", "8", "--scenario", "a"])?.expect_code(0)?;
    until_vus(8, 5)?;
    cluster.ask(&["pause"])?.expect_code(0)?;
    until_vus(0, 0)?;
    cluster.ask(&["resume"])?.expect_code(0)?;
    until_vus(8, 5)?;
    cluster.ask(&["stop"])?.expect_code(0)?;
    cluster.ask(&["watch", "--run", "both"])?.expect_code(103)?;
    Ok(())
}

#[test]
fn what_is_wrong_with_a_run_in_a_cluster_is_told() -> Result<()> {
    let cluster = Cluster::start(0)?;
    let script = SCRIPTS.component("plain")?;
    let wrong: [(&[&str], i32, &str); 10] = [
        (&["--out", "json=a"], 104, "start agents with --out json=FILE"),
        (&["--out", "junit=a", "--detach"], 104, "leave one of both out"),
        (&["--out", "junit=no/such/directory"], 255, "can't be opened"),
        (&["--linger"], 104, "throng summary"),
        (&["--execution-segment", "0:1/2"], 104, "--agents"),
        (&["--run-id", "no name"], 104, "--run-id"),
        (&["--address", "127.0.0.1:0"], 104, "--address"),
        (&["--agents", "zone"], 104, "throng.agents"),
        (&["--give-up-after", "soon"], 104, "--give-up-after soon"),
        (&["--agents-wait", "1s"], 117, "agent"),
    ];
    for (arguments, code, text) in wrong {
        let finished = cluster.run(&script)?.args(arguments).finish()?.expect_code(code)?;
        ensure!(finished.stderr.contains(text), "{arguments:?}: {}", finished.stderr);
    }
    let nobody = Throng::run(&script)?.args(["--cluster", "127.0.0.1:9"]).finish()?.expect_code(114)?;
    ensure!(nobody.stderr.contains("no coordinator answers at 127.0.0.1:9"), "{}", nobody.stderr);
    for command in [&["summary", "never"][..], &["abort", "never"], &["watch", "--run", "never"], &["logs", "never"]] {
        let finished = cluster.ask(command)?.expect_code(114)?;
        ensure!(finished.stderr.contains("there is no run `never`"), "{command:?}: {}", finished.stderr);
    }
    let finished = cluster.ask(&["abort"])?.expect_code(114)?;
    ensure!(finished.stderr.contains("no run goes on"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn without_most_coordinators_a_client_gives_up_and_the_run_does_not() -> Result<()> {
    let (mut cluster, target) = (Cluster::start(2)?, Target::start()?);
    let script = SCRIPTS.component("plain")?;
    let run = cluster.run(&script)?.options(&arrivals(20, 15)).variable("TARGET", target.url("/"));
    let mut process = run.args(["--run-id", "alone", "--give-up-after", "4s"]).start()?;
    process.stderr_line("running (", PATIENCE)?;
    cluster.group.kill(1)?;
    cluster.group.kill(2)?;
    let finished = process.wait(PATIENCE)?.expect_code(119)?;
    ensure!(finished.stderr.contains("throng watch --cluster"), "{}", finished.stderr);
    cluster.group.boot(1)?;
    cluster.group.boot(2)?;
    cluster.group.leader()?;
    cluster.ask(&["watch", "--run", "alone"])?.expect_code(0)?;
    let told: Value = serde_json::from_str(&cluster.ask(&["summary", "alone", "--json"])?.expect_code(0)?.stdout)?;
    let count = &told["summary"]["metrics"]["http_reqs"]["values"]["count"];
    assert_eq!(count.as_u64(), Some(target.served()?), "{told}");
    Ok(())
}

#[test]
fn a_watch_outlives_the_leader_and_a_lost_agent_is_never_a_silent_success() -> Result<()> {
    let (mut cluster, target) = (Cluster::start(3)?, Target::start()?);
    let script = SCRIPTS.component("plain")?;
    let run = cluster.run(&script)?.options(&arrivals(30, 12)).variable("TARGET", target.url("/"));
    let mut process = run.start()?;
    process.stderr_line("running (", PATIENCE)?;
    let leader = cluster.group.leader()?;
    cluster.group.kill(leader)?;
    let finished = process.wait(PATIENCE)?.expect_code(0)?;
    assert_eq!(finished.summary()?.count("http_reqs"), target.served()?);
    cluster.group.boot(leader)?;
    cluster.group.leader()?;
    for (on_loss, code) in [("continue", 118), ("fail", 116)] {
        let run = cluster.run(&script)?.options(&arrivals(30, 12)).variable("TARGET", target.url("/"));
        let mut process = run.args(["--on-agent-loss", on_loss]).start()?;
        process.stderr_line("running (", PATIENCE)?;
        let victim = cluster.take_agent("a3")?;
        victim.signal(Signal::SIGKILL)?;
        victim.wait(PATIENCE)?;
        let finished = process.wait(PATIENCE)?.expect_code(code)?;
        ensure!(finished.stderr.contains("`a3`") && finished.stdout.contains("`a3`"), "{on_loss}: {finished:?}");
        // The group knows its name until its lease is over.
        until("the name is free", PATIENCE, || Ok(cluster.add_agent("a3").ok()))?;
    }
    Ok(())
}

#[test]
fn a_run_is_scaled_and_its_messages_are_read_by_whoever_knows_the_cluster() -> Result<()> {
    let cluster = Cluster::start(2)?;
    let script = SCRIPTS.component("hooks")?;
    let options = json!({ "scenarios": { "all": {
        "executor": "externally-controlled", "vus": 2, "maxVUs": 20, "duration": "10m", "exec": "default",
    } } });
    let run = cluster.run(&script)?.options(&options).variable("ITERATION", "nap");
    run.args(["--detach", "--run-id", "scaled"]).finish()?.expect_code(0)?;
    cluster.until_state("scaled", "running")?;
    // The variable names the cluster as `--cluster` does.
    let ask = |arguments: &[&str]| -> Result<_> {
        let command = Throng::command(arguments)?;
        command
            .with(|command| {
                command.env("THRONG_CLUSTER", cluster.group.alive());
            })
            .finish()
    };
    let listed: Value = serde_json::from_str(&ask(&["runs", "--json"])?.expect_code(0)?.stdout)?;
    assert_eq!(listed["runs"][0]["id"], json!("scaled"), "{listed}");
    ask(&["scale", "--cluster", &cluster.group.alive(), "--vus", "9"])?.expect_code(0)?;
    until("both agents together have as many VUs as were asked for", PATIENCE, || {
        let status = cluster.status("scaled")?;
        Ok((status["vus"] == json!(9)).then_some(()))
    })?;
    let refused = ask(&["scale", "--cluster", &cluster.group.alive(), "--vus", "21"])?.expect_code(104)?;
    ensure!(refused.stderr.contains("21"), "{}", refused.stderr);
    // What was said before somebody listens is kept, and who listens hears all until the end.
    let mut listening = Throng::command(["logs", "scaled"])?;
    listening = listening.with(|command| {
        command.env("THRONG_CLUSTER", cluster.group.address(2));
    });
    let mut listening = listening.start()?;
    listening.stderr_line("setup begins", PATIENCE)?;
    cluster.ask(&["stop", "--run", "scaled"])?.expect_code(0)?;
    let told = listening.wait(PATIENCE)?;
    ensure!(told.stderr.contains("teardown begins with tea & cake") && told.stdout.is_empty(), "{told:?}");
    Ok(())
}
