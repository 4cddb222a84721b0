//! What is written of a cluster's runs: the verdicts by the client, samples by the agents.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::json;
use throng_tests::{Cluster, Target, Throng};

use crate::SCRIPTS;
use crate::outputs::{points, read_junit, read_log};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn verdicts_of_a_cluster_are_the_same_test_cases_for_ci() -> Result<()> {
    let (cluster, target) = (Cluster::start(2)?, Target::start()?);
    let script = SCRIPTS.component("plain")?;
    let options = json!({
        "vus": 2,
        "iterations": 20,
        "thresholds": { "http_req_duration": ["p(95)<60000"], "checks": ["rate>2"] },
    });
    let mut reports = Vec::new();
    for throng in [Throng::run(&script)?, cluster.run(&script)?] {
        let throng = throng.options(&options).variable("TARGET", target.url("/"));
        let finished = throng.args(["--out", "junit=report.xml"]).finish()?.expect_code(99)?;
        reports.push(read_junit(&finished.file("report.xml")?)?);
    }
    assert_eq!(reports[0], reports[1]);
    let failed = |suite: &str| reports[1][suite].iter().filter(|case| case.2.is_some()).count();
    assert_eq!((reports[1]["thresholds"].len(), failed("thresholds"), failed("run")), (2, 1, 0));
    // One that is stopped hasn't come to its end.
    let options = json!({ "vus": 2, "duration": "10m" });
    let run = cluster.run(&script)?.options(&options).variable("TARGET", target.url("/"));
    let mut process = run.args(["--run-id", "cut", "--out", "junit=report.xml"]).start()?;
    process.stderr_line("running (", PATIENCE)?;
    cluster.ask(&["stop", "--run", "cut"])?.expect_code(0)?;
    let finished = process.wait(PATIENCE)?.expect_code(103)?;
    let report = read_junit(&finished.file("report.xml")?)?;
    let trouble = report["run"][0].2.as_deref().context("it ended regularly")?;
    ensure!(trouble.contains("stopped by"), "{trouble}");
    Ok(())
}

#[test]
fn agents_write_the_samples_that_they_take_each_part_into_a_file_of_its_own() -> Result<()> {
    const ITERATIONS: u64 = 300;
    let (mut cluster, target) = (Cluster::start(0)?, Target::start()?);
    let directory = tempfile::tempdir()?;
    let file = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let outs =
        [format!("json={}", file("p.json")), format!("csv={}", file("p.csv")), format!("hdr={}", file("p.hlog"))];
    let more: Vec<&str> = outs.iter().flat_map(|out| ["--out", out]).collect();
    for name in ["a1", "a2"] {
        cluster.add_agent_with(name, &more)?;
    }
    let each = json!({ "executor": "constant-arrival-rate", "rate": 100, "duration": "3s", "preAllocatedVUs": 20 });
    let mut summaries = Vec::new();
    for run in ["first", "second"] {
        let throng = cluster.run(&SCRIPTS.component("plain")?)?.options(&json!({ "scenarios": { "all": each } }));
        let throng = throng.variable("TARGET", target.url("/")).args(["--run-id", run]);
        let summary = throng.finish()?.expect_code(0)?.summary()?;
        assert_eq!(summary.count("iterations") + summary.count("dropped_iterations"), ITERATIONS);
        summaries.push((run, summary));
    }
    // An agent that has ended has written all.
    for name in ["a1", "a2"] {
        let agent = cluster.take_agent(name)?;
        agent.signal(Signal::SIGTERM)?;
        agent.wait(PATIENCE)?.expect_code(0)?;
    }
    for (run, summary) in summaries {
        let written: Vec<_> =
            ["a1", "a2"].into_iter().map(|agent| part(directory.path(), run, agent)).collect::<Result<_>>()?;
        for metric in ["iterations", "http_reqs", "dropped_iterations"] {
            let all = |of: fn(&Part) -> &BTreeMap<String, f64>| {
                written.iter().map(|part| of(part).get(metric).copied().unwrap_or_default()).sum::<f64>() as u64
            };
            assert_eq!((all(|part| &part.json), all(|part| &part.csv)), (summary.count(metric), summary.count(metric)));
        }
        let in_logs: u64 = written.iter().map(|part| part.durations).sum();
        assert_eq!(in_logs, summary.count("http_reqs"));
        ensure!(written.iter().all(|part| part.json["http_reqs"] > 0.0), "both have done something");
    }
    Ok(())
}

/// What the files of a part have: the sums of metrics, and how many requests are in the log.
struct Part {
    json: BTreeMap<String, f64>,
    csv: BTreeMap<String, f64>,
    durations: u64,
}

fn part(directory: &Path, run: &str, agent: &str) -> Result<Part> {
    let read = |extension: &str| {
        let start = format!("p-{run}-{agent}-");
        let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> = names.collect::<Result<_>>()?;
        let found: Vec<_> = names.iter().filter(|name| name.starts_with(&start) && name.ends_with(extension)).collect();
        ensure!(found.len() == 1, "{start}…{extension} is there once: {names:?}");
        Ok(fs::read_to_string(directory.join(found[0]))?)
    };
    let mut csv: BTreeMap<String, f64> = BTreeMap::new();
    for row in read(".csv")?.lines().skip(1) {
        let mut columns = row.split(',');
        let metric = columns.next().context("an empty row")?.to_owned();
        *csv.entry(metric).or_default() += columns.nth(1).context("no value")?.parse::<f64>()?;
    }
    let json = points(&read(".json")?)?.into_iter().map(|(metric, points)| {
        let sum = points.iter().filter_map(|point| point["value"].as_f64()).sum();
        (metric, sum)
    });
    let (histograms, _) = read_log(&read(".hlog")?)?;
    let durations = histograms.get("http_req_duration").context("no durations")?.len();
    Ok(Part { json: json.collect(), csv, durations })
}
