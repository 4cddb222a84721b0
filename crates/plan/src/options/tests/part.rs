//! Segments, and how a run begins and ends.

use super::*;
use crate::segment::{Segment, SegmentSequence};

fn tuple(value: Value) -> SegmentTuple {
    options(value).segment
}

#[test]
fn segments_arrive_as_a_tuple() {
    assert_eq!(tuple(json!({})), SegmentTuple::whole());
    assert_eq!(tuple(json!({"executionSegment": "", "executionSegmentSequence": ""})), SegmentTuple::whole());
    assert_eq!(tuple(json!({"executionSegment": "1/2:1"})), SegmentTuple::equal(1, 2));
    let sequence = SegmentSequence::parse("0,1/3,2/3,1").unwrap();
    let segment = Segment::parse("1/3:2/3").unwrap();
    assert_eq!(
        tuple(json!({"executionSegment": "1/3:2/3", "executionSegmentSequence": "0,1/3,2/3,1"})),
        SegmentTuple::new(Some(&segment), Some(&sequence)).unwrap()
    );
}

#[test]
fn a_segment_and_its_sequence_may_come_from_different_layers() {
    let layers = [
        Layer::new("script", json!({"executionSegmentSequence": "0,1/4,1/2,1"})),
        Layer::new("flags", json!({"executionSegment": "1/4:1/2"})),
    ];
    assert_eq!(resolve(&layers).unwrap().options.segment.length().to_string(), "1/4");
    let errors = resolve(&layers[..1]).unwrap_err().0;
    assert_eq!((errors[0].path.as_str(), errors[0].origin.as_str()), ("executionSegmentSequence", "script"));
    let wrong = Layer::new("flags", json!({"executionSegment": "1/3:1/2"}));
    let errors = resolve(&[layers[0].clone(), wrong]).unwrap_err().0;
    assert_eq!((errors[0].path.as_str(), errors[0].origin.as_str()), ("executionSegment", "flags"));
    assert!(errors[0].message.contains("neighbouring cut points"), "{}", errors[0].message);
}

#[test]
fn how_a_run_begins_and_ends_is_read() {
    let usual = options(json!({}));
    assert!(!usual.paused && !usual.linger && usual.outputs.is_empty());
    assert_eq!((usual.summary_mode, usual.handle_summary_timeout), (SummaryMode::Compact, Duration::from_secs(120)));
    let given = options(json!({
        "paused": true, "linger": true, "summaryMode": "disabled", "handleSummaryTimeout": "5s", "out": ["json=a"],
    }));
    assert!(given.paused && given.linger);
    assert_eq!((given.summary_mode, given.handle_summary_timeout), (SummaryMode::Disabled, Duration::from_secs(5)));
    assert_eq!(given.outputs, ["json=a"]);
}

#[test]
fn options_of_k6_without_effect_are_told() {
    let resolved = resolved(json!({"cloud": {"projectID": 5}, "noUsageReport": true, "ext": null}));
    assert_eq!(resolved.warnings, ["`cloud` from script is of no effect: it is for Grafana Cloud"]);
}
