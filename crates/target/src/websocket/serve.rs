//! A WebSocket with a task of its own.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use throng_transport::websocket::CloseCode;
use throng_transport::{Clock, Connection, Received, SendBytes, Stream, Traffic};

use super::chat::{After, Chat};
use super::upgrade::Agreement;
use crate::server::Open;

/// Bytes that may be queued without looking whether the client takes them.
pub(super) const UNFLUSHED_BYTES_MAX: usize = 256 * 1024;
/// How long a client may take to close after the last frame.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// A WebSocket that counts as open until this is dropped, however its task ends.
struct Counted(Open);

impl Counted {
    fn new(open: Open) -> Self {
        open.desk.counters().websocket_opened();
        Self(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.desk.counters().websocket_closed();
    }
}

/// What woke the task.
enum Woken {
    Fed,
    Due,
    /// The client has sent its last, or the connection broke.
    Gone,
    Reset,
    Stopping,
}

/// Serves a WebSocket until either side ends it; `early` came with the request.
pub(crate) async fn serve(stream: Stream, open: Open, agreement: Agreement, early: Vec<u8>) {
    let chat = Chat::new(&agreement, Clock::now(), open.desk.random());
    drop(agreement);
    let mut talk = Talk::new(stream, Counted::new(open), chat);
    // Once the connection is broken there is nobody to tell: what there is to say was counted.
    let _ = talk.run(early).await;
}

/// Goes on with one that is counted already, as soon as the client has taken what it lags behind.
pub(super) async fn go_on(connection: Connection, open: Open, chat: Chat) {
    let mut talk = Talk::new(Stream::plain(connection), Counted(open), chat);
    if talk.flush().await.is_ok() {
        let _ = talk.run(Vec::new()).await;
    }
}

struct Talk {
    stream: Stream,
    open: Counted,
    chat: Chat,
    /// Empty, and without memory, while nothing is to be said.
    out: Vec<u8>,
    unflushed: usize,
    /// How often all WebSockets had been reset when it was opened.
    resets: u64,
}

/// The connection can't be used any more.
struct Ended;

impl Talk {
    fn new(stream: Stream, open: Counted, chat: Chat) -> Self {
        let resets = open.0.everyone.resets();
        Self { stream, open, chat, out: Vec::new(), unflushed: 0, resets }
    }

    async fn run(&mut self, early: Vec<u8>) -> Result<(), Ended> {
        let mut after = self.feed(&early);
        drop(early);
        loop {
            self.send().await?;
            if after == After::Close {
                return self.end().await;
            }
            self.stream.connection().wake_at(self.chat.due());
            match self.wait(&mut after).await {
                Woken::Fed => {}
                Woken::Due => {
                    let Self { chat, open, out, .. } = self;
                    after = chat.act(Clock::now(), &open.0.sockets, open.0.desk.counters(), out);
                }
                Woken::Gone => return Ok(()),
                Woken::Reset => {
                    self.stream.connection().reset();
                    self.open.0.desk.counters().websocket_reset();
                    return Ok(());
                }
                Woken::Stopping => {
                    let Self { chat, open, out, .. } = self;
                    chat.close(CloseCode::GOING_AWAY, Clock::now(), &open.0.sockets, out);
                    self.send().await?;
                    return self.end().await;
                }
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> After {
        let Self { chat, open, out, .. } = self;
        let counters = open.0.desk.counters();
        counters.websocket_received(bytes.len());
        chat.feed(bytes, &open.0.sockets, counters, out)
    }

    async fn wait(&mut self, after: &mut After) -> Woken {
        let Self { stream, open, chat, out, resets, .. } = self;
        let (server, counters) = (&open.0, open.0.desk.counters());
        poll_fn(|context| {
            if server.stop_at().is_some() {
                return Poll::Ready(Woken::Stopping);
            }
            if server.everyone.resets() != *resets {
                return Poll::Ready(Woken::Reset);
            }
            let received = stream.poll_receive(context, &mut Traffic::default(), |bytes| {
                counters.received(bytes.len());
                counters.websocket_received(bytes.len());
                if *after == After::GoOn {
                    *after = chat.feed(bytes, &server.sockets, counters, out);
                }
            });
            match received {
                Poll::Ready(Ok(Received::Bytes { .. })) => Poll::Ready(Woken::Fed),
                Poll::Ready(Ok(Received::Ended { .. }) | Err(_)) => Poll::Ready(Woken::Gone),
                Poll::Pending if chat.due().is_some_and(|due| due <= Clock::now()) => Poll::Ready(Woken::Due),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Queues what is to be said; waits for the client when it lags.
    async fn send(&mut self) -> Result<(), Ended> {
        if self.out.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.out);
        let counters = self.open.0.desk.counters();
        counters.sent(bytes.len());
        counters.websocket_sent(bytes.len());
        self.unflushed += self.stream.send(SendBytes::Owned(bytes)).map_err(|_| Ended)?;
        if self.unflushed > UNFLUSHED_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        let Self { stream, open, .. } = self;
        poll_fn(|context| match stream.connection().poll_flush(context) {
            Poll::Ready(result) => Poll::Ready(result.map_err(|_| Ended)),
            Poll::Pending => match open.0.stop_at() {
                Some(instant) if instant <= Clock::now() => Poll::Ready(Err(Ended)),
                Some(instant) => {
                    stream.connection().wake_at(Some(instant));
                    Poll::Pending
                }
                None => Poll::Pending,
            },
        })
        .await?;
        self.unflushed = 0;
        Ok(())
    }

    /// Ends the connection, which the server does first (RFC 6455 section 7.1.1), and lets the client read the last
    /// frame: closing while bytes of its are unread would have the kernel reset the connection.
    async fn end(&mut self) -> Result<(), Ended> {
        self.flush().await?;
        let Self { stream, open, .. } = self;
        stream.end_sending().await.map_err(|_| Ended)?;
        let until = Clock::now().after(LINGER);
        stream.connection().wake_at(Some(until));
        let counters = open.0.desk.counters();
        loop {
            let is_more = poll_fn(|context| {
                let received = stream.poll_receive(context, &mut Traffic::default(), |bytes| {
                    counters.received(bytes.len());
                    counters.websocket_received(bytes.len());
                });
                match received {
                    Poll::Ready(result) => Poll::Ready(matches!(result, Ok(Received::Bytes { .. }))),
                    Poll::Pending if until <= Clock::now() => Poll::Ready(false),
                    Poll::Pending => Poll::Pending,
                }
            });
            if !is_more.await {
                return Ok(());
            }
        }
    }
}
