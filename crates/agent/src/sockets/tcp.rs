//! One TCP socket of a VU.

use std::task::{Context, Poll};
use std::time::Duration;

use throng_transport::http1::ExchangeError;
use throng_transport::{Clock, Nanos, Received, SendBytes, Stream, StreamError, Traffic};
use throng_vu::Failure;

use super::dialing::failure;
use super::held::Holdable;
use super::recording::TcpRecords;
use crate::http::CODE_OTHER;

/// Bytes that a socket holds for its VU; then it isn't read from.
const INBOX_BYTES_MAX: usize = 1 << 20;
/// Bytes that may be queued without looking whether the peer takes them.
const UNFLUSHED_BYTES_MAX: usize = 256 << 10;
/// For how long the peer of a socket that was let go of may take what was sent.
const LEAVE_WAIT: Duration = Duration::from_secs(10);

/// Why nothing more comes.
enum End {
    /// The peer has sent its last.
    Last,
    /// The connection is of no use.
    Failed(Failure),
}

/// A TCP connection of a script's.
pub(crate) struct TcpSocket {
    /// None when the connection is of no use any more.
    stream: Option<Stream>,
    /// What has come, of which so many bytes were taken.
    inbox: Vec<u8>,
    taken: usize,
    end: Option<End>,
    has_ended_sending: bool,
    unflushed: usize,
    /// When the bytes were sent whose answer is awaited.
    awaited: Option<Nanos>,
    /// Once the script has let go of it: until when what was sent may take to go.
    leaves_at: Nanos,
    records: TcpRecords,
}

impl TcpSocket {
    pub(super) fn new(stream: Stream, records: TcpRecords) -> Self {
        Self {
            stream: Some(stream),
            inbox: Vec::new(),
            taken: 0,
            end: None,
            has_ended_sending: false,
            unflushed: 0,
            awaited: None,
            leaves_at: Nanos::default(),
            records,
        }
    }

    /// Sends bytes. Says whether the peer lags far behind.
    pub(crate) fn send(&mut self, bytes: Vec<u8>) -> Result<bool, Failure> {
        self.check_usable()?;
        if self.has_ended_sending {
            let message = "the script has ended sending on this socket: nothing can be sent any more".to_owned();
            return Err(Failure { code: CODE_OTHER, message });
        }
        if let Some(stream) = &mut self.stream
            && !bytes.is_empty()
        {
            let sent = stream.send(SendBytes::Owned(bytes));
            self.awaited.get_or_insert_with(Clock::now);
            self.queued(sent);
        }
        self.check_usable()?;
        Ok(self.unflushed > UNFLUSHED_BYTES_MAX)
    }

    /// Sends nothing more; [`finish_end`](Self::finish_end) tells the peer once all has gone.
    pub(crate) fn begin_end(&mut self) -> Result<(), Failure> {
        self.check_usable()?;
        if !std::mem::replace(&mut self.has_ended_sending, true)
            && let Some(stream) = &mut self.stream
        {
            let sent = stream.queue_end();
            self.queued(sent);
        }
        self.check_usable()
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn finish_end(&mut self) -> Result<(), Failure> {
        self.check_usable()?;
        if let Some(stream) = &self.stream {
            stream.connection().end_sending();
        }
        Ok(())
    }

    /// Breaks the connection off.
    pub(crate) fn reset(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.connection().reset();
            let message = "the script has reset this connection".to_owned();
            self.end = Some(End::Failed(Failure { code: CODE_OTHER, message }));
        }
    }

    /// Whether there is something on its way to the peer.
    pub(crate) fn is_flushed(&self) -> bool {
        self.unflushed == 0
    }

    /// Whether it isn't read from, since its VU doesn't take what has come.
    pub(crate) fn is_full(&self) -> bool {
        self.inbox.len() - self.taken >= INBOX_BYTES_MAX
    }

    /// What has arrived, at most so many bytes: none yet, or, when nothing more comes, no bytes.
    pub(crate) fn take(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, Failure> {
        let unread = &self.inbox[self.taken..];
        if unread.is_empty() {
            return match &self.end {
                None => Ok(None),
                Some(End::Last) => Ok(Some(Vec::new())),
                Some(End::Failed(failure)) => Err(failure.clone()),
            };
        }
        if self.taken == 0 && unread.len() <= bytes_max {
            return Ok(Some(std::mem::take(&mut self.inbox)));
        }
        let bytes = unread[..unread.len().min(bytes_max)].to_vec();
        self.taken += bytes.len();
        if self.taken == self.inbox.len() {
            (self.inbox, self.taken) = (Vec::new(), 0);
        }
        Ok(Some(bytes))
    }

    fn check_usable(&self) -> Result<(), Failure> {
        match &self.end {
            Some(End::Failed(failure)) => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// Notes that so many bytes were queued at the socket.
    fn queued(&mut self, sent: Result<usize, StreamError>) {
        match sent {
            Ok(bytes) => {
                self.unflushed += bytes;
                self.records.count(Traffic { sent: bytes as u64, received: 0 });
            }
            Err(error) => self.broken(error),
        }
    }

    fn broken(&mut self, error: StreamError) {
        (self.stream, self.unflushed) = (None, 0);
        self.end = Some(End::Failed(failure(&ExchangeError::from(error))));
    }
}

impl Holdable for TcpSocket {
    fn poll(&mut self, context: &mut Context<'_>) {
        while self.end.is_none() && !self.is_full() {
            let Self { stream: Some(stream), inbox, taken, .. } = self else { return };
            // Now and then, so that what is read slowly isn't moved again and again.
            if *taken >= INBOX_BYTES_MAX {
                inbox.drain(..std::mem::take(taken));
            }
            let (mut traffic, before) = (Traffic::default(), inbox.len());
            let received = stream.poll_receive(context, &mut traffic, |bytes| inbox.extend_from_slice(bytes));
            let came = inbox.len() > before;
            self.records.count(traffic);
            match received {
                Poll::Ready(Ok(Received::Bytes { at })) => {
                    if came && let Some(sent) = self.awaited.take() {
                        self.records.round_trip(at.since(sent));
                    }
                }
                // Many servers end TLS without saying so; whether all has come is known by what was said.
                Poll::Ready(Ok(Received::Ended { .. })) => self.end = Some(End::Last),
                Poll::Ready(Err(error)) => self.broken(error),
                Poll::Pending => return,
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.taken < self.inbox.len() || self.end.is_some()
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &self.stream else { return Poll::Ready(()) };
        match stream.connection().poll_flush(context) {
            Poll::Ready(Ok(())) => {
                self.unflushed = 0;
                Poll::Ready(())
            }
            Poll::Ready(Err(error)) => {
                self.broken(error.into());
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn leave(&mut self) {
        // What it comes to concerns nobody any more.
        let _ = self.begin_end();
        if let Some(stream) = &self.stream {
            self.leaves_at = Clock::now().after(LEAVE_WAIT);
            stream.connection().wake_at(Some(self.leaves_at));
        }
    }

    fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &self.stream else { return Poll::Ready(()) };
        if stream.connection().shard().turn_time() >= self.leaves_at {
            return Poll::Ready(());
        }
        self.poll_flush(context)
    }
}
