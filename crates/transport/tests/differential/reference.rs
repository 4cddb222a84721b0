//! What hyper's client makes of a response, over a connection in memory and without a runtime.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, ReadBufCursor, Write};

use crate::corpus::Case;
use crate::{Outcome, Seen, by_name};

/// The server's side: its bytes come once it has been asked, then silence, then the end.
struct Wire {
    bytes: Vec<u8>,
    read: usize,
    piece: usize,
    asked: Vec<u8>,
    ended: bool,
    reader: Option<Waker>,
}

impl Wire {
    fn wake(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }
}

#[derive(Clone)]
struct Socket(Rc<RefCell<Wire>>);

impl Read for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.0.borrow_mut();
        let left = wire.bytes.len() - wire.read;
        if left == 0 && wire.ended {
            return Poll::Ready(Ok(()));
        }
        if left == 0 || !wire.asked.ends_with(b"\r\n\r\n") {
            wire.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = left.min(wire.piece).min(into.remaining());
        let from = wire.read;
        into.put_slice(&wire.bytes[from..from + len]);
        wire.read += len;
        Poll::Ready(Ok(()))
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.0.borrow_mut();
        wire.asked.extend_from_slice(bytes);
        wire.wake();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn see(case: &Case, piece: usize) -> Outcome {
    let wire = Wire { bytes: case.bytes.clone(), read: 0, piece, asked: vec![], ended: false, reader: None };
    let wire = Rc::new(RefCell::new(wire));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut builder = Builder::new();
    // Our limits and our leniency.
    builder.max_headers(128).max_header_size(65_536).max_buf_size(65_536);
    builder.allow_obsolete_multiline_headers_in_responses(true);
    let mut handshake = pin!(builder.handshake(Socket(Rc::clone(&wire))));
    let Poll::Ready(Ok((sender, connection))) = handshake.as_mut().poll(&mut context) else { unreachable!() };
    let mut connection = pin!(connection);
    let mut client = pin!(ask(sender, case.to_head));
    let (mut asked, mut open) = (None, true);
    for ended in [false, true] {
        wire.borrow_mut().ended = ended;
        wire.borrow_mut().wake();
        woken.0.store(true, Ordering::Relaxed);
        while woken.0.swap(false, Ordering::Relaxed) {
            open = open && connection.as_mut().poll(&mut context).is_pending();
            if asked.is_none()
                && let Poll::Ready(answer) = client.as_mut().poll(&mut context)
            {
                // The connection may have to notice what lies behind the response.
                woken.0.store(true, Ordering::Relaxed);
                asked = Some(answer);
            }
        }
        if let Some(answer) = asked {
            return match answer {
                Ok((mut seen, sender)) => {
                    seen.reusable = !ended && open && sender.is_ready();
                    Outcome::Response(seen)
                }
                Err(error) => Outcome::Error(format!("{error:?}")),
            };
        }
    }
    Outcome::Error("waits for ever".into())
}

async fn ask(mut sender: SendRequest<Empty<Bytes>>, to_head: bool) -> hyper::Result<(Seen, SendRequest<Empty<Bytes>>)> {
    let method = if to_head { "HEAD" } else { "GET" };
    let request = hyper::Request::builder().method(method).uri("/").header("host", "x").body(Empty::new()).unwrap();
    let mut response = sender.send_request(request).await?;
    let pairs = |headers: &hyper::HeaderMap| {
        by_name(headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect())
    };
    let (mut body, mut trailer) = (Vec::new(), Vec::new());
    while let Some(frame) = response.frame().await {
        match frame?.into_data() {
            Ok(data) => body.extend_from_slice(&data),
            Err(frame) => trailer = frame.trailers_ref().map(pairs).unwrap_or_default(),
        }
    }
    let seen =
        Seen { status: response.status().as_u16(), fields: pairs(response.headers()), body, trailer, reusable: false };
    Ok((seen, sender))
}
