//! What the option `httpDebug` logs: requests and responses as they are on the wire.

use std::fmt::Write;

use throng_plan::HttpDebug;
use throng_transport::http1::{Body, Payload, Request, ResponseBuffer};
use throng_vu::LogLevel;

use crate::shard::Logs;

/// How much of a body is shown.
const SHOWN_BYTES_MAX: usize = 16 << 10;

/// Shows the exchanges of one VU, within the limit of messages.
pub(super) struct Debug<'a> {
    logs: &'a Logs,
    detail: HttpDebug,
    vu: u64,
}

impl<'a> Debug<'a> {
    pub(super) fn new(logs: &'a Logs, detail: HttpDebug, vu: u64) -> Self {
        Self { logs, detail, vu }
    }

    pub(super) fn request(&self, request: &Request, payload: &Payload) {
        self.show("Request", || {
            // A body in pieces is copied together, which only what is shown is worth.
            let body = (self.detail == HttpDebug::Full)
                .then(|| payload.body.as_ref().map(Body::contiguous).or_else(|| request.body()))
                .flatten();
            (lossy(&request.head(payload)), self.body(body.as_deref().unwrap_or_default()))
        });
    }

    /// The body is shown as it was received, before decompression.
    pub(super) fn response(&self, response: &ResponseBuffer) {
        self.show("Response", || {
            let mut head = format!("HTTP/1.1 {}\n", response.status());
            response.fields(|name, value| {
                // Writing into a text doesn't fail.
                let _ = writeln!(head, "{name}: {}", lossy(value));
                true
            });
            (head + "\n", self.body(response.body()))
        });
    }

    /// Only a message that is admitted is made.
    fn show(&self, what: &str, of: impl FnOnce() -> (String, String)) {
        if self.logs.admits() {
            let (head, body) = of();
            let message = format!("{what}:\n{}", head + &body);
            self.logs.send(LogLevel::Info, message.trim_end().to_owned(), format!("vu={}", self.vu));
        }
    }

    fn body(&self, body: &[u8]) -> String {
        if self.detail == HttpDebug::Headers {
            return String::new();
        }
        match body.split_at_checked(SHOWN_BYTES_MAX) {
            Some((shown, rest)) if !rest.is_empty() => {
                format!("{}\n({} bytes more of the body aren't shown)", lossy(shown), rest.len())
            }
            _ => lossy(body),
        }
    }
}

/// Bytes as text with plain line ends; what isn't text is replaced.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}
