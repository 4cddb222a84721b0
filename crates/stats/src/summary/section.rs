//! Under which title of the text summary a metric stands, and in which order.

use std::cmp::Ordering;

use crate::builtin;
use crate::metric::MetricId;

/// The titles, in the order in which they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Custom,
    Http,
    Execution,
    Network,
    Websocket,
    Generator,
}

impl Section {
    pub(super) const ALL: [Self; 6] =
        [Self::Custom, Self::Http, Self::Execution, Self::Network, Self::Websocket, Self::Generator];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Custom => "CUSTOM",
            Self::Http => "HTTP",
            Self::Execution => "EXECUTION",
            Self::Network => "NETWORK",
            Self::Websocket => "WEBSOCKET",
            Self::Generator => "GENERATOR",
        }
    }

    /// None for the metrics that have no line: checks have their own block, and
    /// `group_duration` is in the JSON only.
    pub(super) fn of(metric: MetricId, name: &str) -> Option<Self> {
        if !builtin::contains(metric) {
            return Some(Self::Custom);
        }
        match name {
            "checks" | "group_duration" => None,
            _ if builtin::is_of_generator(metric) => Some(Self::Generator),
            "data_sent" | "data_received" | "connections_open" | "connection_failed" => Some(Self::Network),
            name if name.starts_with("http_") => Some(Self::Http),
            name if name.starts_with("ws_") => Some(Self::Websocket),
            _ => Some(Self::Execution),
        }
    }
}

/// The parts of a request's time, which the compact summary leaves out.
pub(super) fn is_detail(metric: MetricId) -> bool {
    [
        builtin::HTTP_REQ_BLOCKED,
        builtin::HTTP_REQ_LOOKING_UP,
        builtin::HTTP_REQ_CONNECTING,
        builtin::HTTP_REQ_TLS_HANDSHAKING,
        builtin::HTTP_REQ_SENDING,
        builtin::HTTP_REQ_WAITING,
        builtin::HTTP_REQ_RECEIVING,
    ]
    .contains(&metric)
}

/// The order of a dictionary: `_`, then digits, then letters whatever their case;
/// small before capital where that is all that differs.
pub(super) fn by_dictionary(a: &str, b: &str) -> Ordering {
    let ranks = |text: &str| -> Vec<(u8, char)> {
        let lower = text.chars().flat_map(char::to_lowercase);
        lower
            .map(|c| match c {
                c if c.is_alphabetic() => (2, c),
                c if c.is_numeric() => (1, c),
                c => (0, c),
            })
            .collect()
    };
    ranks(a).cmp(&ranks(b)).then_with(|| b.cmp(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_in_a_dictionary() {
        let mut names = ["http_reqs", "B", "a9", "http_req_failed", "ab", "b", "a_z"];
        names.sort_by(|a, b| by_dictionary(a, b));
        let sorted = ["a_z", "a9", "ab", "b", "B", "http_req_failed", "http_reqs"];
        assert_eq!(names, sorted);
    }
}
