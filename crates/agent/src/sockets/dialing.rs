//! Opening a script's TCP and UDP sockets.

use std::time::Duration;

use throng_stats::TagSet;
use throng_transport::http1::ExchangeError;
use throng_transport::{connect_datagrams, connect_stream};
use throng_vu::{Failure, TcpSpec, UdpSpec};

use super::address::Address;
use super::recording::{Attempt, TcpRecords, UdpRecords, attempt_tags};
use super::tcp::TcpSocket;
use super::udp::UdpSocket;
use crate::http::{CODE_OTHER, CODE_URL};
use crate::websocket::Scene;

/// As that of a request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Connects, and records the attempt. What no attempt was made for isn't one.
pub(crate) async fn connect_tcp(
    scene: Scene,
    spec: TcpSpec,
    tags: Result<TagSet, String>,
) -> Result<TcpSocket, Failure> {
    let (own, address) = checked(&spec.address, tags)?;
    let tls = scene.shard.settings.tls.as_ref().filter(|_| spec.tls);
    let origin = scene.shard.origins.at(&address.host, address.port, tls).map_err(|error| failure(&error.into()))?;
    let (result, numbers) = connect_stream(&scene.shard.shard, scene.vu(), &origin, limit(spec.timeout_ms)).await;
    scene.count(numbers.traffic);
    let shown = format!("{}://{}", if spec.tls { "tls" } else { "tcp" }, spec.address);
    let tags = attempt_tags(&shown, &own, result.as_ref().err(), numbers.peer);
    Attempt { elapsed_ns: numbers.elapsed_ns, has_failed: result.is_err() }.record(&scene, &tags);
    let stream = result.map_err(|error| failure(&error))?;
    Ok(TcpSocket::new(stream, TcpRecords::new(scene, tags)))
}

/// Opens a socket to a peer.
pub(crate) async fn connect_udp(
    scene: Scene,
    spec: UdpSpec,
    tags: Result<TagSet, String>,
) -> Result<UdpSocket, Failure> {
    let (own, Address { host, port }) = checked(&spec.address, tags)?;
    let timeout = limit(spec.timeout_ms);
    let (result, numbers) = connect_datagrams(&scene.shard.shard, scene.vu(), (&host, port), timeout).await;
    let socket = result.map_err(|error| failure(&error))?;
    let tags = attempt_tags(&format!("udp://{}", spec.address), &own, None, numbers.peer);
    Ok(UdpSocket::new(socket, UdpRecords::new(scene, tags)))
}

fn checked(address: &str, tags: Result<TagSet, String>) -> Result<(TagSet, Address), Failure> {
    let own = tags.map_err(|message| Failure { code: CODE_OTHER, message })?;
    let address = Address::parse(address).map_err(|message| Failure { code: CODE_URL, message })?;
    Ok((own, address))
}

fn limit(timeout_ms: Option<u32>) -> Duration {
    timeout_ms.map_or(TIMEOUT, |ms| Duration::from_millis(ms.into()))
}

/// What an error is to the script.
pub(super) fn failure(error: &ExchangeError) -> Failure {
    Failure { code: error.code(), message: error.to_string() }
}
