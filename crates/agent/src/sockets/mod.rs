//! The sockets of a VU: WebSockets, and TCP and UDP sockets without a protocol above.
//!
//! They are its own beyond the iteration that opened them, and are read on the shard's stack, whatever the VU waits for:
//! so times are right, and what arrives holds no receive buffer that others need.

mod address;
mod dialing;
mod held;
mod recording;
mod tcp;
mod udp;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_lite::future::{or, zip};
use throng_transport::Shard;

pub(crate) use dialing::{connect_tcp, connect_udp};
pub(crate) use tcp::TcpSocket;
pub(crate) use udp::UdpSocket;

use crate::websocket::WebSockets;
use held::Held;
pub(crate) use held::insert;

/// For how long the peers of a VU that ends may take what it has sent.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a VU has open.
pub(crate) struct Sockets {
    pub(crate) web: WebSockets,
    pub(crate) tcp: Held<TcpSocket>,
    pub(crate) udp: Held<UdpSocket>,
}

impl Sockets {
    /// None yet; `seed` is for what WebSockets make up.
    pub(crate) fn new(seed: u64) -> Self {
        Self { web: WebSockets::new(seed), tcp: Held::new("TCP"), udp: Held::new("UDP") }
    }

    /// Whether there are none: what costs nearly nothing where a script has no sockets.
    pub(crate) fn is_empty(&self) -> bool {
        self.web.is_empty() && self.tcp.is_empty() && self.udp.is_empty()
    }

    /// Reads all sockets.
    pub(crate) fn poll(&self, context: &mut Context<'_>) {
        if !self.web.is_empty() {
            self.web.poll(context);
        }
        self.tcp.poll(context);
        self.udp.poll(context);
    }

    /// Closes all sockets and waits a little until what they have sent has gone, and WebSockets' servers have answered; then
    /// they are gone.
    pub(crate) async fn farewell(&self, shard: &Shard) {
        self.tcp.leave_all();
        self.udp.leave_all();
        let gone = poll_fn(|context| {
            self.tcp.poll(context);
            self.udp.poll(context);
            if self.tcp.is_empty() && self.udp.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        zip(self.web.farewell(shard), or(gone, shard.sleep(FAREWELL))).await;
        self.tcp.forget_leaving();
        self.udp.forget_leaving();
    }
}
