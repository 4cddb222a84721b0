//! A coordinator: a node and its services.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;

use crate::archive_store::ArchiveStore;
use crate::environment::{Environment, Listener};
use crate::leader::Leader;
use crate::node::{Node, NodeConfig, Peers, StartError, Stopped};
use crate::services::{AgentsService, Archives, ClusterService, Gate, RaftService, Routes, RunsService, admit};

/// Calls of a connection that go on at a time.
const CALLS_MAX: u32 = 256;
/// A connection on which nothing comes is pinged, and closed if there is no answer in as long again.
const PING_EVERY: Duration = Duration::from_secs(5);
/// All header fields of a request.
const HEAD_BYTES_MAX: u32 = 16 << 10;
/// Windows of HTTP/2, for batches of the log and parts of archives.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// At the end: how long calls under way may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// Threads for the disk; more work waits.
const BLOCKING_MAX: usize = 16;

/// How a coordinator ended.
pub type Ended = Stopped;

/// Why a coordinator can't start.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// The node.
    #[error(transparent)]
    Node(#[from] StartError),
    /// The address.
    #[error("can't listen on {address}: free it, or give another one by --listen")]
    Listen {
        /// The address.
        address: String,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// No thread, or no runtime.
    #[error("the coordinator can't be started")]
    Thread(#[source] io::Error),
}

/// A coordinator on a thread of its own. Dropping it stops it as [`Coordinator::stop`] does.
#[derive(Debug)]
pub struct Coordinator {
    address: SocketAddr,
    ending: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<Ended>>>,
}

impl Coordinator {
    /// Starts one that listens at HOST:PORT.
    ///
    /// # Errors
    /// When it can't listen there, or the node can't start.
    pub fn start(config: NodeConfig, listen: String, environment: Environment) -> Result<Self, CoordinatorError> {
        let (ending, ended) = watch::channel(false);
        let (sender, started) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_MAX).build();
        let runtime = runtime.map_err(CoordinatorError::Thread)?;
        let run = move || {
            runtime.block_on(async move {
                match open(config, listen, environment).await {
                    Ok((address, node, listener)) => {
                        // Whoever started it may be gone.
                        let _ = sender.send(Ok(address));
                        serve(node, listener, ended).await
                    }
                    Err(error) => {
                        let _ = sender.send(Err(error));
                        Stopped::Planned
                    }
                }
            })
        };
        let thread = std::thread::Builder::new().name("throng-group".to_owned()).spawn(run);
        let thread = thread.map_err(CoordinatorError::Thread)?;
        let lost = || CoordinatorError::Thread(io::Error::other("its thread has ended"));
        let address = started.blocking_recv().map_err(|_| lost())??;
        Ok(Self { address, ending, thread: Mutex::new(Some(thread)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Has another node lead, stops, and says how it ended.
    pub fn stop(&self) -> Ended {
        self.ending.send_replace(true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let fault = || Stopped::Fault("its thread has panicked".to_owned());
        thread.map_or(Stopped::Planned, |thread| thread.join().unwrap_or_else(|_| fault()))
    }

    /// Runs one within the caller's runtime until `ended` is true or it ends by itself, as a simulation does.
    ///
    /// # Errors
    /// When it can't listen there, or the node can't start.
    pub async fn run(
        config: NodeConfig,
        listen: String,
        environment: Environment,
        on_start: impl FnOnce(Node),
        ended: watch::Receiver<bool>,
    ) -> Result<Ended, CoordinatorError> {
        let (_, node, listener) = open(config, listen, environment).await?;
        on_start(node.clone());
        Ok(serve(node, listener, ended).await)
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn open(
    mut config: NodeConfig,
    listen: String,
    environment: Environment,
) -> Result<(SocketAddr, Node, Box<dyn Listener>), CoordinatorError> {
    let unlistened = |source| CoordinatorError::Listen { address: listen.clone(), source };
    let listener = environment.network.listen(listen.clone()).await.map_err(unlistened)?;
    let address = listener.address().map_err(unlistened)?;
    if config.peers.count() == 1 && listen.ends_with(":0") {
        // A free port was asked for: the node is reached where one was found.
        config.peers = Peers::alone(config.id, address.to_string());
    }
    let node = Node::start(config, environment).await?;
    Ok((address, node, listener))
}

/// Serves until the node ends, or is to.
async fn serve(node: Node, listener: Box<dyn Listener>, mut ended: watch::Receiver<bool>) -> Ended {
    let archives = Archives { node: node.clone(), store: ArchiveStore::new(node.shared().environment.clone()) };
    let leader = Leader::new(node.clone());
    let (security, notices) = (node.shared().environment.network.security(), node.shared().notices.clone());
    let routes = Routes::new(
        Gate::new(security.tokens().clone(), notices.clone()),
        RaftService::new(node.clone(), archives.clone()),
        ClusterService::new(archives.clone()),
        AgentsService::new(leader.clone()),
        RunsService::new(leader.clone()),
    );
    let (sender, connections) = mpsc::channel(1);
    let accepting = tokio::spawn(admit(listener, security, notices, sender));
    let keeping = tokio::spawn(archives.keep_up());
    let leading = tokio::spawn(leader.lead());
    let (closing, closed) = watch::channel(false);
    let closed = async move {
        let mut closed = closed;
        let _ = closed.wait_for(|closed| *closed).await;
    };
    let serving = tonic::transport::Server::builder()
        .max_concurrent_streams(CALLS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_EVERY))
        .http2_max_header_list_size(HEAD_BYTES_MAX)
        .serve_with_incoming_shutdown(routes, ReceiverStream::new(connections), closed);
    let serving = tokio::spawn(serving);
    let mut stopped = node.stopped();
    let is_to_stop = async {
        // Whoever could say so may be gone, which says it too.
        let _ = ended.wait_for(|ended| *ended).await;
    };
    let has_stopped = async {
        let _ = stopped.wait_for(Option::is_some).await;
    };
    tokio::select! {
        () = has_stopped => {}
        () = is_to_stop => node.stop().await,
    }
    closing.send_replace(true);
    // It fails only if a listener does, and ours goes on.
    let _ = tokio::time::timeout(FAREWELL, serving).await;
    accepting.abort();
    keeping.abort();
    leading.abort();
    let why = node.stopped().borrow().clone();
    why.unwrap_or(Stopped::Planned)
}
