//! Windows of metrics, as one part of a group sends them to another.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use throng_stats::{
    Aggregate, Contains, Definition, Kind, Registry, Selector, SourceId, Threshold, Thresholds, Totals,
    WINDOW_BYTES_MAX, Window, WindowMerger,
};

/// The built-in metrics and a gauge of a script's.
static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    let mut registry = Registry::new();
    assert!(registry.register(Definition::new("queue", Kind::Gauge, Contains::Default)).is_ok());
    Arc::new(registry)
});

/// Bytes are a window or they aren't. One that they are is written so that the same is read again, can be merged, directly
/// and beforehand, to the same totals, and judged.
pub fn window(data: &[u8]) {
    assert!(data.len() <= WINDOW_BYTES_MAX);
    let window = match Window::decode(data, &REGISTRY) {
        Ok(window) => window,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let again = Window::decode(&window.encode(), &REGISTRY);
    assert_eq!(again.as_ref(), Ok(&window), "once more");
    let mut merger = WindowMerger::new(SourceId(0));
    merger.add(window.clone());
    merger.add(window.clone());
    let merged = merger.take();
    let read = Window::decode(&merged.encode(), &REGISTRY);
    assert_eq!(read.as_ref(), Ok(&merged), "merged");

    let mut some = totals();
    [&window, &window].into_iter().for_each(|window| some.merge(window));
    let mut other = totals();
    other.merge(&merged);
    for (metric, definition) in REGISTRY.iter() {
        // The parts of a sum are counts in a window of ours: its order makes no difference to these alone.
        if definition.kind != Kind::Gauge || definition.name == "queue" {
            assert_eq!(said(some.metric(metric)), said(other.metric(metric)), "{}", definition.name);
        }
    }
    judge(&mut some, window.at);
}

fn thresholds() -> Thresholds {
    let mut thresholds = Thresholds::new();
    for (key, expression) in [
        ("http_reqs", "rate>1"),
        ("http_req_duration{a:b}", "p(95)<5"),
        ("http_req_duration", "p(0.1)<5"),
        ("checks{a:b,c:d}", "rate>0.5"),
        ("vus", "value>1"),
    ] {
        if let (Ok(selector), Ok(threshold)) = (Selector::parse(key), Threshold::parse(expression)) {
            let lately = threshold.clone().over_last(Duration::from_secs(30));
            thresholds.add(selector, vec![threshold, lately]);
        }
    }
    thresholds
}

fn totals() -> Totals {
    let thresholds = thresholds();
    let totals = Totals::new(Arc::clone(&REGISTRY), &thresholds.selectors());
    totals.with_spans(&thresholds.spans()).with_detail()
}

fn judge(totals: &mut Totals, at: Duration) {
    let thresholds = thresholds();
    for (elapsed, last) in [(at, false), (at.saturating_add(Duration::from_secs(20)), false), (at, true)] {
        for outcome in thresholds.evaluate(totals, elapsed, last) {
            assert!(outcome.value.is_none_or(|value| !value.is_nan()), "{outcome:?}");
        }
    }
    assert!(totals.held_bytes() > 0);
}

/// All that an aggregate says.
fn said(aggregate: Option<&Aggregate>) -> String {
    match aggregate {
        Some(Aggregate::Trend(trend)) => {
            let stats = [0.0, 50.0, 99.0, 100.0].map(|percent| trend.percentile(percent));
            assert!(stats.is_sorted(), "{stats:?}");
            format!("{} {} {stats:?}", trend.count(), trend.sum_millionths())
        }
        other => format!("{other:?}"),
    }
}
