//! A server that does to its clients whatever a server can do wrong.

mod certificates;
mod layer;
mod play;
mod serve;
mod wire;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};

use certificates::Authorities;
pub use layer::{Certificate, Layer, Sends, Tls};
pub use play::{Play, Step};
use serve::Server;

/// Plays on free ports, each at a path of its own or, if it begins before a request, at a port of its own; beside
/// them `/good/TEXT`, which answers with 200 and the text and keeps the connection. Dropping it ends it.
pub struct Hostile {
    authority_pem: String,
    names: Vec<&'static str>,
    addresses: Vec<SocketAddr>,
    main: SocketAddr,
    closed: SocketAddr,
    stop: Arc<AtomicBool>,
    accepting: Vec<JoinHandle<()>>,
    /// A port that takes no connection, and those that fill its queue.
    full: (TcpListener, Vec<TcpStream>),
}

impl Hostile {
    /// Starts it on plain sockets.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(plays: Vec<Play>) -> Result<Self> {
        Self::with(plays, false)
    }

    /// Starts it on TLS, with a certificate by its authority.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start_tls(plays: Vec<Play>) -> Result<Self> {
        Self::with(plays, true)
    }

    fn with(plays: Vec<Play>, is_tls: bool) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let authorities = Authorities::make()?;
        let names = plays.iter().map(|play| play.name).collect();
        let listen = || TcpListener::bind(("127.0.0.1", 0)).context("no port for a hostile server");
        let server = Arc::new(Server::new(plays, &authorities, is_tls, Arc::clone(&stop))?);
        let main = listen()?;
        let main_address = main.local_addr()?;
        let (mut addresses, mut accepting) = (Vec::new(), vec![Server::accept(&server, main, None)]);
        for (number, play) in server.plays.iter().enumerate() {
            if !play.is_alone() {
                addresses.push(main_address);
                continue;
            }
            let listener = listen()?;
            addresses.push(listener.local_addr()?);
            accepting.push(Server::accept(&server, listener, Some(number)));
        }
        let closed = listen()?.local_addr()?;
        Ok(Self {
            authority_pem: authorities.pem,
            names,
            addresses,
            main: main_address,
            closed,
            stop,
            accepting,
            full: full_queue()?,
        })
    }

    /// The authority that is to be trusted.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// The URL of a play.
    ///
    /// # Errors
    /// When there is no such play.
    pub fn url(&self, scheme: &str, name: &str) -> Result<String> {
        let number = self.names.iter().position(|known| *known == name).with_context(|| format!("no play {name}"))?;
        Ok(format!("{scheme}://{}/play/{number}", self.addresses[number]))
    }

    /// A URL that answers as it should, with this text.
    #[must_use]
    pub fn good(&self, scheme: &str, text: &str) -> String {
        format!("{scheme}://{}/good/{text}", self.main)
    }

    /// A port where nobody listens.
    #[must_use]
    pub fn closed(&self) -> SocketAddr {
        self.closed
    }

    /// A port where connecting never ends.
    ///
    /// # Errors
    /// When it has gone.
    pub fn full(&self) -> Result<SocketAddr> {
        Ok(self.full.0.local_addr()?)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for address in self.addresses.iter().chain([&self.main]) {
            // Whoever accepts there looks up.
            drop(TcpStream::connect(address));
        }
        for thread in self.accepting.drain(..) {
            // One that panicked has failed its requests.
            let _ = thread.join();
        }
    }
}

/// A listener whose queue is full: the kernel answers no further attempt.
fn full_queue() -> Result<(TcpListener, Vec<TcpStream>)> {
    use socket2::{Domain, Socket, Type};
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(0)?;
    let listener = TcpListener::from(listener);
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    // A queue of 0 takes one; the attempt that isn't answered shows that it is full.
    for _ in 0..8 {
        match TcpStream::connect_timeout(&address, std::time::Duration::from_millis(300)) {
            Ok(stream) => waiting.push(stream),
            Err(_) => return Ok((listener, waiting)),
        }
    }
    anyhow::bail!("a queue of 0 connections takes any number")
}
