use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::builtin;
use crate::metric::{Contains, Definition, Kind};
use crate::recorder::{MAX_SERIES, Recorder};
use crate::registry::Registry;
use crate::selector::Selector;
use crate::totals::Totals;

/// One sample: who records it, in which second, of which metric, with which tag, and its value.
#[derive(Debug, Clone)]
struct Sample {
    source: u32,
    second: u64,
    metric: usize,
    tag: u8,
    value: i32,
}

fn registry() -> (Arc<Registry>, Vec<MetricId>) {
    let mut registry = Registry::new();
    let queue = registry.register(Definition::new("queue", Kind::Gauge, Contains::Default)).unwrap();
    let metrics = vec![
        builtin::HTTP_REQS,
        builtin::CHECKS,
        builtin::HTTP_REQ_DURATION,
        builtin::VUS,
        builtin::CONNECTIONS_OPEN,
        queue,
        builtin::DATA_SENT,
    ];
    (Arc::new(registry), metrics)
}

fn selectors() -> Vec<Selector> {
    let texts = ["http_reqs{n:1}", "http_req_duration{n:2}", "queue{n:0}", "checks{n:1,check:c}"];
    texts.into_iter().map(|text| Selector::parse(text).unwrap()).collect()
}

fn sample() -> impl Strategy<Value = Sample> {
    let value = prop_oneof![Just(0), 1..50, -50..0, 1_000_000..2_000_000];
    (0..4_u32, 1..40_u64, 0..7_usize, 0..3_u8, value).prop_map(|(source, second, metric, tag, value)| Sample {
        source,
        second,
        metric,
        tag,
        value,
    })
}

/// Enough of them that some trends come to have buckets.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    prop_oneof![
        vec(sample(), 0..200),
        vec(sample(), 150..600).prop_map(|samples| {
            samples.into_iter().map(|sample| Sample { metric: 2, second: sample.second % 3 + 1, ..sample }).collect()
        }),
    ]
}

fn record(recorder: &mut Recorder, metrics: &[MetricId], sample: &Sample) {
    let metric = metrics[sample.metric];
    let is_summed = builtin::is_summed_gauge(metric);
    let tags = [("n".to_owned(), sample.tag.to_string()), ("check".to_owned(), "c".to_owned())];
    let tags = if is_summed { TagSet::empty() } else { TagSet::from_pairs(tags) };
    let series = recorder.series(metric, &tags);
    let value = if is_summed { f64::from(sample.value.abs()) } else { f64::from(sample.value) / 8.0 };
    recorder.add(series, value);
}

/// The windows of all sources, one a second, of the seconds that have samples.
fn windows_of(samples: &[Sample], registry: &Arc<Registry>, metrics: &[MetricId]) -> Vec<Window> {
    let mut by_window: BTreeMap<(u64, u32), Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        by_window.entry((sample.second, sample.source)).or_default().push(sample);
    }
    let mut recorders: Vec<_> = (0..4).map(|n| Recorder::new(Arc::clone(registry), SourceId(n))).collect();
    let windows = by_window.into_iter().map(|((second, source), samples)| {
        let recorder = &mut recorders[source as usize];
        samples.into_iter().for_each(|sample| record(recorder, metrics, sample));
        recorder.take(Duration::from_secs(second))
    });
    windows.collect()
}

/// All that an aggregate says.
fn said_of(aggregate: Option<&Aggregate>) -> String {
    match aggregate {
        Some(Aggregate::Trend(trend)) => {
            let stats = [0.0, 25.0, 50.0, 99.0, 100.0].map(|percent| trend.percentile(percent));
            format!("{} {} {stats:?}", trend.count(), trend.sum_millionths())
        }
        other => format!("{other:?}"),
    }
}

/// All that totals say, in one order.
fn said(totals: &Totals) -> Vec<String> {
    let (registry, selectors) = (totals.registry(), selectors());
    let metrics = registry.iter().map(|(id, definition)| format!("{} {}", definition.name, said_of(totals.metric(id))));
    let selected = selectors.iter().map(|selector| format!("{selector} {}", said_of(totals.selected(selector))));
    let checks = totals.checks().iter().map(|check| format!("{check:?}"));
    let mut said: Vec<_> = metrics.chain(selected).chain(checks).collect();
    said.sort();
    said
}

fn totals_of<'a>(windows: impl IntoIterator<Item = &'a Window>, registry: &Arc<Registry>) -> Vec<String> {
    let mut totals = Totals::new(Arc::clone(registry), &selectors());
    windows.into_iter().for_each(|window| totals.merge(window));
    said(&totals)
}

fn merged<'a>(windows: impl IntoIterator<Item = &'a Window>) -> Window {
    let mut merger = WindowMerger::new(SourceId(100));
    windows.into_iter().for_each(|window| merger.add(window.clone()));
    merger.take()
}

/// Series in one order: that of a window means nothing.
fn sorted(mut window: Window) -> Window {
    window.series.sort_by_cached_key(|series| format!("{:?}", (series.metric, &series.tags, &series.delta)));
    window
}

proptest! {
    #[test]
    fn totals_are_equal_in_any_order_and_grouping(
        samples in samples(), order in any::<u64>(), groups in 1..6_usize,
    ) {
        let (registry, metrics) = registry();
        let windows = windows_of(&samples, &registry, &metrics);
        let expected = totals_of(&windows, &registry);

        // An order like any other, and a group like any other for each.
        let mut keyed: Vec<_> = windows.iter().enumerate().collect();
        let key = |n: usize| (n as u64 + 1).wrapping_mul(order | 1).rotate_left(17);
        keyed.sort_by_key(|(n, _)| key(*n));
        prop_assert_eq!(&totals_of(keyed.iter().map(|(_, window)| *window), &registry), &expected);

        let of_group = |group| keyed.iter().filter(move |(n, _)| n % groups == group).map(|(_, window)| *window);
        let grouped: Vec<_> = (0..groups).map(|group| merged(of_group(group))).collect();
        prop_assert_eq!(&totals_of(&grouped, &registry), &expected);
        prop_assert_eq!(&totals_of([&merged(&grouped)], &registry), &expected, "merged once more");
        prop_assert_eq!(sorted(merged(&grouped)), sorted(merged(&windows)));
    }

    #[test]
    fn totals_are_equal_however_samples_are_split_over_sources(samples in samples(), split in any::<u64>()) {
        let (registry, metrics) = registry();
        // What is set on a source is a part of a sum, or the last value in order of sources: neither may move.
        let movable = |sample: &Sample| ![3, 4, 5].contains(&sample.metric);
        let samples: Vec<_> = samples.into_iter().filter(movable).collect();
        let moved = samples.iter().enumerate().map(|(n, sample)| Sample {
            source: (split.rotate_left(n as u32 % 64) % 4) as u32,
            second: 1 + (sample.second + split) % 40,
            ..sample.clone()
        });
        let moved: Vec<_> = moved.collect();
        let of = |samples: &[Sample]| totals_of(&windows_of(samples, &registry, &metrics), &registry);
        prop_assert_eq!(of(&samples), of(&moved));
    }

    #[test]
    fn windows_of_adjacent_times_add_up(samples in samples(), every in 1..10_u64) {
        let (registry, metrics) = registry();
        // Sums of gauges are looked at once a second.
        let samples: Vec<_> = samples.into_iter().filter(|sample| ![3, 4].contains(&sample.metric)).collect();
        let mut samples_in_order = samples.clone();
        samples_in_order.sort_by_key(|sample| sample.second);
        let taken_every = |seconds: u64| {
            let mut recorder = Recorder::new(Arc::clone(&registry), SourceId(0));
            let (mut totals, mut next) = (Totals::new(Arc::clone(&registry), &selectors()), seconds);
            for sample in &samples_in_order {
                if sample.second > next {
                    totals.merge(&recorder.take(Duration::from_secs(next)));
                    next = sample.second.next_multiple_of(seconds);
                }
                record(&mut recorder, &metrics, sample);
            }
            totals.merge(&recorder.take(Duration::from_secs(next)));
            // When a gauge was set depends on when that was told.
            let lines = said(&totals).into_iter();
            lines.map(|line| line.split(", stamp").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        prop_assert_eq!(taken_every(1), taken_every(every));
    }

    #[test]
    fn what_is_encoded_is_decoded(samples in samples(), examples in vec("[a-zä]{0,20}", 0..3), tag in "[a-z]{0,9}") {
        let (registry, metrics) = registry();
        let windows = windows_of(&samples, &registry, &metrics);
        for mut window in windows.iter().cloned().chain([merged(&windows)]) {
            let tag = (!tag.is_empty()).then(|| tag.clone());
            let overflow = Overflow { metric: metrics[0], values: 3, series: 7, tag, examples: examples.clone() };
            window.overflows.push(overflow);
            let bytes = window.encode();
            let decoded = Window::decode(&bytes, &registry).unwrap();
            prop_assert_eq!(&decoded, &window);
            // A trend's own memory may be another; what is made of it is the same.
            prop_assert_eq!(Window::decode(&decoded.encode(), &registry), Ok(window.clone()));
            prop_assert_eq!(totals_of([&decoded], &registry), totals_of([&window], &registry));
            for cut in 0..bytes.len() {
                prop_assert!(Window::decode(&bytes[..cut], &registry).is_err(), "cut at {}", cut);
            }
        }
    }

    #[test]
    fn spoilt_bytes_make_an_error_or_a_window_that_can_be_merged(
        samples in samples(), at in any::<prop::sample::Index>(), spoilt in any::<u8>(),
    ) {
        let (registry, metrics) = registry();
        let mut bytes = merged(&windows_of(&samples, &registry, &metrics)).encode();
        let at = at.index(bytes.len());
        bytes[at] = spoilt;
        if let Ok(window) = Window::decode(&bytes, &registry) {
            totals_of([&window, &window], &registry);
            prop_assert_eq!(Window::decode(&window.encode(), &registry), Ok(window));
        }
    }
}

fn damage(bytes: &[u8]) -> &'static str {
    match Window::decode(bytes, &Registry::new()) {
        Err(WindowError::Damaged { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hostile_bytes_are_told_from_windows() {
    // source 0, at 0, no texts, no tag sets, no overflows, one series.
    let series = |delta: &[u8]| [&[1, 0, 0, 0, 0, 0, 1][..], delta].concat();
    let duration = builtin::HTTP_REQ_DURATION.index() as u8;
    for (bytes, what) in [
        (&[][..], "it ends too early"),
        (&[1, 0, 0, 0, 0, 0, 0, 7], "something follows its end"),
        (&[1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f], "there is more of something than may be"),
        (&[1, 0, 0, 1, 1, 0xff, 0, 0, 0], "a text isn't UTF-8"),
        (&[1, 0, 0, 2, 1, b'b', 1, b'a', 1, 2, 0, 1, 1, 0, 0, 0, 0], "tags aren't sorted"),
        (&series(&[99, 0, 0]), "there is no such metric"),
        (&series(&[2, 1, 0]), "there is no such tag set"),
        (&series(&[2, 0, 9]), "there is no such form"),
        (&series(&[2, 0, 4, 2, 1]), "a rate has more trues than samples"),
        (&series(&[2, 0, 4, 1, 2]), "a metric is of another kind"),
        (&series(&[0, 0, 2, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f, 0, 0, 0]), "a value isn't finite"),
        (&series(&[duration, 0, 5, 0, 1, 0]), "a value is zero"),
        // One value of 3 that says it were 4.
        (&series(&[duration, 0, 6, 0, 6, 8, 8, 2, 5, 2, 0]), "a trend's sum or ends don't fit its values"),
        (&series(&[duration, 0, 6, 0, 4, 6, 6, 2, 5, 2, 0]), "a trend's sum or ends don't fit its values"),
        (&series(&[duration, 0, 6, 0, 6, 6, 6, 2, 0xff, 0xff, 0xff, 0x7f, 2, 0]), "there is no such bucket"),
    ] {
        assert_eq!(damage(bytes), what, "{bytes:?}");
    }
    assert!(Window::decode(&series(&[duration, 0, 6, 0, 6, 6, 6, 2, 5, 2, 0]), &Registry::new()).is_ok());
    assert_eq!(Window::decode(&[2], &Registry::new()), Err(WindowError::Version(2)));
    let long = vec![1; WINDOW_BYTES_MAX + 1];
    assert_eq!(Window::decode(&long, &Registry::new()), Err(WindowError::TooLong(long.len())));
}

#[test]
fn texts_that_many_sets_share_do_not_fill_the_memory() {
    let text = vec![b'x'; 1 << 20];
    let mut bytes = vec![1, 0, 0, 2, 1, b'k', 0x80, 0x80, 0x40];
    bytes.extend_from_slice(&text);
    bytes.extend([0xe8, 0x07]);
    (0..1000).for_each(|_| bytes.extend([1, 0, 1]));
    bytes.extend([0, 0]);
    assert_eq!(damage(&bytes), "tags are too long");
}

#[test]
fn merged_windows_have_as_many_series_as_a_recorder() {
    let (registry, _) = registry();
    let mut merger = WindowMerger::new(SourceId(9));
    for source in 0..2 {
        let mut recorder = Recorder::new(Arc::clone(&registry), SourceId(source));
        for n in 0..MAX_SERIES - 10 {
            let tags = TagSet::from_pairs([("n", format!("{source} {n}"))]);
            let series = recorder.series(builtin::HTTP_REQS, &tags);
            recorder.increment(series, 1);
        }
        merger.add(recorder.take(Duration::from_secs(1)));
    }
    let window = merger.take();
    assert_eq!(window.series.len(), MAX_SERIES + 1);
    assert_eq!(window.overflows[0].tag.as_deref(), Some("n"));
    let sum: f64 = window.series.iter().map(|series| series.delta.sum()).sum();
    assert_eq!(sum, 2.0 * (MAX_SERIES - 10) as f64);
    assert!(window.encode().len() < WINDOW_BYTES_MAX);
}

#[test]
fn the_seconds_of_a_summed_gauge_in_a_window_are_bounded() {
    let (registry, _) = registry();
    let mut merger = WindowMerger::new(SourceId(9));
    let mut recorder = Recorder::new(Arc::clone(&registry), SourceId(0));
    for second in 0..1000 {
        let series = recorder.series(builtin::VUS, &TagSet::empty());
        recorder.set(series, second as f64);
        merger.add(recorder.take(Duration::from_secs(second)));
    }
    let window = merger.take();
    assert_eq!(window.series.len() as u64, SUMMED_SECONDS_MAX);
    let mut totals = Totals::new(registry, &[]);
    totals.merge(&window);
    let Some(&Aggregate::Gauge { last, min, max, .. }) = totals.metric(builtin::VUS) else { panic!("a gauge") };
    assert_eq!((last, min, max), (999.0, 940.0, 999.0));
}
