//! The golden files `*.txt` are what k6 printed for four runs; `*.json` holds
//! the values of those runs.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::checks::Check;
use crate::metric::{Contains, Definition, Kind};
use crate::registry::Registry;
use crate::summary::{MetricReport, Settings, ThresholdReport, TimeUnit, TrendStat, Values};

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn metric_of(value: &Value, stats: &[TrendStat]) -> MetricReport {
    let name = text(&value["name"]);
    let values = &value["values"];
    let (kind, values) = match value["kind"].as_str().unwrap() {
        "counter" => {
            let (count, rate) = (float(&values["count"]), float(&values["rate"]));
            (Kind::Counter, Values::Counter { count, rate })
        }
        "gauge" => {
            let [value, min, max] = ["value", "min", "max"].map(|key| float(&values[key]));
            (Kind::Gauge, Values::Gauge { value, min, max })
        }
        "rate" => {
            let [passes, fails] = ["passes", "fails"].map(|key| values[key].as_u64().unwrap());
            (Kind::Rate, Values::Rate { passes, fails })
        }
        _ => {
            let of_stats = stats.iter().map(|stat| float(&values[stat.to_string()]));
            (Kind::Trend, Values::Trend(of_stats.collect()))
        }
    };
    let contains = match value["contains"].as_str().unwrap() {
        "time" => Contains::Time,
        "data" => Contains::Data,
        _ => Contains::Default,
    };
    let mut registry = Registry::new();
    let definition = Definition::new(parent(&name), kind, contains);
    let metric = registry.register(definition).unwrap();
    let thresholds = items(&value["thresholds"]).map(|threshold| ThresholdReport {
        expression: text(&threshold[0]),
        ok: threshold[1].as_bool().unwrap(),
        value: threshold[2].as_f64(),
    });
    MetricReport { metric, contains, values, thresholds: thresholds.collect(), histogram: None, name }
}

fn scope_of(value: &Value, stats: &[TrendStat]) -> ScopeReport {
    let checks = items(&value["checks"]).map(|check| Check {
        group: String::new(),
        name: text(&check[0]),
        passes: check[1].as_u64().unwrap(),
        fails: check[2].as_u64().unwrap(),
    });
    let mut metrics: Vec<_> = items(&value["metrics"]).map(|m| metric_of(m, stats)).collect();
    // A report's metrics are sorted; k6's sections and its own order test that.
    metrics.sort_by(|a, b| {
        let by_metric = crate::summary::section::by_dictionary(parent(&a.name), parent(&b.name));
        by_metric.then_with(|| crate::summary::section::by_dictionary(&a.name, &b.name))
    });
    ScopeReport {
        name: text(&value["name"]),
        metrics,
        checks: checks.collect(),
        groups: items(&value["groups"]).map(|group| scope_of(group, stats)).collect(),
    }
}

fn report_of(golden: &str) -> Report {
    let value: Value = serde_json::from_str(golden).unwrap();
    let stats: Vec<TrendStat> = items(&value["trend_stats"]).map(|stat| text(stat).parse().unwrap()).collect();
    let scopes = |key: &str| items(&value[key]).map(|scope| scope_of(scope, &stats)).collect();
    Report {
        total: scope_of(&value["total"], &stats),
        groups: scopes("groups"),
        scenarios: scopes("scenarios"),
        group_paths: Vec::new(),
        settings: Settings {
            run_duration: Duration::from_secs_f64(float(&value["run_seconds"])),
            time_unit: TimeUnit::parse(&text(&value["time_unit"])),
            trend_stats: stats,
            ..Settings::default()
        },
    }
}

#[track_caller]
fn assert_prints(golden: &str, mode: Mode, expected: &str) {
    let printed = render(&report_of(golden), mode, false);
    for (number, (printed, expected)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(printed, expected, "line {}", number + 1);
    }
    assert_eq!(printed, expected);
}

#[test]
fn the_compact_summary_is_k6s() {
    let golden = include_str!("golden/compact.json");
    assert_prints(golden, Mode::Compact, include_str!("golden/compact.txt"));
}

#[test]
fn the_full_summary_with_scenarios_is_k6s() {
    let golden = include_str!("golden/full.json");
    assert_prints(golden, Mode::Full, include_str!("golden/full.txt"));
}

#[test]
fn the_full_summary_with_groups_and_other_statistics_is_k6s() {
    let golden = include_str!("golden/groups.json");
    assert_prints(golden, Mode::Full, include_str!("golden/groups.txt"));
}

#[test]
fn the_summary_in_one_unit_of_time_is_k6s() {
    let golden = include_str!("golden/time-unit.json");
    assert_prints(golden, Mode::Compact, include_str!("golden/time-unit.txt"));
}

#[test]
fn colours_are_k6s() {
    let report = report_of(include_str!("golden/compact.json"));
    let coloured = render(&report, Mode::Compact, true);
    for line in [
        "  █ \u{1b}[1mTHRESHOLDS\u{1b}[0m ",
        "    \u{1b}[31m✗\u{1b}[0m \u{1b}[37m'avg<0.001'\u{1b}[0m \u{1b}[37mavg\u{1b}[0m=\u{1b}[36m20.58ms\u{1b}[0m",
        "    checks_total\u{1b}[2;37m.......................:\u{1b}[0m \u{1b}[36m53\u{1b}[0m     \u{1b}[2;36m43.315751/s\u{1b}[0m",
        "    \u{1b}[32m✓ b ok\u{1b}[0m",
        "    \u{1b}[1mCUSTOM\u{1b}[0m",
        "    g_time\u{1b}[2;37m..................................................................:\u{1b}[0m \u{1b}[36m1.5s\u{1b}[0m   \u{1b}[2;36mmin=1.5s\u{1b}[0m       \u{1b}[2;36mmax=1.5s\u{1b}[0m",
    ] {
        assert!(coloured.lines().any(|l| l == line), "{line:?} in {coloured:?}");
    }
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, code)) = rest.split_once('\u{1b}') {
        plain += before;
        rest = code.split_once('m').unwrap().1;
    }
    plain += rest;
    assert_eq!(plain, include_str!("golden/compact.txt"));
}
