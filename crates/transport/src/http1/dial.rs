//! From an origin to a stream: look-up, connect, TLS handshake.

use std::cell::Cell;
use std::time::Duration;

use futures_lite::future::or;

use super::client::Timings;
use super::connect::connect;
use super::error::ExchangeError;
use super::origin::Origin;
use crate::shard::Shard;
use crate::stream::{Stream, Traffic};
use crate::time::{Clock, Nanos};
use crate::tls::Session;

/// Opens a stream to `origin`, for a VU counted from 0, until `deadline`, which is `timeout` after the beginning.
pub(crate) async fn open(
    shard: &Shard,
    vu: u64,
    origin: &Origin,
    deadline: Nanos,
    timeout: Duration,
    timings: &mut Timings,
    traffic: &mut Traffic,
) -> Result<Stream, ExchangeError> {
    let is_connected = Cell::new(false);
    let dial = async {
        let connection = connect(shard, vu, origin, deadline, timeout, timings).await?;
        let Some(server) = origin.tls() else { return Ok(Stream::plain(connection)) };
        let connected = shard.turn_time();
        is_connected.set(true);
        let mut stream = Stream::tls(connection, Session::client(server)?);
        let result = stream.shake_hands(traffic).await;
        timings.tls_handshaking_ns = Clock::now().since(connected);
        result?;
        Ok(stream)
    };
    let expire = async {
        shard.sleep_until(deadline).await;
        Err(if is_connected.get() {
            ExchangeError::HandshakeTimeout(timeout)
        } else {
            ExchangeError::DialTimeout(timeout)
        })
    };
    or(dial, expire).await
}
