//! The floor of a WebSocket echo: a bare loop on epoll, one thread, that does nothing but what the protocol asks of a
//! client: it reads a frame, and sends a masked one of the same length. No buffers are kept, nothing is counted but
//! messages, nothing is checked but lengths.
//!
//!     epoll_echo 127.0.0.1:8080 10000 32
#![expect(clippy::print_stdout, reason = "the count is what it says")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use anyhow::{Context, Result, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Events that are taken at a time.
const EVENTS: usize = 1024;
/// A masked frame's head for payloads of up to 125 bytes.
const HEAD: usize = 6;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().with_context(|| format!("{name} is missing: ADDRESS SOCKETS BYTES"));
    let address: SocketAddr = next("the address")?.parse()?;
    let sockets: usize = next("the number of sockets")?.parse()?;
    let bytes: usize = next("the length of a message")?.parse()?;
    ensure!(bytes <= 125, "a message has at most 125 bytes here");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;

    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    let mut streams = Vec::with_capacity(sockets);
    for number in 0..sockets {
        let stream = open(address)?;
        stream.set_nonblocking(true)?;
        epoll.add(stream.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        streams.push(stream);
    }
    let mut mask = 0x9e37_79b9_u32;
    let mut frame = vec![0; HEAD + bytes];
    for stream in &mut streams {
        write_frame(&mut frame, &mut mask);
        stream.write_all(&frame)?;
    }
    echo(&epoll, &mut streams, &mut frame, &mut mask)
}

fn open(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /ws/echo HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 1024];
    let mut length = 0;
    while !answer[..length].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut answer[length..])?;
        ensure!(read > 0, "the server has ended the connection");
        length += read;
    }
    ensure!(answer.starts_with(b"HTTP/1.1 101 "), "the server doesn't upgrade");
    Ok(stream)
}

/// A binary frame under another mask; the payload is all the same.
fn write_frame(frame: &mut [u8], mask: &mut u32) {
    *mask = mask.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    frame[0] = 0x82;
    frame[1] = 0x80 | (frame.len() - HEAD) as u8;
    let key = mask.to_ne_bytes();
    frame[2..HEAD].copy_from_slice(&key);
    frame[HEAD..].iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte = b'x' ^ key);
}

fn echo(epoll: &Epoll, streams: &mut [TcpStream], frame: &mut [u8], mask: &mut u32) -> Result<()> {
    let mut events = [EpollEvent::empty(); EVENTS];
    let mut buffer = [0; 4096];
    let (mut messages, length) = (0u64, frame.len() - HEAD + 2);
    loop {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..ready] {
            let stream = &mut streams[event.data() as usize];
            match stream.read(&mut buffer) {
                Ok(0) => {
                    println!("{messages} messages");
                    return Ok(());
                }
                Ok(read) => {
                    ensure!(read == length, "{read} bytes in place of a frame of {length}");
                    messages += 1;
                    write_frame(frame, mask);
                    stream.write_all(frame)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
