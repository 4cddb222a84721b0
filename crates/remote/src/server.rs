//! The thread that serves clients.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use throng_protocol::control::ControlServer;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use crate::board::Board;
use crate::directory::{DirectoryError, RunDirectory, SocketFile};
use crate::listening::{Accept, admit};
use crate::run_id::RunId;
use crate::service::{RunControl, Service};
use crate::versions::Versions;

/// The largest request; there are none with much in them.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;
/// The largest answer: an end with both summaries and its status.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 << 20;
/// All header fields of a request.
const HEAD_BYTES_MAX: u32 = 16 << 10;
/// Calls of a connection that go on at a time.
const CALLS_MAX: u32 = 16;
/// A connection on which nothing comes is pinged, and closed if there is no answer in as long again.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long a call may take, but for `Watch`.
const CALL_TIME_MAX: Duration = Duration::from_secs(10);
/// Threads on which a run is changed, which may take as long as whoever leads the run does; more changes wait.
const BLOCKING_MAX: usize = 4;
/// At the end: how long clients may take to read what they haven't yet.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where a run is served.
#[derive(Debug)]
pub struct ServerConfig {
    /// The run.
    pub run: RunId,
    /// Where its socket is to be, if it is to have one.
    pub directory: Option<RunDirectory>,
    /// A TCP address besides; port 0 takes a free one.
    pub address: Option<SocketAddr>,
    /// The version of the program.
    pub version: String,
}

/// Why a run can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Not on a socket.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Not on this address.
    #[error("can't listen on {address}: free it, or give another one (port 0 takes a free one)")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// There is no thread for it, or no runtime on it.
    #[error("the control service can't be started")]
    Start(#[source] io::Error),
}

/// The service of a run, on a thread of its own, until the value goes.
#[derive(Debug)]
pub struct Server {
    address: Option<SocketAddr>,
    socket: Option<SocketFile>,
    thread: Option<JoinHandle<()>>,
    /// Raised at the end.
    ending: watch::Sender<bool>,
}

impl Server {
    /// Listens, and serves from then on.
    ///
    /// # Errors
    /// When it can't listen where it is to.
    pub fn start(config: ServerConfig, board: Board, control: Arc<dyn RunControl>) -> Result<Self, ServerError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_MAX)
            .build()
            .map_err(ServerError::Start)?;
        let (unix, socket) = match &config.directory {
            Some(directory) => {
                let (listener, file) = directory.listen(&config.run)?;
                (Some(listener), Some(file))
            }
            None => (None, None),
        };
        let tcp = config.address.map(listen).transpose()?;
        let address = tcp.as_ref().map(std::net::TcpListener::local_addr).transpose().map_err(ServerError::Start)?;
        let (ending, ended) = watch::channel(false);
        let guard = runtime.enter();
        let unix = unix.map(adopt_unix).transpose().map_err(ServerError::Start)?;
        let tcp = tcp.map(TcpListener::from_std).transpose().map_err(ServerError::Start)?;
        drop(guard);
        let service = ControlServer::new(Service::new(board, control, config.version))
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(ANSWER_BYTES_MAX);
        let served = Served { service: Versions(service), ended };
        let thread = std::thread::Builder::new().name("throng-control".to_owned());
        let thread = thread.spawn(move || served.run(runtime, unix, tcp)).map_err(ServerError::Start)?;
        Ok(Self { address, socket, thread: Some(thread), ending })
    }

    /// The TCP address that it listens on.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Server {
    /// Nobody finds it any more; those who are there may read what was told them, for a moment.
    fn drop(&mut self) {
        self.socket = None;
        self.ending.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic of it is no fault of the run's.
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener, ServerError> {
    let listener = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| ServerError::Address { address, source })
}

fn adopt_unix(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// What the thread has.
struct Served {
    service: Versions<ControlServer<Service>>,
    ended: watch::Receiver<bool>,
}

impl Served {
    fn run(self, runtime: Runtime, unix: Option<UnixListener>, tcp: Option<TcpListener>) {
        let both = async {
            tokio::join!(self.serve(unix), self.serve(tcp));
        };
        let farewell = async {
            ended(self.ended.clone()).await;
            tokio::time::sleep(FAREWELL).await;
        };
        runtime.block_on(async {
            tokio::select! {
                () = both => {}
                () = farewell => {}
            }
        });
        // Whoever still waits for whoever leads the run does so without us.
        runtime.shutdown_background();
    }

    async fn serve<L: Accept>(&self, listener: Option<L>) {
        let Some(listener) = listener else { return };
        let (sender, connections) = mpsc::channel(1);
        let accepting = tokio::spawn(admit(listener, sender));
        let builder = tonic::transport::Server::builder()
            .max_concurrent_streams(CALLS_MAX)
            .http2_keepalive_interval(Some(PING_EVERY))
            .http2_keepalive_timeout(Some(PING_EVERY))
            .http2_max_header_list_size(HEAD_BYTES_MAX)
            .timeout(CALL_TIME_MAX);
        let ended = ended(self.ended.clone());
        let connections = ReceiverStream::new(connections);
        // It fails only if a listener does, and ours go on.
        let _ = builder.serve_with_incoming_shutdown(self.service.clone(), connections, ended).await;
        accepting.abort();
    }
}

/// Until the server is to end.
async fn ended(mut ended: watch::Receiver<bool>) {
    // An error means that the server's value has gone.
    let _ = ended.wait_for(|ended| *ended).await;
}
