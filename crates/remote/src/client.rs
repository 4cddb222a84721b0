//! Asking a run.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use throng_protocol::control::{
    ControlClient, Event, LogLevel, PauseRequest, ResumeRequest, RunEnd, RunStatus, ScaleRequest, ScaleResponse,
    StatusRequest, StatusResponse, StopRequest, WatchRequest,
};
use throng_protocol::{ControlError, ErrorKind};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use crate::server::ANSWER_BYTES_MAX;

/// How long connecting may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// While watching: how often it is looked whether the other side is still there, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Where a run is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A socket.
    Socket(PathBuf),
    /// HOST:PORT.
    Address(String),
}

/// A connection to the service of runs. Its methods block.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    service: ControlClient<Channel>,
    place: Place,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(formatter),
            Self::Address(address) => formatter.write_str(address),
        }
    }
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn connect(place: &Place) -> Result<Self, ControlError> {
        let internal = |error: &dyn Error| ControlError::new(ErrorKind::Internal, chain(error));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| internal(&error))?;
        let endpoint = endpoint(place)?;
        let connected = runtime.block_on(async { tokio::time::timeout(CONNECT_TIME_MAX, endpoint.connect()).await });
        let channel = match connected {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => return Err(unreachable_at(place, &chain(&error))),
            Err(_) => return Err(unreachable_at(place, "it takes too long")),
        };
        let service = ControlClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { runtime, service, place: place.clone() })
    }

    /// How far a run is; of all that are served there if the id is empty.
    ///
    /// # Errors
    /// When there is no such run, or no answer.
    pub fn status(&mut self, run_id: &str) -> Result<StatusResponse, ControlError> {
        let request = StatusRequest { run_id: run_id.to_owned() };
        self.call(|mut service| async move { service.status(request).await })
    }

    /// Gives a scenario another number of VUs.
    ///
    /// # Errors
    /// When the run refuses, or there is no answer.
    pub fn scale(&mut self, request: ScaleRequest) -> Result<ScaleResponse, ControlError> {
        self.call(|mut service| async move { service.scale(request).await })
    }

    /// Has a run pause, and tells how far it was.
    ///
    /// # Errors
    /// When the run refuses, or there is no answer.
    pub fn pause(&mut self, run_id: &str) -> Result<RunStatus, ControlError> {
        let request = PauseRequest { run_id: run_id.to_owned() };
        Ok(self.call(|mut service| async move { service.pause(request).await })?.status.unwrap_or_default())
    }

    /// Has a run go on, and tells how far it was.
    ///
    /// # Errors
    /// When the run refuses, or there is no answer.
    pub fn resume(&mut self, run_id: &str) -> Result<RunStatus, ControlError> {
        let request = ResumeRequest { run_id: run_id.to_owned() };
        Ok(self.call(|mut service| async move { service.resume(request).await })?.status.unwrap_or_default())
    }

    /// Ends a run, and tells how far it was.
    ///
    /// # Errors
    /// When the run refuses, or there is no answer.
    pub fn stop(&mut self, run_id: &str) -> Result<RunStatus, ControlError> {
        let request = StopRequest { run_id: run_id.to_owned() };
        Ok(self.call(|mut service| async move { service.stop(request).await })?.status.unwrap_or_default())
    }

    /// Hands on events until the run is over.
    ///
    /// # Errors
    /// When there is no such run, or the stream ends before the run does.
    pub fn watch(
        &mut self,
        run_id: &str,
        log_level: LogLevel,
        mut on_event: impl FnMut(Event),
    ) -> Result<RunEnd, ControlError> {
        let request = WatchRequest { run_id: run_id.to_owned(), log_level: log_level.into() };
        let mut events = self.call(|mut service| async move { service.watch(request).await })?;
        loop {
            let event = self.runtime.block_on(events.message());
            match event.map_err(|status| explain(&self.place, status))? {
                None => {
                    let message = format!("the run at {} has gone without saying how it ended", self.place);
                    return Err(ControlError::new(ErrorKind::Unavailable, message));
                }
                Some(response) => match response.event {
                    Some(Event::End(end)) => return Ok(end),
                    Some(event) => on_event(event),
                    // Of a later version.
                    None => {}
                },
            }
        }
    }

    fn call<T, F>(&mut self, call: impl FnOnce(ControlClient<Channel>) -> F) -> Result<T, ControlError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let future = call(self.service.clone());
        let answer = self.runtime.block_on(async { tokio::time::timeout(ANSWER_TIME_MAX, future).await });
        match answer {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(explain(&self.place, status)),
            Err(_) => {
                let message = format!("{} gives no answer within {ANSWER_TIME_MAX:?}: is it stopped?", self.place);
                Err(ControlError::new(ErrorKind::TimedOut, message))
            }
        }
    }
}

fn endpoint(place: &Place) -> Result<Endpoint, ControlError> {
    let invalid = |what: String| ControlError::new(ErrorKind::InvalidArgument, what);
    let uri = match place {
        Place::Socket(path) => {
            let path = path.to_str().ok_or_else(|| invalid(format!("{} isn't UTF-8", path.display())))?;
            format!("unix://{path}")
        }
        Place::Address(address) => format!("http://{address}"),
    };
    let malformed = |_| invalid(format!("{place} is no address: write HOST:PORT, for example 127.0.0.1:6565"));
    let endpoint = Endpoint::from_shared(uri).map_err(malformed)?;
    let has_port = matches!(place, Place::Socket(_)) || endpoint.uri().port().is_some();
    if !has_port {
        return Err(invalid(format!("{place} is no address: write HOST:PORT, for example 127.0.0.1:6565")));
    }
    Ok(endpoint.http2_keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_EVERY))
}

fn unreachable_at(place: &Place, why: &str) -> ControlError {
    let remedy = match place {
        Place::Socket(_) => "the test may have ended".to_owned(),
        Place::Address(address) => format!("does the test still run, and was it started with --address {address}?"),
    };
    ControlError::new(ErrorKind::Unavailable, format!("no test answers at {place} ({why}): {remedy}"))
}

/// What a status means to whoever asked. One without a source was sent by the other side, whose text says enough.
fn explain(place: &Place, status: Status) -> ControlError {
    if let Some(source) = status.source() {
        let why = chain(source);
        return unreachable_at(place, &why);
    }
    let silent = status.message().is_empty();
    let error = ControlError::from(status);
    if error.kind == ErrorKind::Unsupported && silent {
        let message = format!("{place} doesn't know this command: use a throng of the version that runs the test");
        return ControlError::new(error.kind, message);
    }
    error
}

/// An error with its causes, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        next = cause.source();
    }
    text
}
