//! A proxy that does what it likes to the bytes of the server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::servers::plain_server;

/// What a proxy does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mischief {
    /// One byte at a time, each in a segment of its own.
    Drip,
    /// Ends both directions after so many bytes.
    Cut(usize),
    /// Turns the bits of the byte at this place.
    Spoil(usize),
}

/// Bytes that went through, to the server and from it.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) to_server: AtomicU64,
    pub(crate) from_server: AtomicU64,
}

/// A proxy before `server`.
pub(crate) fn proxy(server: SocketAddr, mischief: Mischief) -> (SocketAddr, Arc<Count>) {
    let count = Arc::new(Count::default());
    let counted = Arc::clone(&count);
    let address = plain_server(move |client, _| {
        let onward = TcpStream::connect(server).unwrap();
        onward.set_nodelay(true).unwrap();
        let (reader, writer) = (client.try_clone().unwrap(), onward.try_clone().unwrap());
        let to_server = Arc::clone(&counted);
        let there = std::thread::spawn(move || {
            let drip = matches!(mischief, Mischief::Drip).then_some(Mischief::Drip);
            pass(reader, writer, drip, &to_server.to_server);
        });
        pass(onward, client, Some(mischief), &counted.from_server);
        there.join().unwrap();
    });
    (address, count)
}

fn pass(mut from: TcpStream, mut to: TcpStream, mischief: Option<Mischief>, count: &AtomicU64) {
    let mut passed = 0;
    let mut block = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut block) {
        let mut bytes = &mut block[..length];
        match mischief {
            Some(Mischief::Spoil(at)) if (passed..passed + length).contains(&at) => bytes[at - passed] ^= 0xff,
            Some(Mischief::Cut(at)) if passed + length > at => bytes = &mut bytes[..at - passed],
            _ => {}
        }
        // Before they go: whoever has them looks at the count.
        count.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        let piece = if let Some(Mischief::Drip) = mischief { 1 } else { 4096 };
        if bytes.chunks(piece).any(|piece| to.write_all(piece).is_err()) {
            break;
        }
        passed += bytes.len();
        if bytes.len() < length {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
