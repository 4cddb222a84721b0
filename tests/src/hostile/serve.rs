//! Accepting, and playing.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::play::{Play, Step};
use super::{Wire, Wrap};

/// Connections at once, each a thread; the ones beyond are closed.
const CONNECTIONS_MAX: usize = 64;
/// The longest head of a request.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// How much of something endless is sent at most, and for how long.
const ENDLESS_BYTES_MAX: usize = 1 << 30;
const ENDLESS_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a read or a write waits for the client.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Server {
    pub(super) plays: Vec<Play>,
    wrap: Box<Wrap>,
    stop: Arc<AtomicBool>,
    connections: AtomicUsize,
}

impl Server {
    pub(super) fn new(plays: Vec<Play>, wrap: Box<Wrap>, stop: Arc<AtomicBool>) -> Self {
        Self { plays, wrap, stop, connections: AtomicUsize::new(0) }
    }

    /// Accepts connections, for one play that doesn't wait for a request, or for all that do.
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
        let mut wire = (self.wrap)(socket.try_clone()?)?;
        if let Some(play) = play
            && !play_steps(&self.plays[play].steps, socket, &mut *wire)?
        {
            return Ok(());
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
            Step::Endless(bytes) => {
                let (began, mut sent) = (Instant::now(), 0);
                // Many at once, so that what is short isn't slow.
                let many = bytes.repeat((16 << 10) / bytes.len() + 1);
                while sent < ENDLESS_BYTES_MAX && began.elapsed() < ENDLESS_TIME_MAX {
                    send(wire, &many)?;
                    sent += many.len();
                }
            }
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
            Step::Next => return Ok(true),
        }
    }
    // Both directions, since the wire has the socket too; unread bytes would turn this into a reset.
    let _ = socket.shutdown(Shutdown::Write);
    Ok(false)
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
