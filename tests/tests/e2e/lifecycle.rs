//! Setups of scenarios, and instances that are made ready for their iterations.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Cluster, Finished, Target, Throng};

use crate::SCRIPTS;

fn setups(scenarios: Value) -> Result<Throng> {
    setups_within("60s", scenarios)
}

/// The same, where setups have so much time.
fn setups_within(limit: &str, scenarios: Value) -> Result<Throng> {
    let options = json!({ "scenarios": scenarios, "setupTimeout": limit });
    Ok(Throng::run(&SCRIPTS.component("setups")?)?.options(&options))
}

fn each(vus: u64, iterations: u64) -> Value {
    json!({ "executor": "per-vu-iterations", "vus": vus, "iterations": iterations })
}

fn with(mut scenario: Value, more: Value) -> Value {
    if let (Value::Object(scenario), Value::Object(more)) = (&mut scenario, more) {
        scenario.extend(more);
    }
    scenario
}

fn assert_says(finished: &Finished, message: &str) {
    assert!(finished.stderr.contains(message), "no {message:?} in {}", finished.stderr);
}

#[test]
fn each_scenario_with_a_setup_gets_its_own_data_and_the_others_the_runs() -> Result<()> {
    // They run one after the other, so that the same VUs take what has other data.
    let at = |seconds: u64, more: Value| with(with(each(3, 4), json!({ "startTime": format!("{seconds}s") })), more);
    let mut scenarios = json!({
        "a": at(0, json!({ "exec": "buy", "setup": "orders" })),
        "b": at(3, json!({ "exec": "look", "setup": "nothing at all" })),
        "c": at(6, json!({ "exec": "buy", "setup": "orders" })),
        "d": at(9, json!({ "exec": "look" })),
    });
    for scenario in scenarios.as_object_mut().into_iter().flatten() {
        // Far more than they take, since a busy machine may stand still for a moment.
        scenario.1["maxDuration"] = json!("3s");
        scenario.1["gracefulStop"] = json!("0s");
    }
    let finished = setups(scenarios)?.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!((summary.rate_counts("checks"), summary.count("iterations")), ((72, 0), 48));
    assert_eq!(summary.value("vus_max", "max")?, 3.0);
    let said: Vec<_> = finished.stderr_lines("INFO ").map(|line| line.split("  ").next().unwrap_or(line)).collect();
    let expected = [
        "setup of the run",
        "setup of a as VU 0 for tea & cake",
        "setup with nothing",
        "setup of c as VU 0 for tea & cake",
        "teardown of tea & cake",
    ];
    assert_eq!(said, expected.map(|text| format!("INFO {text}")));
    Ok(())
}

#[test]
fn a_scenarios_setup_is_tagged_with_the_scenario_and_the_group_of_setup() -> Result<()> {
    let target = Target::start()?;
    let selectors = ["{group:::setup::stock,scenario:a}", "{group:::setup::stock,scenario:b}"];
    let counts = [("http_reqs", 1), ("http_reqs", 1)];
    let thresholds: serde_json::Map<_, _> = selectors
        .iter()
        .zip(counts)
        .map(|(selector, (metric, count))| (format!("{metric}{selector}"), json!([format!("count=={count}")])))
        .chain([("data_received{scenario:a}".to_owned(), json!(["count>50"]))])
        .collect();
    let options = json!({
        "scenarios": {
            "a": with(each(1, 2), json!({ "exec": "buy", "setup": "orders" })),
            "b": with(each(1, 2), json!({ "exec": "buy", "setup": "orders" })),
        },
        "thresholds": thresholds,
    });
    let throng = Throng::run(&SCRIPTS.component("setups")?)?.options(&options).variable("TARGET", target.url("/"));
    let finished = throng.finish()?.expect_code(0)?;
    assert_eq!(finished.summary()?.rate_counts("checks"), (10, 0));
    Ok(())
}

#[test]
fn a_scenarios_setup_that_fails_ends_the_run_before_any_load() -> Result<()> {
    for (orders, code, message) in [
        ("err", 107, "setup failed: scenario `late`: no orders today"),
        ("panic", 107, "setup failed: scenario `late`: nothing in stock, at "),
        ("sleep", 100, "setup of scenario `late` took longer than 3s"),
    ] {
        let scenarios = json!({
            "early": with(each(2, 2), json!({ "exec": "buy", "setup": "orders" })),
            "late": with(each(2, 2), json!({ "exec": "buy", "setup": "orders", "env": { "ORDERS": orders } })),
        });
        let finished = setups_within("3s", scenarios)?;
        let finished = finished.finish()?.expect_code(code)?;
        assert_says(&finished, &format!("ERRO {message}"));
        assert_eq!(finished.summary()?.count("iterations"), 0);
        assert_eq!(finished.stderr_lines("teardown of").count(), 0, "{}", finished.stderr);
    }
    Ok(())
}

#[test]
fn a_scenarios_setup_that_takes_too_long_is_named_by_a_cluster_too() -> Result<()> {
    let cluster = Cluster::start(1)?;
    let late = with(each(2, 2), json!({ "exec": "buy", "setup": "orders", "env": { "ORDERS": "sleep" } }));
    let options = json!({ "scenarios": { "late": late }, "setupTimeout": "3s" });
    let run = cluster.run(&SCRIPTS.component("setups")?)?.options(&options).args(["--run-id", "slow"]);
    let finished = run.finish()?.expect_code(100)?;
    assert_says(&finished, "setup failed: scenario `late`: it took longer than 3s, which setupTimeout sets");
    let ending = &cluster.status("slow")?["ending"];
    assert!(ending["message"].as_str().is_some_and(|text| text.contains("scenario `late`")), "{ending}");
    Ok(())
}

#[test]
fn setups_of_scenarios_are_left_out_with_the_runs() -> Result<()> {
    let throng = setups(json!({ "a": with(each(1, 1), json!({ "exec": "buy", "setup": "orders" })) }))?;
    let finished = throng.args(["--no-setup", "--no-teardown"]).finish()?.expect_code(0)?;
    assert_eq!(finished.stderr_lines("setup of").count(), 0, "{}", finished.stderr);
    assert_eq!(finished.summary()?.count("iterations_failed"), 1);
    assert_says(&finished, "the function takes setup data");
    Ok(())
}

#[test]
fn an_unknown_setup_is_told_as_an_unknown_exec_is() -> Result<()> {
    let finished = setups(json!({ "a": with(each(1, 1), json!({ "exec": "buy", "setup": "look" })) }))?;
    let finished = finished.finish()?.expect_code(104)?;
    assert_says(
        &finished,
        "scenarios.a.setup (from script): the script has no function `look` for setting up a scenario",
    );
    assert_says(&finished, "only for `exec`; it has ");
    let finished = setups(json!({ "a": with(each(1, 1), json!({ "exec": "orders" })) }))?;
    let finished = finished.finish()?.expect_code(104)?;
    assert_says(&finished, "the script has no function `orders` for iterations, only for `setup`");
    Ok(())
}

#[test]
fn setups_of_scenarios_and_the_init_of_vus_are_shown_by_inspect() -> Result<()> {
    let inspect = |script| Throng::command(["inspect".as_ref(), SCRIPTS.component(script)?.as_os_str()]);
    let options = json!({ "scenarios": { "a": with(each(1, 1), json!({ "exec": "buy", "setup": "orders" })) } });
    let page = inspect("setups")?.options(&options).arg("--human").finish()?.expect_code(0)?.stdout;
    assert!(page.contains("setups      ") && page.contains("orders") && page.contains("setup: orders"), "{page}");
    let printed = inspect("setups")?.options(&options).finish()?.expect_code(0)?.stdout;
    assert_eq!(serde_json::from_str::<Value>(&printed)?["scenarios"]["a"]["setup"], json!("orders"));
    let page = inspect("inits")?.arg("--human").finish()?.expect_code(0)?.stdout;
    assert!(page.contains("hooks       setup, vu_init"), "{page}");
    Ok(())
}

fn inits(options: &Value) -> Result<Throng> {
    Ok(Throng::run(&SCRIPTS.component("inits")?)?.options(options))
}

fn attempts(finished: &Finished) -> usize {
    finished.stderr_lines("INFO init of ").count()
}

#[test]
fn every_instance_is_made_ready_once_before_the_load_and_outside_of_scenarios() -> Result<()> {
    let target = Target::start()?;
    let options = json!({
        "scenarios": { "a": each(4, 5), "b": with(each(4, 5), json!({ "startTime": "1s" })) },
        "thresholds": {
            "http_reqs{group:::vu_init}": ["count==8"],
            "checks{group:::vu_init}": ["rate==1"],
            "iteration_duration": ["max<4000"],
        },
    });
    // Inits take so long that no busy machine makes an iteration as long.
    let throng = inits(&options)?.variable("TARGET", target.url("/")).variable("INIT_MS", "5000");
    let finished = throng.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!((summary.count("iterations"), summary.rate_counts("checks")), (40, (48, 0)));
    assert_eq!(attempts(&finished), 8);
    assert_eq!(finished.stderr_lines("in no scenario for tea & cake").count(), 8, "{}", finished.stderr);
    Ok(())
}

#[test]
fn an_init_that_fails_fails_an_iteration_and_is_tried_again_with_the_next() -> Result<()> {
    for (init, failed, tries, message) in [
        ("err twice", 1, 3, "the VU's init failed: the shop is closed"),
        ("panic thrice", 2, 4, "the VU's init failed: the door is jammed, at "),
        ("err", 5, 7, "the VU's init failed: the shop is closed"),
    ] {
        let throng = inits(&json!({ "scenarios": { "a": each(3, 5) } }))?.variable("INIT", init);
        let finished = throng.finish()?.expect_code(0)?;
        let summary = finished.summary()?;
        let counts = (summary.count("iterations"), summary.count("iterations_failed"), summary.rate_counts("checks"));
        assert_eq!(counts, (15, 3 * failed, (15 - 3 * failed, 0)), "{init}");
        assert_eq!(attempts(&finished), 3 * tries, "{init}: {}", finished.stderr);
        assert_says(&finished, message);
    }
    Ok(())
}

#[test]
fn an_init_that_fails_at_once_keeps_no_shard_to_itself() -> Result<()> {
    let options = json!({
        "scenarios": { "a": { "executor": "constant-vus", "vus": 2, "duration": "8s", "gracefulStop": "0s" } },
        "thresholds": { "generator_loop_lag": ["max<6000"] },
    });
    let finished = inits(&options)?.variable("INIT", "err").finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!(summary.count("iterations"), summary.count("iterations_failed"));
    assert!(summary.count("iterations") > 2);
    Ok(())
}

#[test]
fn open_models_begin_on_time_however_long_inits_take() -> Result<()> {
    let options = json!({
        "scenarios": { "a": {
            // A VU for each tick, so that none is dropped by a machine that is late.
            "executor": "constant-arrival-rate", "rate": 50, "duration": "2s", "preAllocatedVUs": 102, "maxVUs": 102,
        } },
    });
    let (script, cluster) = (SCRIPTS.component("inits")?, Cluster::start(2)?);
    for throng in [Throng::run(&script)?, cluster.run(&script)?] {
        let throng = throng.options(&options).variable("INIT_MS", "5000").variable("FAULT_EVERY", "40");
        let finished = throng.finish()?.expect_code(0)?;
        let summary = finished.summary()?;
        let (iterations, dropped) = (summary.count("iterations"), summary.count("dropped_iterations"));
        assert_eq!((iterations, dropped, summary.count("iterations_failed")), (100, 0, 2), "{}", finished.stderr);
        // Two instances were made anew.
        assert_eq!((attempts(&finished), summary.rate_counts("checks")), (104, (100, 0)));
        assert!(summary.value("iteration_start_lag", "max")? < 4500.0, "{}", summary.json());
    }
    Ok(())
}

#[test]
fn a_vu_that_is_made_for_a_tick_is_made_ready_in_the_background() -> Result<()> {
    let options = json!({
        "scenarios": { "a": {
            "executor": "constant-arrival-rate", "rate": 50, "duration": "4s", "preAllocatedVUs": 0, "maxVUs": 1,
        } },
    });
    let finished = inits(&options)?.variable("INIT_MS", "500").finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    let (iterations, dropped) = (summary.count("iterations"), summary.count("dropped_iterations"));
    assert_eq!((iterations + dropped, attempts(&finished)), (200, 1), "{}", finished.stderr);
    assert!((24..=190).contains(&dropped), "{dropped} dropped");
    assert_eq!(summary.rate_counts("checks"), (iterations, 0));
    Ok(())
}

#[test]
fn an_init_that_hangs_is_given_up_and_one_that_aborts_ends_the_run() -> Result<()> {
    let options = json!({ "scenarios": { "a": each(2, 1) }, "setupTimeout": "3s" });
    let finished = inits(&options)?.variable("INIT", "hang").finish()?.expect_code(0)?;
    assert_eq!(finished.summary()?.count("iterations_failed"), 2);
    assert_says(&finished, "the VU's init failed: it took longer than 3s, which setupTimeout sets");
    assert!(finished.took < Duration::from_secs(30));
    let finished = inits(&options)?.variable("INIT", "abort").finish()?.expect_code(108)?;
    assert_says(&finished, "ERRO the script aborted the run: the shop has burnt down");
    assert_eq!(finished.summary()?.count("iterations"), 0);
    Ok(())
}
