//! Telling many tasks of a shard to stop what they are doing.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

/// A flag that is raised once and wakes everyone who listens.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    raised: Cell<bool>,
    listeners: RefCell<Slab<Waker>>,
}

impl Stop {
    pub(crate) fn raise(&self) {
        if !self.raised.replace(true) {
            for waker in self.listeners.take() {
                waker.1.wake();
            }
        }
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.raised.get()
    }
}

/// One task's registration with a [`Stop`]. The task's waker is registered once, since it stays the same.
#[derive(Debug)]
pub(crate) struct Listener {
    stop: Rc<Stop>,
    key: Option<usize>,
}

impl Listener {
    pub(crate) fn new(stop: &Rc<Stop>) -> Self {
        Self { stop: Rc::clone(stop), key: None }
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.stop.is_raised()
    }

    /// Runs `future` until it is done, or until the flag is raised: then it is dropped, and the result is none.
    pub(crate) fn unless_stopped<F: Future>(&mut self, future: F) -> UnlessStopped<'_, F> {
        UnlessStopped { listener: self, future }
    }

    fn listen(&mut self, context: &Context<'_>) {
        if self.key.is_none() {
            self.key = Some(self.stop.listeners.borrow_mut().insert(context.waker().clone()));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(key) = self.key
            && !self.stop.is_raised()
        {
            let waker = self.stop.listeners.borrow_mut().try_remove(key);
            drop(waker);
        }
    }
}

/// See [`Listener::unless_stopped`].
pub(crate) struct UnlessStopped<'a, F> {
    listener: &'a mut Listener,
    future: F,
}

impl<F: Future> Future for UnlessStopped<'_, F> {
    type Output = Option<F::Output>;

    #[expect(unsafe_code, reason = "a pin projection to the only field that is pinned")]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is never moved out of `self`, and the other field isn't pinned.
        let (listener, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut *this.listener, Pin::new_unchecked(&mut this.future))
        };
        if listener.is_raised() {
            return Poll::Ready(None);
        }
        match future.poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // It may have been raised by the future itself, and nobody is woken twice.
            Poll::Pending if listener.is_raised() => Poll::Ready(None),
            Poll::Pending => {
                listener.listen(context);
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_lite::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn a_raised_stop_ends_a_wait_and_a_done_future_keeps_its_result() {
        let stop = Rc::new(Stop::default());
        let mut listener = Listener::new(&stop);
        assert_eq!(block_on(listener.unless_stopped(ready(3))), Some(3));
        assert_eq!(block_on(poll_once(listener.unless_stopped(pending::<()>()))), None);
        stop.raise();
        assert_eq!(block_on(listener.unless_stopped(pending::<()>())), None);
    }

    #[test]
    fn a_future_that_raises_what_ends_it_is_ended_at_once() {
        let stop = Rc::new(Stop::default());
        let raise = async {
            stop.raise();
            pending::<()>().await;
        };
        assert_eq!(block_on(poll_once(Listener::new(&stop).unless_stopped(raise))), Some(None));
    }

    #[test]
    fn a_listener_that_is_gone_is_forgotten() {
        let stop = Rc::new(Stop::default());
        let mut listener = Listener::new(&stop);
        block_on(poll_once(listener.unless_stopped(pending::<()>())));
        assert_eq!(stop.listeners.borrow().len(), 1);
        drop(listener);
        assert!(stop.listeners.borrow().is_empty());
    }
}
