//! Frames on the wire as a test says them: nothing of throng's own, so that both can't be wrong in the same way.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use sha1::{Digest, Sha1};

/// What a peer waits for at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// What RFC 7692 has senders leave out.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A frame: its first byte and payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame(pub(crate) u8, pub(crate) Vec<u8>);

/// What a peer does with the other's messages: nothing, or what permessage-deflate says.
#[derive(Debug, Default)]
pub(crate) struct Codec(Option<Deflate>);

#[derive(Debug)]
struct Deflate {
    compress: Compress,
    decompress: Decompress,
    /// Whether each direction begins anew with each message.
    resets: (bool, bool),
}

impl Codec {
    /// Compression with windows of these bits, sent and received, each with or without context.
    pub(crate) fn deflate(send_bits: u8, (send_resets, receive_resets): (bool, bool)) -> Self {
        // zlib has no window of 8 bits for what it compresses.
        let compress = Compress::new_with_window_bits(Compression::default(), false, send_bits.max(9));
        Self(Some(Deflate { compress, decompress: Decompress::new(false), resets: (send_resets, receive_resets) }))
    }

    pub(crate) fn is_deflate(&self) -> bool {
        self.0.is_some()
    }

    /// A message's payload as it is sent compressed.
    pub(crate) fn compress(&mut self, payload: &[u8]) -> Vec<u8> {
        let Some(deflate) = &mut self.0 else { return payload.to_vec() };
        let mut out = Vec::with_capacity(payload.len() * 2 + 64);
        let before = deflate.compress.total_in();
        while deflate.compress.total_in() - before < payload.len() as u64 || out.len() == out.capacity() {
            out.reserve(4096);
            let done = (deflate.compress.total_in() - before) as usize;
            deflate.compress.compress_vec(&payload[done..], &mut out, FlushCompress::Sync).expect("there is room");
        }
        if deflate.resets.0 {
            deflate.compress.reset();
        }
        out.strip_suffix(&TAIL).map(<[u8]>::to_vec).unwrap_or(out)
    }

    fn decompress(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        let deflate = self.0.as_mut().context("a compressed frame, and nothing was agreed")?;
        let input = [payload, &TAIL].concat();
        let mut out = Vec::with_capacity(4096);
        let before = deflate.decompress.total_in();
        loop {
            let done = (deflate.decompress.total_in() - before) as usize;
            deflate.decompress.decompress_vec(&input[done..], &mut out, FlushDecompress::Sync)?;
            if done == input.len() && out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len().max(4096));
        }
        if deflate.resets.1 {
            deflate.decompress.reset(false);
        }
        Ok(out)
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    /// Whether it masks what it sends, as clients do; then the other doesn't.
    masks: bool,
    codec: Codec,
    /// The head of the other's request or answer.
    pub(crate) head: String,
}

impl Peer {
    /// Takes a client's handshake, and accepts it with these further header lines.
    pub(crate) fn accept(stream: TcpStream, lines: &str, codec: Codec) -> Result<Self> {
        let mut peer = Self::of(stream, false, codec)?;
        let key = peer.field("sec-websocket-key").context("no key")?;
        let accept = BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
        );
        peer.stream.write_all(answer.as_bytes())?;
        Ok(peer)
    }

    /// Makes a client's handshake with these further header lines.
    pub(crate) fn connect(address: std::net::SocketAddr, path: &str, lines: &str, codec: Codec) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let peer = Self::of(stream, true, codec)?;
        ensure!(peer.head.starts_with("HTTP/1.1 101 "), "{}", peer.head);
        ensure!(peer.field("sec-websocket-accept").as_deref() == Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{}", peer.head);
        Ok(peer)
    }

    fn of(mut stream: TcpStream, masks: bool, codec: Codec) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(Self { stream, masks, codec, head: String::from_utf8(head)? })
    }

    /// A header of the other's head.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    /// A frame as this end sends it.
    pub(crate) fn encode(&self, Frame(first, payload): &Frame) -> Vec<u8> {
        let masked = if self.masks { 0x80 } else { 0 };
        let mut bytes = match payload.len() {
            length @ 0..126 => vec![*first, masked | length as u8],
            length @ 126..0x1_0000 => [&[*first, masked | 126][..], &(length as u16).to_be_bytes()].concat(),
            length => [&[*first, masked | 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        if self.masks {
            let key = [0x37, 0xfa, 0x21, 0x3d];
            bytes.extend(key);
            bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
        } else {
            bytes.extend(payload);
        }
        bytes
    }

    /// Sends bytes in pieces of this length. What the other no longer takes is its affair.
    pub(crate) fn send(&mut self, bytes: &[u8], pieces: usize) -> Result<()> {
        for piece in bytes.chunks(pieces.max(1)) {
            match self.stream.write_all(piece) {
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                    return Ok(());
                }
                sent => sent?,
            }
        }
        Ok(())
    }

    /// The same end, for another thread that speaks.
    pub(crate) fn speaker(&self) -> Result<Self> {
        Ok(Self { stream: self.stream.try_clone()?, masks: self.masks, codec: Codec::default(), head: String::new() })
    }

    /// Compresses a payload if that was agreed, as one frame.
    pub(crate) fn message(&mut self, opcode: u8, payload: &[u8]) -> Frame {
        if self.codec.is_deflate() && !payload.is_empty() {
            Frame(0xc0 | opcode, self.codec.compress(payload))
        } else {
            Frame(0x80 | opcode, payload.to_vec())
        }
    }

    /// The next frame, decompressed; none when the other has ended the connection.
    pub(crate) fn receive(&mut self) -> Result<Option<Frame>> {
        let mut head = [0; 2];
        match self.stream.read_exact(&mut head) {
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                return Ok(None);
            }
            read => read?,
        }
        ensure!((head[1] & 0x80 != 0) != self.masks, "masked where it mustn't be, or not where it must");
        let length = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.read()?)),
            127 => u64::from_be_bytes(self.read()?),
            short => short.into(),
        };
        ensure!(length < 100 << 20, "a frame of {length} bytes");
        let key: [u8; 4] = if self.masks { [0; 4] } else { self.read()? };
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload)?;
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        if head[0] & 0x40 != 0 {
            payload = self.codec.decompress(&payload)?;
        }
        Ok(Some(Frame(head[0] & !0x40, payload)))
    }

    fn read<const BYTES: usize>(&mut self) -> Result<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// That these frames come next, and then the close frame with this code, or the end where none is due.
    pub(crate) fn expect(&mut self, frames: &[Frame], close: Option<u16>) -> Result<()> {
        for expected in frames {
            match self.receive()? {
                Some(frame) if frame == *expected => {}
                frame => bail!("{} in place of {}", shown(frame.as_ref()), shown(Some(expected))),
            }
        }
        let Some(code) = close else { return Ok(()) };
        match self.receive()? {
            Some(Frame(0x88, payload)) if payload.get(..2) == Some(&code.to_be_bytes()) => {}
            Some(Frame(0x88, payload)) if payload.is_empty() && code == 1005 => {}
            frame => bail!("{} in place of a close frame with {code}", shown(frame.as_ref())),
        }
        Ok(())
    }

    /// That the other ends the connection without a further frame.
    pub(crate) fn expect_end(&mut self) -> Result<()> {
        match self.receive()? {
            None => Ok(()),
            frame => bail!("{} behind the close frame", shown(frame.as_ref())),
        }
    }

    /// Ends what this end sends.
    pub(crate) fn end(&self) {
        // It may have ended by itself.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

fn shown(frame: Option<&Frame>) -> String {
    match frame {
        None => "the end".to_owned(),
        Some(Frame(first, payload)) => {
            format!("{first:02x} with {} bytes {:02x?}", payload.len(), &payload[..payload.len().min(16)])
        }
    }
}
