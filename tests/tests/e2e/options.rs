//! Options: where they come from, and what is said about wrong ones.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Summary, Target, Throng};

use crate::SCRIPTS;

fn refused(options: &Value) -> Result<String> {
    let finished = Throng::run(&SCRIPTS.component("plain")?)?.options(options).finish()?.expect_code(104)?;
    assert_eq!(finished.stdout, "");
    Ok(finished.stderr)
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn all_wrong_options_are_told_at_once_with_the_nearest_names() -> Result<()> {
    let message = refused(&json!({
        "vsu": 3,
        "duration": "10x",
        "webDashboard": true,
        "thresholds": { "checks": ["rat>1"] },
        "throng": { "memoryLimt": "1MiB" },
        "scenarios": { "a": { "executor": "constant-vu" }, "b": { "executor": "constant-vus", "duration": "0s" } },
    }))?;
    assert_holds(
        &message,
        &[
            "in 7 places:",
            "vsu (from script): there is no `vsu` in the options; did you mean `vus`?",
            "duration (from script): `10x` has the unit `x`",
            "webDashboard (from script): `webDashboard` isn't supported yet",
            "thresholds.checks[0] (from script): `rat>1`",
            "throng.memoryLimt (from script): there is no `memoryLimt` in `throng`; did you mean `memoryLimit`?",
            "there is no executor `constant-vu`; did you mean `constant-vus`?",
            "scenarios.b.duration (from script): must be at least 1s, not 0s",
        ],
    );
    Ok(())
}

#[test]
fn names_of_functions_and_metrics_that_the_script_lacks_are_told_at_once() -> Result<()> {
    let message = refused(&json!({
        "scenarios": { "a": { "executor": "per-vu-iterations", "exec": "defalt" } },
        "thresholds": { "http_req_duratoin": ["p(95)<3"], "vus": ["p(95)<3"] },
    }))?;
    assert_holds(&message, &["in 3 places:", "no function `defalt`; it has ", "no metric `http_req_duratoin`"]);
    assert_holds(&message, &["did you mean `http_req_duration`?"]);
    Ok(())
}

#[test]
fn wrong_flags_and_wrong_values_of_flags_are_invalid_configuration() -> Result<()> {
    let script = SCRIPTS.component("plain")?;
    for (flags, parts) in [
        (vec!["--iteratons", "3"], vec!["'--iteratons'", "--iterations"]),
        (vec!["--vus", "many"], vec!["vus (from --vus): must be a whole number, not \"many\""]),
        (vec!["--duration", "soon"], vec!["duration (from --duration)"]),
        (vec!["--vus", "0"], vec!["vus (from --vus): must be 1 to"]),
        (vec!["--summary-trend-stats", "avg,p95"], vec!["summaryTrendStats[1] (from --summary-trend-stats)"]),
        (vec!["-e", "1A=x"], vec!["1A"]),
        (vec!["--tag", "x"], vec!["tags (from --tag): `x` isn't NAME=VALUE"]),
    ] {
        let finished = Throng::run(&script)?.args(flags).finish()?.expect_code(104)?;
        assert_holds(&finished.stderr, &parts);
    }
    Ok(())
}

#[test]
fn help_and_version_are_no_failures() -> Result<()> {
    assert!(Throng::command(["--version"])?.finish()?.expect_code(0)?.stdout.starts_with("throng "));
    assert!(Throng::command(["run", "--help"])?.finish()?.expect_code(0)?.stdout.contains("--summary-export"));
    Ok(())
}

/// A run of four iterations by as many VUs as the layers say.
fn vus(config: &str, script: Option<u64>, flag: Option<u64>) -> Result<(u64, Summary)> {
    let target = Target::start()?;
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/"));
    fs::write(throng.directory().join("config.json"), config)?;
    let mut throng = throng.args(["--config", "config.json", "--quiet"]);
    if let Some(vus) = script {
        throng = throng.options(&json!({ "vus": vus }));
    }
    if let Some(vus) = flag {
        throng = throng.args(["--vus", &vus.to_string()]);
    }
    let summary = throng.finish()?.expect_code(0)?.summary()?;
    Ok((summary.value("vus_max", "value")? as u64, summary))
}

#[test]
fn the_file_is_below_the_script_and_flags_are_above() -> Result<()> {
    let config = r#"{ "vus": 4, "iterations": 8 }"#;
    assert_eq!(vus(config, None, None)?.0, 4);
    assert_eq!(vus(config, Some(3), None)?.0, 3);
    let (most, summary) = vus(config, Some(3), Some(2))?;
    // What no higher layer names stays.
    assert_eq!((most, summary.count("iterations")), (2, 8));
    Ok(())
}

#[test]
fn a_configuration_file_that_is_missing_or_broken_or_wrong_is_told_by_name() -> Result<()> {
    let script = SCRIPTS.component("plain")?;
    for (content, parts) in [
        (None, ["options.json", "can't be read"]),
        (Some("{ \"vus\": 1"), ["options.json", "isn't valid JSON"]),
        (Some("{ \"vus\": -1 }"), ["vus (from options.json)", "must be"]),
    ] {
        let throng = Throng::run(&script)?;
        if let Some(content) = content {
            fs::write(throng.directory().join("options.json"), content)?;
        }
        assert_holds(&throng.args(["-c", "options.json"]).finish()?.expect_code(104)?.stderr, &parts);
    }
    Ok(())
}

#[test]
fn the_users_own_configuration_file_is_read_unless_another_is_named() -> Result<()> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.options(&json!({ "vus": 1 }));
    fs::create_dir(throng.directory().join("throng"))?;
    fs::write(throng.directory().join("throng/config.json"), r#"{ "vusx": 1 }"#)?;
    assert_holds(&throng.finish()?.expect_code(104)?.stderr, &["throng/config.json", "vusx"]);
    Ok(())
}

#[test]
fn a_script_sees_the_variables_of_the_flag_of_its_scenario_and_of_the_system_in_this_order() -> Result<()> {
    let told = |scenario: bool, flag: bool, system: bool| -> Result<String> {
        let env = if scenario { json!({ "WHO": "scenario" }) } else { json!({}) };
        let options = json!({ "scenarios": { "a": { "executor": "per-vu-iterations", "exec": "tell", "env": env } } });
        let mut throng = Throng::run(&SCRIPTS.component("plain")?)?.options(&options);
        throng = throng.with(|command| {
            command.env("WHO", "system");
        });
        if flag {
            throng = throng.variable("WHO", "flag");
        }
        if !system {
            throng = throng.arg("--include-system-env-vars=false");
        }
        let finished = throng.finish()?.expect_code(0)?;
        let line = finished.stderr_lines("told WHO=").next().unwrap_or_default();
        Ok(line.split(['=', ' ']).nth(3).unwrap_or_default().to_owned())
    };
    assert_eq!(told(true, true, true)?, "scenario");
    assert_eq!(told(false, true, true)?, "flag");
    assert_eq!(told(false, false, true)?, "system");
    assert_eq!(told(false, false, false)?, "nobody");
    Ok(())
}
