//! One UDP socket of a VU.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use throng_transport::http1::ExchangeError;
use throng_transport::{Clock, DATAGRAM_BYTES_MAX, DatagramSocket, DialError, Nanos, SendBytes};
use throng_vu::Failure;

use super::dialing::failure;
use super::held::Holdable;
use super::recording::UdpRecords;
use crate::http::CODE_OTHER;

/// Datagrams that a socket holds for its VU; then it isn't read from, and what its kernel buffer has no room for is lost.
const INBOX_DATAGRAMS_MAX: usize = 256;
/// Bytes that may be queued without looking whether the kernel takes them.
const UNFLUSHED_BYTES_MAX: usize = 256 << 10;
/// What a datagram weighs beside its bytes.
const DATAGRAM_WEIGHT: usize = 256;

/// A UDP socket of a script's.
pub(crate) struct UdpSocket {
    socket: DatagramSocket,
    /// Datagrams that have come, and what has happened to some that were sent.
    inbox: VecDeque<Result<Vec<u8>, Failure>>,
    unflushed: usize,
    /// When the last datagram was sent, if none has come since.
    awaited: Option<Nanos>,
    records: UdpRecords,
}

impl UdpSocket {
    pub(super) fn new(socket: DatagramSocket, records: UdpRecords) -> Self {
        Self { socket, inbox: VecDeque::new(), unflushed: 0, awaited: None, records }
    }

    /// Sends a datagram. Says whether many are on their way to the kernel.
    pub(crate) fn send(&mut self, datagram: Vec<u8>) -> Result<bool, Failure> {
        let bytes = datagram.len();
        if bytes > DATAGRAM_BYTES_MAX {
            let message = format!("a datagram has at most {DATAGRAM_BYTES_MAX} bytes, and this one {bytes}");
            return Err(Failure { code: CODE_OTHER, message });
        }
        self.socket.send(SendBytes::Owned(datagram));
        self.unflushed += bytes + DATAGRAM_WEIGHT;
        self.awaited = Some(Clock::now());
        self.records.sent(bytes);
        Ok(self.unflushed > UNFLUSHED_BYTES_MAX)
    }

    /// Whether it isn't read from, since its VU doesn't take what has come.
    pub(crate) fn is_full(&self) -> bool {
        self.inbox.len() >= INBOX_DATAGRAMS_MAX
    }

    /// The next datagram; none if there is none yet.
    pub(crate) fn take(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.inbox.pop_front().transpose()
    }
}

impl Holdable for UdpSocket {
    fn poll(&mut self, context: &mut Context<'_>) {
        while !self.is_full() {
            match self.socket.poll_receive(context) {
                Poll::Ready(Ok(datagram)) => {
                    self.records.received(datagram.bytes.len());
                    if let Some(sent) = self.awaited.take() {
                        self.records.round_trip(datagram.at.since(sent));
                    }
                    self.inbox.push_back(Ok(datagram.bytes));
                }
                Poll::Ready(Err(error)) => {
                    self.inbox.push_back(Err(told(error)));
                    if self.socket.is_broken() {
                        return;
                    }
                }
                Poll::Pending => return,
            }
        }
    }

    fn is_ready(&self) -> bool {
        !self.inbox.is_empty()
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let polled = self.socket.poll_flush(context);
        if polled.is_ready() {
            self.unflushed = 0;
        }
        polled
    }

    fn leave(&mut self) {}

    fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_flush(context)
    }
}

/// What has happened to a datagram, with the codes of connections that aren't made.
fn told(error: io::Error) -> Failure {
    failure(&ExchangeError::from(DialError::Connect(error)))
}
