//! A VU's seat in a scenario: what the scenario's driver tells the VU.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use throng_plan::VuHandle;
use throng_transport::Nanos;

use super::arrivals::Missed;
use crate::stop::Stop;

/// A planned start that an open model hands to an idle VU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release {
    /// When the iteration was to begin.
    pub(super) intended: Nanos,
    pub(super) in_agent: u64,
    pub(super) in_run: u64,
    /// The ticks before it that no VU took.
    pub(super) missed: Missed,
}

/// Of models that start and stop VUs, or hand them iterations. Where VUs iterate by themselves they need none.
#[derive(Default)]
pub(crate) struct Seat {
    handle: Cell<VuHandle>,
    cut: RefCell<Rc<Stop>>,
    release: Cell<Option<Release>>,
    /// The VU's task, while it waits for a release.
    waker: RefCell<Option<Waker>>,
}

impl Seat {
    /// See [`VuHandle::start`].
    pub(super) fn start(&self) -> bool {
        self.change(VuHandle::start)
    }

    /// See [`VuHandle::stop`].
    pub(super) fn stop(&self, cut_at: Duration) {
        self.change(|handle| handle.stop(cut_at));
    }

    pub(super) fn may_begin(&self) -> bool {
        self.handle.get().may_begin()
    }

    pub(super) fn is_cut(&self, now: Duration) -> bool {
        self.handle.get().is_cut(now)
    }

    /// The VU's task has ended; see [`VuHandle::ended`]. If it is to go on, nothing cuts it any more.
    pub(super) fn ended(&self) -> bool {
        self.cut.take();
        self.change(VuHandle::ended)
    }

    /// Cuts the VU's iteration.
    pub(super) fn cut(&self) {
        self.cut.borrow().raise();
    }

    /// What cuts the VU's iteration until the VU has ended.
    pub(super) fn cutting(&self) -> Rc<Stop> {
        Rc::clone(&self.cut.borrow())
    }

    /// Hands an iteration to the VU, which waits.
    pub(super) fn hand(&self, release: Release) {
        self.release.set(Some(release));
        self.wake();
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Waits for an iteration; none once there are no more.
    pub(super) fn poll_release(&self, context: &Context<'_>, no_more: bool) -> Poll<Option<Release>> {
        if let Some(release) = self.release.take() {
            return Poll::Ready(Some(release));
        }
        if no_more {
            return Poll::Ready(None);
        }
        // A task's waker stays the same, so this happens once.
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|known| !known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn change<T>(&self, change: impl FnOnce(&mut VuHandle) -> T) -> T {
        let mut handle = self.handle.get();
        let result = change(&mut handle);
        self.handle.set(handle);
        result
    }
}
