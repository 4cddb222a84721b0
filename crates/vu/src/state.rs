#![expect(unsafe_code, reason = "wasmtime wants data and futures to be Send, and VUs never leave their thread")]

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use slab::Slab;

use crate::{budget::GuestBudget, engine::Limits, fault::Stop, host::Host, memory_limit::MemoryLimit};

/// Most requests, and most responses, that a VU may hold at a time.
const HELD_MAX: usize = 65_536;
/// How much memory for sends is kept between two of them.
const SCRATCH_BYTES_MAX: usize = 64 << 10;

/// What belongs to one VU beside its instance: the store's data.
pub(crate) struct State<H: Host> {
    pub(crate) host: H,
    pub(crate) requests: Slab<H::Request>,
    pub(crate) responses: Slab<H::Response>,
    pub(crate) memory: MemoryLimit,
    pub(crate) budget: GuestBudget,
    /// Memory for what a guest sends, between two sends.
    pub(crate) scratch: Vec<u8>,
    /// Set when the guest gives way at the end of a slice, for who wants to know.
    pub(crate) gave_way: Option<Rc<Cell<bool>>>,
    /// What `log.panic` left in this call or iteration.
    pub(crate) panic_message: Option<String>,
}

impl<H: Host> State<H> {
    pub(crate) fn new(host: H, limits: Limits) -> State<H> {
        State {
            host,
            requests: Slab::new(),
            responses: Slab::new(),
            memory: MemoryLimit::new(limits.memory_bytes),
            budget: GuestBudget::new(limits.guest_slices),
            scratch: Vec::new(),
            gave_way: None,
            panic_message: None,
        }
    }

    /// A call begins, or an iteration within one: what was noted earlier explains
    /// nothing that goes wrong from here on.
    pub(crate) fn begin(&mut self) {
        self.memory.forget_refusal();
        self.budget.refill();
        self.panic_message = None;
    }

    /// Takes the memory for sends back, unless one large message has made it large.
    pub(crate) fn keep_scratch(&mut self, mut scratch: Vec<u8>) {
        if scratch.capacity() <= SCRATCH_BYTES_MAX {
            scratch.clear();
            self.scratch = scratch;
        }
    }

    /// Holds a request for the guest, which knows it by the number returned.
    pub(crate) fn hold_request(&mut self, request: H::Request) -> Result<u32, Stop> {
        hold(&mut self.requests, request, "requests")
    }

    /// Holds a response for the guest, which knows it by the number returned.
    pub(crate) fn hold_response(&mut self, response: H::Response) -> Result<u32, Stop> {
        hold(&mut self.responses, response, "responses")
    }

    /// Drops a request that the guest is done with.
    pub(crate) fn forget_request(&mut self, number: u32) -> Result<(), Stop> {
        let_go(&mut self.requests, number).map(drop)
    }

    /// Gives a response that the guest is done with back to the host.
    pub(crate) fn release_response(&mut self, number: u32) -> Result<(), Stop> {
        let response = let_go(&mut self.responses, number)?;
        self.host.release(response);
        Ok(())
    }
}

fn hold<T>(held: &mut Slab<T>, value: T, what: &str) -> Result<u32, Stop> {
    if held.len() >= HELD_MAX {
        return Err(Stop::Host(format!(
            "the script holds {HELD_MAX} {what}, which is the limit: drop those that are done with"
        )));
    }
    // Keys are below the number of values ever held together. Numbers begin at 1: 0 stands for none.
    Ok(held.insert(value) as u32 + 1)
}

/// The value that a guest's number stands for.
pub(crate) fn held<T>(held: &Slab<T>, number: u32) -> Result<&T, Stop> {
    held.get((number as usize).wrapping_sub(1)).ok_or_else(|| not_held(number))
}

fn let_go<T>(held: &mut Slab<T>, number: u32) -> Result<T, Stop> {
    held.try_remove((number as usize).wrapping_sub(1)).ok_or_else(|| not_held(number))
}

fn not_held(number: u32) -> Stop {
    Stop::Host(format!("the script holds no request or response of the number {number}"))
}

impl<H: Host> Drop for State<H> {
    fn drop(&mut self) {
        for response in self.responses.drain() {
            self.host.release(response);
        }
    }
}

/// Calls itself `Send` and `Sync` to satisfy wasmtime's bounds.
pub(crate) struct ThreadBound<T>(pub(crate) T);

// SAFETY: values of this type exist only inside the store of a `Vu` and the
// futures that its calls make, which live no longer than the call. `Vu` and the
// future of `Vu::new` are neither `Send` nor `Sync`, calls borrow the `Vu`, and
// wasmtime has no threads that touch a store. So a value is used and dropped on
// the thread that made it.
unsafe impl<T> Send for ThreadBound<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<F: Future> Future for ThreadBound<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the field is pinned when the whole is; nothing moves it out, and
        // there is no `Drop` or `Unpin` of our own.
        unsafe { self.map_unchecked_mut(|bound| &mut bound.0) }.poll(cx)
    }
}
