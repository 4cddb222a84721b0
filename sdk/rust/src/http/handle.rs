//! What the host holds for this VU, by number.

use super::Body;
use crate::bindings::throng::script::http as host;
use crate::checks;
use std::cell::Cell;

thread_local! {
    /// The response dropped last, which the host doesn't know of yet; 0 for none. The next send tells it, which saves
    /// a call.
    static DONE: Cell<u32> = const { Cell::new(0) };
}

/// A request that the host has checked and encoded.
#[derive(Debug)]
pub(super) struct RequestHandle(u32);

impl RequestHandle {
    pub(super) fn new(options: &host::RequestOptions) -> Self {
        Self(host::prepare(options))
    }

    pub(super) fn send(&self) -> host::Reply {
        checks::flush();
        host::send(self.0, DONE.take())
    }

    pub(super) fn send_body(&self, body: &Body<'_>) -> host::Reply {
        checks::flush();
        host::send_body(self.0, DONE.take(), &body.bytes)
    }

    /// Begins an exchange with the prepared body, or another.
    pub(super) fn start(&self, body: Option<&[u8]>) -> host::Exchange {
        checks::flush();
        host::start(self.0, body)
    }
}

impl Drop for RequestHandle {
    fn drop(&mut self) {
        host::forget(self.0);
    }
}

/// A response that is with the host.
#[derive(Debug)]
pub(super) struct ResponseHandle(u32);

impl ResponseHandle {
    /// The lower half of a reply.
    pub(super) fn of(reply: host::Reply) -> Self {
        Self(reply as u32)
    }

    pub(super) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for ResponseHandle {
    fn drop(&mut self) {
        let before = DONE.replace(self.0);
        if before != 0 {
            host::release(before);
        }
    }
}

/// Lets the host know what is done with, before a wait in which it would hold it for nothing.
pub(crate) fn release_done() {
    let done = DONE.take();
    if done != 0 {
        host::release(done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dropped_response_costs_no_call_until_the_next_send() {
        // Outside of a component a call to the host ends the process.
        release_done();
        drop(ResponseHandle(7));
        assert_eq!(DONE.take(), 7);
        release_done();
    }
}
