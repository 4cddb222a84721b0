//! One end of a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pipe::Found;
use super::{Host, Inner, Wires};

/// Bytes that travel as one packet, so to say.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// One end. It is of no use once the life of its machine is over.
pub(super) struct End {
    wires: Wires,
    of: (Host, u64),
    inbound: u64,
    outbound: u64,
    timer: Option<Pin<Box<Sleep>>>,
    is_shut: bool,
}

impl End {
    pub(super) fn new(wires: Wires, of: (Host, u64), inbound: u64, outbound: u64) -> Self {
        Self { wires, of, inbound, outbound, timer: None, is_shut: false }
    }

    /// Lets the other end know that nothing more comes.
    fn finish(&mut self, inner: &mut Inner) {
        if std::mem::replace(&mut self.is_shut, true) || !inner.is_alive(self.of.0, self.of.1) {
            return;
        }
        let Some(way) = inner.pipes.get(&self.outbound).map(|pipe| pipe.way) else { return };
        let arrival = inner.arrival(way);
        inner.pipes.entry(self.outbound).and_modify(|pipe| pipe.finish(arrival));
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let later = {
                let mut inner = this.wires.lock();
                if !inner.is_alive(this.of.0, this.of.1) {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                let Inner { pipes, blocked, .. } = &mut *inner;
                let Some(pipe) = pipes.get_mut(&this.inbound) else { return Poll::Ready(Ok(())) };
                pipe.wait_to_read(context.waker());
                if blocked.contains(&pipe.way) {
                    return Poll::Pending;
                }
                match pipe.read(Instant::now(), buffer.initialize_unfilled()) {
                    Found::Bytes(count) => {
                        buffer.advance(count);
                        return Poll::Ready(Ok(()));
                    }
                    Found::End => return Poll::Ready(Ok(())),
                    Found::Broken => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                    Found::Nothing => return Poll::Pending,
                    Found::Later(at) => at,
                }
            };
            match &mut this.timer {
                Some(timer) => timer.as_mut().reset(later),
                none => drop(none.insert(Box::pin(sleep_until(later)))),
            }
            if let Some(timer) = &mut this.timer {
                ready!(timer.as_mut().poll(context));
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut inner = this.wires.lock();
        let is_alive = inner.is_alive(this.of.0, this.of.1);
        let broken = || Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        let Some(pipe) = inner.pipes.get_mut(&this.outbound) else { return broken() };
        if !is_alive || this.is_shut || pipe.is_broken(Instant::now()) {
            return broken();
        }
        if pipe.is_full() {
            pipe.wait_to_write(context.waker());
            return Poll::Pending;
        }
        let way = pipe.way;
        let arrival = inner.arrival(way);
        let count = bytes.len().min(CHUNK_BYTES_MAX);
        inner.pipes.entry(this.outbound).and_modify(|pipe| pipe.write(arrival, &bytes[..count]));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let wires = this.wires.clone();
        this.finish(&mut wires.lock());
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let wires = self.wires.clone();
        let mut inner = wires.lock();
        self.finish(&mut inner);
        let is_alive = inner.is_alive(self.of.0, self.of.1);
        for id in [self.inbound, self.outbound] {
            let Some(way) = inner.pipes.get(&id).map(|pipe| pipe.way) else { continue };
            let at = inner.arrival(way);
            let Some(pipe) = inner.pipes.get_mut(&id) else { continue };
            pipe.ends -= 1;
            if pipe.ends == 0 {
                inner.pipes.remove(&id);
            } else if id == self.inbound && is_alive {
                // Whoever writes to it is told.
                pipe.reset(at);
            }
        }
    }
}
