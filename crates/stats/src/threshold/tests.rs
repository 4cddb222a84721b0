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
