//! WebSockets of scripts: opened, read whenever their VU is polled, recorded.
//!
//! A VU's [`Sockets`] are its own beyond the iteration that opened them. They are read on the shard's stack, whatever the
//! VU waits for, so that pings are answered and times are right. An [`Opening`] owns what it needs, as a journey of HTTP
//! does.

mod opening;
mod prepared;
mod recording;
mod socket;
mod sockets;

use std::time::Duration;

pub(crate) use opening::Opening;
pub(crate) use prepared::{PreparedSocket, PreparedSockets, shown};
pub(crate) use recording::{
    AttemptSeries, OpenSockets, Scene, SocketSeries, attempt_samples, attempt_tags, broken_tags,
};
pub(crate) use sockets::Sockets as WebSockets;

/// How long a server may take to answer a close frame.
pub(crate) const CLOSE_WAIT: Duration = Duration::from_secs(10);
