//! To a host and port without a protocol above: TCP, by TLS or not, and UDP.

use std::net::IpAddr;
use std::time::Duration;

use crate::http1::{ExchangeError, Origin, Timings, open};
use crate::ring::DatagramSocket;
use crate::shard::Shard;
use crate::stream::{Stream, Traffic};
use crate::time::Clock;

/// What dialing took, also when it failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct DialNumbers {
    /// From the beginning to the end, in nanoseconds: name, and by TCP connection and TLS.
    pub elapsed_ns: u64,
    /// Bytes at the socket: those of the TLS handshake.
    pub traffic: Traffic,
    /// The peer's address, if there is a connection.
    pub peer: Option<IpAddr>,
}

/// Connects to `origin` within `timeout`, by TLS if it says so, for a VU counted from 0: see [`Shard::connect_as`].
///
/// # Errors
/// When the name, the connection or TLS comes to nothing.
pub async fn connect_stream(
    shard: &Shard,
    vu: u64,
    origin: &Origin,
    timeout: Duration,
) -> (Result<Stream, ExchangeError>, DialNumbers) {
    let began = Clock::now();
    let (mut timings, mut numbers) = (Timings::default(), DialNumbers::default());
    let deadline = began.after(timeout);
    let result = open(shard, vu, origin, deadline, timeout, &mut timings, &mut numbers.traffic).await;
    numbers.elapsed_ns = Clock::now().since(began);
    numbers.peer = result.as_ref().ok().and_then(|stream| stream.connection().peer()).map(|peer| peer.ip());
    (result, numbers)
}

/// Opens a UDP socket to the first address of `host` that there is a way to, for a VU counted from 0. Only the name takes
/// time, at most `timeout`.
///
/// # Errors
/// When the name comes to nothing, or sockets or ports are used up.
pub async fn connect_datagrams(
    shard: &Shard,
    vu: u64,
    (host, port): (&str, u16),
    timeout: Duration,
) -> (Result<DatagramSocket, ExchangeError>, DialNumbers) {
    let began = Clock::now();
    let mut numbers = DialNumbers::default();
    let result = async {
        let mut looking_up_ns = 0;
        let addresses = shard.names().addresses(shard, host, port, began.after(timeout), &mut looking_up_ns).await?;
        let mut failure = ExchangeError::DialTimeout(timeout);
        for address in addresses {
            match shard.open_datagrams(vu, address) {
                Ok(socket) => {
                    numbers.peer = Some(address.ip());
                    return Ok(socket);
                }
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }
    .await;
    numbers.elapsed_ns = Clock::now().since(began);
    (result, numbers)
}
