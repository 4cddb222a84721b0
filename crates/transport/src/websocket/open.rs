//! Opening a WebSocket: a connection of its own, the upgrade, and what that took.

use std::future::poll_fn;
use std::net::IpAddr;
use std::task::Poll;
use std::time::Duration;

use super::handshake::{Agreed, HandshakeError};
use super::upgrade::{Opening, Progress, Upgrade};
use crate::http1::{ExchangeError, ParseError, ResponseBuffer, Timings, open as dial};
use crate::ring::SendBytes;
use crate::shard::Shard;
use crate::stream::{Received, Stream, StreamError, Traffic};
use crate::time::{Clock, Nanos};

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No connection, or no answer.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The server's answer is another one than 101 (Switching Protocols).
    #[error("the server answered with status {} instead of 101", .0.status())]
    Refused(Box<ResponseBuffer>),
    /// The server's answer is 101, but not to what was asked.
    #[error("{0}")]
    Wrong(HandshakeError, Box<ResponseBuffer>),
}

impl OpenError {
    /// k6's `error_code`: 1000 + status for one of 400 or more.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Exchange(error) => error.code(),
            Self::Refused(response) if (400..600).contains(&response.status()) => 1000 + response.status(),
            Self::Refused(_) | Self::Wrong(..) => 1000,
        }
    }

    /// The answer, if there is one.
    #[must_use]
    pub fn response(&self) -> Option<&ResponseBuffer> {
        match self {
            Self::Exchange(_) => None,
            Self::Refused(response) | Self::Wrong(_, response) => Some(response),
        }
    }
}

impl From<StreamError> for OpenError {
    fn from(error: StreamError) -> Self {
        ExchangeError::from(error).into()
    }
}

impl From<ParseError> for OpenError {
    fn from(error: ParseError) -> Self {
        ExchangeError::from(error).into()
    }
}

/// An open connection, whose next bytes are frames.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub stream: Stream,
    /// What was agreed on.
    pub agreed: Agreed,
    /// The server's answer.
    pub response: Box<ResponseBuffer>,
    /// Frames that came with the answer.
    pub early: Vec<u8>,
}

/// What opening took, also when it failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenNumbers {
    /// From the beginning to the end, in nanoseconds: name, TCP, TLS and upgrade.
    pub elapsed_ns: u64,
    /// Bytes at the socket.
    pub traffic: Traffic,
    /// Whether a connection was made.
    pub connected: bool,
    /// The server's address, once there was a connection.
    pub peer: Option<IpAddr>,
}

/// Opens a WebSocket on a new connection within `timeout`, with a key of 16 random bytes. Redirects aren't followed, as
/// in k6.
///
/// # Errors
/// When there is no connection, or the server doesn't agree.
pub async fn open(
    shard: &Shard,
    upgrade: &Upgrade,
    header_lines: &[u8],
    random: [u8; 16],
    timeout: Duration,
) -> (Result<Opened, OpenError>, OpenNumbers) {
    open_as(0, shard, upgrade, header_lines, random, timeout).await
}

/// [`open`] for a VU, counted from 0; see [`Shard::connect_as`].
///
/// # Errors
/// As `open`.
pub async fn open_as(
    vu: u64,
    shard: &Shard,
    upgrade: &Upgrade,
    header_lines: &[u8],
    random: [u8; 16],
    timeout: Duration,
) -> (Result<Opened, OpenError>, OpenNumbers) {
    let began = Clock::now();
    let mut numbers = OpenNumbers::default();
    let deadline = began.after(timeout);
    let mut traffic = Traffic::default();
    let result = async {
        let mut timings = Timings::default();
        let mut stream = dial(shard, vu, upgrade.origin(), deadline, timeout, &mut timings, &mut traffic).await?;
        numbers.connected = true;
        numbers.peer = stream.connection().peer().map(|peer| peer.ip());
        let (request, opening) = upgrade.begin(random, header_lines);
        traffic.sent += stream.send(SendBytes::Owned(request))? as u64;
        stream.connection().wake_at(Some(deadline));
        let (progress, early) = answer(upgrade, opening, &mut stream, (deadline, timeout), &mut traffic).await?;
        stream.connection().wake_at(None);
        match progress {
            Progress::Open { agreed, response, .. } => Ok(Opened { stream, agreed, response, early }),
            Progress::Refused(response) => Err(OpenError::Refused(response)),
            Progress::Wrong(error, response) => Err(OpenError::Wrong(error, response)),
            Progress::Incomplete => Err(ParseError::Unanswered.into()),
        }
    }
    .await;
    numbers.traffic = traffic;
    numbers.elapsed_ns = Clock::now().since(began);
    (result, numbers)
}

/// Reads the answer; and what came behind it.
async fn answer(
    upgrade: &Upgrade,
    mut opening: Opening,
    stream: &mut Stream,
    (deadline, timeout): (Nanos, Duration),
    traffic: &mut Traffic,
) -> Result<(Progress, Vec<u8>), OpenError> {
    let mut early = Vec::new();
    let mut progress = Ok(Progress::Incomplete);
    loop {
        let received = poll_fn(|context| {
            let read = |bytes: &[u8]| match progress {
                Ok(Progress::Incomplete) => {
                    progress = opening.read(upgrade, bytes);
                    if let Ok(Progress::Open { consumed, .. }) = &progress {
                        early.extend_from_slice(&bytes[*consumed..]);
                    }
                }
                _ => early.extend_from_slice(bytes),
            };
            match stream.poll_receive(context, traffic, read) {
                Poll::Ready(received) => Poll::Ready(Some(received)),
                Poll::Pending if stream.connection().shard().turn_time() >= deadline => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match (received, progress) {
            (_, Err(error)) => return Err(error.into()),
            (None, _) => return Err(ExchangeError::Timeout(timeout).into()),
            (Some(Ok(Received::Bytes { .. })), Ok(Progress::Incomplete)) => progress = Ok(Progress::Incomplete),
            (Some(Ok(Received::Ended { .. })), Ok(Progress::Incomplete)) => {
                return Ok((opening.end(upgrade)?, Vec::new()));
            }
            (Some(Err(error)), Ok(Progress::Incomplete)) => return Err(error.into()),
            (_, Ok(progress)) => return Ok((progress, early)),
        }
    }
}
