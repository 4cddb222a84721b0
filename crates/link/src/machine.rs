//! Parts on this machine: a worker each.

mod preparing;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throng_agent::link::{PARTS_MAX, PartEvent, PartId};
use throng_agent::{Allowance, Step, Worker, machine_share_on};
use throng_control::{Failure, FailureKind, Order};
use throng_output::OutputSpec;
use throng_plan::AllowedTargets;
use throng_transport::source::SourceAddresses;
use throng_trust::Credentials;
use tokio::sync::mpsc;

use crate::archives::ArchiveCache;
use crate::workers::{PartNews, Workers};
use preparing::Preparing;

/// What workers have said and the link hasn't heard; at the limit they wait, and what they record goes on into their next
/// windows.
pub const NEWS_WAITING_MAX: usize = 256;

/// What of this machine parts may use.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// Archives that were fetched.
    pub archives: ArchiveCache,
    /// How nodes are known that archives are fetched from.
    pub credentials: Credentials,
    /// Where compiled scripts are kept.
    pub cache_dir: Option<PathBuf>,
    /// The version that `User-Agent` names.
    pub version: String,
    /// Where connections come from.
    pub sources: Arc<SourceAddresses>,
    /// Shards of a part at most.
    pub shards_max: usize,
    /// Parts at once, among which source ports and sockets are divided; at most [`PARTS_MAX`].
    pub parts_max: u16,
    /// Where this agent lets connections go, beside what its group says; anywhere without a list.
    pub allowed_targets: Option<AllowedTargets>,
    /// What it writes of each part, in files whose names have the run, the agent and the part's epoch added; none of them
    /// reports.
    pub outputs: Vec<OutputSpec>,
    /// Told of what is missing in them, if that is known only after the part has ended.
    pub notify: Notify,
}

/// Whom a thread of a part's tells something for this agent's operator.
#[derive(Clone)]
pub struct Notify(pub Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Notify {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Notify")
    }
}

/// Parts on this machine.
#[derive(Debug)]
pub struct MachineWorkers {
    config: Arc<MachineConfig>,
    slots: Slots,
    news: mpsc::Sender<PartNews>,
    /// Where the group lets connections go.
    allowed_by_group: Option<AllowedTargets>,
}

/// The parts that there are, for the link's thread, those that prepare parts, and workers' own.
#[derive(Clone, Debug, Default)]
struct Slots(Arc<Mutex<BTreeMap<PartId, Slot>>>);

/// A part.
#[derive(Debug)]
struct Slot {
    /// Which of the machine's shares it has.
    share: u16,
    /// Set when it isn't wanted any more, for who prepares it.
    released: Arc<AtomicBool>,
    /// Whether it was told to stop before it had a worker.
    is_stopped: bool,
    worker: Option<Worker>,
}

impl Slots {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PartId, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MachineWorkers {
    /// None yet; what happens to parts is heard by the receiver.
    #[must_use]
    pub fn new(config: MachineConfig) -> (Self, mpsc::Receiver<PartNews>) {
        let (news, heard) = mpsc::channel(NEWS_WAITING_MAX);
        let parts_max = config.parts_max.clamp(1, PARTS_MAX as u16);
        let config = Arc::new(MachineConfig { parts_max, ..config });
        (Self { config, slots: Slots::default(), news, allowed_by_group: None }, heard)
    }

    /// Where connections may go.
    fn allowances(&self) -> Vec<Allowance> {
        let by_group = self.allowed_by_group.clone().map(|targets| Allowance { by: "the cluster", targets });
        let own = self.config.allowed_targets.clone().map(|targets| Allowance { by: "this agent", targets });
        by_group.into_iter().chain(own).collect()
    }

    /// Says that a part can't begin, from where it may take a while to be heard.
    fn refuse(&self, part: PartId, kind: FailureKind, message: String) {
        let (news, event) = (self.news.clone(), PartEvent::NotBegun(Failure::new(kind, message)));
        tokio::spawn(async move { drop(news.send((part, event)).await) });
    }
}

impl Workers for MachineWorkers {
    fn allow(&mut self, targets: Option<AllowedTargets>) {
        self.allowed_by_group = targets;
    }

    fn begin(&mut self, order: Order, nodes: Vec<String>) {
        let part = PartId::from(&order);
        let mut slots = self.slots.lock();
        let taken = |share: u16| slots.values().any(|slot| slot.share == share);
        let free = (0..self.config.parts_max).find(|share| !taken(*share));
        let (Some(share), false) = (free, slots.contains_key(&part)) else {
            drop(slots);
            let text = format!(
                "this agent has {} parts of runs already, as many as it may (--parts), or one that hasn't ended yet",
                self.config.parts_max
            );
            return self.refuse(part, FailureKind::Machine, text);
        };
        let released = Arc::new(AtomicBool::new(false));
        slots.insert(part.clone(), Slot { share, released: Arc::clone(&released), is_stopped: false, worker: None });
        drop(slots);
        let shards = machine_share_on(self.config.shards_max, share, self.config.parts_max, &self.config.sources);
        let preparing = Preparing {
            config: Arc::clone(&self.config),
            slots: self.slots.clone(),
            news: self.news.clone(),
            part: part.clone(),
            order,
            nodes,
            allowances: self.allowances(),
            shards,
            released,
        };
        if let Err(error) = preparing.start() {
            self.slots.lock().remove(&part);
            self.refuse(part, FailureKind::Machine, format!("no thread could be started: {error}"));
        }
    }

    fn tell(&mut self, part: &PartId, step: Step) {
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(part) else { return };
        slot.is_stopped |= matches!(step, Step::Stop);
        let Some(worker) = &slot.worker else { return };
        let is_first = matches!(step, Step::Prepare);
        worker.tell(step);
        if is_first && slot.is_stopped {
            worker.tell(Step::Stop);
        }
    }

    fn window_taken(&mut self, part: &PartId) {
        if let Some(worker) = self.slots.lock().get(part).and_then(|slot| slot.worker.as_ref()) {
            worker.window_taken();
        }
    }

    fn release(&mut self, part: &PartId) {
        // The slot is given back when the worker has finished, or by whoever prepares it.
        if let Some(slot) = self.slots.lock().get(part) {
            slot.released.store(true, Ordering::Relaxed);
            if let Some(worker) = &slot.worker {
                worker.tell(Step::Finish);
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.slots.lock().is_empty()
    }
}
