//! Messages to a shard's main task.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use throng_transport::Remote;

struct State<T> {
    messages: VecDeque<T>,
    waker: Option<Waker>,
}

/// The end that other threads send to. The worker sends a handful of messages a run, so there is no limit.
pub(crate) struct Sender<T> {
    state: Arc<Mutex<State<T>>>,
    remote: Remote,
}

/// The end that the shard's main task reads.
pub(crate) struct Inbox<T>(Arc<Mutex<State<T>>>);

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Inbox<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { messages: VecDeque::new(), waker: None })))
    }

    pub(crate) fn sender(&self, remote: Remote) -> Sender<T> {
        Sender { state: Arc::clone(&self.0), remote }
    }

    /// A second end for the same messages: only one may wait at a time.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    pub(crate) async fn receive(&self) -> T {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            match state.messages.pop_front() {
                Some(message) => Poll::Ready(message),
                None => {
                    state.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<T: Send + 'static> Sender<T> {
    pub(crate) fn send(&self, message: T) {
        lock(&self.state).messages.push_back(message);
        let state = Arc::clone(&self.state);
        // The waker is the shard's and is woken there: from elsewhere it would go through glommio's own channel, which
        // the driver doesn't wait on.
        self.remote.run(move |_| {
            let waker = lock(&state).waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        });
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
