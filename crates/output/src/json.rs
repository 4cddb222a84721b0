//! k6's JSON lines: a line per metric when its first sample comes, and a line per sample.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::batch::{Batch, Context};
use crate::encode::{MetricHead, RunHead};
use crate::moment::rfc3339;

/// Encodes samples as JSON lines.
pub(crate) struct JsonLines {
    run: Arc<RunHead>,
    /// The beginnings of the lines of each metric that has had samples.
    seen: Vec<Option<String>>,
}

impl JsonLines {
    pub(crate) fn new(run: Arc<RunHead>) -> Self {
        let seen = vec![None; run.metrics.len()];
        Self { run, seen }
    }

    pub(crate) fn encode(&mut self, batch: &Batch, to: &mut Vec<u8>) {
        let (mut time, mut tags) = (String::new(), String::new());
        for (context, samples) in batch.iter() {
            time.clear();
            tags.clear();
            write_context(context, &mut time, &mut tags);
            for sample in samples {
                let Some(head) = self.run.metric(sample.metric) else { continue };
                let begin = self.seen[sample.metric.index()].get_or_insert_with(|| {
                    to.extend_from_slice(metric_line(head).as_bytes());
                    let name = Value::from(head.definition.name.as_str());
                    format!(r#"{{"metric":{name},"type":"Point","data":{{"time":""#)
                });
                to.extend_from_slice(begin.as_bytes());
                to.extend_from_slice(time.as_bytes());
                write_number(sample.value, to);
                to.extend_from_slice(tags.as_bytes());
            }
        }
    }
}

/// The parts of a line before and after the value.
fn write_context(context: &Context, time: &mut String, tags: &mut String) {
    time.push_str(&rfc3339(context.at_unix_ns));
    time.push_str(r#"","value":"#);
    tags.push_str(r#","tags":{"#);
    for (place, (key, value)) in context.tags.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing to a string can't fail.
        let _ = write!(tags, "{comma}{}:{}", Value::from(key), Value::from(value));
    }
    tags.push('}');
    let numbers = [("iter", context.iteration), ("vu", context.vu)];
    let numbers: Vec<_> =
        numbers.into_iter().filter_map(|(key, number)| Some(format!(r#""{key}":"{}""#, number?))).collect();
    if !numbers.is_empty() {
        let _ = write!(tags, r#","metadata":{{{}}}"#, numbers.join(","));
    }
    tags.push_str("}}\n");
}

fn write_number(value: f64, to: &mut Vec<u8>) {
    use std::io::Write;
    // A whole number has no fraction, as in k6.
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let _ = write!(to, "{}", value as i64);
    } else {
        let _ = serde_json::to_writer(to, &value);
    }
}

fn metric_line(head: &MetricHead) -> String {
    let definition = &head.definition;
    let submetrics = if head.submetrics.is_empty() { Value::Null } else { json!(head.submetrics) };
    let line = json!({
        "type": "Metric",
        "data": {
            "name": definition.name,
            "type": definition.kind.as_str(),
            "contains": definition.contains.as_str(),
            "thresholds": head.thresholds,
            "submetrics": submetrics,
        },
        "metric": definition.name,
    });
    format!("{line}\n")
}
