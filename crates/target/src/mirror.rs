//! TCP and UDP that is sent back as it comes, for scripts that speak neither HTTP nor WebSocket.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_lite::future::poll_fn;
use throng_transport::{Connection, Listener, SendBytes, Shard};

use crate::counters::{Counters, OfMirror};
use crate::server::{Everyone, Server};

/// Bytes that may be queued without looking whether the client takes them.
const UNFLUSHED_BYTES_MAX: usize = 256 * 1024;
/// Pause after an accept that failed, which it does when every socket is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// How often the thread of datagrams looks whether the server stops.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a port that is free for both is looked for.
const PORTS_TRIED_MAX: u32 = 32;

/// Accepts on `listener` and sends back what comes, until the server stops.
pub(crate) async fn attend(server: Rc<Server>, shard: Shard, listener: Listener) {
    while let Some(accepted) = unless_stopped(&server, listener.accept()).await {
        match accepted {
            Ok(connection) => {
                let server = Rc::clone(&server);
                shard.spawn(async move {
                    server.desk.counters().mirrored(OfMirror::Opened, 1);
                    // How it ends concerns its client.
                    let _ = unless_stopped(&server, send_back(&connection, server.desk.counters())).await;
                    server.desk.counters().mirrored(OfMirror::Closed, 1);
                });
            }
            Err(_) => shard.sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn unless_stopped<T>(server: &Server, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if server.everyone.is_stopping() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

async fn send_back(connection: &Connection, counters: &Counters) -> io::Result<()> {
    let mut unflushed = 0;
    while let Some(chunk) = connection.receive().await? {
        let bytes = chunk.read(<[u8]>::to_vec);
        drop(chunk);
        counters.mirrored(OfMirror::BytesIn, bytes.len());
        counters.mirrored(OfMirror::BytesOut, bytes.len());
        unflushed += bytes.len();
        connection.send(SendBytes::Owned(bytes));
        if unflushed > UNFLUSHED_BYTES_MAX {
            connection.flush().await?;
            unflushed = 0;
        }
    }
    connection.flush().await
}

/// The thread that sends datagrams back. Dropping it ends it, once the server stops.
#[derive(Debug)]
pub(crate) struct Datagrams {
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Datagrams {
    /// Starts it; TCP may listen at its address too.
    pub(crate) fn start(address: SocketAddr, everyone: Arc<Everyone>) -> Result<Self, (SocketAddr, io::Error)> {
        let (socket, address) = bind(address).map_err(|source| (address, source))?;
        let failed = |source| (address, source);
        socket.set_read_timeout(Some(LOOK_EVERY)).map_err(failed)?;
        let thread = std::thread::Builder::new().name("target-udp".into());
        let thread = thread.spawn(move || serve(&socket, &everyone)).map_err(failed)?;
        Ok(Self { address, thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// A port that is free for TCP too.
fn bind(address: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let mut tried = 0;
    loop {
        let socket = UdpSocket::bind(address)?;
        let bound = socket.local_addr()?;
        tried += 1;
        match TcpListener::bind(bound) {
            Ok(_) => return Ok((socket, bound)),
            Err(error) if address.port() != 0 || tried >= PORTS_TRIED_MAX => return Err(error),
            Err(_) => {}
        }
    }
}

fn serve(socket: &UdpSocket, everyone: &Everyone) {
    let counters = everyone.board.beside_shards();
    let mut bytes = vec![0; 1 << 16];
    while !everyone.is_stopping() {
        // A wait that was too long, or what has become of a datagram sent before.
        let Ok((count, client)) = socket.recv_from(&mut bytes) else { continue };
        counters.mirrored(OfMirror::DatagramsIn, 1);
        counters.mirrored(OfMirror::DatagramBytesIn, count);
        // Counted before the client can know of it.
        counters.mirrored(OfMirror::DatagramsOut, 1);
        counters.mirrored(OfMirror::DatagramBytesOut, count);
        let _ = socket.send_to(&bytes[..count], client);
    }
}
