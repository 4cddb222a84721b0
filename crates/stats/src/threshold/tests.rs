use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::builtin;
use crate::recorder::Recorder;
use crate::tags::TagSet;
use crate::window::SourceId;

const SECOND: Duration = Duration::from_secs(1);

fn method_error(text: &str) -> MethodError {
    match Expression::parse(text) {
        Err(ThresholdError::Method { reason, .. }) => reason,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn every_operator_and_method_is_read() {
    use Method::*;
    use Operator::*;
    for (text, method, operator, limit) in [
        ("count<=5", Count, AtMost, 5.0),
        ("rate<0.01", Rate, Below, 0.01),
        (" value >= -1 ", Value, AtLeast, -1.0),
        ("avg>1e3", Avg, Above, 1000.0),
        ("min===2", Min, Equal, 2.0),
        ("med==2.5", Med, Equal, 2.5),
        ("max != +3", Max, NotEqual, 3.0),
        ("p(99.9)  <  inf", Percentile(99.9), Below, f64::INFINITY),
        ("p(0)<1", Percentile(0.0), Below, 1.0),
    ] {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.method(), method, "{text}");
        assert_eq!(expression.operator(), operator, "{text}");
        assert_eq!(expression.limit(), limit, "{text}");
        assert_eq!(expression.source(), text);
    }
}

#[test]
fn a_missing_part_is_a_shape_error() {
    for text in ["", "count", "count<", "count 5", "p(95) = 5", "count>  "] {
        let error = Expression::parse(text).unwrap_err();
        assert_eq!(error, ThresholdError::Shape(text.trim().to_owned()));
    }
}

#[test]
fn a_wrong_left_side_names_the_method() {
    for text in ["<5", "Count<5", "stddev<5", "p (95)<5", "count>1 && count<2"] {
        assert!(matches!(method_error(text), MethodError::Unknown(_)), "{text}");
    }
    for text in ["p95<5", "p(101)<5", "p(-1)<5", "p(NaN)<5", "p()<5", "p(x)<5"] {
        assert!(matches!(method_error(text), MethodError::Percentile(_)), "{text}");
    }
    let message = Expression::parse("p95<5").unwrap_err().to_string();
    assert!(message.contains("p(N)"), "{message}");
}

#[test]
fn a_wrong_right_side_is_quoted() {
    for (text, limit) in
        [("count<5s", "5s"), ("count<1_000", "1_000"), ("count>1 && avg", "1 && avg"), ("count=<5", "5")]
    {
        match Expression::parse(text) {
            Err(ThresholdError::Limit { text: quoted, .. }) => assert_eq!(quoted, limit),
            // `=<` leaves `count=` before the operator.
            Err(ThresholdError::Method { .. }) => assert_eq!(text, "count=<5"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC{0,30}") {
        let _ = Expression::parse(&text);
        let _ = Selector::parse(&text);
    }

    #[test]
    fn blanks_make_no_difference(
        percent in 0.0..100.0_f64, limit in any::<f64>().prop_filter("finite", |l| l.is_finite()),
        blanks in prop::array::uniform4(0..3_usize), operator in 0..7_usize,
    ) {
        let token = ["<=", "<", ">=", ">", "===", "==", "!="][operator];
        let [a, b, c, d] = blanks.map(|count| " ".repeat(count));
        let spaced = Expression::parse(&format!("{a}p({percent}){b}{token}{c}{limit}{d}")).unwrap();
        let tight = Expression::parse(&format!("p({percent}){token}{limit}")).unwrap();
        prop_assert_eq!(spaced.method(), tight.method());
        prop_assert_eq!(spaced.operator(), tight.operator());
        prop_assert_eq!(spaced.limit(), tight.limit());
        prop_assert_eq!(spaced.limit(), limit);
    }
}

fn thresholds(entries: &[(&str, &str)]) -> Thresholds {
    let mut thresholds = Thresholds::new();
    for (key, expression) in entries {
        let selector = Selector::parse(key).unwrap();
        thresholds.add(selector, vec![Threshold::parse(expression).unwrap()]);
    }
    thresholds
}

/// 10 requests, half of them failed, of 1 to 10 ms; nothing else.
fn totals(thresholds: &Thresholds) -> Totals {
    let registry = Arc::new(Registry::new());
    let mut recorder = Recorder::new(Arc::clone(&registry), SourceId(0));
    for n in 1..=10 {
        let tags = TagSet::from_pairs([("status", if n > 5 { "500" } else { "200" })]);
        let series = |recorder: &mut Recorder, metric| recorder.series(metric, &tags);
        let ids = [builtin::HTTP_REQS, builtin::HTTP_REQ_FAILED, builtin::HTTP_REQ_DURATION]
            .map(|metric| series(&mut recorder, metric));
        recorder.increment(ids[0], 1);
        recorder.rate(ids[1], n > 5);
        recorder.record_ns(ids[2], n * 1_000_000);
    }
    let mut totals = Totals::new(registry, &thresholds.selectors());
    totals.merge(&recorder.take(SECOND));
    totals
}

fn single(metric: &str, expression: &str, elapsed: Duration, last: bool) -> (bool, Option<f64>) {
    let thresholds = thresholds(&[(metric, expression)]);
    let outcome = thresholds.evaluate(&mut totals(&thresholds), elapsed, last);
    (outcome[0].ok, outcome[0].value)
}

#[test]
fn values_are_k6s() {
    let at_4s = |metric, expression| single(metric, expression, SECOND * 4, true);
    assert_eq!(at_4s("http_reqs", "count>10"), (false, Some(10.0)));
    assert_eq!(at_4s("http_reqs", "rate>=2.5"), (true, Some(2.5)));
    assert_eq!(at_4s("http_reqs{status:500}", "count==5"), (true, Some(5.0)));
    assert_eq!(at_4s("http_req_failed", "rate<0.5"), (false, Some(0.5)));
    assert_eq!(at_4s("http_req_duration", "p(90)<9.2"), (true, Some(9.1)));
    assert_eq!(at_4s("http_req_duration", "med!=5.5"), (false, Some(5.5)));
}

#[test]
fn at_the_end_missing_samples_are_zero_but_a_rate_passes() {
    let at_end = |metric, expression| single(metric, expression, SECOND, true);
    assert_eq!(at_end("iterations", "count>0"), (false, Some(0.0)));
    assert_eq!(at_end("group_duration", "avg>0"), (false, Some(0.0)));
    assert_eq!(at_end("vus", "value>0"), (false, Some(0.0)));
    assert_eq!(at_end("checks", "rate>0.9"), (true, None));
    assert_eq!(at_end("http_reqs{status:404}", "count>0"), (false, Some(0.0)));
}

#[test]
fn during_a_run_missing_samples_are_skipped() {
    let during = |metric, expression| single(metric, expression, SECOND, false);
    assert_eq!(during("iterations", "count>0"), (true, None));
    assert_eq!(during("checks", "rate>0.9"), (true, None));
    let at_start = single("http_reqs", "rate>100", Duration::ZERO, false);
    assert_eq!(at_start, (true, None));
}

#[test]
fn failures_abort_only_during_the_run_and_after_the_delay() {
    let mut thresholds = Thresholds::new();
    let failing = || Threshold::parse("count>1000").unwrap();
    thresholds.add(
        Selector::metric_only("http_reqs"),
        vec![
            failing(),
            failing().abort_on_fail(None),
            failing().abort_on_fail(Some(SECOND * 10)),
            Threshold::parse("count>1").unwrap().abort_on_fail(None),
        ],
    );
    let mut totals = totals(&thresholds);
    let mut aborts = |elapsed, last| {
        let outcomes = thresholds.evaluate(&mut totals, elapsed, last);
        outcomes.iter().map(|outcome| outcome.abort).collect::<Vec<_>>()
    };
    assert_eq!(aborts(SECOND * 10, false), [false, true, false, false]);
    assert_eq!(aborts(SECOND * 11, false), [false, true, true, false]);
    assert_eq!(aborts(SECOND * 11, true), [false; 4]);
}

#[test]
fn every_misfit_is_reported() {
    let thresholds = thresholds(&[
        ("nope", "count>1"),
        ("http_reqs", "p(95)>1"),
        ("http_reqs", "rate>1"),
        ("vus", "avg>1"),
        ("checks{check:a}", "count>1"),
        ("http_req_duration", "count>1"),
    ]);
    let errors = thresholds.validate(&Registry::new());
    let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "there is no metric `nope`; declare it in the script or correct the name",
            "`p(95)>1`: http_reqs is a counter, which has no `p(95)`; use count or rate",
            "`avg>1`: vus is a gauge, which has no `avg`; use value",
            "`count>1`: checks{check:a} is a rate, which has no `count`; use rate",
            "`count>1`: http_req_duration is a trend, which has no `count`; use avg, min, med, max or p(N)",
        ]
    );
}

#[test]
fn failed_metrics_are_named_once() {
    let thresholds = thresholds(&[
        ("http_reqs", "count>1000"),
        ("http_reqs", "count>2000"),
        ("http_req_failed", "rate<0.1"),
        ("http_reqs", "count>1"),
    ]);
    let outcomes = thresholds.evaluate(&mut totals(&thresholds), SECOND, true);
    assert_eq!(failed_metrics(&outcomes), ["http_req_failed", "http_reqs"]);
}

/// Totals that keep what these thresholds look at.
fn totals_for(thresholds: &Thresholds) -> (Totals, Recorder) {
    let registry = Arc::new(Registry::new());
    let totals = Totals::new(Arc::clone(&registry), &thresholds.selectors()).with_spans(&thresholds.spans());
    (totals, Recorder::new(registry, SourceId(0)))
}

/// Thresholds on one metric, over the last so many seconds.
fn over(metric: &str, list: &[(&str, u32)]) -> Thresholds {
    let mut thresholds = Thresholds::new();
    let list = list.iter().map(|(text, seconds)| Threshold::parse(text).unwrap().over_last(SECOND * *seconds));
    thresholds.add(Selector::parse(metric).unwrap(), list.collect());
    thresholds
}

fn values(thresholds: &Thresholds, totals: &mut Totals, elapsed: Duration, last: bool) -> Vec<Option<f64>> {
    thresholds.evaluate(totals, elapsed, last).iter().map(|outcome| outcome.value).collect()
}

#[test]
fn a_window_looks_at_the_last_while_only() {
    let thresholds = over("http_req_duration", &[("max<1", 3), ("avg<1", 3), ("min<1", 1), ("p(50)<1", 100)]);
    let (mut totals, mut recorder) = totals_for(&thresholds);
    for second in 1..=20_u32 {
        let series = recorder.series(builtin::HTTP_REQ_DURATION, &TagSet::empty());
        recorder.record_ns(series, u64::from(21 - second) * 1_000_000);
        // Windows are taken somewhere in a second, and judged some time later.
        totals.merge(&recorder.take(SECOND * second + SECOND / 3));
        let last = f64::from(21 - second);
        let first = last + f64::from(second.min(3) - 1);
        let seen = values(&thresholds, &mut totals, SECOND * second + SECOND / 2, false);
        let median = (20.0 + last) / 2.0;
        assert_eq!(seen, [first, (first + last) / 2.0, last, median].map(Some), "second {second}");
    }
    let outcome = &thresholds.evaluate(&mut totals, SECOND * 21, false)[0];
    assert_eq!(outcome.expression, "max<1 over the last 3s");
}

#[test]
fn a_window_moves_on_without_samples_and_ends_with_the_newest_at_the_end() {
    let thresholds = over("http_reqs", &[("count>1", 5), ("rate>1", 5)]);
    let (mut totals, mut recorder) = totals_for(&thresholds);
    for second in 1..=10 {
        let series = recorder.series(builtin::HTTP_REQS, &TagSet::empty());
        recorder.increment(series, 2);
        totals.merge(&recorder.take(SECOND * second));
    }
    assert_eq!(values(&thresholds, &mut totals.clone(), SECOND * 10, false), [Some(10.0), Some(2.0)]);
    // One late window is no reason to look at less.
    assert_eq!(values(&thresholds, &mut totals.clone(), SECOND * 12, false), [Some(10.0), Some(2.0)]);
    assert_eq!(values(&thresholds, &mut totals.clone(), SECOND * 13, false)[0], Some(4.0));
    assert_eq!(values(&thresholds, &mut totals.clone(), SECOND * 16, false), [None, None]);
    // Teardown may take longer than the window is.
    assert_eq!(values(&thresholds, &mut totals, SECOND * 60, true), [Some(10.0), Some(2.0)]);
}

#[test]
fn a_window_on_a_part_of_a_metric_sees_that_part() {
    let thresholds = over("http_req_failed{name:a}", &[("rate<1", 2)]);
    let (mut totals, mut recorder) = totals_for(&thresholds);
    for (second, name, failed) in [(1, "a", true), (2, "a", false), (3, "a", true), (3, "b", true)] {
        let series = recorder.series(builtin::HTTP_REQ_FAILED, &TagSet::from_pairs([("name", name)]));
        recorder.rate(series, failed);
        totals.merge(&recorder.take(SECOND * second));
    }
    assert_eq!(values(&thresholds, &mut totals, SECOND * 3, false), [Some(0.5)]);
}

#[test]
fn a_window_on_a_gauge_takes_the_last_value_while_it_is_new() {
    let thresholds = over("vus", &[("value>1", 5)]);
    let (mut totals, mut recorder) = totals_for(&thresholds);
    let series = recorder.series(builtin::VUS, &TagSet::empty());
    recorder.set(series, 7.0);
    totals.merge(&recorder.take(SECOND));
    assert_eq!(values(&thresholds, &mut totals, SECOND * 5, false), [Some(7.0)]);
    assert_eq!(values(&thresholds, &mut totals, SECOND * 6, false), [None]);
}

proptest! {
    #[test]
    fn a_window_comes_to_what_its_samples_come_to(
        samples in prop::collection::vec((1..200_u32, 0..3_u32, -20..2_000_i64), 1..800), span in 1..130_u32, end in 1..210_u32,
    ) {
        let thresholds = over("http_req_duration", &[("max<1", span), ("min<1", span), ("avg<1", span), ("p(90)<1", span)]);
        let (mut totals, _) = totals_for(&thresholds);
        let registry = Arc::clone(totals.registry());
        let mut recorders: Vec<_> = (0..3).map(|n| Recorder::new(Arc::clone(&registry), SourceId(n))).collect();
        let (mut kept, step) = (Totals::new(Arc::clone(&registry), &[]), span.div_ceil(60));
        for second in 1..=end {
            for (source, recorder) in recorders.iter_mut().enumerate() {
                let now = samples.iter().filter(|(at, of, _)| (*at, *of as usize) == (second, source));
                for (_, _, value) in now {
                    let series = recorder.series(builtin::HTTP_REQ_DURATION, &TagSet::empty());
                    recorder.add(series, *value as f64);
                }
                let window = recorder.take(SECOND * second);
                totals.merge(&window);
                // Whole steps of time, all of them within the span.
                let from = end.saturating_sub(span).next_multiple_of(step);
                if second > from {
                    kept.merge(&window);
                }
            }
            // As a run has it; nobody looks at every second's outcome here.
            thresholds.evaluate(&mut totals, SECOND * second, false);
        }
        let seen = values(&thresholds, &mut totals, SECOND * end, false);
        let expected = match kept.metric(builtin::HTTP_REQ_DURATION) {
            Some(Aggregate::Trend(trend)) => {
                [trend.max(), trend.min(), trend.avg(), trend.percentile(90.0)].map(Some)
            }
            _ => [None; 4],
        };
        prop_assert_eq!(&seen[..3], &expected[..3]);
        // Once there were many samples, few ones are in buckets too.
        let close = |a: f64, b: f64| (a - b).abs() <= 0.001 * a.abs().max(b.abs()).max(2_000.0 * 0.001);
        prop_assert!(seen[3].is_some() == expected[3].is_some());
        if let (Some(seen), Some(expected)) = (seen[3], expected[3]) {
            prop_assert!(close(seen, expected) || totals_are_few(&kept), "{seen} {expected}");
        }
    }
}

/// With few samples the neighbours of a percentile are far apart, and so are estimates in buckets and exact ones.
fn totals_are_few(totals: &Totals) -> bool {
    matches!(totals.metric(builtin::HTTP_REQ_DURATION), Some(Aggregate::Trend(trend)) if trend.count() < 5)
}

#[test]
fn samples_that_are_required_are_missed_at_the_end_alone() {
    let mut thresholds = Thresholds::new();
    let required = |text: &str| Threshold::parse(text).unwrap().require_samples();
    for (metric, text) in [("checks", "rate>0.9"), ("group_duration", "p(95)<9"), ("iterations", "count<9")] {
        thresholds.add(Selector::metric_only(metric), vec![required(text), required(text).over_last(SECOND * 5)]);
    }
    thresholds.add(Selector::metric_only("http_reqs"), vec![required("count==10")]);
    let mut totals = totals(&thresholds).with_spans(&thresholds.spans());
    let mut ok = |last| {
        let outcomes = thresholds.evaluate(&mut totals, SECOND, last);
        outcomes.iter().map(|outcome| (outcome.ok, outcome.value.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(ok(false), [vec![(true, false); 6], vec![(true, true)]].concat());
    assert_eq!(ok(true), [vec![(false, false); 6], vec![(true, true)]].concat());
}

#[test]
fn the_ratio_of_dropped_iterations_is_a_rate_to_judge() {
    let mut thresholds = Thresholds::new();
    let threshold = Threshold::parse("rate<0.01").unwrap().abort_on_fail(None);
    thresholds.add(Selector::metric_only("dropped_iterations_ratio"), vec![threshold]);
    assert_eq!(thresholds.validate(&Registry::new()), []);
    let (mut totals, mut recorder) = totals_for(&thresholds);
    let series = recorder.series(builtin::DROPPED_ITERATIONS_RATIO, &TagSet::empty());
    recorder.rates(series, 0, 990);
    recorder.rates(series, 10, 10);
    totals.merge(&recorder.take(SECOND));
    let outcome = thresholds.evaluate(&mut totals, SECOND, false).remove(0);
    assert_eq!((outcome.value, outcome.ok, outcome.abort), (Some(0.01), false, true));
}
