//! What a play's bytes go over.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::layer::Sends;

/// A record's header: type, version, length.
const HEADER_BYTES: usize = 5;
const HANDSHAKE: u8 = 22;

/// What bytes go over: a socket, or TLS on one.
pub(super) trait Wire: Read + Write + Send {
    /// Says that nothing more comes, where there is a word for it.
    fn end(&mut self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for StreamOwned<ServerConnection, Socket> {
    fn end(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

/// Shakes hands on a socket.
pub(super) fn tls(socket: TcpStream, sends: Sends, configuration: &Arc<ServerConfig>) -> io::Result<Box<dyn Wire>> {
    let connection = ServerConnection::new(Arc::clone(configuration)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, Socket { socket, sends, sent: 0, held: Vec::new(), clear: true });
    while stream.conn.is_handshaking() {
        if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
            // What the client said last would turn the end into a reset.
            let _ = stream.sock.socket.shutdown(Shutdown::Write);
            drain(&mut stream.sock.socket);
            return Err(error);
        }
    }
    Ok(Box::new(stream))
}

/// A socket below TLS.
pub(super) struct Socket {
    socket: TcpStream,
    sends: Sends,
    /// Records, or bytes.
    sent: usize,
    /// A piece of a record.
    held: Vec<u8>,
    /// Whether messages are still sent without encryption.
    clear: bool,
}

impl Socket {
    /// Sends whole records until there were `most`.
    fn send_records(&mut self, bytes: &[u8], most: usize) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        while let Some(record) = take_record(&mut self.held) {
            if record[0] != HANDSHAKE {
                self.clear = false;
            }
            let (header, mut messages) = record.split_at(HEADER_BYTES);
            let mut pieces = vec![messages.to_vec()];
            if self.clear {
                pieces.clear();
                while messages.len() >= 4 {
                    let (message, rest) = messages.split_at((4 + number(&messages[1..4])).min(messages.len()));
                    pieces.push(message.to_vec());
                    messages = rest;
                }
            }
            for piece in pieces.iter().take(most.saturating_sub(self.sent)) {
                self.sent += 1;
                let length = u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes();
                self.socket.write_all(&[&header[..3], &length, piece].concat())?;
            }
        }
        Ok(())
    }
}

/// Takes a whole record from the front.
fn take_record(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let whole = HEADER_BYTES + number(bytes.get(3..HEADER_BYTES)?);
    (bytes.len() >= whole).then(|| bytes.drain(..whole).collect())
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn drain(socket: &mut TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(1..) = socket.read(&mut bytes) {}
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.read(into)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.sends {
            Sends::Whole => return self.socket.write(bytes),
            Sends::Dripped(every) => {
                for byte in bytes {
                    self.socket.write_all(&[*byte])?;
                    std::thread::sleep(every);
                }
            }
            Sends::Records(most) => self.send_records(bytes, most)?,
            Sends::Bytes(most) => {
                let now = bytes.len().min(most - self.sent);
                self.socket.write_all(&bytes[..now])?;
                self.sent += now;
                if now < bytes.len() {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
