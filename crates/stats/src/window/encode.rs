//! A window as bytes.
//!
//! Numbers are LEB128: seven bits a byte, the lowest first, the high bit on all but the last; signed ones are zigzag.
//!
//! ```text
//! window   = VERSION source at_ns strings tag_sets overflows series
//! strings  = count { length bytes }                            each text once
//! tag_sets = count { count { key value } }                     numbers of strings, keys ascending
//! overflow = metric values series text? count { text }         in `overflows`, after their count
//! series   = metric tag_set FORM delta                         likewise; tag set 0 is the empty one
//! ```
//!
//! Metrics go by number: both ends have the same registry, since both know the test. A trend's buckets are counts from the
//! first bucket on, where a negative number stands for so many empty ones, as in HdrHistogram's own encoding, whose header
//! of 40 bytes they lack.

use std::collections::HashMap;
use std::time::Duration;

use super::{Window, WindowSeries};
use crate::aggregate::{Aggregate, Stamp};
use crate::overflow::Overflow;
use crate::tags::TagSet;
use crate::trend::Trend;
use crate::trend::buckets::Buckets;

/// The first byte.
pub(super) const VERSION: u8 = 1;

/// How a series' delta is written.
pub(super) mod form {
    /// `units samples`
    pub(crate) const COUNTER_OF_UNITS: u8 = 0;
    /// `millionths samples`
    pub(crate) const COUNTER: u8 = 1;
    /// `value at_ns source order`: the value as eight bytes
    pub(crate) const GAUGE_OF_ONE: u8 = 2;
    /// `min max value at_ns source order`
    pub(crate) const GAUGE: u8 = 3;
    /// `trues total`
    pub(crate) const RATE: u8 = 4;
    /// `zeros count { first, then by how much the next is larger }`
    pub(crate) const TREND_OF_VALUES: u8 = 5;
    /// `zeros sum min max buckets buckets`, of positive and negative values
    pub(crate) const TREND: u8 = 6;
}

impl Window {
    /// The window as bytes, which [`Window::decode`] reads. It is as long as what it holds demands, be that more than
    /// that reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Writer(Vec::new());
        let mut names = Names::default();
        body.number(self.overflows.len() as u64);
        for overflow in &self.overflows {
            body.overflow(overflow);
        }
        body.number(self.series.len() as u64);
        for series in &self.series {
            body.series(series, &mut names);
        }
        let mut whole = Writer(Vec::with_capacity(body.0.len() + 64 * names.strings.len()));
        whole.0.push(VERSION);
        whole.number(self.source.0.into());
        whole.duration(self.at);
        whole.number(names.strings.len() as u64);
        let mut strings: Vec<_> = names.strings.iter().collect();
        strings.sort_unstable_by_key(|(_, number)| **number);
        strings.into_iter().for_each(|(text, _)| whole.text(text));
        whole.number(names.sets.len() as u64);
        for pairs in &names.pairs {
            whole.number(pairs.len() as u64 / 2);
            pairs.iter().for_each(|number| whole.number(*number));
        }
        whole.0.extend_from_slice(&body.0);
        whole.0
    }
}

/// Texts and tag sets by number.
#[derive(Default)]
struct Names<'a> {
    strings: HashMap<&'a str, u64>,
    sets: HashMap<&'a TagSet, u64>,
    /// Keys and values of each set in turn.
    pairs: Vec<Vec<u64>>,
}

impl<'a> Names<'a> {
    fn set(&mut self, tags: &'a TagSet) -> u64 {
        if tags.is_empty() {
            return 0;
        }
        if let Some(number) = self.sets.get(tags) {
            return *number;
        }
        let pairs = tags.iter().flat_map(|(key, value)| [key, value]);
        let pairs = pairs.map(|text| {
            let next = self.strings.len() as u64;
            *self.strings.entry(text).or_insert(next)
        });
        self.pairs.push(pairs.collect());
        let number = self.pairs.len() as u64;
        self.sets.insert(tags, number);
        number
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn long(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn signed(&mut self, value: i64) {
        self.number((value << 1 ^ value >> 63) as u64);
    }

    fn signed_long(&mut self, value: i128) {
        self.long((value << 1 ^ value >> 127) as u128);
    }

    /// In nanoseconds; 584 years at most.
    fn duration(&mut self, duration: Duration) {
        self.number(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    fn float(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn stamp(&mut self, stamp: Stamp) {
        self.duration(stamp.at);
        self.number(stamp.source.0.into());
        self.number(stamp.order.into());
    }

    fn overflow(&mut self, overflow: &Overflow) {
        self.number(overflow.metric.0.into());
        self.number(overflow.values);
        self.number(overflow.series);
        // One more than there are bytes, so that 0 is none.
        self.number(overflow.tag.as_ref().map_or(0, |tag| tag.len() as u64 + 1));
        self.0.extend_from_slice(overflow.tag.as_deref().unwrap_or_default().as_bytes());
        self.number(overflow.examples.len() as u64);
        overflow.examples.iter().for_each(|text| self.text(text));
    }

    fn series<'a>(&mut self, series: &'a WindowSeries, names: &mut Names<'a>) {
        self.number(series.metric.0.into());
        self.number(names.set(&series.tags));
        match &series.delta {
            Aggregate::Counter { sum_millionths, samples } if sum_millionths % 1_000_000 == 0 => {
                self.0.push(form::COUNTER_OF_UNITS);
                self.signed_long(sum_millionths / 1_000_000);
                self.number(*samples);
            }
            Aggregate::Counter { sum_millionths, samples } => {
                self.0.push(form::COUNTER);
                self.signed_long(*sum_millionths);
                self.number(*samples);
            }
            Aggregate::Gauge { last, min, max, stamp } => {
                let bits = last.to_bits();
                if [min, max].iter().all(|value| value.to_bits() == bits) {
                    self.0.push(form::GAUGE_OF_ONE);
                } else {
                    self.0.push(form::GAUGE);
                    [min, max].into_iter().for_each(|value| self.float(*value));
                }
                self.float(*last);
                self.stamp(*stamp);
            }
            Aggregate::Rate { trues, total } => {
                self.0.push(form::RATE);
                self.number(*trues);
                self.number(*total);
            }
            Aggregate::Trend(trend) => self.trend(trend),
        }
    }

    fn trend(&mut self, trend: &Trend) {
        let parts = trend.parts();
        let Some((positive, negative)) = parts.buckets else {
            self.0.push(form::TREND_OF_VALUES);
            self.number(parts.zeros);
            self.number(parts.exact.len() as u64);
            let mut sorted = parts.exact.to_vec();
            sorted.sort_unstable();
            let mut before = None;
            for value in sorted {
                match before {
                    None => self.signed(value),
                    Some(before) => self.number(value.abs_diff(before)),
                }
                before = Some(value);
            }
            return;
        };
        self.0.push(form::TREND);
        self.number(parts.zeros);
        self.signed_long(trend.sum_millionths());
        let (min, max) = trend.bounds().unwrap_or_default();
        self.signed(min);
        self.signed(max);
        self.buckets(positive);
        self.buckets(negative);
    }

    /// How many numbers follow, then these.
    fn buckets(&mut self, buckets: Option<&Buckets>) {
        let mut numbers = Vec::new();
        let mut next = 0;
        for (number, count) in buckets.into_iter().flat_map(Buckets::iter) {
            if number > next {
                numbers.push(-i64::from(number - next));
            }
            numbers.push(count.min(i64::MAX as u64) as i64);
            next = number + 1;
        }
        self.number(numbers.len() as u64);
        numbers.into_iter().for_each(|number| self.signed(number));
    }
}
