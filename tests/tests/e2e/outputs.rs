//! What `--out` writes: as many samples as the summary counts, in k6's shapes, and no word lost in silence.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use nix::libc::O_NONBLOCK;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
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
pub(crate) fn points(text: &str) -> Result<BTreeMap<String, Vec<Value>>> {
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
    for part in [
        "in 3 places:",
        "out[0] (from --out): ",
        "\"influx\"",
        "out[1] (from --out): ",
        "\"kafka\"",
        "out[2] (from --out): ",
        "hdr=FILE",
    ] {
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
    assert_eq!(target.served()?, 0);
    Ok(())
}

/// HdrHistogram's own reader of a log: every metric's distribution over all intervals, and how many lines there are of
/// the metric with the most.
pub(crate) fn read_log(log: &str) -> Result<(BTreeMap<String, Histogram<u64>>, usize)> {
    let mut histograms: BTreeMap<String, Histogram<u64>> = BTreeMap::new();
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut ended = Duration::ZERO;
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(interval) = entry.map_err(|error| anyhow!("{error:?}"))? else { continue };
        let metric = interval.tag().context("no tag")?.as_str().to_owned();
        let bytes = STANDARD.decode(interval.encoded_histogram())?;
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| anyhow!("{error:?}"))?;
        let max = histogram.max() as f64 / 1e6;
        assert!((interval.max() - max).abs() <= max / 1000.0 + 0.001, "{metric}: {} and {max}", interval.max());
        assert!(interval.start_timestamp() + interval.duration() >= ended, "intervals are in order");
        ended = interval.start_timestamp();
        *lines.entry(metric.clone()).or_default() += 1;
        if !histograms.contains_key(&metric) {
            // One that grows with what is added.
            histograms.insert(metric.clone(), Histogram::new(3)?);
        }
        let all = histograms.get_mut(&metric).context("it is there")?;
        all.add(&histogram).map_err(|error| anyhow!("{error:?}"))?;
    }
    Ok((histograms, lines.into_values().max().unwrap_or_default()))
}

#[test]
fn the_intervals_of_a_log_of_hdrhistogram_come_to_what_the_summary_says() -> Result<()> {
    // So that each percentile is a sample and lies between none.
    const ITERATIONS: u64 = 1001;
    let target = Target::start()?;
    let statistics = "count,min,max,p(50),p(90),p(95),p(99)";
    let throng = throng(&target, ITERATIONS)?.args(["--out", "hdr=log.hlog", "--rps", "500"]);
    let finished = throng.args(["--summary-trend-stats", statistics]).finish()?.expect_code(99)?;
    let (log, summary) = (finished.file("log.hlog")?, finished.summary()?);
    assert!(log.starts_with("#[Histogram log format version 1.3]\n#[StartTime: "), "{log}");
    let (histograms, intervals) = read_log(&log)?;
    assert!(intervals >= 2, "{intervals}");
    for metric in ["http_req_duration", "http_req_waiting", "http_req_sending", "iteration_duration"] {
        let histogram = histograms.get(metric).with_context(|| format!("no {metric}"))?;
        assert_eq!(summary.value(metric, "count")? as u64, histogram.len(), "{metric}");
        assert_eq!(histogram.len(), ITERATIONS, "{metric}");
        for (statistic, value) in [
            ("min", histogram.min()),
            ("max", histogram.max()),
            ("p(50)", histogram.value_at_quantile(0.5)),
            ("p(90)", histogram.value_at_quantile(0.9)),
            ("p(95)", histogram.value_at_quantile(0.95)),
            ("p(99)", histogram.value_at_quantile(0.99)),
        ] {
            let (ms, of_log) = (summary.value(metric, statistic)?, histogram.median_equivalent(value) as f64 / 1e6);
            assert!(
                (ms - of_log).abs() <= ms / 1000.0,
                "{metric} {statistic}: {ms} in the summary, {of_log} in the log"
            );
        }
    }
    // Counters and rates have no distribution.
    assert!(!histograms.contains_key("http_reqs") && !histograms.contains_key("checks"));
    Ok(())
}

/// A test case of a report, as an XML parser reads it: its class, its name, and its failure.
pub(crate) type Case = (String, String, Option<String>);

/// Reads JUnit's XML strictly: the cases of each suite, after counts were found to be what they say.
pub(crate) fn read_junit(text: &str) -> Result<BTreeMap<String, Vec<Case>>> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    let (mut open, mut suite, mut counted): (Vec<String>, _, _) = (Vec::new(), String::new(), BTreeMap::new());
    loop {
        let event = reader.read_event()?;
        let is_empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(element) | Event::Empty(element) => {
                let name = String::from_utf8(element.name().as_ref().to_vec())?;
                let attribute = |key: &str| -> Result<String> {
                    let found = element.try_get_attribute(key)?.with_context(|| format!("no {key} of {name}"))?;
                    Ok(found.normalized_value(XmlVersion::Explicit1_0)?.into_owned())
                };
                let parent = open.last().map(String::as_str);
                match (name.as_str(), parent) {
                    ("testsuites", None) => {
                        counted.insert(String::new(), (attribute("tests")?, attribute("failures")?));
                    }
                    ("testsuite", Some("testsuites")) => {
                        suite = attribute("name")?;
                        counted.insert(suite.clone(), (attribute("tests")?, attribute("failures")?));
                        suites.insert(suite.clone(), Vec::new());
                    }
                    ("testcase", Some("testsuite")) => {
                        attribute("time")?.parse::<f64>()?;
                        let case = (attribute("classname")?, attribute("name")?, None);
                        suites.get_mut(&suite).context("no suite")?.push(case);
                    }
                    ("failure", Some("testcase")) => {
                        let cases = suites.get_mut(&suite).context("no suite")?;
                        cases.last_mut().context("no case")?.2 = Some(attribute("message")?);
                    }
                    (name, parent) => bail!("{name} within {parent:?}"),
                }
                if !is_empty {
                    open.push(name);
                }
            }
            Event::End(_) => drop(open.pop()),
            Event::Eof => break,
            _ => {}
        }
    }
    ensure!(open.is_empty(), "{open:?} don't end");
    let counts =
        |cases: &[Case]| (cases.len().to_string(), cases.iter().filter(|case| case.2.is_some()).count().to_string());
    let all: Vec<Case> = suites.values().flatten().cloned().collect();
    assert_eq!(counted.remove(""), Some(counts(&all)));
    assert_eq!(counted, suites.iter().map(|(name, cases)| (name.clone(), counts(cases))).collect());
    Ok(suites)
}

#[test]
fn thresholds_and_checks_are_test_cases_for_ci() -> Result<()> {
    let target = Target::start()?;
    let finished = throng(&target, 10)?.args(["--out", "junit=report.xml"]).finish()?.expect_code(99)?;
    let report = read_junit(&finished.file("report.xml")?)?;
    let case = |class: &str, name: &str, failure: Option<&str>| {
        (class.to_owned(), name.to_owned(), failure.map(str::to_owned))
    };
    assert_eq!(report["run"], [case("plain", "ends regularly", None)]);
    let failure = "expected rate>2, but the value is 1";
    let thresholds = [case("checks", "rate>2", Some(failure)), case("http_req_duration", "p(95)<60000", None)];
    assert_eq!(report["thresholds"], thresholds);
    assert_eq!(report["checks"], [case("checks", "status is 200", None)]);
    Ok(())
}

#[test]
fn a_report_for_ci_is_xml_whatever_a_check_is_called() -> Result<()> {
    for (name, shown) in [
        ("a < b && \"c\" > 'd' ]]>", "a < b && \"c\" > 'd' ]]>"),
        ("<!-- é 漢 😀 -->", "<!-- é 漢 😀 -->"),
        ("a\u{1}b\u{1b}[0m", "a\u{fffd}b\u{fffd}[0m"),
    ] {
        let options = json!({ "scenarios": { "s": { "executor": "shared-iterations", "exec": "named" } } });
        let throng = Throng::run(&SCRIPTS.component("outputs")?)?.options(&options).variable("CHECK", name);
        let finished = throng.args(["--quiet", "--out", "junit=report.xml"]).finish()?.expect_code(0)?;
        let report = read_junit(&finished.file("report.xml")?)?;
        let case = ("checks".to_owned(), shown.to_owned(), Some("failed 1 of 1 times".to_owned()));
        assert_eq!(report["checks"], [case]);
    }
    Ok(())
}

#[test]
fn the_vus_of_a_second_are_those_of_all_shards() -> Result<()> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("SLEEP_MS", "100").options(&json!({
        "scenarios": { "s": {
            "executor": "ramping-vus", "exec": "nap", "startVUs": 3,
            "stages": [
                { "duration": "1500ms", "target": 3 }, { "duration": "0s", "target": 7 },
                { "duration": "4200ms", "target": 7 },
            ],
        } },
    }));
    let finished = throng.args(["--out", "json=points.json"]).finish()?.expect_code(0)?;
    let points = points(&finished.file("points.json")?)?;
    let vus: Vec<_> = points["vus"].iter().filter_map(|point| point["value"].as_u64()).collect();
    // A shard that is late may still have its old ones when the others have their new ones.
    let all = vus.iter().position(|vus| *vus == 7).with_context(|| format!("{vus:?}"))?;
    assert!(vus[0] == 3 && vus[..=all].is_sorted() && vus.iter().all(|vus| *vus <= 7), "{vus:?}");
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
