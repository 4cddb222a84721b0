//! What a path asks for.

use std::time::Duration;

use crate::refusal::Refusal;

/// Longest delay and longest silence.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Largest answer of `/bytes/{n}`.
const BYTES_MAX: u64 = 1 << 30;

/// The paths, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Root,
    Echo,
    Delay,
    Status,
    Bytes,
    Stall,
    Stats,
    Reset,
    /// Every path that isn't there.
    Other,
}

impl Route {
    pub(crate) const ALL: [Self; 9] = [
        Self::Root,
        Self::Echo,
        Self::Delay,
        Self::Status,
        Self::Bytes,
        Self::Stall,
        Self::Stats,
        Self::Reset,
        Self::Other,
    ];

    /// How the statistics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Echo => "/echo",
            Self::Delay => "/delay",
            Self::Status => "/status",
            Self::Bytes => "/bytes",
            Self::Stall => "/stall",
            Self::Stats => "/stats",
            Self::Reset => "/stats/reset",
            Self::Other => "other",
        }
    }

    /// The route of a path, and the parameter in it.
    pub(crate) fn of(path: &str) -> (Self, &str) {
        match path {
            "/" => (Self::Root, ""),
            "/echo" => (Self::Echo, ""),
            "/stats" => (Self::Stats, ""),
            "/stats/reset" => (Self::Reset, ""),
            _ => {
                let with_parameter =
                    [Self::Delay, Self::Status, Self::Bytes, Self::Stall].into_iter().find_map(|route| {
                        path.strip_prefix(route.name())?.strip_prefix('/').map(|parameter| (route, parameter))
                    });
                with_parameter.unwrap_or((Self::Other, ""))
            }
        }
    }

    /// The methods it takes; empty for all.
    fn methods(self) -> &'static str {
        match self {
            Self::Root | Self::Bytes | Self::Stats => "GET, HEAD",
            Self::Stall | Self::Reset => "POST",
            Self::Echo | Self::Delay | Self::Status | Self::Other => "",
        }
    }
}

/// What is to be done for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Greet,
    /// Describe the request: the description so far, for which only the body is missing.
    Describe(Box<serde_json::Map<String, serde_json::Value>>),
    /// Send the body back, as this content type.
    Return(Option<Box<[u8]>>),
    Delay(Duration),
    Status(u16),
    Bytes(u64),
    Stall(Duration),
    Stats,
    Reset,
    Refuse(Refusal),
}

impl Task {
    /// The task of a route other than `/echo`, whose task depends on the fields too.
    pub(crate) fn of(route: Route, method: &str, parameter: &str) -> Self {
        let methods = route.methods();
        if !methods.is_empty() && !methods.split(", ").any(|allowed| allowed == method) {
            return Self::Refuse(Refusal::MethodNotAllowed(methods));
        }
        let task = match route {
            Route::Root => Ok(Self::Greet),
            Route::Delay => milliseconds(parameter).map(Self::Delay),
            Route::Stall => milliseconds(parameter).map(Self::Stall),
            Route::Status => status(parameter).map(Self::Status),
            Route::Bytes => bytes(parameter).map(Self::Bytes),
            Route::Stats => Ok(Self::Stats),
            Route::Reset => Ok(Self::Reset),
            Route::Echo | Route::Other => Err(Refusal::NotFound),
        };
        task.unwrap_or_else(Self::Refuse)
    }
}

fn milliseconds(text: &str) -> Result<Duration, Refusal> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let duration = text.parse::<f64>().ok().and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
    duration
        .filter(|duration| plain && *duration <= WAIT_MAX)
        .ok_or(Refusal::BadParameter("the time is a number of milliseconds, at most 3600000"))
}

fn status(text: &str) -> Result<u16, Refusal> {
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
fn number(text: &str) -> Option<u64> {
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
            ("/delay/3600000", Task::Delay(WAIT_MAX)),
            ("/status/599", Task::Status(599)),
            ("/bytes/1073741824", Task::Bytes(BYTES_MAX)),
            ("/stats", Task::Stats),
            ("/nowhere", Task::Refuse(Refusal::NotFound)),
            ("/delay", Task::Refuse(Refusal::NotFound)),
            ("/delayed/1", Task::Refuse(Refusal::NotFound)),
            ("/stats/", Task::Refuse(Refusal::NotFound)),
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
            "/delay/3600001",
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
