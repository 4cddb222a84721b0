//! The sockets of a VU.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_lite::future::or;
use slab::Slab;
use throng_transport::Shard;
use throng_transport::websocket::{Close, CloseCode};
use throng_vu::{SocketEnd, SocketMessage, SocketState};

use super::socket::{GOING_AWAY, Socket};
use crate::host::Random;
use crate::sockets::insert;

/// Sockets that a script may hold.
const SOCKETS_MAX: usize = 65_536;
/// How long servers may take to answer the close frames of a VU that ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a VU has open.
pub(crate) struct Sockets {
    held: RefCell<Slab<Socket>>,
    /// Those that the script has let go of and that aren't gone yet.
    leaving: RefCell<Vec<Socket>>,
    /// Masks and keys.
    random: RefCell<Random>,
    scratch: RefCell<Vec<u8>>,
    count: Cell<usize>,
}

impl Sockets {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            held: RefCell::default(),
            leaving: RefCell::default(),
            random: RefCell::new(Random::new(seed)),
            scratch: RefCell::default(),
            count: Cell::default(),
        }
    }

    /// Whether there are none: what costs nearly nothing where a script has no sockets.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    fn recount(&self) {
        self.count.set(self.held.borrow().len() + self.leaving.borrow().len());
    }

    /// Sixteen random bytes.
    pub(crate) fn key(&self) -> [u8; 16] {
        let mut random = self.random.borrow_mut();
        let (low, high) = (random.next(), random.next());
        (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
    }

    /// Whether one more may be held.
    pub(crate) fn check_room(&self) -> Result<(), String> {
        if self.held.borrow().len() < SOCKETS_MAX {
            return Ok(());
        }
        Err(format!("the script holds {SOCKETS_MAX} sockets, which is the limit: drop those done with"))
    }

    pub(crate) fn insert(&self, socket: Socket) -> u32 {
        let number = insert(&mut self.held.borrow_mut(), socket);
        self.recount();
        number
    }

    /// Lets `look` look at a socket.
    pub(crate) fn with<T>(&self, number: u32, look: impl FnOnce(&mut Socket) -> T) -> Result<T, String> {
        let mut held = self.held.borrow_mut();
        let socket = held.get_mut((number as usize).wrapping_sub(1));
        socket.map(look).ok_or_else(|| format!("the script holds no socket of the number {number}"))
    }

    /// Reads all sockets.
    pub(crate) fn poll(&self, context: &mut Context<'_>) {
        let (mut scratch, mut random) = (self.scratch.borrow_mut(), self.random.borrow_mut());
        for (_, socket) in &mut *self.held.borrow_mut() {
            socket.poll(context, &mut scratch, &mut random);
        }
        // Its memory is as large as the largest message was.
        scratch.clear();
        scratch.shrink_to(64 << 10);
        let mut leaving = self.leaving.borrow_mut();
        if !leaving.is_empty() {
            leaving.iter_mut().for_each(|socket| socket.poll(context, &mut scratch, &mut random));
            leaving.retain(|socket| !socket.is_gone());
            drop(leaving);
            self.recount();
        }
    }

    pub(crate) fn send(&self, number: u32, message: &SocketMessage) -> Result<Result<bool, SocketEnd>, String> {
        self.with(number, |socket| socket.send(message, &mut self.random.borrow_mut()))
    }

    pub(crate) fn ping(&self, number: u32, payload: Vec<u8>) -> Result<Result<(), SocketEnd>, String> {
        self.with(number, |socket| socket.ping(payload, &mut self.random.borrow_mut()))
    }

    pub(crate) fn close(&self, number: u32, close: Option<(CloseCode, &str)>) -> Result<(), String> {
        let close = close.map(|(code, reason)| Close { code, reason });
        self.with(number, |socket| socket.close(close, &mut self.random.borrow_mut()))
    }

    /// Waits until the server has caught up with what was sent. Polled after [`poll`](Self::poll).
    pub(crate) async fn flushed(&self, number: u32) {
        poll_fn(|context| self.with(number, |socket| socket.poll_flush(context)).unwrap_or(Poll::Ready(()))).await;
    }

    /// Waits until one of these needn't be waited for; its place. Polled after [`poll`](Self::poll).
    pub(crate) async fn ready(&self, numbers: &[u32]) -> Option<u32> {
        poll_fn(|_| match self.first_ready(numbers) {
            Some(place) => Poll::Ready(Some(place)),
            None => Poll::Pending,
        })
        .await
    }

    fn first_ready(&self, numbers: &[u32]) -> Option<u32> {
        let held = self.held.borrow();
        let is_ready = |number: &u32| held.get((*number as usize).wrapping_sub(1)).is_none_or(Socket::is_ready);
        numbers.iter().position(is_ready).map(|place| place as u32)
    }

    /// Waits until the socket has ended. Polled after [`poll`](Self::poll).
    pub(crate) async fn ended(&self, number: u32) {
        poll_fn(|_| {
            let is_over = self.with(number, |socket| socket.state() == SocketState::Closed).unwrap_or(true);
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Lets go of a socket; one that is open is closed by the way.
    pub(crate) fn release(&self, number: u32) -> Result<(), String> {
        let close = Close { code: CloseCode::NORMAL, reason: "" };
        self.with(number, |socket| socket.close(Some(close), &mut self.random.borrow_mut()))?;
        let socket = self.held.borrow_mut().remove(number as usize - 1);
        if !socket.is_gone() {
            self.leaving.borrow_mut().push(socket);
        }
        self.recount();
        Ok(())
    }

    /// Closes all sockets and waits a little for the servers' answers; then they are gone.
    pub(crate) async fn farewell(&self, shard: &Shard) {
        let all = std::mem::take(&mut *self.held.borrow_mut());
        {
            let (mut leaving, mut random) = (self.leaving.borrow_mut(), self.random.borrow_mut());
            for (_, mut socket) in all {
                socket.close(Some(GOING_AWAY), &mut random);
                leaving.push(socket);
            }
        }
        let answered = poll_fn(|context| {
            self.poll(context);
            if self.leaving.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        or(answered, shard.sleep(FAREWELL)).await;
        self.leaving.borrow_mut().clear();
        self.recount();
    }
}
