//! The samples of one exchange.

use std::net::IpAddr;

use throng_output::Sample;
use throng_stats::{TagSet, builtin};
use throng_transport::Clock;
use throng_transport::http1::Exchange;
use throng_transport::tls::TlsVersion;

use super::prepared::Prepared;
use crate::samples::{Samples, Who};
use crate::series::{HttpSeries, Place};
use crate::shard::ShardContext;

/// The series of the last outcome of a request: the next one is mostly the same.
pub(super) type LastSeries = Option<(Outcome, HttpSeries)>;

/// The tags of the last outcome of a request, as outputs show them.
pub(super) type LastTags = Option<(Outcome, TagSet)>;

/// What tells the samples of one request apart, its own tags aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    place: u32,
    status: u16,
    code: u16,
    expected: bool,
    tls: Option<TlsVersion>,
    /// The server's address, if that tells samples apart.
    ip: Option<IpAddr>,
}

/// What an exchange came to, for its samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Result<'a> {
    /// 0 without a response.
    pub(super) status: u16,
    /// k6's error code, 0 for none.
    pub(super) code: u16,
    /// The error's text.
    pub(super) error: &'a str,
    /// Whether it counts as a success.
    pub(super) expected: bool,
}

/// Records one exchange of `request` that a VU in `place` has had.
pub(super) fn record(shard: &ShardContext, place: &Place, request: &Prepared, result: Result<'_>, numbers: &Exchange) {
    let Result { status, code, expected, .. } = result;
    let tls = numbers.tls.map(|tls| tls.version);
    let ip = numbers.peer.filter(|_| shard.series.kept.contains("ip"));
    let outcome = Outcome { place: place.number, status, code, expected, tls, ip };
    let series = match request.last.get() {
        Some((last, series)) if last == outcome => series,
        _ => {
            let series = shard.series.http(&tags_of(place, request, result, (tls, ip)));
            request.last.set(Some((outcome, series)));
            series
        }
    };
    let mut recorder = shard.series.recorder.borrow_mut();
    let timings = &numbers.timings;
    recorder.increment(series.requests, 1);
    recorder.rate(series.failed, !expected);
    recorder.record_ns(series.duration, timings.duration_ns());
    recorder.record_ns(series.blocked, timings.blocked_ns);
    recorder.record_ns(series.looking_up, timings.looking_up_ns);
    recorder.record_ns(series.connecting, timings.connecting_ns);
    recorder.record_ns(series.tls_handshaking, timings.tls_handshaking_ns);
    recorder.record_ns(series.sending, timings.sending_ns);
    recorder.record_ns(series.waiting, timings.waiting_ns);
    recorder.record_ns(series.receiving, timings.receiving_ns);
    if let Some(connected) = numbers.connected {
        recorder.rate(series.connection_failed, !connected);
    }
}

/// Hands one exchange to the outputs, in k6's order.
pub(super) fn send(
    samples: &Samples,
    who: Who,
    place: &Place,
    request: &Prepared,
    result: Result<'_>,
    numbers: &Exchange,
) {
    let Result { status, code, expected, .. } = result;
    let tls = numbers.tls.map(|tls| tls.version);
    let ip = numbers.peer.filter(|_| samples.has_addresses());
    let outcome = Outcome { place: place.number, status, code, expected, tls, ip };
    let known = request.last_tags.borrow().as_ref().filter(|(last, _)| *last == outcome).map(|(_, tags)| tags.clone());
    let tags = known.unwrap_or_else(|| {
        let mut tags = samples.shown(&tags_of(place, request, result, (tls, ip)));
        if status == 0 {
            // Without a response there was no protocol.
            tags = TagSet::from_pairs(tags.iter().filter(|(key, _)| *key != "proto"));
        }
        // Texts of errors may differ where their codes don't.
        if result.error.is_empty() {
            request.last_tags.replace(Some((outcome, tags.clone())));
        }
        tags
    });
    let timings = &numbers.timings;
    let ms = |ns: u64| ns as f64 / 1e6;
    let values = [
        (builtin::HTTP_REQS, 1.0),
        (builtin::HTTP_REQ_DURATION, ms(timings.duration_ns())),
        (builtin::HTTP_REQ_BLOCKED, ms(timings.blocked_ns)),
        (builtin::HTTP_REQ_LOOKING_UP, ms(timings.looking_up_ns)),
        (builtin::HTTP_REQ_CONNECTING, ms(timings.connecting_ns)),
        (builtin::HTTP_REQ_TLS_HANDSHAKING, ms(timings.tls_handshaking_ns)),
        (builtin::HTTP_REQ_SENDING, ms(timings.sending_ns)),
        (builtin::HTTP_REQ_WAITING, ms(timings.waiting_ns)),
        (builtin::HTTP_REQ_RECEIVING, ms(timings.receiving_ns)),
        (builtin::HTTP_REQ_FAILED, f64::from(u8::from(!expected))),
    ];
    let values = values.map(|(metric, value)| Sample { metric, value });
    samples.add_tagged(Clock::now(), who, tags, &values);
}

fn tags_of(
    place: &Place,
    request: &Prepared,
    result: Result<'_>,
    (tls, ip): (Option<TlsVersion>, Option<IpAddr>),
) -> TagSet {
    let expected = if result.expected { "true" } else { "false" };
    let mut system = vec![("expected_response", expected.to_owned()), ("status", result.status.to_string())];
    if result.code != 0 {
        system.push(("error_code", result.code.to_string()));
    }
    if !result.error.is_empty() {
        system.push(("error", result.error.to_owned()));
    }
    if let Some(version) = tls {
        system.push(("tls_version", version.name().to_owned()));
    }
    if let Some(ip) = ip {
        system.push(("ip", ip.to_string()));
    }
    place.tags.merged(&request.tags).merged(&TagSet::from_pairs(system))
}
