//! One connection's task: receives, feeds its session, sends, and does what takes time.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::poll_fn;
use throng_transport::{Clock, Connection, Nanos, SendBytes};

use crate::routes::Peer;
use crate::server::{BLOCK_BYTES, Open};
use crate::session::{FILLER, Next, Session};

/// Bytes that may be queued without looking whether the client takes them.
const UNFLUSHED_BYTES_MAX: usize = 256 * 1024;
/// How long a client may take to close after the last answer, and how much it may still send until then.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 64 << 20;

/// Serves a connection until either side ends it.
pub(crate) async fn serve(connection: Connection, server: Open) {
    let peer = Peer { address: connection.client().map(|client| client.ip()), is_secure: false };
    let session = Session::new(peer);
    let mut conversation =
        Conversation { connection, server, session, held: Vec::new(), unflushed: 0, paced_from: Nanos::default() };
    // Once the connection is broken or the server stops there is nobody to tell: what there is to say was counted.
    let _ = conversation.run().await;
}

/// The connection can't be used any more, or the server stops.
struct Ended;

struct Conversation {
    connection: Connection,
    server: Open,
    session: Session,
    /// Received bytes that the session hasn't consumed; empty, and without memory, while the client is idle.
    held: Vec<u8>,
    unflushed: usize,
    /// When the body began that is sent at a pace.
    paced_from: Nanos,
}

impl Conversation {
    async fn run(&mut self) -> Result<(), Ended> {
        loop {
            let Some((mut out, mut next)) = self.receive().await? else {
                // The client has sent its last: it may still read.
                return self.flush().await;
            };
            loop {
                self.send(SendBytes::Owned(std::mem::take(&mut out))).await?;
                match next {
                    Next::Receive => break,
                    Next::Wait(duration) => self.wait(Clock::now().after(duration)).await?,
                    Next::Silence(duration) => self.silence(duration).await?,
                    Next::Stream(bytes) => self.stream(bytes).await?,
                    Next::Again => {}
                    Next::Pace { since, first } => self.pace(since, first).await?,
                    Next::Reset => return self.reset().await,
                    Next::Close => return self.close().await,
                }
                self.server.desk.date.refresh(self.connection.shard().turn_time());
                let (consumed, then) = self.session.feed(&self.held, &self.server.desk, &mut out);
                self.held.drain(..consumed);
                next = then;
            }
            if self.held.is_empty() {
                self.held = Vec::new();
            }
        }
    }

    /// Receives once and feeds the session: its answers and what is next. None when the client has sent its last.
    async fn receive(&mut self) -> Result<Option<(Vec<u8>, Next)>, Ended> {
        let Self { connection, server, session, held, .. } = self;
        let received = poll_fn(|context| match server.stop_at() {
            Some(_) => Poll::Ready(None),
            None => connection.poll_receive(context).map(Some),
        });
        let Some(Ok(chunk)) = received.await else { return Err(Ended) };
        let Some(chunk) = chunk else { return Ok(None) };
        let desk = &server.desk;
        desk.counters().received(chunk.len());
        desk.date.refresh(connection.shard().turn_time());
        let mut out = Vec::new();
        let next = if held.is_empty() {
            // Usually whole requests arrive: they are parsed where they lie.
            chunk.read(|bytes| {
                let (consumed, next) = session.feed(bytes, desk, &mut out);
                held.extend_from_slice(&bytes[consumed..]);
                next
            })
        } else {
            chunk.read(|bytes| held.extend_from_slice(bytes));
            let (consumed, next) = session.feed(held, desk, &mut out);
            held.drain(..consumed);
            next
        };
        Ok(Some((out, next)))
    }

    /// Queues bytes; waits for the client when it lags.
    async fn send(&mut self, bytes: SendBytes) -> Result<(), Ended> {
        self.unflushed += bytes.len();
        self.connection.send(bytes);
        if self.unflushed > UNFLUSHED_BYTES_MAX { self.flush().await } else { Ok(()) }
    }

    /// Waits until the kernel has taken everything; once the server stops, only for its grace.
    async fn flush(&mut self) -> Result<(), Ended> {
        let Self { connection, server, .. } = self;
        let mut flush = pin!(connection.flush());
        poll_fn(|context| {
            if let Poll::Ready(result) = flush.as_mut().poll(context) {
                return Poll::Ready(result.map_err(|_| Ended));
            }
            match server.stop_at() {
                Some(instant) if instant <= Clock::now() => Poll::Ready(Err(Ended)),
                Some(instant) => {
                    connection.wake_at(Some(instant));
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
        let Self { connection, server, .. } = self;
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
        self.connection.reset();
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
        let Self { connection, server, .. } = self;
        connection.end_sending();
        let until = Clock::now().after(LINGER);
        connection.wake_at(Some(until));
        let mut drained = 0;
        while drained <= LINGER_BYTES_MAX {
            let chunk = poll_fn(|context| {
                if server.stop_at().is_some() || until <= Clock::now() {
                    return Poll::Ready(None);
                }
                connection.poll_receive(context).map(|result| result.ok().flatten())
            });
            let Some(chunk) = chunk.await else { break };
            server.desk.counters().received(chunk.len());
            drained += chunk.len();
        }
        Ok(())
    }
}
