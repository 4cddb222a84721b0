//! The metrics that every run has, registered under these numbers in each
//! [`crate::Registry`]. Names and meanings are k6's, but for those that say so.

use crate::metric::{Contains, Kind, MetricId};

/// The built-in metrics in the order of their numbers.
pub(crate) const ALL: [(&str, Kind, Contains); 47] = [
    ("vus", Kind::Gauge, Contains::Default),
    ("vus_max", Kind::Gauge, Contains::Default),
    ("iterations", Kind::Counter, Contains::Default),
    ("iteration_duration", Kind::Trend, Contains::Time),
    ("dropped_iterations", Kind::Counter, Contains::Default),
    ("iterations_failed", Kind::Counter, Contains::Default),
    ("checks", Kind::Rate, Contains::Default),
    ("group_duration", Kind::Trend, Contains::Time),
    ("data_sent", Kind::Counter, Contains::Data),
    ("data_received", Kind::Counter, Contains::Data),
    ("http_reqs", Kind::Counter, Contains::Default),
    ("http_req_failed", Kind::Rate, Contains::Default),
    ("http_req_duration", Kind::Trend, Contains::Time),
    ("http_req_blocked", Kind::Trend, Contains::Time),
    ("http_req_looking_up", Kind::Trend, Contains::Time),
    ("http_req_connecting", Kind::Trend, Contains::Time),
    ("http_req_tls_handshaking", Kind::Trend, Contains::Time),
    ("http_req_sending", Kind::Trend, Contains::Time),
    ("http_req_waiting", Kind::Trend, Contains::Time),
    ("http_req_receiving", Kind::Trend, Contains::Time),
    ("iteration_start_lag", Kind::Trend, Contains::Time),
    ("iteration_duration_corrected", Kind::Trend, Contains::Time),
    ("dropped_iterations_ratio", Kind::Rate, Contains::Default),
    ("connections_open", Kind::Gauge, Contains::Default),
    ("connection_failed", Kind::Rate, Contains::Default),
    ("generator_cpu", Kind::Trend, Contains::Default),
    ("generator_loop_lag", Kind::Trend, Contains::Time),
    ("ws_sessions", Kind::Counter, Contains::Default),
    ("ws_connecting", Kind::Trend, Contains::Time),
    ("ws_session_duration", Kind::Trend, Contains::Time),
    ("ws_msgs_sent", Kind::Counter, Contains::Default),
    ("ws_msgs_received", Kind::Counter, Contains::Default),
    ("ws_ping", Kind::Trend, Contains::Time),
    ("ws_open", Kind::Gauge, Contains::Default),
    ("ws_connect_failed", Kind::Rate, Contains::Default),
    ("ws_round_trip", Kind::Trend, Contains::Time),
    ("ws_lost", Kind::Counter, Contains::Default),
    ("ws_reopened", Kind::Counter, Contains::Default),
    ("ws_broken", Kind::Counter, Contains::Default),
    ("sources_in_use", Kind::Gauge, Contains::Default),
    ("tcp_sessions", Kind::Counter, Contains::Default),
    ("tcp_connecting", Kind::Trend, Contains::Time),
    ("tcp_connect_failed", Kind::Rate, Contains::Default),
    ("tcp_round_trip", Kind::Trend, Contains::Time),
    ("udp_datagrams_sent", Kind::Counter, Contains::Default),
    ("udp_datagrams_received", Kind::Counter, Contains::Default),
    ("udp_round_trip", Kind::Trend, Contains::Time),
];

/// VUs that are in a scenario; summed over shards and agents.
pub const VUS: MetricId = MetricId(0);
/// VUs that exist; summed over shards and agents.
pub const VUS_MAX: MetricId = MetricId(1);
/// Iterations that ended by themselves.
pub const ITERATIONS: MetricId = MetricId(2);
/// How long they took, from the call until it returned.
pub const ITERATION_DURATION: MetricId = MetricId(3);
/// Iterations that could not be started.
pub const DROPPED_ITERATIONS: MetricId = MetricId(4);
/// Iterations that trapped, panicked or returned an error; counted among
/// [`ITERATIONS`] too. k6 has no such metric; it appears only when it has samples.
pub const ITERATIONS_FAILED: MetricId = MetricId(5);
/// Share of checks that passed.
pub const CHECKS: MetricId = MetricId(6);
/// How long groups took.
pub const GROUP_DURATION: MetricId = MetricId(7);
/// Bytes written to sockets.
pub const DATA_SENT: MetricId = MetricId(8);
/// Bytes read from sockets.
pub const DATA_RECEIVED: MetricId = MetricId(9);
/// HTTP requests.
pub const HTTP_REQS: MetricId = MetricId(10);
/// Share of requests that failed.
pub const HTTP_REQ_FAILED: MetricId = MetricId(11);
/// Sending + waiting + receiving.
pub const HTTP_REQ_DURATION: MetricId = MetricId(12);
/// From wanting a connection to having it.
pub const HTTP_REQ_BLOCKED: MetricId = MetricId(13);
/// Resolving the name, which k6 always reports as 0; appears only when it has samples.
pub const HTTP_REQ_LOOKING_UP: MetricId = MetricId(14);
/// TCP connect; 0 on re-use.
pub const HTTP_REQ_CONNECTING: MetricId = MetricId(15);
/// TLS handshake; 0 on re-use and without TLS.
pub const HTTP_REQ_TLS_HANDSHAKING: MetricId = MetricId(16);
/// Writing the request.
pub const HTTP_REQ_SENDING: MetricId = MetricId(17);
/// Request written until the first byte of the response.
pub const HTTP_REQ_WAITING: MetricId = MetricId(18);
/// First byte until the last of the body.
pub const HTTP_REQ_RECEIVING: MetricId = MetricId(19);
/// How late iterations of open models began: the generator's own lateness. Not k6's.
pub const ITERATION_START_LAG: MetricId = MetricId(20);
/// How long iterations of open models took from when they were to begin, with a sample for each that was planned: one
/// that could not be started counts until the end of the next one that could, one that was cut until then. Not k6's.
pub const ITERATION_DURATION_CORRECTED: MetricId = MetricId(21);
/// Share of the iterations that were to start and could not: of [`DROPPED_ITERATIONS`] in these and those begun. Not k6's.
pub const DROPPED_ITERATIONS_RATIO: MetricId = MetricId(22);
/// Connections that are open or being opened, once a second; summed over shards and agents. Not k6's.
pub const CONNECTIONS_OPEN: MetricId = MetricId(23);
/// Share of the connections that requests wanted and didn't get, be it for the name, for TCP or for TLS. Not k6's.
pub const CONNECTION_FAILED: MetricId = MetricId(24);
/// How much of its core a shard was busy, 0 to 1: a sample a shard and second, tagged `shard`. Not k6's.
pub const GENERATOR_CPU: MetricId = MetricId(25);
/// The longest time that a shard didn't look at its sockets and timers: a sample a shard and second, tagged `shard`. Not
/// k6's.
pub const GENERATOR_LOOP_LAG: MetricId = MetricId(26);
/// Attempts to open a WebSocket, failed ones too.
pub const WS_SESSIONS: MetricId = MetricId(27);
/// From the beginning of an attempt to its end: name, TCP, TLS and upgrade.
pub const WS_CONNECTING: MetricId = MetricId(28);
/// From the beginning of opening a WebSocket until it was closed.
pub const WS_SESSION_DURATION: MetricId = MetricId(29);
/// Messages sent by WebSockets.
pub const WS_MSGS_SENT: MetricId = MetricId(30);
/// Messages received by WebSockets.
pub const WS_MSGS_RECEIVED: MetricId = MetricId(31);
/// From a script's ping to its pong.
pub const WS_PING: MetricId = MetricId(32);
/// WebSockets that are open, once a second; summed over shards and agents. Not k6's.
pub const WS_OPEN: MetricId = MetricId(33);
/// Share of the attempts to open a WebSocket that failed. Not k6's.
pub const WS_CONNECT_FAILED: MetricId = MetricId(34);
/// From a message sent by a WebSocket to the next one received there; while one is awaited, further ones that are sent
/// aren't measured. Not k6's.
pub const WS_ROUND_TRIP: MetricId = MetricId(35);
/// Connections of event-driven scripts that were lost since the instance that served them trapped. Not k6's.
pub const WS_LOST: MetricId = MetricId(36);
/// Connections whose VU had lost the one before in this way. Not k6's.
pub const WS_REOPENED: MetricId = MetricId(37);
/// WebSockets that were open and ended otherwise than by close frames of both sides, or by being cut. Not k6's.
pub const WS_BROKEN: MetricId = MetricId(38);
/// Source addresses and ports that connections to a destination have, once a second, tagged `destination`; summed over
/// shards and agents. Not k6's.
pub const SOURCES_IN_USE: MetricId = MetricId(39);
/// Attempts of scripts to connect by TCP, failed ones too. Not k6's.
pub const TCP_SESSIONS: MetricId = MetricId(40);
/// From the beginning of such an attempt to its end: name, TCP and TLS. Not k6's.
pub const TCP_CONNECTING: MetricId = MetricId(41);
/// Share of such attempts that failed. Not k6's.
pub const TCP_CONNECT_FAILED: MetricId = MetricId(42);
/// From bytes sent by a script's TCP socket to the next ones received there; while they are awaited, further ones that are
/// sent aren't measured. Not k6's.
pub const TCP_ROUND_TRIP: MetricId = MetricId(43);
/// Datagrams that scripts have sent by UDP. Not k6's.
pub const UDP_DATAGRAMS_SENT: MetricId = MetricId(44);
/// Datagrams that have come to UDP sockets of scripts. Not k6's.
pub const UDP_DATAGRAMS_RECEIVED: MetricId = MetricId(45);
/// From the last datagram sent by a UDP socket to the next one received there, since those before it may have been lost.
/// Not k6's.
pub const UDP_ROUND_TRIP: MetricId = MetricId(46);

/// Whether a metric is about the generator and not about the target.
pub fn is_of_generator(metric: MetricId) -> bool {
    metric == GENERATOR_CPU || metric == GENERATOR_LOOP_LAG
}

/// Whether a metric isn't k6's and says nothing most of the time: the compact summary has it only with a threshold.
pub(crate) fn is_quiet(metric: MetricId) -> bool {
    is_of_generator(metric)
        || [DROPPED_ITERATIONS_RATIO, CONNECTIONS_OPEN, CONNECTION_FAILED, SOURCES_IN_USE].contains(&metric)
}

/// Whether a metric is one of these.
pub fn contains(metric: MetricId) -> bool {
    metric.index() < ALL.len()
}

/// Whether the gauge is a count whose parts on shards and agents add up.
pub fn is_summed_gauge(metric: MetricId) -> bool {
    [VUS, VUS_MAX, CONNECTIONS_OPEN, WS_OPEN, SOURCES_IN_USE].contains(&metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_stand_for_their_names() {
        for (metric, name) in [
            (VUS, "vus"),
            (VUS_MAX, "vus_max"),
            (ITERATIONS, "iterations"),
            (ITERATION_DURATION, "iteration_duration"),
            (DROPPED_ITERATIONS, "dropped_iterations"),
            (ITERATIONS_FAILED, "iterations_failed"),
            (CHECKS, "checks"),
            (GROUP_DURATION, "group_duration"),
            (DATA_SENT, "data_sent"),
            (DATA_RECEIVED, "data_received"),
            (HTTP_REQS, "http_reqs"),
            (HTTP_REQ_FAILED, "http_req_failed"),
            (HTTP_REQ_DURATION, "http_req_duration"),
            (HTTP_REQ_BLOCKED, "http_req_blocked"),
            (HTTP_REQ_LOOKING_UP, "http_req_looking_up"),
            (HTTP_REQ_CONNECTING, "http_req_connecting"),
            (HTTP_REQ_TLS_HANDSHAKING, "http_req_tls_handshaking"),
            (HTTP_REQ_SENDING, "http_req_sending"),
            (HTTP_REQ_WAITING, "http_req_waiting"),
            (HTTP_REQ_RECEIVING, "http_req_receiving"),
            (ITERATION_START_LAG, "iteration_start_lag"),
            (ITERATION_DURATION_CORRECTED, "iteration_duration_corrected"),
            (DROPPED_ITERATIONS_RATIO, "dropped_iterations_ratio"),
            (CONNECTIONS_OPEN, "connections_open"),
            (CONNECTION_FAILED, "connection_failed"),
            (GENERATOR_CPU, "generator_cpu"),
            (GENERATOR_LOOP_LAG, "generator_loop_lag"),
            (WS_SESSIONS, "ws_sessions"),
            (WS_CONNECTING, "ws_connecting"),
            (WS_SESSION_DURATION, "ws_session_duration"),
            (WS_MSGS_SENT, "ws_msgs_sent"),
            (WS_MSGS_RECEIVED, "ws_msgs_received"),
            (WS_PING, "ws_ping"),
            (WS_OPEN, "ws_open"),
            (WS_CONNECT_FAILED, "ws_connect_failed"),
            (WS_ROUND_TRIP, "ws_round_trip"),
            (WS_LOST, "ws_lost"),
            (WS_REOPENED, "ws_reopened"),
            (WS_BROKEN, "ws_broken"),
            (SOURCES_IN_USE, "sources_in_use"),
            (TCP_SESSIONS, "tcp_sessions"),
            (TCP_CONNECTING, "tcp_connecting"),
            (TCP_CONNECT_FAILED, "tcp_connect_failed"),
            (TCP_ROUND_TRIP, "tcp_round_trip"),
            (UDP_DATAGRAMS_SENT, "udp_datagrams_sent"),
            (UDP_DATAGRAMS_RECEIVED, "udp_datagrams_received"),
            (UDP_ROUND_TRIP, "udp_round_trip"),
        ] {
            assert_eq!(ALL[metric.index()].0, name);
        }
    }
}
