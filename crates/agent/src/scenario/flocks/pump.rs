//! The one task of an event-driven scenario on a shard.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::{or, yield_now};
use throng_plan::ControlledVus;
use throng_transport::{Clock, Nanos};
use throng_vu::{EventInstance, EventInstances, Fault, Host};

use super::iterations::LINGER;
use super::wishes::Wishes;
use super::{Concerned, Flock, Flocks, Reins};
use crate::host::{Identity, VuHost};
use crate::scenario::ScenarioShare;
use crate::shard::ShardContext;
use crate::stop::Listener;

/// How often it is looked whether the last sockets are gone, at the end; and how long after the last was closed at most.
const GONE_LOOK: Duration = Duration::from_millis(20);
const GONE_WAIT: Duration = LINGER.saturating_add(Duration::from_secs(1));

/// Runs the scenario from `at` until its connections have ended.
pub(in crate::scenario) async fn run(share: &Rc<ScenarioShare>, shard: &Rc<ShardContext>, at: Nanos) {
    let mut stop = Listener::new(&share.stop);
    if stop.unless_stopped(shard.shard.sleep_until(at)).await.is_none() {
        return;
    }
    share.begin(at);
    let flocks = Flocks::new(share, shard);
    let mut instances = Instances::default();
    let mut wishes = Wishes::new(&flocks);
    let hard_end = at.after(share.model.regular_duration()).after(share.graceful_stop);
    while !share.stop.is_raised() && Clock::now() < hard_end {
        let mut has_more = wishes.follow(&flocks);
        has_more |= flocks.begin_ready(wishes.is_ending());
        flocks.take_answers();
        has_more |= flocks.take_happened();
        instances.handle_all(&flocks, &mut stop).await;
        if share.counts.get().vus == 0 && wishes.is_spent(&flocks) {
            break;
        }
        if has_more || flocks.has_work() || flocks.can_begin(wishes.is_ending()) {
            // The driver submits what was sent.
            yield_now().await;
            continue;
        }
        let next = wishes.next(&flocks).map(|elapsed| share.instant(elapsed));
        let pause = flocks.vus.borrow().next_pause();
        let until = next.into_iter().chain(pause).fold(hard_end, Nanos::min);
        flocks.wait(until, wishes.known(), &mut stop).await;
    }
    flocks.cut_all().await;
    // Handshakes that are still under way end too.
    share.stop.raise();
    flocks.linger().await;
}

impl Flocks {
    /// Whether something can be done without waiting.
    fn has_work(&self) -> bool {
        !self.dirty.borrow().is_empty() || !self.answers.borrow().is_empty()
    }

    /// Waits for something to happen, at most until then.
    async fn wait(&self, until: Nanos, known: Option<ControlledVus>, stop: &mut Listener) {
        let woken = poll_fn(|context| {
            if self.has_work() {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            self.set.poll_event(context).map(|event| self.happened(event))
        });
        let expired = self.shard.shard.sleep_until(until);
        let told = async {
            match (&self.share.controls, known) {
                (Some(controls), Some(known)) => controls.differs_from(known).await,
                _ => std::future::pending().await,
            }
        };
        stop.unless_stopped(or(woken, or(expired, told))).await;
    }

    /// Lets sockets that both sides have closed come to their end. Each has a time limit of its own.
    async fn linger(&self) {
        let gone = async {
            while !self.set.is_empty() {
                let look = async {
                    self.shard.shard.sleep(GONE_LOOK).await;
                    None
                };
                if let Some(event) = or(async { Some(self.set.event().await) }, look).await {
                    self.happened(event);
                }
            }
        };
        or(gone, self.shard.shard.sleep(GONE_WAIT)).await;
    }

    /// The next flock whose events are to be handled.
    fn take_dirty(&self) -> Option<Rc<Flock>> {
        let number = self.dirty.borrow_mut().pop_front()?;
        let flock = self.flocks.borrow().get(number as usize).cloned()?;
        flock.state.borrow_mut().is_dirty = false;
        Some(flock)
    }

    /// The host of a flock's instance.
    fn host(self: &Rc<Self>, flock: &Rc<Flock>) -> VuHost {
        let mut host = VuHost::new(&self.shard, Identity::default());
        host.random_seed(self.random.borrow_mut().next());
        host.enter(&self.share);
        host.reins = Some(Reins { flocks: Rc::clone(self), flock: Rc::clone(flock) });
        host
    }
}

/// The instances.
#[derive(Default)]
struct Instances {
    /// Made with the first of them.
    maker: Option<EventInstances<VuHost>>,
    /// By their flocks' numbers.
    all: Vec<Option<EventInstance<VuHost>>>,
}

impl Instances {
    /// Has all events handled that there are.
    async fn handle_all(&mut self, flocks: &Rc<Flocks>, stop: &mut Listener) {
        flocks.is_full.set(false);
        while let Some(flock) = flocks.take_dirty() {
            match stop.unless_stopped(self.handle(flocks, &flock)).await {
                Some(Ok(concerned)) => flocks.handled(&flock, concerned),
                Some(Err(fault)) => {
                    self.all[flock.number as usize] = None;
                    flocks.lost(&flock, &fault);
                }
                None => return,
            }
        }
    }

    /// Has a flock's events handled; those of its members that they concern.
    async fn handle(&mut self, flocks: &Rc<Flocks>, flock: &Rc<Flock>) -> Result<Concerned, Fault> {
        let place = flock.number as usize;
        if self.all.len() <= place {
            self.all.resize_with(place + 1, || None);
        }
        let maker = match &mut self.maker {
            Some(maker) => maker,
            maker => maker.insert(EventInstances::new(flocks.shard.script())?),
        };
        let slot = &mut self.all[place];
        let instance = match slot {
            Some(instance) => instance,
            None => slot.insert(maker.make(flocks.host(flock)).await?),
        };
        let (mut batch, concerned) = {
            let mut state = flock.state.borrow_mut();
            (std::mem::take(&mut state.batch), std::mem::take(&mut state.concerned))
        };
        let result = instance.handle(flocks.share.function, &mut batch).await;
        let mut state = flock.state.borrow_mut();
        if state.batch.is_empty() {
            // What it has allocated is used again.
            state.batch = batch;
        }
        result.map(|()| concerned)
    }
}
