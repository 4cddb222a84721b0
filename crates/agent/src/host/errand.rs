//! Running a VU's exchange on the shard's own stack.
//!
//! A script's call is polled on the stack of its VU, which is cold by the time an answer arrives when there are hundreds
//! of VUs. So the call only leaves the exchange here and waits; whoever polls the VU polls the exchange first, on the
//! one stack that all VUs of the shard share, and wakes the VU's own stack only when the result is there.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use throng_transport::http1::Exchanged;

/// The exchange that one VU waits for: none, one under way, or one that is done.
#[derive(Default)]
pub(crate) struct Errand {
    under_way: RefCell<Option<Pin<Box<dyn Future<Output = Exchanged>>>>>,
    done: Cell<Option<Exchanged>>,
}

impl Errand {
    /// Leaves an exchange to be run by [`Errands`], and waits for its result.
    pub(super) async fn run(&self, exchange: impl Future<Output = Exchanged> + 'static) -> Exchanged {
        self.under_way.replace(Some(Box::pin(exchange)));
        poll_fn(|_| self.done.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Polls what is under way. Ready when the VU may go on.
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut under_way = self.under_way.borrow_mut();
        let Some(exchange) = under_way.as_mut() else { return Poll::Ready(()) };
        match exchange.as_mut().poll(context) {
            Poll::Ready(exchanged) => {
                *under_way = None;
                self.done.set(Some(exchanged));
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// A call into a VU, together with the exchanges that it leaves.
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
            if errand.under_way.borrow().is_none() {
                return Poll::Pending;
            }
        }
    }
}
