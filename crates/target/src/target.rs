//! Starting and stopping the server.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, mpsc};

use serde_json::Value;
use throng_transport::source::PortShare;
use throng_transport::tls::TlsAcceptor;
use throng_transport::{Listener, Shard, ShardConfig, ShardError, ShardThread};

use crate::mirror::{self, Datagrams};
use crate::server::{Everyone, Server};

/// What a server is made with.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// One shard for each entry, pinned to that core; none leaves it to the scheduler.
    pub shards: Vec<Option<usize>>,
    /// Most connections of one shard at once, at most RLIMIT_NOFILE. Sixteen of them wait for a client at any time.
    /// More clients wait to be accepted until others have gone.
    pub sockets_per_shard: u32,
    /// Speaks TLS with this; plain HTTP without.
    pub tls: Option<TlsAcceptor>,
    /// Where to send back what comes by TCP and by UDP, as it comes; port 0 takes one that is free for both.
    pub echo: Option<SocketAddr>,
}

/// Why the server can't be started. The texts name the remedy.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// No shards were asked for.
    #[error("a server needs at least one shard")]
    NoShards,
    /// Somebody listens there already.
    #[error(
        "{0} is in use already: `ss -ltnp` shows by whom; stop that program, or listen elsewhere (port 0 takes a free \
         port)"
    )]
    AddressInUse(SocketAddr),
    /// A port below 1024, as an ordinary user.
    #[error(
        "this user may not listen on {0}: use a port from 1024 up, or give the program the right with \
         `setcap cap_net_bind_service=+ep`"
    )]
    Permission(SocketAddr),
    /// No interface has the address.
    #[error("this machine doesn't have the address {0}: use one that `ip address` shows, 127.0.0.1 or 0.0.0.0")]
    AddressNotAvailable(SocketAddr),
    /// Anything else that the kernel said.
    #[error("can't listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// A shard can't be had, or its thread has died.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

impl TargetError {
    fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::AddrInUse => Self::AddressInUse(address),
            ErrorKind::PermissionDenied => Self::Permission(address),
            ErrorKind::AddrNotAvailable => Self::AddressNotAvailable(address),
            _ => Self::Listen { address, source },
        }
    }
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    everyone: Arc<Everyone>,
    shards: Vec<ShardThread>,
    echo: Option<Datagrams>,
}

impl Target {
    /// Starts the server; once this returns, it accepts.
    ///
    /// # Errors
    /// When the address or a shard can't be had.
    pub fn start(config: TargetConfig) -> Result<Self, TargetError> {
        if config.shards.is_empty() {
            return Err(TargetError::NoShards);
        }
        probe(config.address)?;
        let everyone = Arc::new(Everyone::new(config.shards.len(), config.tls));
        let echo = config.echo.map(|address| Datagrams::start(address, Arc::clone(&everyone)));
        let echo = echo.transpose().map_err(|(address, source)| TargetError::listen(address, source))?;
        let mut target = Self { address: config.address, everyone, shards: Vec::new(), echo };
        for (index, cpu) in config.shards.iter().enumerate() {
            let ports = PortShare::of_all(index as u16, config.shards.len() as u16, 0);
            let name = format!("target-{index}");
            target.add_shard(
                index,
                ShardConfig { name, cpu: *cpu, sockets_max: config.sockets_per_shard, ports, sources: Arc::default() },
            )?;
        }
        let remotes = target.shards.iter().map(ShardThread::remote).collect();
        // Set once, here, so it can't be set already.
        let _ = target.everyone.remotes.set(remotes);
        Ok(target)
    }

    fn add_shard(&mut self, index: usize, config: ShardConfig) -> Result<(), TargetError> {
        let (sender, bound) = mpsc::channel();
        let (address, echo, everyone) = (self.address, self.echo(), Arc::clone(&self.everyone));
        let thread = ShardThread::start(config, move |shard| async move {
            let _ = sender.send(listen(&shard, index, (address, echo), everyone));
        })?;
        self.shards.push(thread);
        // The first shard may have taken a free port, which the others share.
        self.address = match bound.recv() {
            Ok(result) => result.map_err(|(address, source)| TargetError::listen(address, source))?,
            Err(_) => return Err(ShardError::Executor("the thread ended before it listened".into()).into()),
        };
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it sends back what comes by TCP and by UDP.
    #[must_use]
    pub fn echo(&self) -> Option<SocketAddr> {
        self.echo.as_ref().map(Datagrams::address)
    }

    /// What it has served since the start or the last reset, over all shards: what `GET /stats` answers.
    #[must_use]
    pub fn stats(&self) -> Value {
        self.everyone.board.to_json()
    }

    /// Stops accepting, ends idle connections and delays at once and those that are being answered within a second,
    /// and waits for the threads.
    ///
    /// # Errors
    /// When a thread had died.
    pub fn stop(mut self) -> Result<(), TargetError> {
        self.end().map_err(TargetError::from)
    }

    fn end(&mut self) -> Result<(), ShardError> {
        let remotes: Vec<_> = self.shards.iter().map(ShardThread::remote).collect();
        self.everyone.stop(remotes.iter());
        let ended = self.shards.drain(..).map(ShardThread::join).fold(Ok(()), Result::and);
        drop(self.echo.take());
        ended
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Who wants to know how it ended calls `stop`.
        let _ = self.end();
    }
}

/// Fails if somebody listens on the address already: the shards share it, and would share it with another server of
/// the same user too.
fn probe(address: SocketAddr) -> Result<(), TargetError> {
    TcpListener::bind(address).map(drop).map_err(|source| TargetError::listen(address, source))
}

/// Has a shard serve; an error names the address that it is about.
fn listen(
    shard: &Shard,
    index: usize,
    (address, echo): (SocketAddr, Option<SocketAddr>),
    everyone: Arc<Everyone>,
) -> Result<SocketAddr, (SocketAddr, io::Error)> {
    let bind = |address| Listener::bind(shard, address).map_err(|source| (address, source));
    let listener = bind(address)?;
    let mirror = echo.map(bind).transpose()?;
    let address = listener.address();
    let server = Server::new(index, shard, everyone);
    if let Some(mirror) = mirror {
        shard.spawn(mirror::attend(Rc::clone(&server), shard.clone(), mirror));
    }
    server.accept_on(shard, listener);
    Ok(address)
}
