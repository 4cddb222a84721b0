//! Distributions in the formats of HdrHistogram's own tools.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use crate::trend::{MILLION, Trend};

/// A distribution that could not be encoded; memory is written to, so this doesn't happen.
#[derive(Debug, thiserror::Error)]
#[error("a histogram can't be encoded: {0}")]
pub struct EncodeError(String);

/// HdrHistogram's interval log, version 1.3: a line per metric and interval, with the metric as its tag.
///
/// Values are whole millionths of the metric's unit: nanoseconds of a time. The column `Interval_Max` is in the unit
/// itself, as the tools expect of a log of nanoseconds that shows milliseconds. Values below zero are left out, since
/// the format has none.
#[derive(Default)]
pub struct IntervalLog {
    serializer: V2DeflateSerializer,
    bytes: Vec<u8>,
}

impl IntervalLog {
    /// A log of a run that began at `started`, and its first lines.
    #[must_use]
    pub fn new(started: SystemTime) -> (Self, String) {
        let since = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let head = format!(
            "#[Histogram log format version 1.3]\n#[StartTime: {since:.3} (seconds since epoch)]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
        );
        (Self::default(), head)
    }

    /// The line of a metric's values in an interval, whose ends count from the start of the run.
    ///
    /// # Errors
    /// When the distribution can't be encoded.
    pub fn line(&mut self, metric: &str, from: Duration, to: Duration, trend: &Trend) -> Result<String, EncodeError> {
        let (length, max) = (to.saturating_sub(from).as_secs_f64(), trend.max().max(0.0));
        let encoded = self.encode(trend)?;
        Ok(format!("Tag={metric},{:.3},{length:.3},{max:.3},{encoded}\n", from.as_secs_f64()))
    }

    /// A distribution in the compressed encoding V2, as base64.
    pub(crate) fn encode(&mut self, trend: &Trend) -> Result<String, EncodeError> {
        self.bytes.clear();
        let histogram = trend.histogram();
        self.serializer.serialize(&histogram, &mut self.bytes).map_err(|error| EncodeError(error.to_string()))?;
        Ok(STANDARD.encode(&self.bytes))
    }
}

impl fmt::Debug for IntervalLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntervalLog").finish_non_exhaustive()
    }
}

/// How many millionths a unit has, for readers of the encoded values.
pub(crate) const UNIT: f64 = MILLION;

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    fn trend(values: impl IntoIterator<Item = i64>) -> Trend {
        let mut trend = Trend::new();
        values.into_iter().for_each(|value| trend.record(value));
        trend
    }

    fn read(line: &str) -> (String, f64, Histogram<u64>) {
        let entries: Vec<_> = IntervalLogIterator::new(line.as_bytes()).collect::<Result<_, _>>().unwrap();
        let [LogEntry::Interval(entry)] = entries.as_slice() else { panic!("{entries:?}") };
        let bytes = STANDARD.decode(entry.encoded_histogram()).unwrap();
        let histogram = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        (entry.tag().unwrap().as_str().to_owned(), entry.max(), histogram)
    }

    #[test]
    fn a_line_holds_all_values_few_or_many() {
        for count in [3, 1_000] {
            let values = trend((0..count).map(|value| value * 1_000_000));
            let (mut log, _) = IntervalLog::new(UNIX_EPOCH);
            let line = log.line("http_req_duration", Duration::from_secs(1), Duration::from_secs(2), &values).unwrap();
            let (tag, max, histogram) = read(&line);
            assert_eq!((tag.as_str(), max, histogram.len()), ("http_req_duration", (count - 1) as f64, count as u64));
            let (last, error) = (histogram.max() as f64, (count - 1) as f64 * 1e6);
            assert!((last - error).abs() <= error / 1_000.0, "{last}");
        }
    }

    #[test]
    fn the_head_is_one_that_the_parser_takes() {
        let (_, head) = IntervalLog::new(UNIX_EPOCH + Duration::from_millis(1_500));
        let entries: Vec<_> = IntervalLogIterator::new(head.as_bytes()).collect::<Result<_, _>>().unwrap();
        assert_eq!(entries, [LogEntry::StartTime(Duration::from_millis(1_500))]);
        assert!(head.starts_with("#[Histogram log format version 1.3]\n"));
    }

    #[test]
    fn values_below_zero_are_left_out() {
        let (mut log, _) = IntervalLog::new(UNIX_EPOCH);
        let line = log.line("m", Duration::ZERO, Duration::from_secs(1), &trend([-5, 0, 7])).unwrap();
        assert_eq!(read(&line).2.len(), 2);
    }
}
