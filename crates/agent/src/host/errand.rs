//! Running a VU's requests on the shard's own stack.
//!
//! A script's call is polled on the stack of its VU, which is cold by the time an answer arrives when there are hundreds
//! of VUs. So the call only leaves the request here and waits; whoever polls the VU polls the request first, on the
//! one stack that all VUs of the shard share, and wakes the VU's own stack only when the result is there. Requests that
//! a script has started and not waited for are polled here too.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use slab::Slab;
use throng_transport::http1::BodyPipe;

use crate::http::{Journey, Received};
use crate::sockets::Sockets;

/// Exchanges that a VU may have started and not finished.
const STARTED_MAX: usize = 4096;

type Request = Pin<Box<dyn Future<Output = Received>>>;

/// Something else that a VU waits for.
type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// The requests of one VU: the one that it waits for, and those that it has started; and its sockets.
pub(crate) struct Errand {
    sockets: Rc<Sockets>,
    /// What the call waits for, if that is no request.
    wait: RefCell<Option<Wait>>,
    /// What a call has left, until it is under way.
    left: Cell<Option<Journey>>,
    under_way: RefCell<Option<Request>>,
    /// In a box from here on, since it goes through several hands on the VU's stack.
    done: Cell<Option<Box<Received>>>,
    started: RefCell<Slab<Started>>,
    /// Whether the call left a request that hasn't been polled yet.
    has_new: Cell<bool>,
}

struct Started {
    /// Where the script reads the body, if it does so while it arrives.
    pipe: Option<Rc<BodyPipe>>,
    progress: Progress,
}

enum Progress {
    UnderWay(Request),
    Done(Box<Received>),
}

impl Errand {
    /// Without any; `seed` is for what sockets make up.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            sockets: Rc::new(Sockets::new(seed)),
            wait: RefCell::default(),
            left: Cell::default(),
            under_way: RefCell::default(),
            done: Cell::default(),
            started: RefCell::default(),
            has_new: Cell::default(),
        }
    }

    /// The VU's sockets, which are read whenever it is polled.
    pub(crate) fn sockets(&self) -> Rc<Sockets> {
        Rc::clone(&self.sockets)
    }

    /// Leaves something to be waited for; [`waited`](Self::waited) waits for it.
    pub(super) fn leave_wait(&self, wait: Wait) {
        self.wait.replace(Some(wait));
        self.has_new.set(true);
    }

    /// Waits for what was left.
    pub(super) fn waited(&self) -> impl Future<Output = ()> {
        poll_fn(|_| if self.wait.borrow().is_none() { Poll::Ready(()) } else { Poll::Pending })
    }

    /// Has all be polled again when the call waits next.
    pub(super) fn poll_again(&self) {
        self.has_new.set(true);
    }

    /// Leaves a request to be run by [`Errands`]; [`done`](Self::done) waits for its result.
    ///
    /// Its future is made there too: made on the VU's own stack, it would take a dozen more of its cache lines.
    pub(super) fn leave(&self, journey: Journey) {
        self.left.set(Some(journey));
        self.has_new.set(true);
    }

    /// Waits for what was left.
    pub(super) fn done(&self) -> impl Future<Output = Box<Received>> {
        poll_fn(|_| self.done.take().map_or(Poll::Pending, Poll::Ready))
    }

    /// Leaves a request to be run by [`Errands`] while the VU goes on, and returns its number. With a `pipe` the body
    /// goes there, for [`read`](Self::read).
    pub(super) fn start(&self, request: Request, pipe: Option<Rc<BodyPipe>>) -> Result<u32, String> {
        let mut started = self.started.borrow_mut();
        if started.len() >= STARTED_MAX {
            return Err(format!("{STARTED_MAX} exchanges are under way, which is the limit: finish some"));
        }
        self.has_new.set(true);
        Ok(started.insert(Started { pipe, progress: Progress::UnderWay(request) }) as u32 + 1)
    }

    /// Waits until one of these has ended; its place.
    pub(super) async fn wait_any(&self, numbers: &[u32]) -> Result<u32, String> {
        poll_fn(|_| {
            let started = self.started.borrow();
            for (place, number) in numbers.iter().enumerate() {
                match started.get(index(*number)).map(|started| &started.progress) {
                    None => return Poll::Ready(Err(not_started(*number))),
                    Some(Progress::Done(_)) => return Poll::Ready(Ok(place as u32)),
                    Some(Progress::UnderWay(_)) => {}
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Waits for more of a body and takes it; none when nothing more comes.
    pub(super) async fn read(&self, number: u32) -> Result<Option<Vec<u8>>, String> {
        poll_fn(|_| {
            let started = self.started.borrow();
            let Some(Started { pipe, progress }) = started.get(index(number)) else {
                return Poll::Ready(Err(not_started(number)));
            };
            let Some(pipe) = pipe else {
                return Poll::Ready(Err(format!("the exchange of the number {number} doesn't stream its body")));
            };
            match pipe.take() {
                Some(bytes) => {
                    // There is room in the pipe again, which only another poll finds out.
                    self.has_new.set(true);
                    Poll::Ready(Ok(Some(bytes)))
                }
                None if matches!(progress, Progress::Done(_)) => Poll::Ready(Ok(None)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Waits for the end of one and takes its result. What is left of a body that was to be read is dropped.
    pub(super) async fn finish(&self, number: u32) -> Result<Box<Received>, String> {
        poll_fn(|_| {
            let started = self.started.borrow();
            match started.get(index(number)) {
                Some(Started { progress: Progress::UnderWay(_), pipe }) => {
                    // Nobody reads any more, and a full pipe would hold the exchange up.
                    if pipe.as_ref().is_some_and(|pipe| pipe.take().is_some()) {
                        self.has_new.set(true);
                    }
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            }
        })
        .await;
        match self.started.borrow_mut().try_remove(index(number)) {
            Some(Started { progress: Progress::Done(received), .. }) => Ok(received),
            _ => Err(not_started(number)),
        }
    }

    /// Cuts one.
    pub(super) fn cancel(&self, number: u32) -> Result<(), String> {
        let cut = self.started.borrow_mut().try_remove(index(number));
        cut.map(drop).ok_or_else(|| not_started(number))
    }

    /// Cuts all that were started.
    pub(super) fn cancel_all(&self) {
        if self.started.borrow().is_empty() {
            return;
        }
        let cut = std::mem::take(&mut *self.started.borrow_mut());
        drop(cut);
    }

    /// Polls what is under way. Ready when the VU may go on.
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let has_new = self.has_new.take();
        self.poll_started(context);
        if !self.sockets.is_empty() {
            self.sockets.poll(context);
        }
        let mut wait = self.wait.borrow_mut();
        if let Some(waiting) = wait.as_mut() {
            if waiting.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            *wait = None;
        }
        drop(wait);
        let mut under_way = self.under_way.borrow_mut();
        if has_new && let Some(journey) = self.left.take() {
            *under_way = Some(Box::pin(journey.run()));
        }
        let Some(request) = under_way.as_mut() else { return Poll::Ready(()) };
        match request.as_mut().poll(context) {
            Poll::Ready(received) => {
                *under_way = None;
                self.done.set(Some(Box::new(received)));
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Polls what was started, again after one has ended since others wait for its place.
    fn poll_started(&self, context: &mut Context<'_>) {
        let mut started = self.started.borrow_mut();
        loop {
            let mut one_ended = false;
            for (_, entry) in &mut *started {
                if let Progress::UnderWay(request) = &mut entry.progress
                    && let Poll::Ready(received) = request.as_mut().poll(context)
                {
                    entry.progress = Progress::Done(Box::new(received));
                    one_ended = true;
                }
            }
            if !one_ended {
                return;
            }
        }
    }
}

fn index(number: u32) -> usize {
    (number as usize).wrapping_sub(1)
}

fn not_started(number: u32) -> String {
    format!("the script holds no exchange of the number {number}")
}

/// A call into a VU, together with the requests that it leaves.
pub(crate) struct Errands<F> {
    errand: Rc<Errand>,
    call: F,
}

impl<F: Future> Errands<F> {
    /// Runs `call` of the VU whose host has this errand.
    pub(crate) fn of(errand: Rc<Errand>, call: F) -> Self {
        Self { errand, call }
    }
}

impl<F: Future> Future for Errands<F> {
    type Output = F::Output;

    #[expect(unsafe_code, reason = "a pin projection to the only field that is pinned")]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `call` is never moved out of `self`, and the other field isn't pinned.
        let (errand, mut call) = unsafe {
            let this = self.get_unchecked_mut();
            (&this.errand, Pin::new_unchecked(&mut this.call))
        };
        loop {
            if errand.poll(context).is_pending() {
                return Poll::Pending;
            }
            if let Poll::Ready(output) = call.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            if !errand.has_new.get() {
                return Poll::Pending;
            }
        }
    }
}
