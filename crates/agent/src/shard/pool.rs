//! A shard's VUs: those that are idle, and how more come to be.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_lite::future::or;
use throng_plan::VuNumbers;
use throng_vu::{Fault, LogLevel, Vu};

use super::ShardContext;
use crate::host::{Errands, Identity, VuHost};
use crate::prefetch::Footprint;
use crate::scenario::{ScenarioShare, Seat};
use crate::sockets::Sockets;

/// How long a planned VU that isn't there is waited for; then another one is made. k6 tries five times in 2 s and gives
/// up: a VU is missing only where what it did before is still being cut.
const PATIENCE: Duration = Duration::from_millis(400);

/// A VU between scenarios, or its number alone while it has no instance.
pub(crate) struct VuSlot {
    pub(crate) vu: Option<Box<Vu<VuHost>>>,
    identity: Identity,
    /// Whether it is counted among those made.
    is_counted: bool,
    is_in_scenario: bool,
    /// What instances that ended had open.
    left: Vec<Rc<Sockets>>,
    /// Whether the instance is ready for iterations, by the script's own account.
    is_initialised: bool,
    /// Where the instance and its host lie, as far as that is known.
    heap: Footprint,
}

impl VuSlot {
    fn new(numbers: VuNumbers) -> Self {
        let identity = Identity { id_in_instance: numbers.in_agent, id_in_test: numbers.in_run, ..Identity::default() };
        Self {
            vu: None,
            identity,
            is_counted: false,
            is_in_scenario: false,
            left: Vec::new(),
            is_initialised: false,
            heap: Footprint::default(),
        }
    }

    /// Makes the instance if there is none.
    async fn make(&mut self, shard: &Rc<ShardContext>) -> Result<&mut Vu<VuHost>, Fault> {
        let vu = match self.vu.take() {
            Some(vu) => vu,
            None => {
                self.is_in_scenario = false;
                self.is_initialised = !shard.settings.has_vu_init;
                let make = async { Vu::new(&shard.script, VuHost::new(shard, self.identity)).await.map(Box::new) };
                let (vu, heap) = Footprint::of(make).await;
                self.heap = heap;
                vu?
            }
        };
        if !std::mem::replace(&mut self.is_counted, true) {
            shard.pool.made.set(shard.pool.made.get() + 1);
        }
        Ok(self.vu.insert(vu))
    }

    /// Makes the instance if there is none, and puts it into the scenario if it isn't there yet.
    pub(crate) async fn make_ready(
        &mut self,
        shard: &Rc<ShardContext>,
        scenario: &Rc<ScenarioShare>,
        seat: Option<&Rc<Seat>>,
    ) -> Result<(), Fault> {
        let vu = self.make(shard).await?;
        let host = vu.host_mut();
        host.seat = seat.cloned();
        if !self.is_in_scenario {
            self.is_in_scenario = true;
            if let Some(vu) = &mut self.vu {
                vu.host_mut().enter(scenario);
            }
        }
        Ok(())
    }

    /// Where the instance lies.
    pub(crate) fn heap(&self) -> Footprint {
        self.heap
    }

    /// Whether the script has made the instance ready for iterations, or has nothing to do for that.
    pub(crate) fn is_initialised(&self) -> bool {
        self.is_initialised
    }

    /// Has the script make the instance ready, outside of any scenario and with a time limit. If it fails, or is
    /// dropped, the instance may be of no use any more.
    pub(crate) async fn initialise(&mut self, shard: &Rc<ShardContext>) -> Result<(), String> {
        let Some(vu) = self.vu.as_mut() else { return Err("there is no instance".to_owned()) };
        let limit = shard.settings.setup_timeout;
        let scenario = vu.host_mut().scenario.take();
        vu.host_mut().enter_stage("::vu_init");
        let result = {
            let errand = vu.host().errand();
            let work = Errands::of(errand, async { vu.init().await.map_err(|fault| fault.to_string()) });
            let expire = async {
                shard.shard.sleep(limit).await;
                Err(format!("it took longer than {limit:?}, which setupTimeout sets"))
            };
            or(work, expire).await
        };
        let host = vu.host_mut();
        // Within a scenario that counts the bytes of its VUs itself.
        if scenario.is_some() {
            host.sample_bytes();
        } else {
            host.record_bytes();
        }
        host.scenario = scenario;
        host.leave_stage();
        self.is_initialised = result.is_ok();
        result
    }

    /// Ends an instance that can't be called any more, after a fault that isn't the script's own error.
    pub(crate) fn drop_broken(&mut self) {
        if self.vu.as_ref().is_some_and(|vu| !vu.is_usable()) {
            self.drop_vu();
        }
    }

    /// The VU's number within this agent.
    pub(super) fn number(&self) -> u64 {
        self.identity.id_in_instance
    }

    /// Ends the instance; its counters go on in the next.
    pub(crate) fn drop_vu(&mut self) {
        if let Some(vu) = self.vu.take() {
            self.identity = vu.host().identity;
            let sockets = vu.host().errand().sockets();
            if !sockets.is_empty() {
                self.left.push(sockets);
            }
        }
    }

    /// Closes the sockets of the VU, those of instances that ended too, and waits a little for the servers' answers.
    pub(crate) async fn farewell(&mut self, shard: &ShardContext) {
        let mut left = std::mem::take(&mut self.left);
        left.extend(self.vu.as_ref().map(|vu| vu.host().errand().sockets()).filter(|sockets| !sockets.is_empty()));
        for sockets in left {
            // In a box, so that what few VUs have takes no room in the task of every one.
            Box::pin(sockets.farewell(&shard.shard)).await;
        }
    }

    /// Leaves the scenario; another may take the VU.
    pub(crate) fn leave(&mut self) {
        self.is_in_scenario = false;
        match &mut self.vu {
            Some(vu) => {
                let host = vu.host_mut();
                host.seat = None;
                host.identity.iterations_in_scenario = 0;
            }
            None => self.identity.iterations_in_scenario = 0,
        }
    }

    /// Iterations that the VU has begun in its scenario.
    pub(crate) fn iterations_in_scenario(&self) -> u64 {
        self.vu.as_ref().map_or(self.identity, |vu| vu.host().identity).iterations_in_scenario
    }
}

/// The VUs of a shard. Any that is idle serves any scenario; who has waited longest comes first.
#[derive(Default)]
pub(crate) struct VuPool {
    idle: RefCell<VecDeque<VuSlot>>,
    waiting: RefCell<Vec<Waker>>,
    numbered: Cell<u64>,
    made: Cell<u64>,
    /// Up to how many VUs planned work may have without waiting for one.
    planned: Cell<u64>,
    has_warned: Cell<bool>,
}

impl VuPool {
    /// VUs made so far.
    pub(crate) fn made(&self) -> u64 {
        self.made.get()
    }

    /// Makes the VUs that are planned.
    pub(crate) async fn fill(&self, shard: &Rc<ShardContext>) -> Result<u64, Fault> {
        let planned = shard.portion.requirements().planned_vus;
        if shard.script.is_event_driven() {
            // A VU is a connection there, and has no instance of its own.
            self.made.set(planned);
            return Ok(planned);
        }
        for _ in 0..planned {
            let slot = self.make(shard).await?;
            self.idle.borrow_mut().push_back(slot);
        }
        self.planned.set(planned);
        Ok(self.made())
    }

    /// Takes all idle VUs.
    pub(super) fn take_all(&self) -> VecDeque<VuSlot> {
        self.idle.take()
    }

    /// Puts idle VUs into the order of their numbers.
    pub(super) fn sort(&self) {
        self.idle.borrow_mut().make_contiguous().sort_by_key(VuSlot::number);
    }

    /// So many VUs more than planned may be made.
    pub(crate) fn grow(&self, vus: u64) {
        self.planned.set(self.planned.get().saturating_add(vus));
    }

    /// An idle VU. If there is none one is waited for, and then made anew, perhaps without an instance yet.
    pub(crate) async fn take(&self, shard: &Rc<ShardContext>) -> VuSlot {
        if let Some(slot) = self.take_idle() {
            return slot;
        }
        if self.numbered.get() < self.planned.get() {
            return self.number(shard);
        }
        let expire = async {
            shard.shard.sleep(PATIENCE).await;
            None
        };
        if let Some(slot) = or(self.returned(), expire).await {
            return slot;
        }
        if !self.has_warned.replace(true) {
            let text = "planned VUs were still busy when they were needed: others were made in their place";
            shard.logs.report(LogLevel::Warn, text, "");
        }
        self.number(shard)
    }

    /// A VU that wasn't planned, as a rule a new one.
    pub(crate) async fn take_unplanned(&self, shard: &Rc<ShardContext>) -> Result<VuSlot, Fault> {
        if self.numbered.get() < shard.portion.requirements().max_vus {
            return self.make(shard).await;
        }
        let mut slot = self.take(shard).await;
        match slot.make(shard).await {
            Ok(_) => Ok(slot),
            Err(fault) => {
                self.give_back(slot);
                Err(fault)
            }
        }
    }

    pub(crate) fn give_back(&self, slot: VuSlot) {
        self.idle.borrow_mut().push_back(slot);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Ends all idle VUs.
    pub(crate) fn clear(&self) {
        drop(self.idle.take());
    }

    fn take_idle(&self) -> Option<VuSlot> {
        self.idle.borrow_mut().pop_front()
    }

    async fn returned(&self) -> Option<VuSlot> {
        poll_fn(|context| match self.take_idle() {
            Some(slot) => Poll::Ready(Some(slot)),
            None => {
                self.waiting.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    fn number(&self, shard: &ShardContext) -> VuSlot {
        let n = self.numbered.get();
        self.numbered.set(n + 1);
        VuSlot::new(shard.portion.vu_numbers(n))
    }

    async fn make(&self, shard: &Rc<ShardContext>) -> Result<VuSlot, Fault> {
        let mut slot = self.number(shard);
        match slot.make(shard).await {
            Ok(_) => Ok(slot),
            Err(fault) => {
                // Its number isn't lost: the next one to take it tries again.
                self.give_back(slot);
                Err(fault)
            }
        }
    }
}
