//! What the host holds for this VU, by number.

use super::Part;
use super::body::Content;
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

    /// Sends it with this in place of the prepared body.
    pub(super) fn send_content(&self, content: Content<'_>) -> host::Reply {
        checks::flush();
        match content {
            Content::Bytes(bytes) => host::send_body(self.0, DONE.take(), &bytes),
            Content::Parts(parts) => host::send_parts(self.0, DONE.take(), &for_host(parts)),
        }
    }

    /// Begins an exchange with the prepared body, or with these parts if there are any.
    pub(super) fn start(&self, parts: Vec<Part<'_>>) -> host::Exchange {
        checks::flush();
        match &*for_host(parts) {
            [] => host::start(self.0, None),
            parts => host::start_parts(self.0, parts),
        }
    }
}

fn for_host(parts: Vec<Part<'_>>) -> Vec<host::BodyPart> {
    parts.into_iter().map(Part::into_host).collect()
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
