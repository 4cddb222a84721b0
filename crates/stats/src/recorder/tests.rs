use super::*;
use crate::builtin;
use crate::metric::{Contains, Definition};

fn recorder() -> Recorder {
    Recorder::new(Arc::new(Registry::new()), SourceId(0))
}

fn tagged(value: usize) -> TagSet {
    TagSet::from_pairs([("n".to_owned(), value.to_string())])
}

fn counter_of(window: &Window, metric: MetricId) -> f64 {
    let of_metric = window.series.iter().filter(|s| s.metric == metric);
    of_metric.map(|series| series.delta.sum()).sum()
}

#[test]
fn windows_hold_the_changes_since_the_last_one() {
    let mut recorder = recorder();
    let id = recorder.series(builtin::HTTP_REQS, &TagSet::empty());
    recorder.increment(id, 2);
    recorder.increment(id, 1);
    let first = recorder.take(Duration::from_secs(1));
    assert_eq!(counter_of(&first, builtin::HTTP_REQS), 3.0);

    recorder.increment(id, 5);
    let second = recorder.take(Duration::from_secs(2));
    assert_eq!(counter_of(&second, builtin::HTTP_REQS), 5.0);
    assert!(recorder.take(Duration::from_secs(3)).is_empty());
}

#[test]
fn the_same_metric_and_tags_are_one_series() {
    let mut recorder = recorder();
    let tags = TagSet::from_pairs([("b", "1"), ("a", "2")]);
    let same = TagSet::from_pairs([("a", "2"), ("b", "1")]);
    let id = recorder.series(builtin::HTTP_REQS, &tags);
    assert_eq!(recorder.series(builtin::HTTP_REQS, &same), id);
    assert_ne!(recorder.series(builtin::ITERATIONS, &same), id);
    assert_ne!(recorder.series(builtin::HTTP_REQS, &TagSet::empty()), id);
}

#[test]
fn each_kind_combines_its_samples() {
    let mut registry = Registry::new();
    let gauge = registry.register(Definition::new("queue", Kind::Gauge, Contains::Default));
    let gauge = gauge.unwrap();
    let mut recorder = Recorder::new(Arc::new(registry), SourceId(0));
    let none = TagSet::empty();
    let ids = [gauge, builtin::CHECKS, builtin::HTTP_REQ_DURATION].map(|m| recorder.series(m, &none));
    for value in [3.0, -1.0, 2.0, f64::NAN] {
        recorder.set(ids[0], value);
    }
    recorder.rate(ids[1], true);
    recorder.rate(ids[1], false);
    recorder.record_ns(ids[2], 1_500_000);
    recorder.add(ids[2], 2.5);

    let window = recorder.take(Duration::ZERO);
    let (last, min, max) = (2.0, -1.0, 3.0);
    let stamp = Stamp { order: 2, ..Stamp::default() };
    assert_eq!(window.series[0].delta, Aggregate::Gauge { last, min, max, stamp });
    assert_eq!(window.series[1].delta, Aggregate::Rate { trues: 1, total: 2 });
    let Aggregate::Trend(trend) = &window.series[2].delta else { panic!("a trend") };
    assert_eq!((trend.count(), trend.avg()), (2, 2.0));
}

#[test]
fn past_the_cap_samples_are_kept_without_their_tags() {
    let mut recorder = recorder();
    for n in 0..MAX_SERIES + 50 {
        let id = recorder.series(builtin::HTTP_REQS, &tagged(n));
        recorder.increment(id, 1);
    }
    let id = recorder.series(builtin::HTTP_REQS, &tagged(7));
    recorder.increment(id, 1);
    let window = recorder.take(Duration::ZERO);
    assert_eq!(window.series.len(), MAX_SERIES + 1);
    let [overflow] = &window.overflows[..] else { panic!("one") };
    assert_eq!((overflow.metric, overflow.tag.as_deref()), (builtin::HTTP_REQS, Some("n")));
    assert_eq!(overflow.values, MAX_SERIES as u64);
    assert!(recorder.take(Duration::ZERO).overflows.is_empty(), "it is told once");
    assert_eq!(counter_of(&window, builtin::HTTP_REQS), (MAX_SERIES + 51) as f64);
    assert!(window.series[MAX_SERIES].tags.is_empty());
}

#[test]
fn recycled_distributions_begin_empty() {
    let mut recorder = recorder();
    let id = recorder.series(builtin::HTTP_REQ_DURATION, &TagSet::empty());
    for ns in 1..1_000 {
        recorder.record_ns(id, ns);
    }
    let window = recorder.take(Duration::ZERO);
    recorder.recycle(window);
    assert_eq!(recorder.spare_trends.len(), 1);
    recorder.record_ns(id, 4_000_000);
    let window = recorder.take(Duration::ZERO);
    let Aggregate::Trend(trend) = &window.series[0].delta else { panic!("a trend") };
    assert_eq!((trend.count(), trend.max()), (1, 4.0));
}
