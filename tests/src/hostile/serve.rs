//! Accepting, and playing.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use socket2::SockRef;

use super::certificates::Authorities;
use super::layer::{Layer, Sends, Tls};
use super::play::{Play, Step};
use super::wire::{self, Wire};

/// Connections at once, each a thread; the ones beyond are closed.
const CONNECTIONS_MAX: usize = 64;
/// The longest head of a request.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// How much of something endless is sent at most, and for how long.
const ENDLESS_BYTES_MAX: usize = 1 << 34;
const ENDLESS_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a read or a write waits for the client.
const PATIENCE: Duration = Duration::from_secs(20);

/// TLS's way to send, and the rest of it.
type Encryption = (Sends, Arc<ServerConfig>);

pub(super) struct Server {
    pub(super) plays: Vec<Play>,
    /// Of each play, where it has one.
    encryptions: Vec<Option<Encryption>>,
    usual: Option<Encryption>,
    stop: Arc<AtomicBool>,
    connections: AtomicUsize,
}

impl Server {
    pub(super) fn new(
        plays: Vec<Play>,
        authorities: &Authorities,
        is_tls: bool,
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let encryption = |tls: Tls| anyhow::Ok((tls.sends, authorities.configuration(&tls)?));
        let usual = if is_tls { Some(encryption(Tls::default())?) } else { None };
        let encryptions = plays.iter().map(|play| match play.layer {
            Layer::Usual => Ok(usual.clone()),
            Layer::Bare => Ok(None),
            Layer::Tls(tls) => encryption(tls).map(Some),
        });
        let encryptions = encryptions.collect::<anyhow::Result<_>>()?;
        Ok(Self { plays, encryptions, usual, stop, connections: AtomicUsize::new(0) })
    }

    /// Accepts connections, for one play that is alone, or for all that aren't.
    pub(super) fn accept(server: &Arc<Self>, listener: TcpListener, play: Option<usize>) -> JoinHandle<()> {
        let server = Arc::clone(server);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                if server.stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(socket) = socket else { continue };
                if server.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
                    server.connections.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                let server = Arc::clone(&server);
                std::thread::spawn(move || {
                    // What fails here is the client's going, which ends a play.
                    let _ = server.serve(&socket, play);
                    server.connections.fetch_sub(1, Ordering::Relaxed);
                });
            }
        })
    }

    fn serve(&self, socket: &TcpStream, play: Option<usize>) -> io::Result<()> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let encryption = play.map_or(&self.usual, |play| &self.encryptions[play]);
        let mut wire = match encryption {
            Some((sends, configuration)) => wire::tls(socket.try_clone()?, *sends, configuration)?,
            None => Box::new(socket.try_clone()?),
        };
        if let Some(play) = play {
            let Play { steps, waits_for_request, .. } = &self.plays[play];
            if *waits_for_request && read_request(&mut *wire)?.is_none() || !play_steps(steps, socket, &mut *wire)? {
                return Ok(());
            }
        }
        while let Some(path) = read_request(&mut *wire)? {
            if let Some(text) = path.strip_prefix("/good/") {
                write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())?;
                wire.flush()?;
                continue;
            }
            let number = path.strip_prefix("/play/").and_then(|number| number.parse::<usize>().ok());
            let Some(play) = number.and_then(|number| self.plays.get(number)) else { return Ok(()) };
            if !play_steps(&play.steps, socket, &mut *wire)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The path of the next request; none when the client has gone. A body isn't read.
fn read_request(wire: &mut dyn Wire) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < REQUEST_BYTES_MAX {
        if wire.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head);
    Ok(text.split(' ').nth(1).map(str::to_owned))
}

/// Whether the connection goes on after it.
fn play_steps(steps: &[Step], socket: &TcpStream, wire: &mut dyn Wire) -> io::Result<bool> {
    for step in steps {
        match step {
            Step::Send(bytes) => send(wire, bytes)?,
            Step::Drip(bytes, every) => drip(wire, bytes, *every)?,
            Step::Bare(bytes) => (&*socket).write_all(bytes)?,
            Step::Hear => drop(wire.read(&mut [0; 4096])?),
            Step::Endless(bytes) => endless(bytes, |many| send(wire, many))?,
            Step::BareEndless(bytes) => endless(bytes, |many| (&*socket).write_all(many))?,
            Step::EndlessDrip(bytes, every) => {
                let began = Instant::now();
                while began.elapsed() < ENDLESS_TIME_MAX {
                    drip(wire, bytes, *every)?;
                }
            }
            Step::Pause(time) => std::thread::sleep(*time),
            Step::Silence => {
                let mut bytes = [0; 4096];
                while wire.read(&mut bytes)? > 0 {}
            }
            Step::Reset => {
                SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
                return Ok(false);
            }
            Step::Cut => {
                let _ = socket.shutdown(Shutdown::Write);
                return Ok(false);
            }
            Step::Next => return Ok(true),
        }
    }
    let _ = wire.end();
    // Both directions, since the wire has the socket too; unread bytes would turn this into a reset.
    let _ = socket.shutdown(Shutdown::Write);
    Ok(false)
}

/// Many at once, so that what is short isn't slow.
fn endless(bytes: &[u8], mut send: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let (began, mut sent) = (Instant::now(), 0);
    let many = bytes.repeat((16 << 10) / bytes.len() + 1);
    while sent < ENDLESS_BYTES_MAX && began.elapsed() < ENDLESS_TIME_MAX {
        send(&many)?;
        sent += many.len();
    }
    Ok(())
}

fn send(wire: &mut dyn Wire, bytes: &[u8]) -> io::Result<()> {
    wire.write_all(bytes)?;
    wire.flush()
}

fn drip(wire: &mut dyn Wire, bytes: &[u8], every: Duration) -> io::Result<()> {
    for byte in bytes {
        send(wire, &[*byte])?;
        std::thread::sleep(every);
    }
    Ok(())
}
