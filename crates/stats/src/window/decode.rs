//! A window from bytes that anyone may have made.

use std::time::Duration;

use super::encode::{VERSION, form};
use super::{SourceId, Window, WindowSeries};
use crate::aggregate::{Aggregate, Stamp};
use crate::metric::MetricId;
use crate::overflow::{EXAMPLE_BYTES_MAX, EXAMPLES_MAX, Overflow};
use crate::registry::Registry;
use crate::tags::TagSet;
use crate::trend::buckets::{BUCKETS_MAX, Buckets};
use crate::trend::{MAX_EXACT, Trend};

/// Bytes of a window that are read. What is made of them takes at most about 32 times as much memory, series and tags
/// aside.
pub const WINDOW_BYTES_MAX: usize = 16 << 20;
/// Series of a window that are read: several times what one recorder has.
pub const SERIES_MAX: usize = 65_536;
/// Samples of one series in one window, so that totals of centuries don't overflow.
const SAMPLES_MAX: u64 = 1 << 48;
/// The largest magnitude of a counter's sum in millionths, likewise.
const SUM_MAX: u128 = 1 << 100;
/// Tags of a series.
const TAGS_MAX: u64 = 1024;
/// Bytes of all tag sets: each text is written once, and copied for every set that it is in.
const TAG_BYTES_MAX: usize = 64 << 20;

/// Why bytes aren't a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// There are too many of them.
    #[error("a window of {0} bytes is longer than the {WINDOW_BYTES_MAX} that are read")]
    TooLong(usize),
    /// They are of another version.
    #[error(
        "a window of version {0} can't be read, only version {VERSION}: all parts of a group must be of one version"
    )]
    Version(u8),
    /// Something in them can't be.
    #[error("the window is damaged at byte {at}: {what}")]
    Damaged {
        /// Where reading ended.
        at: usize,
        /// What can't be.
        what: &'static str,
    },
}

impl Window {
    /// Reads what [`Window::encode`] has written, for metrics of `registry`. Whatever the bytes are, it takes no more time
    /// and memory than is in proportion to their length, and what it returns can be merged.
    ///
    /// # Errors
    /// When they aren't a window, or one of a run with other metrics.
    pub fn decode(bytes: &[u8], registry: &Registry) -> Result<Self, WindowError> {
        if bytes.len() > WINDOW_BYTES_MAX {
            return Err(WindowError::TooLong(bytes.len()));
        }
        if let Some(version) = bytes.first().filter(|version| **version != VERSION) {
            return Err(WindowError::Version(*version));
        }
        let mut reader = Reader { bytes, at: 1, tag_bytes: 0 };
        let window = reader.window(registry);
        let window = window.filter_or("something follows its end", |_| reader.at == bytes.len());
        window.map_err(|what| WindowError::Damaged { at: reader.at.min(bytes.len()), what })
    }
}

type Read<T> = Result<T, &'static str>;

trait FilterOr<T> {
    /// What is wrong if the value isn't as it must be.
    fn filter_or(self, what: &'static str, must: impl FnOnce(&T) -> bool) -> Read<T>;
}

impl<T> FilterOr<T> for Read<T> {
    fn filter_or(self, what: &'static str, must: impl FnOnce(&T) -> bool) -> Self {
        self.and_then(|value| if must(&value) { Ok(value) } else { Err(what) })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Of the tag sets so far.
    tag_bytes: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Read<u8> {
        let byte = self.bytes.get(self.at).copied().ok_or("it ends too early")?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, count: u64) -> Read<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = usize::try_from(count).ok().filter(|count| *count <= rest.len());
        let count = count.ok_or("it ends too early")?;
        self.at += count;
        Ok(&rest[..count])
    }

    fn long(&mut self) -> Read<u128> {
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift > 121 && bits >> (128 - shift) != 0 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number is too large")
    }

    fn number(&mut self) -> Read<u64> {
        self.long().and_then(|value| u64::try_from(value).map_err(|_| "a number is too large"))
    }

    fn small(&mut self) -> Read<u32> {
        self.long().and_then(|value| u32::try_from(value).map_err(|_| "a number is too large"))
    }

    fn signed_long(&mut self) -> Read<i128> {
        let zigzag = self.long()?;
        Ok((zigzag >> 1) as i128 ^ -((zigzag & 1) as i128))
    }

    fn signed(&mut self) -> Read<i64> {
        self.signed_long().and_then(|value| i64::try_from(value).map_err(|_| "a number is too large"))
    }

    fn float(&mut self) -> Read<f64> {
        let bytes = self.take(8)?.try_into().map_err(|_| "it ends too early")?;
        Ok(f64::from_le_bytes(bytes)).filter_or("a value isn't finite", |value| value.is_finite())
    }

    fn duration(&mut self) -> Read<Duration> {
        let nanos = self.number()?;
        Ok(Duration::from_nanos(nanos))
    }

    /// How many of something follow: each takes a byte or more, so a larger number than there are bytes is wrong.
    fn count(&mut self, most: u64) -> Read<u64> {
        let left = self.bytes.len().saturating_sub(self.at) as u64;
        self.number().filter_or("there is more of something than may be", |count| *count <= most.min(left))
    }

    fn many<T>(&mut self, most: u64, mut one: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.count(most)?;
        (0..count).map(|_| one(self)).collect()
    }

    fn text_of(&mut self, length: u64) -> Read<&'a str> {
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text isn't UTF-8")
    }

    fn text(&mut self) -> Read<&'a str> {
        let length = self.number()?;
        self.text_of(length)
    }

    fn window(&mut self, registry: &Registry) -> Read<Window> {
        let source = SourceId(self.small()?);
        let at = self.duration()?;
        let strings = self.many(u64::MAX, Self::text)?;
        let sets = self.many(SERIES_MAX as u64, |reader| reader.tag_set(&strings))?;
        let overflows = self.many(registry.len() as u64, |reader| reader.overflow(registry))?;
        let series = self.many(SERIES_MAX as u64, |reader| reader.series(registry, &sets))?;
        Ok(Window { source, at, series, overflows })
    }

    fn tag_set(&mut self, strings: &[&str]) -> Read<TagSet> {
        let string = |reader: &mut Self| {
            let number = reader.number()?;
            let string = usize::try_from(number).ok().and_then(|number| strings.get(number));
            let string = string.copied().ok_or("there is no such text")?;
            reader.tag_bytes += string.len();
            Ok(string).filter_or("tags are too long", |_| reader.tag_bytes <= TAG_BYTES_MAX)
        };
        let pairs = self.many(TAGS_MAX, |reader| Ok((string(reader)?, string(reader)?)))?;
        let pairs = Ok(pairs).filter_or("a tag set is empty", |pairs| !pairs.is_empty());
        let pairs = pairs.filter_or("tags aren't sorted", |pairs| pairs.is_sorted_by(|a, b| a.0 < b.0))?;
        Ok(TagSet::from_pairs(pairs))
    }

    fn metric(&mut self, registry: &Registry) -> Read<MetricId> {
        let number = self.small()?;
        Ok(MetricId(number)).filter_or("there is no such metric", |metric| metric.index() < registry.len())
    }

    fn overflow(&mut self, registry: &Registry) -> Read<Overflow> {
        let short = |text: &&str| text.len() <= EXAMPLE_BYTES_MAX;
        let (metric, values, series) = (self.metric(registry)?, self.number()?, self.number()?);
        let tag = match self.number()? {
            0 => None,
            length => Some(self.text_of(length - 1).filter_or("a tag is too long", short)?.to_owned()),
        };
        let example = |reader: &mut Self| reader.text().filter_or("a text is too long", short).map(str::to_owned);
        let examples = self.many(EXAMPLES_MAX as u64, example)?;
        Ok(Overflow { metric, values, series, tag, examples })
    }

    fn series(&mut self, registry: &Registry, sets: &[TagSet]) -> Read<WindowSeries> {
        let metric = self.metric(registry)?;
        let tags = match self.number()?.checked_sub(1) {
            None => TagSet::empty(),
            Some(number) => {
                let set = usize::try_from(number).ok().and_then(|number| sets.get(number));
                set.cloned().ok_or("there is no such tag set")?
            }
        };
        let form = self.byte()?;
        let delta = self.delta(form)?;
        let kind = registry.get(metric).kind;
        let delta = Ok(delta).filter_or("a metric is of another kind", |delta| delta.kind() == kind)?;
        Ok(WindowSeries { metric, tags, delta })
    }

    fn samples(&mut self) -> Read<u64> {
        self.number().filter_or("there are too many samples", |samples| *samples <= SAMPLES_MAX)
    }

    fn delta(&mut self, form: u8) -> Read<Aggregate> {
        match form {
            form::COUNTER_OF_UNITS | form::COUNTER => {
                let unit = if form == form::COUNTER { 1 } else { 1_000_000 };
                let sum = self.signed_long()?.checked_mul(unit).ok_or("a sum is too large")?;
                let sum = Ok(sum).filter_or("a sum is too large", |sum| sum.unsigned_abs() <= SUM_MAX);
                Ok(Aggregate::Counter { sum_millionths: sum?, samples: self.samples()? })
            }
            form::GAUGE_OF_ONE => {
                let last = self.float()?;
                Ok(Aggregate::Gauge { last, min: last, max: last, stamp: self.stamp()? })
            }
            form::GAUGE => {
                let (min, max, last) = (self.float()?, self.float()?, self.float()?);
                let is_between = |last: &f64| min <= *last && *last <= max;
                let last = Ok(last).filter_or("a gauge was never what it is", is_between)?;
                Ok(Aggregate::Gauge { last, min, max, stamp: self.stamp()? })
            }
            form::RATE => {
                let (trues, total) = (self.samples()?, self.samples()?);
                Ok(Aggregate::Rate { trues, total }).filter_or("a rate has more trues than samples", |_| trues <= total)
            }
            form::TREND_OF_VALUES => self.trend_of_values(),
            form::TREND => self.trend(),
            _ => Err("there is no such form"),
        }
    }

    fn stamp(&mut self) -> Read<Stamp> {
        Ok(Stamp { at: self.duration()?, source: SourceId(self.small()?), order: self.small()? })
    }

    fn trend_of_values(&mut self) -> Read<Aggregate> {
        let zeros = self.samples()?;
        let mut before: Option<i64> = None;
        let values = self.many(MAX_EXACT as u64, |reader| {
            let value = match before {
                None => reader.signed()?,
                Some(before) => before.checked_add_unsigned(reader.number()?).ok_or("a value is too large")?,
            };
            before = Some(value);
            Ok(value).filter_or("a value is zero", |value| *value != 0)
        })?;
        Ok(Aggregate::Trend(Box::new(Trend::of_values(zeros, values))))
    }

    fn trend(&mut self) -> Read<Aggregate> {
        let zeros = self.samples()?;
        let (sum, min, max) = (self.signed_long()?, self.signed()?, self.signed()?);
        let (positive, negative) = (self.buckets()?, self.buckets()?);
        let trend = Trend::of_buckets(zeros, sum, (min, max), positive, negative);
        let trend = trend.ok_or("a trend's sum or ends don't fit its values")?;
        Ok(trend)
            .filter_or("there are too many samples", |trend| trend.count() <= SAMPLES_MAX)
            .map(|trend| Aggregate::Trend(Box::new(trend)))
    }

    fn buckets(&mut self) -> Read<Buckets> {
        let numbers = self.count(2 * BUCKETS_MAX)?;
        let (mut next, mut left) = (0_u64, SAMPLES_MAX);
        let mut counts = Vec::new();
        for _ in 0..numbers {
            let number = self.signed()?;
            if number > 0 {
                left = left.checked_sub(number.unsigned_abs()).ok_or("there are too many samples")?;
                let bucket = u32::try_from(next).map_err(|_| "there is no such bucket")?;
                counts.push((bucket, number.unsigned_abs()));
                next += 1;
            } else {
                next = next.saturating_add(number.unsigned_abs());
            }
            if next > BUCKETS_MAX {
                return Err("there is no such bucket");
            }
        }
        let starts_above_zero = |counts: &Vec<(u32, u64)>| counts.first().is_none_or(|(bucket, _)| *bucket > 0);
        Ok(counts).filter_or("zero is in no bucket", starts_above_zero).map(Buckets::Sparse)
    }
}
