//! A proxy that passes on later what it takes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Pieces of one direction that wait for their time; whoever sends more waits.
const WAITING_MAX: usize = 4_096;
const PIECE_BYTES: usize = 64 << 10;

/// Passes bytes between those who connect and one address, each way as much later as is wanted at that time. Dropping it
/// ends it.
#[derive(Debug)]
pub(crate) struct Delay {
    address: SocketAddr,
    delay_ms: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Delay {
    /// Listens at one address, and connects to another. Both are of the network where the calling thread is.
    ///
    /// # Errors
    /// When the address isn't free.
    pub(crate) fn start(listen: SocketAddr, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let (delay_ms, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (delay, over) = (Arc::clone(&delay_ms), Arc::clone(&is_over));
        // Threads are where those were that began them.
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    let delay = Arc::clone(&delay);
                    std::thread::spawn(move || pass(stream, to, &delay));
                }
            }
        });
        Ok(Self { address: listen, delay_ms, is_over, accepting: Some(accepting) })
    }

    /// From now on everything comes so much later.
    pub(crate) fn set(&self, delay: Duration) {
        self.delay_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Whoever accepts there looks up. Where that can't be reached any more, the thread ends with the process.
        if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok()
            && let Some(accepting) = self.accepting.take()
        {
            let _ = accepting.join();
        }
    }
}

/// Passes both directions on until one of both ends is gone.
fn pass(near: TcpStream, to: SocketAddr, delay: &Arc<AtomicU64>) {
    let Ok(far) = TcpStream::connect(to) else { return };
    for stream in [&near, &far] {
        let _ = stream.set_nodelay(true);
    }
    let ways = [(near.try_clone(), far.try_clone()), (far.try_clone(), near.try_clone())];
    for (from, to) in ways {
        let (Ok(from), Ok(to)) = (from, to) else { return };
        let delay = Arc::clone(delay);
        let (sender, receiver) = sync_channel(WAITING_MAX);
        std::thread::spawn(move || take(from, &delay, &sender));
        std::thread::spawn(move || give(to, &receiver));
    }
}

fn take(mut from: TcpStream, delay: &AtomicU64, sender: &SyncSender<(Instant, Vec<u8>)>) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let at = Instant::now() + Duration::from_millis(delay.load(Ordering::SeqCst));
        if sender.send((at, piece[..length].to_vec())).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Read);
}

fn give(mut to: TcpStream, receiver: &Receiver<(Instant, Vec<u8>)>) {
    for (at, piece) in receiver {
        sleep(at.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
