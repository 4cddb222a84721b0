//! What `--out` writes: as many samples as the summary counts, in k6's shapes, and no word lost in silence.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::libc::O_NONBLOCK;
use serde_json::{Value, json};
use throng_tests::{Finished, Summary, Target, Throng};

use crate::SCRIPTS;

fn throng(target: &Target, iterations: u64) -> Result<Throng> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.arg("--quiet").variable("TARGET", target.url("/"));
    Ok(throng.options(&json!({
        "vus": 2,
        "iterations": iterations,
        "tags": { "kind": "test" },
        "thresholds": { "http_req_duration": ["p(95)<60000"], "checks": ["rate>2"] },
    })))
}

/// Of JSON lines: points of each metric.
fn points(text: &str) -> Result<BTreeMap<String, Vec<Value>>> {
    let mut points: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut known = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line)?;
        let metric = line["metric"].as_str().context("no metric")?.to_owned();
        if line["type"] == "Metric" {
            assert_eq!(line["data"]["name"], metric);
            known.push(metric);
        } else {
            ensure!(known.contains(&metric), "a point of {metric} comes before the metric");
            points.entry(metric).or_default().push(line["data"].clone());
        }
    }
    Ok(points)
}

fn is_counted(count: impl Fn(&str) -> u64, summary: &Summary) -> Result<()> {
    for metric in ["http_reqs", "iterations"] {
        assert_eq!(count(metric), summary.count(metric), "{metric}");
    }
    let (passed, failed) = summary.rate_counts("checks");
    assert_eq!(count("checks"), passed + failed);
    assert_eq!(count("http_req_duration"), summary.count("http_reqs"));
    Ok(())
}

/// What standard tools make of a compressed file.
fn unpacked(finished: &Finished, name: &str) -> Result<String> {
    let output = Command::new("gzip").arg("-dc").arg(finished.path(name)?).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn lines_of_json_and_csv_are_as_many_as_the_summary_counts() -> Result<()> {
    let target = Target::start()?;
    let outputs = ["--out", "json=all.json", "--out", "json=all.json.gz", "-o", "csv=all.csv", "-o", "csv=all.csv.gz"];
    let finished = throng(&target, 3000)?.args(outputs).finish()?.expect_code(99)?;
    let summary = finished.summary()?;
    assert_eq!(summary.count("iterations"), 3000);
    for text in [finished.file("all.json")?, unpacked(&finished, "all.json.gz")?] {
        let points = points(&text)?;
        is_counted(|metric| points.get(metric).map_or(0, Vec::len) as u64, &summary)?;
        let point = &points["http_reqs"][0];
        let tags = point["tags"].as_object().context("no tags")?;
        let keys: Vec<_> = tags.keys().map(String::as_str).collect();
        let wanted = "expected_response group kind method name proto scenario status url";
        assert_eq!(keys.join(" "), wanted, "{point}");
        assert!(point["time"].as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')), "{point}");
    }
    for text in [finished.file("all.csv")?, unpacked(&finished, "all.csv.gz")?] {
        let mut lines = text.lines();
        let columns = "metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,name,\
                       proto,scenario,service,status,subproto,tls_version,url,extra_tags,metadata";
        assert_eq!(lines.next(), Some(columns));
        let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
        for line in lines {
            *rows.entry(line.split(',').next().unwrap_or_default()).or_default() += 1;
            assert!(line.contains(",kind=test,") || line.starts_with("vus"), "{line}");
        }
        is_counted(|metric| rows.get(metric).copied().unwrap_or(0), &summary)?;
    }
    Ok(())
}

#[test]
fn a_reader_that_takes_nothing_loses_samples_that_are_counted_and_holds_nobody_up() -> Result<()> {
    let target = Target::start()?;
    let throng = throng(&target, 60_000)?;
    let pipe = throng.directory().join("pipe");
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    // Opened and never read.
    let _reader = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(&pipe)?;
    let finished = throng.args(["--out", "json=pipe"]).finish()?.expect_code(99)?;
    let summary = finished.summary()?;
    assert_eq!((summary.count("iterations"), target.served()?), (60_000, 60_000));
    let output = &summary.json()["throng"]["outputs"][0];
    let figure = |name: &str| output[name].as_u64().unwrap_or(0);
    let (written, lost) = (figure("samplesWritten"), figure("samplesLost"));
    // All samples of each iteration are accounted for: ten of its request, a check, four of the iteration itself.
    assert!(lost > 60_000 && written + lost >= 60_000 * 15, "{output}");
    let said = format!("the output json=pipe was too slow, so {lost} of {} samples aren't in it", written + lost);
    assert!(finished.stderr.contains(&said), "{}", finished.stderr);
    Ok(())
}

#[test]
fn a_full_disk_ends_no_run_and_is_told_by_its_exit_code() -> Result<()> {
    let target = Target::start()?;
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.arg("--quiet").variable("TARGET", target.url("/"));
    let throng = throng.options(&json!({ "vus": 2, "iterations": 2000 })).args(["--out", "csv=/dev/full"]);
    let finished = throng.finish()?.expect_code(113)?;
    assert_eq!(finished.summary()?.count("iterations"), 2000);
    assert!(finished.stderr.contains("the output csv=/dev/full has failed"), "{}", finished.stderr);
    assert!(finished.stderr.contains("No space left on device"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn outputs_that_can_not_be_are_all_told_before_anything_runs() -> Result<()> {
    let target = Target::start()?;
    let outputs = ["--out", "influx=x", "--out", "kafka", "--out", "hdr"];
    let finished = throng(&target, 10)?.args(outputs).finish()?.expect_code(104)?;
    for part in ["influx", "kafka", "hdr"] {
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
    assert_eq!(target.served()?, 0);
    Ok(())
}

#[test]
fn distributions_of_each_second_are_in_a_log_of_hdrhistogram() -> Result<()> {
    let target = Target::start()?;
    let finished = throng(&target, 500)?.args(["--out", "hdr=log.hlog"]).finish()?.expect_code(99)?;
    let log = finished.file("log.hlog")?;
    assert!(log.starts_with("#[Histogram log format version 1.3]\n#[StartTime: "), "{log}");
    let tagged = |metric: &str| log.lines().filter(|line| line.starts_with(&format!("Tag={metric},"))).count();
    assert!(tagged("http_req_duration") >= 1 && tagged("iteration_duration") >= 1 && tagged("http_reqs") == 0, "{log}");
    Ok(())
}

#[test]
fn thresholds_and_checks_are_test_cases_for_ci() -> Result<()> {
    let target = Target::start()?;
    let finished = throng(&target, 10)?.args(["--out", "junit=report.xml"]).finish()?.expect_code(99)?;
    let report = finished.file("report.xml")?;
    assert!(report.contains(r#"<testsuites name="plain" tests="4" failures="1""#), "{report}");
    assert!(report.contains(r#"<testcase classname="http_req_duration" name="p(95)&lt;60000" time="0"/>"#), "{report}");
    assert!(report.contains(r#"<testcase classname="checks" name="rate&gt;2" time="0">"#), "{report}");
    assert!(report.contains(r#"<testcase classname="checks" name="status is 200" time="0"/>"#), "{report}");
    Ok(())
}

#[test]
fn the_newer_summary_has_thresholds_and_distributions() -> Result<()> {
    let target = Target::start()?;
    let finished = throng(&target, 100)?.arg("--new-machine-readable-summary").finish()?.expect_code(99)?;
    let summary = finished.summary()?;
    let json = summary.json();
    let metrics = json["results"]["metrics"].as_array().context("no metrics")?;
    let of = |name: &str| metrics.iter().find(|metric| metric["name"] == name).cloned().unwrap_or_default();
    assert_eq!(of("iterations")["values"]["count"], json!(100), "{json}");
    let thresholds = json["results"]["thresholds"].as_array().context("no thresholds")?;
    assert_eq!(thresholds.len(), 2, "{json}");
    Ok(())
}
