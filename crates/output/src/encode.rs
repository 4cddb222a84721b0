//! From messages to bytes.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use throng_stats::{Definition, IntervalLog, MetricId};

use crate::csv::CsvRows;
use crate::json::JsonLines;
use crate::queue::Message;
use crate::spec::Format;

/// What outputs say of a metric.
#[derive(Clone, Debug)]
pub struct MetricHead {
    /// Its name, kind and contents.
    pub definition: Definition,
    /// Its thresholds in k6's shape: expressions, or objects with `threshold`, `abortOnFail` and `delayAbortEval`.
    pub thresholds: Vec<Value>,
    /// The parts of it that thresholds or the summary look at, each with `name`, `suffix` and `tags`.
    pub submetrics: Vec<Value>,
}

/// What outputs need to know of a run before it begins.
#[derive(Clone, Debug)]
pub struct RunHead {
    /// The metrics, by number.
    pub metrics: Vec<MetricHead>,
    /// The system tags that have a column of their own in CSV, sorted.
    pub columns: Vec<String>,
    /// When the run began.
    pub started: SystemTime,
}

impl RunHead {
    pub(crate) fn metric(&self, metric: MetricId) -> Option<&MetricHead> {
        self.metrics.get(metric.index())
    }
}

/// Makes the bytes of one output.
pub(crate) enum Encoder {
    Json(JsonLines),
    Csv(CsvRows),
    Hdr(Box<IntervalLog>, Arc<RunHead>),
}

impl Encoder {
    /// An encoder, and the bytes that stand before everything else.
    pub(crate) fn new(format: &Format, run: &Arc<RunHead>) -> io::Result<(Self, Vec<u8>)> {
        Ok(match format {
            Format::Json => (Self::Json(JsonLines::new(Arc::clone(run))), Vec::new()),
            Format::Csv(options) => {
                let rows = CsvRows::new(*options, Arc::clone(run));
                let head = rows.head()?;
                (Self::Csv(rows), head)
            }
            Format::Hdr => {
                let (log, head) = IntervalLog::new(run.started);
                (Self::Hdr(Box::new(log), Arc::clone(run)), head.into_bytes())
            }
        })
    }

    /// Appends a message's bytes.
    pub(crate) fn encode(&mut self, message: &Message, to: &mut Vec<u8>) -> io::Result<()> {
        match (self, message) {
            (Self::Json(lines), Message::Batch(batch)) => lines.encode(batch, to),
            (Self::Csv(rows), Message::Batch(batch)) => rows.encode(batch, to)?,
            (Self::Hdr(log, run), Message::Interval(interval)) => {
                for (metric, trend) in &interval.trends {
                    let Some(head) = run.metric(*metric) else { continue };
                    let line = log.line(&head.definition.name, interval.from, interval.to, trend);
                    to.extend_from_slice(line.map_err(io::Error::other)?.as_bytes());
                }
            }
            // Outputs are sent what they take alone.
            _ => {}
        }
        Ok(())
    }
}
