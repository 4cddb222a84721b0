//! What is to be done for a request.

use std::time::Duration;

use crate::refusal::Refusal;
use crate::route::Route;
use crate::routes::Request;
use crate::websocket::Agreement;

/// Longest delay and longest silence.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Largest answer of `/bytes/{n}`.
const BYTES_MAX: u64 = 1 << 30;

/// What is to be done for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Greet,
    /// Describe the request: the description so far, for which only the body is missing.
    Describe(Box<serde_json::Map<String, serde_json::Value>>),
    /// Send the body back as what it came.
    Return {
        content_type: Option<Box<[u8]>>,
        content_encoding: Option<Box<[u8]>>,
    },
    Delay(Duration),
    Status(u16),
    Bytes(u64),
    Stall(Duration),
    Stats,
    Reset,
    ResetWebsockets,
    /// One of [`routes`](crate::routes), which need the whole head.
    Serve(Box<Request>),
    /// Make the connection a WebSocket.
    Upgrade(Box<Agreement>),
    Refuse(Refusal),
}

impl Task {
    /// The task of a route that needs no more of the head than this.
    pub(crate) fn of(route: Route, method: &str, parameter: &str) -> Self {
        if let Err(refusal) = route.check_method(method) {
            return Self::Refuse(refusal);
        }
        let task = match route {
            Route::Root => Ok(Self::Greet),
            Route::Delay => milliseconds(parameter).map(Self::Delay),
            Route::Stall => milliseconds(parameter).map(Self::Stall),
            Route::Status => status(parameter).map(Self::Status),
            Route::Bytes => bytes(parameter).map(Self::Bytes),
            Route::Stats => Ok(Self::Stats),
            Route::Reset => Ok(Self::Reset),
            Route::WsReset => Ok(Self::ResetWebsockets),
            _ => Err(Refusal::NotFound),
        };
        task.unwrap_or_else(Self::Refuse)
    }
}

pub(crate) fn milliseconds(text: &str) -> Result<Duration, Refusal> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let duration = text.parse::<f64>().ok().and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
    duration
        .filter(|duration| plain && *duration <= WAIT_MAX)
        .ok_or(Refusal::BadParameter("the time is a number of milliseconds, at most 86400000, a day"))
}

/// A status that an answer may have.
pub(crate) fn status(text: &str) -> Result<u16, Refusal> {
    number(text)
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (200..=599).contains(code))
        .ok_or(Refusal::BadParameter("the status is a number from 200 to 599"))
}

fn bytes(text: &str) -> Result<u64, Refusal> {
    number(text)
        .filter(|bytes| *bytes <= BYTES_MAX)
        .ok_or(Refusal::BadParameter("the size is a number of bytes, at most 1073741824"))
}

/// Digits alone: `parse` would take a sign too.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(method: &str, path: &str) -> Task {
        let (route, parameter) = Route::of(path);
        Task::of(route, method, parameter)
    }

    #[test]
    fn paths_lead_to_their_tasks() {
        for (path, expected) in [
            ("/", Task::Greet),
            ("/delay/50", Task::Delay(Duration::from_millis(50))),
            ("/delay/0.25", Task::Delay(Duration::from_micros(250))),
            ("/delay/86400000", Task::Delay(WAIT_MAX)),
            ("/status/599", Task::Status(599)),
            ("/bytes/1073741824", Task::Bytes(BYTES_MAX)),
            ("/stats", Task::Stats),
            ("/nowhere", Task::Refuse(Refusal::NotFound)),
        ] {
            assert_eq!(task("GET", path), expected, "{path}");
        }
        assert_eq!(task("POST", "/stall/5"), Task::Stall(Duration::from_millis(5)));
        assert_eq!(task("POST", "/stats/reset"), Task::Reset);
    }

    #[test]
    fn parameters_that_make_no_sense_are_refused() {
        for path in [
            "/delay/",
            "/delay/-1",
            "/delay/1e3",
            "/delay/inf",
            "/delay/1.2.3",
            "/delay/86400001",
            "/delay/1/2",
            "/status/199",
            "/status/600",
            "/status/+20",
            "/status/",
            "/status/99999999999",
            "/bytes/1073741825",
            "/bytes/x",
        ] {
            assert!(matches!(task("GET", path), Task::Refuse(Refusal::BadParameter(_))), "{path}");
        }
    }

    #[test]
    fn methods_are_held_to() {
        assert_eq!(task("POST", "/"), Task::Refuse(Refusal::MethodNotAllowed("GET, HEAD")));
        assert_eq!(task("GET", "/stall/1"), Task::Refuse(Refusal::MethodNotAllowed("POST")));
        assert_eq!(task("HEAD", "/bytes/9"), Task::Bytes(9));
        assert_eq!(task("PURGE", "/status/204"), Task::Status(204));
    }
}
