use std::time::Duration;

use super::*;
use crate::metric::{Contains, Definition, Kind};
use crate::recorder::Recorder;
use crate::tags::TagSet;
use crate::window::SourceId;

const SECOND: Duration = Duration::from_secs(1);

fn recorder(registry: &Arc<Registry>, source: u32) -> Recorder {
    Recorder::new(Arc::clone(registry), SourceId(source))
}

fn gauge_of(totals: &Totals, metric: MetricId) -> (f64, f64, f64) {
    match totals.metric(metric) {
        Some(&Aggregate::Gauge { last, min, max, .. }) => (last, min, max),
        other => panic!("a gauge with samples, not {other:?}"),
    }
}

#[test]
fn counts_of_all_recorders_and_windows_add_up() {
    let registry = Arc::new(Registry::new());
    let mut totals = Totals::new(Arc::clone(&registry), &[]);
    for source in 0..3 {
        let mut recorder = recorder(&registry, source);
        for window in 0..5 {
            let tags = TagSet::from_pairs([("status", "200")]);
            let id = recorder.series(builtin::HTTP_REQS, &tags);
            recorder.increment(id, 10);
            totals.merge(&recorder.take(SECOND * window));
        }
    }
    let reqs = totals.metric(builtin::HTTP_REQS).unwrap();
    assert_eq!(reqs.sum(), 150.0);
    assert!(totals.metric(builtin::ITERATIONS).is_none());
}

#[test]
fn submetrics_get_the_samples_with_their_tags_only() {
    let registry = Arc::new(Registry::new());
    let selector = Selector::parse("http_reqs{status:200,name:a}").unwrap();
    let mut totals = Totals::new(Arc::clone(&registry), std::slice::from_ref(&selector));
    let mut recorder = recorder(&registry, 0);
    for (status, name, count) in [("200", "a", 1), ("200", "b", 2), ("500", "a", 4)] {
        let tags = TagSet::from_pairs([("status", status), ("name", name), ("more", "x")]);
        let id = recorder.series(builtin::HTTP_REQS, &tags);
        recorder.increment(id, count);
    }
    totals.merge(&recorder.take(SECOND));
    assert_eq!(totals.selected(&selector).unwrap().sum(), 1.0);
    assert_eq!(totals.metric(builtin::HTTP_REQS).unwrap().sum(), 7.0);
}

#[test]
fn expected_responses_are_always_kept_apart() {
    let registry = Arc::new(Registry::new());
    let mut totals = Totals::new(Arc::clone(&registry), &[]);
    assert_eq!(totals.submetrics().count(), 0);
    let mut recorder = recorder(&registry, 0);
    for (expected, ms) in [("true", 1), ("false", 9)] {
        let tags = TagSet::from_pairs([("expected_response", expected)]);
        let id = recorder.series(builtin::HTTP_REQ_DURATION, &tags);
        recorder.record_ns(id, ms * 1_000_000);
    }
    totals.merge(&recorder.take(SECOND));
    let (selector, _, aggregate) = totals.submetrics().next().unwrap();
    assert_eq!(selector.to_string(), EXPECTED_RESPONSES);
    let Some(Aggregate::Trend(trend)) = aggregate else { panic!("a trend") };
    assert_eq!((trend.count(), trend.max()), (1, 1.0));
}

#[test]
fn vus_are_summed_over_recorders_second_by_second() {
    let registry = Arc::new(Registry::new());
    let mut totals = Totals::new(Arc::clone(&registry), &[]);
    let mut shards = [0, 1].map(|source| recorder(&registry, source));
    for (second, vus) in [(1, [5.0, 5.0]), (2, [8.0, 7.0]), (3, [6.0, 6.0])] {
        for (shard, count) in shards.iter_mut().zip(vus) {
            let id = shard.series(builtin::VUS, &TagSet::empty());
            shard.set(id, count);
            totals.merge(&shard.take(SECOND * second));
        }
    }
    assert_eq!(gauge_of(&totals, builtin::VUS), (12.0, 10.0, 15.0));
}

#[test]
fn other_gauges_have_the_value_of_the_latest_window() {
    let mut registry = Registry::new();
    let definition = Definition::new("queue", Kind::Gauge, Contains::Default);
    let queue = registry.register(definition).unwrap();
    let registry = Arc::new(registry);
    let mut totals = Totals::new(Arc::clone(&registry), &[]);
    for (source, second, value) in [(0, 1, 4.0), (1, 3, 2.0), (0, 2, 9.0)] {
        let mut recorder = recorder(&registry, source);
        let id = recorder.series(queue, &TagSet::empty());
        recorder.set(id, value);
        totals.merge(&recorder.take(SECOND * second));
    }
    assert_eq!(gauge_of(&totals, queue), (2.0, 2.0, 9.0));
}

#[test]
fn checks_are_counted_by_group_and_name_and_groups_are_seen() {
    let registry = Arc::new(Registry::new());
    let mut totals = Totals::new(Arc::clone(&registry), &[]);
    let mut recorder = recorder(&registry, 0);
    for (group, name, passed) in [("", "ready", true), ("::a", "ok", false), ("::a", "ok", true)] {
        let tags = TagSet::from_pairs([("group", group), ("check", name)]);
        let id = recorder.series(builtin::CHECKS, &tags);
        recorder.rate(id, passed);
    }
    let silent = TagSet::from_pairs([("group", "::a::silent")]);
    let id = recorder.series(builtin::GROUP_DURATION, &silent);
    recorder.record_ns(id, 1);
    totals.merge(&recorder.take(SECOND));
    let checks = totals.checks().iter();
    let seen: Vec<_> = checks.map(|c| (&*c.group, &*c.name, c.passes, c.fails)).collect();
    assert_eq!(seen, [("", "ready", 1, 0), ("::a", "ok", 1, 1)]);
    assert_eq!(totals.groups(), ["::a", "::a::silent"]);
}

#[test]
fn detail_sorts_samples_into_scenarios_and_groups() {
    let registry = Arc::new(Registry::new());
    let mut totals = Totals::new(Arc::clone(&registry), &[]).with_detail();
    let mut recorder = recorder(&registry, 0);
    for (scenario, group, count) in [("s", "", 1), ("s", "::a", 2), ("s", "::a::b", 4), ("t", "", 8)] {
        let tags = TagSet::from_pairs([("scenario", scenario), ("group", group)]);
        let id = recorder.series(builtin::HTTP_REQS, &tags);
        recorder.increment(id, count);
    }
    totals.merge(&recorder.take(SECOND));
    let (name, scenario) = &totals.detail().unwrap().scenarios()[0];
    let requests = |tally: &Tally| tally.metric(builtin::HTTP_REQS).unwrap().sum();
    assert_eq!((name.as_str(), requests(&scenario.tally)), ("s", 7.0));
    let outer = &scenario.groups[0];
    assert_eq!((outer.name.as_str(), requests(&outer.tally)), ("a", 2.0));
    assert_eq!(requests(&outer.groups[0].tally), 4.0);
}

/// A second of four sources, each with so many requests under ten names.
fn second_of_load(recorders: &mut [Recorder], second: u32, requests: u64) -> Vec<crate::window::Window> {
    let windows = recorders.iter_mut().enumerate().map(|(source, recorder)| {
        for n in 0..requests {
            let tags = TagSet::from_pairs([("name".to_owned(), format!("{}", n % 10))]);
            let series = recorder.series(builtin::HTTP_REQ_DURATION, &tags);
            // The same values in each minute: what a histogram holds grows with their range.
            recorder.record_ns(series, 1 + (u64::from(second % 60) + 1) * (n + 1) * 1_000);
            let series = recorder.series(builtin::HTTP_REQS, &tags);
            recorder.increment(series, 1);
        }
        let vus = recorder.series(builtin::VUS, &TagSet::empty());
        recorder.set(vus, f64::from(second % 7) + source as f64);
        recorder.take(SECOND * second)
    });
    windows.collect()
}

#[test]
fn memory_depends_on_names_and_not_on_time() {
    let registry = Arc::new(Registry::new());
    let mut thresholds = crate::Thresholds::new();
    for (metric, seconds) in [("http_req_duration", 30), ("http_req_duration{name:3}", 90), ("http_reqs", 5)] {
        let expression = if metric == "http_reqs" { "rate>1" } else { "p(95)<1" };
        let threshold = crate::Threshold::parse(expression).unwrap();
        let list = vec![threshold.clone(), threshold.over_last(SECOND * seconds)];
        thresholds.add(Selector::parse(metric).unwrap(), list);
    }
    let totals = Totals::new(Arc::clone(&registry), &thresholds.selectors()).with_spans(&thresholds.spans());
    let mut totals = totals.with_detail();
    let mut recorders: Vec<_> = (0..4).map(|source| recorder(&registry, source)).collect();
    let mut held = Vec::new();
    for second in 1..=10_800 {
        second_of_load(&mut recorders, second, 40).iter().for_each(|window| totals.merge(window));
        thresholds.evaluate(&mut totals, SECOND * second, false);
        if [120, 3_600, 7_200, 10_800].contains(&second) {
            held.push(totals.held_bytes());
        }
    }
    assert_eq!(held[2], held[3], "{held:?}");
    assert!(held[3] <= held[0] + held[0] / 50, "{held:?}");
}

#[test]
fn late_reports_of_a_sum_count_in_their_second() {
    let registry = Arc::new(Registry::new());
    let mut windows = Vec::new();
    for (source, counts) in [(0, [1.0, 5.0, 2.0]), (1, [1.0, 4.0, 2.0])] {
        let mut recorder = recorder(&registry, source);
        for (second, count) in counts.into_iter().enumerate() {
            let id = recorder.series(builtin::CONNECTIONS_OPEN, &TagSet::empty());
            recorder.set(id, count);
            windows.push(recorder.take(SECOND * (second as u32 + 1)));
        }
    }
    // First all of one source, then all of the other.
    let mut totals = Totals::new(Arc::clone(&registry), &[]);
    windows.iter().for_each(|window| totals.merge(window));
    assert_eq!(gauge_of(&totals, builtin::CONNECTIONS_OPEN), (4.0, 2.0, 9.0));
}

#[test]
fn a_part_that_is_silent_keeps_its_value_and_one_from_long_ago_changes_nothing() {
    let registry = Arc::new(Registry::new());
    let mut totals = Totals::new(Arc::clone(&registry), &[]);
    let mut report = |source, second, count| {
        let mut recorder = recorder(&registry, source);
        let id = recorder.series(builtin::VUS_MAX, &TagSet::empty());
        recorder.set(id, count);
        totals.merge(&recorder.take(SECOND * second));
        gauge_of(&totals, builtin::VUS_MAX)
    };
    report(0, 1, 3.0);
    for second in 2..500 {
        report(1, second, 2.0);
    }
    assert_eq!(report(1, 500, 4.0), (7.0, 3.0, 7.0));
    assert_eq!(report(0, 100, 50.0).0, 54.0, "it is the part's last");
    assert_eq!(report(0, 99, 60.0).0, 54.0, "it isn't");
}

#[test]
fn thousands_of_submetrics_each_get_their_own_samples() {
    let registry = Arc::new(Registry::new());
    let texts = (0..2_000).map(|n| format!("http_reqs{{name:{n}}}"));
    let texts = texts.chain(["http_reqs{name:7,status:200}".to_owned(), "http_reqs{status:200,name:7}".to_owned()]);
    let selectors: Vec<_> = texts.map(|text| Selector::parse(&text).unwrap()).collect();
    let mut totals = Totals::new(Arc::clone(&registry), &selectors);
    let mut recorder = recorder(&registry, 0);
    for n in 0..2_000_u64 {
        let tags = [("name", n.to_string()), ("status", if n == 7 { "200" } else { "500" }.to_owned())];
        let id = recorder.series(builtin::HTTP_REQS, &TagSet::from_pairs(tags));
        recorder.increment(id, n + 1);
    }
    totals.merge(&recorder.take(SECOND));
    for (n, selector) in selectors.iter().enumerate() {
        let expected = if n < 2_000 { n as f64 + 1.0 } else { 8.0 };
        assert_eq!(totals.selected(selector).unwrap().sum(), expected, "{selector}");
    }
}

#[test]
fn totals_that_go_on_from_others_know_their_bounds_and_their_last_while() {
    let registry = Arc::new(Registry::new());
    let span = (Selector::parse("http_reqs").unwrap(), SECOND * 20);
    let totals = || Totals::new(Arc::clone(&registry), &[]).with_spans(std::slice::from_ref(&span));
    let mut recorders = [recorder(&registry, 0), recorder(&registry, 1)];
    let mut windows = |second: u32| {
        recorders.each_mut().map(|recorder| {
            let [reqs, vus] = [builtin::HTTP_REQS, builtin::VUS].map(|id| recorder.series(id, &TagSet::empty()));
            recorder.increment(reqs, u64::from(second));
            recorder.set(vus, f64::from(if second < 30 { 40 - second } else { second }));
            recorder.take(SECOND * second)
        })
    };
    let (mut all, mut merger) = (totals(), crate::window::WindowMerger::new(SourceId(9)));
    for second in 1..=90 {
        for window in windows(second) {
            all.merge(&window);
            // Of the counts only the last seconds are kept, as a checkpoint does where there are many.
            let is_old = |series: &WindowSeries| second < 86 && builtin::is_summed_gauge(series.metric);
            let series = window.series.iter().filter(|series| !is_old(series)).cloned().collect();
            merger.add(Window { series, ..window });
        }
    }
    let mut other = totals();
    other.remember(&all.memory()).unwrap();
    other.restore(&merger.take());
    for totals in [&mut all, &mut other] {
        windows(91).iter().for_each(|window| totals.merge(window));
        windows(95).iter().for_each(|window| totals.merge(window));
        totals.advance(SECOND * 95);
    }
    assert_eq!(gauge_of(&other, builtin::VUS), (190.0, 22.0, 190.0));
    assert_eq!(gauge_of(&other, builtin::VUS), gauge_of(&all, builtin::VUS));
    let lately = |totals: &Totals| totals.lately(&span.0, span.1, SECOND * 95).aggregate.unwrap().sum();
    assert_eq!(lately(&other), lately(&all));
    assert_eq!(other.metric(builtin::HTTP_REQS).unwrap().sum(), all.metric(builtin::HTTP_REQS).unwrap().sum());
}
