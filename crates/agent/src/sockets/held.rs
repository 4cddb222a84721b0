//! The sockets of one kind that a VU holds, by number.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll};

use slab::Slab;

/// Sockets of a kind that a script may hold.
const HELD_MAX: usize = 65_536;

/// Puts a socket in, and returns its number. Most VUs have one or two, so room isn't made for more at once.
pub(crate) fn insert<S>(held: &mut Slab<S>, socket: S) -> u32 {
    if held.len() == held.capacity() && held.len() < 4 {
        held.reserve_exact(1);
    }
    held.insert(socket) as u32 + 1
}

/// What a VU can hold.
pub(crate) trait Holdable {
    /// Takes what has arrived.
    fn poll(&mut self, context: &mut Context<'_>);

    /// Whether a `receive` needn't wait.
    fn is_ready(&self) -> bool;

    /// Whether all that was sent has gone, or never will.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// The script has let go of it: what was sent is still to go.
    fn leave(&mut self);

    /// Whether it may be closed, after [`leave`](Self::leave).
    fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

/// The sockets of one kind.
pub(crate) struct Held<S> {
    /// How the kind is called.
    kind: &'static str,
    held: RefCell<Slab<S>>,
    /// Those that the script has let go of and that aren't gone yet.
    leaving: RefCell<Vec<S>>,
    count: Cell<usize>,
}

impl<S: Holdable> Held<S> {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, held: RefCell::default(), leaving: RefCell::default(), count: Cell::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    fn recount(&self) {
        self.count.set(self.held.borrow().len() + self.leaving.borrow().len());
    }

    /// Whether one more may be held.
    pub(crate) fn check_room(&self) -> Result<(), String> {
        if self.held.borrow().len() < HELD_MAX {
            return Ok(());
        }
        Err(format!("the script holds {HELD_MAX} {} sockets, which is the limit: drop those done with", self.kind))
    }

    pub(crate) fn insert(&self, socket: S) -> u32 {
        let number = insert(&mut self.held.borrow_mut(), socket);
        self.recount();
        number
    }

    /// Lets `look` look at a socket.
    pub(crate) fn with<T>(&self, number: u32, look: impl FnOnce(&mut S) -> T) -> Result<T, String> {
        let mut held = self.held.borrow_mut();
        let socket = held.get_mut((number as usize).wrapping_sub(1));
        socket.map(look).ok_or_else(|| format!("the script holds no {} socket of the number {number}", self.kind))
    }

    /// Whether a `receive` needn't wait.
    pub(crate) fn is_ready(&self, number: u32) -> Result<bool, String> {
        self.with(number, |socket| socket.is_ready())
    }

    /// Reads all sockets.
    pub(crate) fn poll(&self, context: &mut Context<'_>) {
        if self.is_empty() {
            return;
        }
        for (_, socket) in &mut *self.held.borrow_mut() {
            socket.poll(context);
        }
        let mut leaving = self.leaving.borrow_mut();
        if !leaving.is_empty() {
            leaving.retain_mut(|socket| socket.poll_left(context).is_pending());
            drop(leaving);
            self.recount();
        }
    }

    /// Waits until a `receive` needn't. Polled after [`poll`](Self::poll).
    pub(crate) async fn ready(&self, number: u32) {
        poll_fn(|_| match self.is_ready(number) {
            Ok(false) => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
    }

    /// Waits until what was sent has gone. Polled after [`poll`](Self::poll).
    pub(crate) async fn flushed(&self, number: u32) {
        poll_fn(|context| self.with(number, |socket| socket.poll_flush(context)).unwrap_or(Poll::Ready(()))).await;
    }

    /// Lets go of a socket.
    pub(crate) fn release(&self, number: u32) -> Result<(), String> {
        self.with(number, S::leave)?;
        let socket = self.held.borrow_mut().remove(number as usize - 1);
        self.leaving.borrow_mut().push(socket);
        self.recount();
        Ok(())
    }

    /// Lets go of all sockets.
    pub(crate) fn leave_all(&self) {
        let all = std::mem::take(&mut *self.held.borrow_mut());
        let left = all.into_iter().map(|(_, mut socket)| {
            socket.leave();
            socket
        });
        self.leaving.borrow_mut().extend(left);
        self.recount();
    }

    /// Closes those that were let go of, whatever is left to be sent.
    pub(crate) fn forget_leaving(&self) {
        self.leaving.borrow_mut().clear();
        self.recount();
    }
}
