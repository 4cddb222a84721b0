//! `--out json` and `csv` beside samples of what the real k6 writes: the same lines, keys, tags and columns.
//!
//! `tests/samples/k6-outputs/record` made the samples; both programs ran the same script, in which every figure but a time is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use throng_tests::{Finished, Target, Throng};

use crate::SCRIPTS;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/k6-outputs");
/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:9/";
/// Counted every second by throng, and at the end of each iteration by k6.
const BYTES: [&str; 2] = ["data_received", "data_sent"];
/// One or two seconds begin in 1.2 s.
const VUS: [&str; 2] = ["vus", "vus_max"];
/// Metrics whose values are the same in every run.
const EXACT: [&str; 9] =
    ["checks", "good", "http_req_failed", "http_reqs", "iterations", "orders", "stock", "taken", "weight"];

/// What throng wrote of the same script: as usual, and with metadata.
struct Written {
    usual: Texts,
    metadata: Texts,
}

struct Texts {
    json: String,
    csv: String,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| written().expect("two runs"));

fn written() -> Result<Written> {
    let target = Target::start()?;
    let options: Value = serde_json::from_str(&sample("options.json")?)?;
    let start = |csv: &str| -> Result<Throng> {
        let throng = Throng::run(&SCRIPTS.component("outputs")?)?.variable("TARGET", target.url(""));
        let throng = throng.variable("NOBODY", NOBODY).options(&options);
        Ok(throng.args(["--quiet", "--out", "json=out.json", "--out", csv]))
    };
    let usual = start("csv=out.csv")?.start()?;
    let tags = "status,url,name,scenario,method,error_code,group,check,vu,iter";
    let metadata = start("csv=fileName=out.csv,timeFormat=rfc3339_nano")?.args(["--system-tags", tags]).start()?;
    let texts = |finished: &Finished| -> Result<Texts> {
        let file = |name: &str| -> Result<String> {
            let text = finished.file(name)?;
            Ok(text.replace(&target.url(""), "http://target").replace(NOBODY, "http://nobody/"))
        };
        Ok(Texts { json: file("out.json")?, csv: file("out.csv")? })
    };
    let deadline = std::time::Duration::from_secs(60);
    Ok(Written {
        usual: texts(&usual.wait(deadline)?.expect_code(0)?)?,
        metadata: texts(&metadata.wait(deadline)?.expect_code(0)?)?,
    })
}

fn sample(name: &str) -> Result<String> {
    fs::read_to_string(Path::new(SAMPLES).join(name)).with_context(|| name.to_owned())
}

/// Pairs of what k6 and throng wrote, JSON and CSV.
fn pairs() -> Result<[(Texts, &'static Texts); 2]> {
    let k6 = |name: &str| -> Result<Texts> {
        Ok(Texts { json: sample(&format!("{name}.json"))?, csv: sample(&format!("{name}.csv"))? })
    };
    Ok([(k6("usual")?, &WRITTEN.usual), (k6("metadata")?, &WRITTEN.metadata)])
}

/// A sample as either output has it.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    tags: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
    value: f64,
}

/// Samples by metric, in their order.
type Points = BTreeMap<String, Vec<Point>>;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

fn strings(value: &Value) -> Result<BTreeMap<String, String>> {
    let pairs = value.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a tag that is no string");
    pairs.map(|(key, value)| Ok((key.clone(), text(value)?))).collect()
}

/// Reads JSON lines: what is said of each metric, and the samples. Fails on any line of another shape.
fn read_json(text: &str) -> Result<(BTreeMap<String, Value>, Points)> {
    let (mut metrics, mut points) = (BTreeMap::new(), Points::new());
    for line in text.lines() {
        let value: Value = serde_json::from_str(line)?;
        let metric = value["metric"].as_str().context("no metric")?.to_owned();
        let data = &value["data"];
        if value["type"] == "Metric" {
            assert_eq!(keys(&value), ["type", "data", "metric"], "{line}");
            assert_eq!(keys(data), ["name", "type", "contains", "thresholds", "submetrics"], "{line}");
            ensure!(metrics.insert(metric, data.clone()).is_none(), "told again: {line}");
            continue;
        }
        ensure!(metrics.contains_key(&metric), "before its metric: {line}");
        assert_eq!((keys(&value), &value["type"]), (vec!["metric", "type", "data"], &Value::from("Point")), "{line}");
        let with = if data.get("metadata").is_some() { &["metadata"][..] } else { &[] };
        assert_eq!(keys(data), [&["time", "value", "tags"], with].concat(), "{line}");
        assert!(is_rfc3339_nano(data["time"].as_str().unwrap_or_default()), "{line}");
        let value = data["value"].as_f64().with_context(|| line.to_owned())?;
        let point = Point { tags: strings(&data["tags"])?, metadata: strings(&data["metadata"])?, value };
        points.entry(metric).or_default().push(point);
    }
    Ok((metrics, points))
}

/// `2026-11-24T15:07:35.61615937Z`.
fn is_rfc3339_nano(time: &str) -> bool {
    let shape: String = time.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    let (seconds, rest) = shape.split_at_checked(19).unwrap_or_default();
    let digits = rest.strip_suffix('Z').map(|rest| rest.strip_prefix('.').unwrap_or(rest));
    seconds == "0000-00-00T00:00:00"
        && digits.is_some_and(|digits| digits.len() <= 9 && digits.chars().all(|c| c == '0'))
}

/// Reads CSV: its columns, its timestamps, and the samples with empty fields left out.
fn read_csv(text: &str) -> Result<(Vec<String>, BTreeSet<String>, Points)> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let (mut times, mut points) = (BTreeSet::new(), Points::new());
    let split = |text: &str| -> BTreeMap<String, String> {
        // A value may have `=` in it, and `&` here only with blanks about it.
        let pairs = text.replace(" & ", "\0").split('&').map(|pair| pair.replace('\0', " & ")).collect::<Vec<_>>();
        pairs.iter().filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    };
    for record in reader.records() {
        let record = record?;
        let field = |column: usize| record.get(column).unwrap_or_default();
        let last = columns.len() - 1;
        let named = columns.iter().zip(&record).take(last - 1).skip(3).filter(|(_, field)| !field.is_empty());
        let mut tags: BTreeMap<_, _> = named.map(|(column, field)| (column.clone(), field.to_owned())).collect();
        tags.extend(split(field(last - 1)));
        let value = field(2);
        ensure!(value.split_once('.').is_some_and(|(_, digits)| digits.len() == 6), "{value}");
        times.insert(field(1).to_owned());
        let point = Point { tags, metadata: split(field(last)), value: value.parse()? };
        points.entry(field(0).to_owned()).or_default().push(point);
    }
    Ok((columns, times, points))
}

/// A tag's value as it is to be the same.
fn told(key: &str, tag: &str) -> String {
    if key == "error" && !tag.is_empty() { "(a text)".to_owned() } else { tag.to_owned() }
}

/// Every sample of k6's is one of throng's, metric by metric and in k6's order.
fn assert_alike(k6: &Points, throng: &Points) {
    for (metric, k6) in k6 {
        let none = Vec::new();
        let throng = throng.get(metric).unwrap_or(&none);
        if VUS.contains(&metric.as_str()) {
            assert!(!throng.is_empty() && throng.iter().all(|point| *point == k6[0]), "{metric}: {throng:#?}");
            continue;
        }
        if BYTES.contains(&metric.as_str()) {
            // All of the bytes, under tags of k6's, though not under all of them.
            let bytes = |points: &[Point]| points.iter().map(|point| point.value).sum::<f64>();
            assert!(bytes(throng) > 0.0, "{metric}: {throng:#?}");
            let is_part =
                |point: &Point, whole: &Point| point.tags.iter().all(|(key, tag)| whole.tags.get(key) == Some(tag));
            let fits = |point: &Point| k6.iter().any(|whole| is_part(point, whole)) && point.tags.contains_key("lab");
            assert!(throng.iter().all(fits), "{metric}: {throng:#?}");
            continue;
        }
        let shapes = |points: &[Point]| -> Vec<Point> {
            let value = |point: &Point| if EXACT.contains(&metric.as_str()) { point.value } else { 0.0 };
            // Which text an error has is each program's own; its code is not.
            let with_tags = |point: &Point| point.tags.iter().map(|(key, tag)| (key.clone(), told(key, tag))).collect();
            let shape = |point: &Point| Point { tags: with_tags(point), value: value(point), ..point.clone() };
            points.iter().map(shape).collect()
        };
        assert_eq!(shapes(throng), shapes(k6), "{metric}");
        assert!(throng.iter().all(|point| point.value >= 0.0), "{metric}: {throng:#?}");
    }
}

#[test]
fn json_lines_say_of_metrics_what_k6s_say() -> Result<()> {
    for (k6, throng) in pairs()? {
        let ((k6, _), (throng, _)) = (read_json(&k6.json)?, read_json(&throng.json)?);
        assert!(k6.len() >= 20, "{}", k6.len());
        for (metric, data) in &k6 {
            assert_eq!(throng.get(metric), Some(data), "{metric}");
        }
    }
    Ok(())
}

#[test]
fn json_lines_have_k6s_samples_with_k6s_tags() -> Result<()> {
    for (k6, throng) in pairs()? {
        assert_alike(&read_json(&k6.json)?.1, &read_json(&throng.json)?.1);
    }
    Ok(())
}

#[test]
fn csv_has_k6s_columns_and_rows() -> Result<()> {
    for (k6, throng) in pairs()? {
        let ((k6_columns, k6_times, k6), (columns, times, throng)) = (read_csv(&k6.csv)?, read_csv(&throng.csv)?);
        assert_eq!(columns, k6_columns);
        let is_unix = |time: &String| time.len() == 10 && time.bytes().all(|byte| byte.is_ascii_digit());
        for times in [&k6_times, &times] {
            assert!(times.iter().all(is_unix) || times.iter().all(|time| is_rfc3339_nano(time)), "{times:?}");
        }
        assert_eq!(k6_times.iter().any(is_unix), times.iter().any(is_unix));
        assert_alike(&k6, &throng);
    }
    Ok(())
}

/// Both outputs have the same samples, so that what is said of one is true of the other.
#[test]
fn csv_and_json_have_the_same_samples() -> Result<()> {
    for texts in [&WRITTEN.usual, &WRITTEN.metadata] {
        let (json, (_, _, mut csv)) = (read_json(&texts.json)?.1, read_csv(&texts.csv)?);
        // CSV has no empty tags, and six digits.
        let mut json = json;
        for point in json.values_mut().flatten() {
            point.tags.retain(|_, value| !value.is_empty());
            point.value = format!("{:.6}", point.value).parse()?;
        }
        for points in json.values_mut().chain(csv.values_mut()) {
            points
                .sort_by(|a, b| (&a.tags, &a.metadata).cmp(&(&b.tags, &b.metadata)).then(a.value.total_cmp(&b.value)));
        }
        assert_eq!(json, csv);
    }
    Ok(())
}
