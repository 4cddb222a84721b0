//! One connection's task: receives, feeds its session, sends, and does what takes time.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::poll_fn;
use throng_transport::{Clock, Connection, Nanos, Received, SendBytes, Stream, Traffic};

use crate::lobby::IDLE_AFTER;
use crate::routes::Peer;
use crate::server::{BLOCK_BYTES, Open};
use crate::session::{FILLER, Next, Session};
use crate::websocket;

/// Bytes that may be queued without looking whether the client takes them.
const UNFLUSHED_BYTES_MAX: usize = 256 * 1024;
/// How long a client may take to close after the last answer, and how much it may still send until then.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 64 << 20;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves a connection until either side ends it.
pub(crate) async fn serve(connection: Connection, server: Open) {
    let address = connection.client().map(|client| client.ip());
    let Some(stream) = open(connection, &server).await else { return };
    let session = Session::new(Peer { address, is_secure: stream.tls_info().is_some() });
    let mut conversation =
        Conversation { stream, server, session, held: Vec::new(), unflushed: 0, paced_from: Nanos::default() };
    // Once the connection is broken or the server stops there is nobody to tell: what there is to say was counted.
    let end = conversation.run().await;
    let Conversation { stream, server, mut session, held, .. } = conversation;
    if let Some(agreement) = session.take_agreement() {
        match stream.into_plain() {
            Ok(connection) => {
                server.hall.take_in(server.server(), connection, &agreement, &held);
                server.rest();
            }
            Err(stream) => {
                let shard = stream.connection().shard().clone();
                shard.spawn(websocket::serve(stream, server, agreement, held));
            }
        }
    } else if let Ok(End::Idle) = end
        && let Ok(connection) = stream.into_plain()
    {
        server.lobby.take_in(connection);
        server.rest();
    }
}

/// Shakes hands if the server speaks TLS; none if that comes to nothing.
async fn open(connection: Connection, server: &Open) -> Option<Stream> {
    let Some(acceptor) = &server.everyone.tls else { return Some(Stream::plain(connection)) };
    let until = Clock::now().after(HANDSHAKE);
    connection.wake_at(Some(until));
    // Boxed, since it is large and only TLS needs it.
    let mut accept = Box::pin(acceptor.accept(connection));
    let stream = poll_fn(|context| match accept.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result.ok()),
        Poll::Pending if server.stop_at().is_some() || until <= Clock::now() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await?;
    stream.connection().wake_at(None);
    Some(stream)
}

/// The connection can't be used any more, or the server stops.
struct Ended;

/// How a conversation ends in order.
enum End {
    /// Nothing more is said.
    Over,
    /// Nothing was said for a while.
    Idle,
}

/// What came of waiting for the client.
enum Heard {
    /// The session was fed: its answers and what is next.
    Fed(Vec<u8>, Next),
    /// The client has sent its last.
    Last,
    /// It has said nothing for a while.
    Nothing,
}

struct Conversation {
    stream: Stream,
    server: Open,
    session: Session,
    /// Received bytes that the session hasn't consumed; empty, and without memory, while the client is idle.
    held: Vec<u8>,
    unflushed: usize,
    /// When the body began that is sent at a pace.
    paced_from: Nanos,
}

impl Conversation {
    async fn run(&mut self) -> Result<End, Ended> {
        loop {
            let (mut out, mut next) = match self.receive().await? {
                Heard::Fed(out, next) => (out, next),
                // The client may still read.
                Heard::Last => return self.flush().await.map(|()| End::Over),
                Heard::Nothing => return Ok(End::Idle),
            };
            loop {
                self.send(SendBytes::Owned(std::mem::take(&mut out))).await?;
                match next {
                    Next::Receive => break,
                    Next::Wait(duration) => self.wait(Clock::now().after(duration)).await?,
                    Next::Silence(duration) => self.silence(duration).await?,
                    Next::ResetWebsockets => self.server.everyone.reset_websockets(),
                    Next::Stream(bytes) => self.stream(bytes).await?,
                    Next::Again => {}
                    Next::Pace { since, first } => self.pace(since, first).await?,
                    Next::Upgrade => return Ok(End::Over),
                    Next::Reset => return self.reset().await.map(|()| End::Over),
                    Next::Close => return self.close().await.map(|()| End::Over),
                }
                self.server.desk.date.refresh(self.stream.connection().shard().turn_time());
                let (consumed, then) = self.session.feed(&self.held, &self.server.desk, &mut out);
                self.held.drain(..consumed);
                next = then;
            }
            if self.held.is_empty() {
                self.held = Vec::new();
            }
        }
    }

    /// Receives until the session was fed, or there is nothing to feed it with.
    async fn receive(&mut self) -> Result<Heard, Ended> {
        let Self { stream, server, session, held, .. } = self;
        let desk = &server.desk;
        let is_idle = held.is_empty() && session.is_idle() && stream.tls_info().is_none();
        let idle_at = is_idle.then(|| stream.connection().shard().turn_time().after(IDLE_AFTER));
        stream.connection().wake_at(idle_at);
        let mut out = Vec::new();
        loop {
            let (mut next, mut left) = (None, false);
            let received = poll_fn(|context| {
                if server.stop_at().is_some() {
                    return Poll::Ready(None);
                }
                desk.date.refresh(stream.connection().shard().turn_time());
                let read = |bytes: &[u8]| {
                    desk.counters().received(bytes.len());
                    if next.is_none() && held.is_empty() {
                        // Usually whole requests arrive: they are parsed where they lie.
                        let (consumed, then) = session.feed(bytes, desk, &mut out);
                        held.extend_from_slice(&bytes[consumed..]);
                        next = Some(then);
                    } else {
                        held.extend_from_slice(bytes);
                        left = true;
                    }
                };
                match stream.poll_receive(context, &mut Traffic::default(), read) {
                    Poll::Ready(received) => Poll::Ready(Some(Some(received))),
                    Poll::Pending if idle_at.is_some_and(|at| at <= Clock::now()) => Poll::Ready(Some(None)),
                    Poll::Pending => Poll::Pending,
                }
            });
            match received.await {
                Some(Some(Ok(Received::Bytes { .. }))) => {}
                Some(Some(Ok(Received::Ended { .. }))) => return Ok(Heard::Last),
                Some(None) => return Ok(Heard::Nothing),
                Some(Some(Err(_))) | None => return Err(Ended),
            }
            if left && matches!(next, None | Some(Next::Receive)) {
                let (consumed, then) = session.feed(held, desk, &mut out);
                held.drain(..consumed);
                next = Some(then);
            }
            // A record that isn't complete yet is nothing to answer.
            if let Some(next) = next {
                return Ok(Heard::Fed(out, next));
            }
        }
    }

    /// Queues bytes; waits for the client when it lags.
    async fn send(&mut self, bytes: SendBytes) -> Result<(), Ended> {
        self.unflushed += self.stream.send(bytes).map_err(|_| Ended)?;
        if self.unflushed > UNFLUSHED_BYTES_MAX { self.flush().await } else { Ok(()) }
    }

    /// Waits until the kernel has taken everything; once the server stops, only for its grace.
    async fn flush(&mut self) -> Result<(), Ended> {
        let Self { stream, server, .. } = self;
        let mut flush = pin!(stream.flush());
        poll_fn(|context| {
            if let Poll::Ready(result) = flush.as_mut().poll(context) {
                return Poll::Ready(result.map_err(|_| Ended));
            }
            match server.stop_at() {
                Some(instant) if instant <= Clock::now() => Poll::Ready(Err(Ended)),
                Some(instant) => {
                    stream.connection().wake_at(Some(instant));
                    Poll::Pending
                }
                None => Poll::Pending,
            }
        })
        .await?;
        self.unflushed = 0;
        Ok(())
    }

    async fn wait(&mut self, until: Nanos) -> Result<(), Ended> {
        let Self { stream, server, .. } = self;
        let connection = stream.connection();
        connection.wake_at(Some(until));
        poll_fn(|context| {
            if server.stop_at().is_some() {
                return Poll::Ready(Err(Ended));
            }
            if until <= Clock::now() {
                return Poll::Ready(Ok(()));
            }
            connection.watch(context);
            Poll::Pending
        })
        .await?;
        connection.wake_at(None);
        Ok(())
    }

    /// Waits until that long after the body began: waiting from piece to piece would add up what each wait is late.
    async fn pace(&mut self, since: Duration, first: bool) -> Result<(), Ended> {
        if first {
            self.paced_from = Clock::now();
        }
        self.wait(self.paced_from.after(since)).await
    }

    async fn reset(&mut self) -> Result<(), Ended> {
        self.flush().await?;
        self.stream.connection().reset();
        Ok(())
    }

    /// Silences every shard, this one too: its thread comes back when all is over.
    async fn silence(&mut self, duration: Duration) -> Result<(), Ended> {
        // What was answered before goes out before.
        self.flush().await?;
        let everyone = &self.server.everyone;
        everyone.silence.extend_to(Clock::now().after(duration));
        for remote in everyone.remotes.get().into_iter().flatten() {
            let everyone = std::sync::Arc::clone(everyone);
            remote.run(move |_| everyone.silence.keep());
        }
        everyone.silence.keep();
        Ok(())
    }

    async fn stream(&mut self, bytes: u64) -> Result<(), Ended> {
        let mut left = bytes;
        while left > 0 {
            if self.server.stop_at().is_some() {
                return Err(Ended);
            }
            let block = left.min(BLOCK_BYTES as u64) as usize;
            let piece = match block {
                BLOCK_BYTES => SendBytes::Shared(std::rc::Rc::clone(&self.server.block)),
                rest => SendBytes::Owned(vec![FILLER; rest]),
            };
            self.server.desk.counters().sent(block);
            self.send(piece).await?;
            left -= block as u64;
        }
        Ok(())
    }

    /// Ends the connection so that the client gets the last answer: closing while bytes of its are unread would have
    /// the kernel reset the connection, and the answer might be lost.
    async fn close(&mut self) -> Result<(), Ended> {
        self.flush().await?;
        let Self { stream, server, .. } = self;
        stream.end_sending().await.map_err(|_| Ended)?;
        let until = Clock::now().after(LINGER);
        stream.connection().wake_at(Some(until));
        let mut drained = 0;
        while drained <= LINGER_BYTES_MAX {
            let received = poll_fn(|context| {
                if server.stop_at().is_some() || until <= Clock::now() {
                    return Poll::Ready(None);
                }
                let read = |bytes: &[u8]| {
                    server.desk.counters().received(bytes.len());
                    drained += bytes.len();
                };
                stream.poll_receive(context, &mut Traffic::default(), read).map(Some)
            });
            if !matches!(received.await, Some(Ok(Received::Bytes { .. }))) {
                break;
            }
        }
        Ok(())
    }
}
