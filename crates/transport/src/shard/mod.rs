//! One thread of the generator: tasks, the driver that serves them, and how others reach it.

mod remote;
mod sleep;
mod thread;

use std::any::Any;
use std::cell::{Cell, RefCell, RefMut};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

pub use remote::Remote;
pub use sleep::Sleep;
pub use thread::{ShardConfig, ShardError, ShardThread};

use crate::http1::ResponseBuffer;
use crate::names::Names;
use crate::ring::Driver;
use crate::source::{DestinationUse, Sources};
use crate::time::{Nanos, Timers};

/// A handle of the thread's shard; clones are the same shard.
#[derive(Clone)]
pub struct Shard(Rc<Inner>);

struct Inner {
    driver: RefCell<Driver>,
    timers: RefCell<Timers>,
    sources: RefCell<Sources>,
    names: RefCell<Names>,
    dead_peer_timeout: Cell<Duration>,
    remote: Remote,
    /// Polls of tasks so far. The driver may block once a round of the run queue has left it unchanged.
    polls: Cell<u64>,
    tasks: Cell<u64>,
    stopping: Cell<bool>,
    look_ups: Cell<u64>,
    panics: RefCell<Vec<String>>,
    /// Memory for responses, the one used last first.
    #[expect(clippy::vec_box, reason = "they are lent as boxes, which move by pointer")]
    buffers: RefCell<Vec<Box<ResponseBuffer>>>,
}

/// Response buffers that a shard keeps for the next responses.
const SPARE_BUFFERS_MAX: usize = 256;

impl std::fmt::Debug for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shard").field("tasks", &self.0.tasks.get()).finish_non_exhaustive()
    }
}

/// What a shard has done, for the generator's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Turns of the driver.
    pub turns: u64,
    /// Turns in which the thread waited for the kernel.
    pub waits: u64,
    /// Completions reaped.
    pub completions: u64,
    /// Longest time in nanoseconds that the thread worked between two looks at the ring: how late an event may have
    /// been seen.
    pub gap_max_ns: u64,
    /// Times that receive buffers ran out.
    pub starved: u64,
    /// Names looked up.
    pub look_ups: u64,
    /// Sockets in use.
    pub sockets: u32,
    /// Sockets that fit.
    pub sockets_max: u32,
    /// Rings with a file table each.
    pub rings: u32,
}

impl Shard {
    fn new(driver: Driver, sources: Sources, remote: Remote) -> Self {
        Self(Rc::new(Inner {
            driver: RefCell::new(driver),
            timers: RefCell::default(),
            sources: RefCell::new(sources),
            names: RefCell::default(),
            dead_peer_timeout: Cell::default(),
            remote,
            polls: Cell::new(0),
            tasks: Cell::new(0),
            stopping: Cell::new(false),
            look_ups: Cell::new(0),
            panics: RefCell::default(),
            buffers: RefCell::default(),
        }))
    }

    /// Whether both are handles of one shard.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn driver(&self) -> RefMut<'_, Driver> {
        self.0.driver.borrow_mut()
    }

    /// Which sources are in use, and how much they were.
    #[must_use]
    pub fn source_uses(&self) -> Vec<DestinationUse> {
        self.0.sources.borrow().uses().collect()
    }

    pub(crate) fn sources(&self) -> RefMut<'_, Sources> {
        self.0.sources.borrow_mut()
    }

    /// What new connections know of names from now on; until then k6's defaults hold, and no rules.
    pub fn set_names(&self, names: Names) {
        self.0.names.replace(names);
    }

    /// How long a peer's machine may leave unanswered what TCP asks it, for connections made from now on; then, or at the
    /// next probe, a third of the time or a second later at most, they break with ETIMEDOUT. Zero, as it is at first,
    /// leaves that to the kernel: it asks a silent peer nothing, and sends again what isn't acknowledged for a quarter of
    /// an hour.
    pub fn set_dead_peer_timeout(&self, time: Duration) {
        self.0.dead_peer_timeout.set(time);
        self.driver().probe_silent_within(time);
    }

    pub(crate) fn dead_peer_timeout(&self) -> Duration {
        self.0.dead_peer_timeout.get()
    }

    pub(crate) fn names(&self) -> Names {
        self.0.names.borrow().clone()
    }

    pub(crate) fn timers(&self) -> RefMut<'_, Timers> {
        self.0.timers.borrow_mut()
    }

    /// A handle for other threads.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.0.remote.clone()
    }

    /// The instant of the driver's last turn: cheaper than the clock, and at most one round of the run queue old.
    #[must_use]
    pub fn turn_time(&self) -> Nanos {
        self.0.driver.borrow().now
    }

    /// Runs a task to its end. A panic ends the task alone and is kept for [`take_panics`](Self::take_panics).
    ///
    /// This is the only way to start a task: the driver counts polls to know when the thread may wait.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.tasks.set(self.0.tasks.get() + 1);
        let task = Task { shard: self.clone(), future };
        glommio::spawn_local(task).detach();
    }

    /// Wakes every task that waits for a socket, be it to receive, to flush or to accept: for telling all of them
    /// something. Those that aren't concerned wait on.
    pub fn wake_owners(&self) {
        self.driver().wake_all();
    }

    pub(crate) fn count_look_up(&self) {
        self.0.look_ups.set(self.0.look_ups.get() + 1);
    }

    /// Memory for a response.
    pub(crate) fn take_buffer(&self) -> Box<ResponseBuffer> {
        self.0.buffers.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back the memory of a response that nobody looks at any more.
    pub fn give_buffer(&self, mut buffer: Box<ResponseBuffer>) {
        let mut buffers = self.0.buffers.borrow_mut();
        if buffers.len() < SPARE_BUFFERS_MAX {
            buffer.clear();
            buffers.push(buffer);
        }
    }

    /// Messages of the tasks that have panicked since the last call.
    #[must_use]
    pub fn take_panics(&self) -> Vec<String> {
        self.0.panics.take()
    }

    /// The number of the driver's present turn: if it stays the same, nothing was waited for.
    #[must_use]
    pub fn turn_number(&self) -> u64 {
        self.0.driver.borrow().counts.turns
    }

    /// Forgets the longest gap between two turns so far.
    pub fn reset_gap(&self) {
        self.driver().counts.gap_max_ns = 0;
    }

    /// What the shard has done so far.
    #[must_use]
    pub fn counts(&self) -> ShardCounts {
        let driver = self.0.driver.borrow();
        let (sockets, sockets_max) = driver.socket_counts();
        let counts = driver.counts;
        ShardCounts {
            turns: counts.turns,
            waits: counts.waits,
            completions: counts.completions,
            gap_max_ns: counts.gap_max_ns,
            starved: counts.starved,
            look_ups: self.0.look_ups.get(),
            sockets,
            sockets_max,
            rings: driver.rings(),
        }
    }

    /// Serves sockets, timers and other threads until the shard is told to stop and its tasks have ended.
    async fn drive(self) {
        let mut wakers = Vec::new();
        let mut polls = u64::MAX;
        loop {
            let idle = polls == self.0.polls.get();
            polls = self.0.polls.get();
            if self.0.stopping.get() && self.0.tasks.get() == 0 && self.driver().socket_counts().0 == 0 {
                return;
            }
            self.turn(idle, &mut wakers);
            for waker in wakers.drain(..) {
                waker.wake();
            }
            glommio::executor().yield_now().await;
        }
    }

    fn turn(&self, idle: bool, wakers: &mut Vec<std::task::Waker>) {
        let mut driver = self.driver();
        let until = (idle && !driver.has_queued()).then(|| {
            let deadlines = [self.timers().nearest(), driver.nearest_deadline()];
            deadlines.into_iter().flatten().min().unwrap_or(Nanos(u64::MAX))
        });
        driver.turn(until);
        driver.expire();
        let mut timers = self.timers();
        wakers.extend(std::iter::from_fn(|| timers.pop_due(driver.now)));
        drop(timers);
        if !driver.released.is_empty() {
            let mut sources = self.sources();
            driver.released.drain(..).for_each(|ticket| sources.give_back(ticket));
        }
        let woken = std::mem::take(&mut driver.woken);
        drop(driver);
        if woken {
            self.0.remote.run_queued(self);
        }
    }
}

/// A future that is counted while it lives and whose panic stays its own.
struct Task<F> {
    shard: Shard,
    future: F,
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    #[expect(unsafe_code, reason = "a pin projection to the only field that is pinned")]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `future` is never moved out of `self`, and `Task` has no other pinned field and no `Unpin` of its own.
        let (shard, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&this.shard, Pin::new_unchecked(&mut this.future))
        };
        shard.0.polls.set(shard.0.polls.get() + 1);
        catch_unwind(AssertUnwindSafe(|| future.poll(context))).unwrap_or_else(|payload| {
            shard.0.panics.borrow_mut().push(panic_text(&*payload));
            Poll::Ready(())
        })
    }
}

impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        self.shard.0.tasks.set(self.shard.0.tasks.get() - 1);
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}
