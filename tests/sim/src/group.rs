//! The group's machines: each has a disk, a clock, and at most one process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use throng_coordinator::{
    Bug, Coordinator, DiskImage, Environment, Node, NodeConfig, Peers, Simulation, Stopped, Timing,
};
use tokio::sync::watch;

use crate::clock::SimClock;
use crate::dice::Dice;
use crate::invariants::{Invariants, Life};
use crate::network::{Host, Wires, address};
use crate::trace::Trace;

/// What all machines of a group have in common.
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) wires: Wires,
    pub(crate) trace: Trace,
    pub(crate) invariants: Invariants,
    pub(crate) timing: Timing,
    pub(crate) bug: Option<Bug>,
}

/// A machine for a node.
struct Machine {
    image: DiskImage,
    clock: SimClock,
    /// How long a sync takes.
    delay: Duration,
    lives: u64,
    peers: Peers,
    process: Option<Process>,
    /// Its node has been taken out of the group for good.
    is_removed: bool,
    dice: Dice,
}

struct Process {
    node: Option<Node>,
    ending: watch::Sender<bool>,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is asked to, and hands over.
    Planned,
    /// It is killed; the machine goes on.
    Killed,
    /// The machine loses power.
    PowerLoss,
}

/// The machines. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) setting: Rc<Setting>,
    machines: Rc<RefCell<BTreeMap<u64, Machine>>>,
}

pub(crate) fn host(node: u64) -> Host {
    Host::try_from(node).unwrap_or(Host::MAX)
}

impl Group {
    /// So many machines, without processes.
    pub(crate) fn new(setting: Setting, count: u64) -> Self {
        let group = Self { setting: Rc::new(setting), machines: Rc::default() };
        let peers = Peers::new((1..=count).map(|id| (id, address(host(id)))).collect());
        for id in 1..=count {
            group.add_machine(id, peers.clone());
        }
        group
    }

    /// One more machine, whose node knows these.
    pub(crate) fn add_machine(&self, id: u64, peers: Peers) {
        let mut dice = Dice::new(self.setting.seed, &format!("machine {id}"));
        let off = i64::try_from(dice.below(4_000)).unwrap_or(0) - 2_000;
        let (clock, delay) = (SimClock::new(off), Duration::from_micros(dice.within(100..=8_000)));
        let image = DiskImage::default();
        let machine = Machine { image, clock, delay, lives: 0, peers, process: None, is_removed: false, dice };
        self.machines.borrow_mut().insert(id, machine);
    }

    /// All machines that are not done with.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let machines = self.machines.borrow();
        machines.iter().filter(|(_, machine)| !machine.is_removed).map(|(id, _)| *id).collect()
    }

    pub(crate) fn is_up(&self, id: u64) -> bool {
        self.machines.borrow().get(&id).is_some_and(|machine| machine.process.is_some())
    }

    /// A node that runs.
    pub(crate) fn node(&self, id: u64) -> Option<Node> {
        self.machines.borrow().get(&id)?.process.as_ref()?.node.clone()
    }

    /// All nodes that run.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.ids().into_iter().filter_map(|id| self.node(id)).collect()
    }

    /// The node that leads by its own account, in the newest term.
    pub(crate) fn leader(&self) -> Option<Node> {
        let leading = self.nodes().into_iter().filter(|node| node.leadership().borrow().leads);
        leading.max_by_key(|node| node.leadership().borrow().term)
    }

    /// Sets a clock.
    pub(crate) fn jump(&self, id: u64, by_ms: i64) {
        if let Some(machine) = self.machines.borrow().get(&id) {
            machine.clock.jump(by_ms);
            self.setting.trace.note(&format!("n{id}"), &format!("its clock jumps by {by_ms} ms"));
        }
    }

    /// From then on disks say that they have synced, and haven't.
    pub(crate) fn have_disks_lie(&self, after: Duration) {
        let group = self.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(after).await;
            group.setting.trace.note("sim", "disks lie from here on");
            group.machines.borrow().values().for_each(|machine| machine.image.lie(true));
        });
    }

    /// Starts the process of a machine.
    pub(crate) fn start(&self, id: u64) {
        let mut machines = self.machines.borrow_mut();
        let Some(machine) = machines.get_mut(&id).filter(|one| one.process.is_none() && !one.is_removed) else {
            return;
        };
        machine.lives += 1;
        let life: Life = (id, machine.lives);
        let disk = machine.image.start_again(machine.delay);
        let environment = Environment {
            network: Arc::new(self.setting.wires.start(host(id))),
            disk: Arc::new(disk),
            clock: Arc::new(machine.clock.clone()),
            seed: Dice::new(self.setting.seed, &format!("life {life:?}")).number(),
            simulation: Simulation { witness: Some(self.setting.invariants.eye(life)), bug: self.setting.bug },
        };
        let trace = self.setting.trace.clone();
        trace.note(&format!("n{id}"), &format!("starts, life {}", life.1));
        let config = NodeConfig {
            id,
            peers: machine.peers.clone(),
            timing: self.setting.timing.clone(),
            version: "0.1.0".to_owned(),
            allowed_targets: None,
            notify: Arc::new(move |text| trace.note(&format!("n{id}"), text)),
        };
        let (ending, ended) = watch::channel(false);
        machine.process = Some(Process { node: None, ending });
        drop(machines);
        let group = self.clone();
        tokio::task::spawn_local(group.run(life, config, environment, ended));
    }

    async fn run(self, life: Life, config: NodeConfig, environment: Environment, ended: watch::Receiver<bool>) {
        let listen = address(host(life.0));
        let on_start = {
            let group = self.clone();
            move |node: Node| group.has_started(life, node)
        };
        let running = Coordinator::run(config, listen, environment, on_start, ended);
        let why = match running.await {
            Ok(why) => why,
            Err(error) => Stopped::Fault(format!("it can't start: {error}")),
        };
        self.has_ended(life, &why);
    }

    fn has_started(&self, life: Life, node: Node) {
        tokio::task::spawn_local(self.clone().watch(life, node.clone()));
        if let Some(machine) = self.machines.borrow_mut().get_mut(&life.0).filter(|machine| machine.lives == life.1)
            && let Some(process) = &mut machine.process
        {
            process.node = Some(node);
        }
    }

    /// Whether that life goes on.
    fn is_current(&self, life: Life) -> bool {
        let machines = self.machines.borrow();
        machines.get(&life.0).is_some_and(|machine| machine.lives == life.1 && machine.process.is_some())
    }

    /// Looks who leads.
    async fn watch(self, life: Life, node: Node) {
        let mut leadership = node.leadership();
        while self.is_current(life) {
            let now = *leadership.borrow_and_update();
            if now.leads {
                let mut is_first = false;
                self.setting.invariants.check(|all| {
                    is_first = all.election_safety.leads(life, now.term)?;
                    Ok(())
                });
                if is_first {
                    self.setting.trace.note(&format!("n{}", life.0), &format!("is elected in term {}", now.term));
                }
            }
            if leadership.changed().await.is_err() {
                return;
            }
        }
    }

    /// A process has ended: by itself, or what is left of it after a crash.
    fn has_ended(&self, life: Life, why: &Stopped) {
        if !self.is_current(life) {
            return;
        }
        let trace = &self.setting.trace;
        trace.note(&format!("n{}", life.0), &format!("ends: {why}"));
        if let Some(machine) = self.machines.borrow_mut().get_mut(&life.0) {
            machine.process = None;
            machine.is_removed = matches!(why, Stopped::Removed(_));
        }
        self.setting.wires.kill(host(life.0));
        if !matches!(why, Stopped::Removed(_) | Stopped::Planned) {
            trace.violate("nodes go on", format!("node {} ends by itself: {why}", life.0));
        }
    }

    /// Ends the process of a machine.
    pub(crate) fn end(&self, id: u64, how: End) {
        let mut machines = self.machines.borrow_mut();
        let Some(machine) = machines.get_mut(&id) else { return };
        let Some(process) = &machine.process else { return };
        self.setting.trace.note(&format!("n{id}"), &format!("{how:?}"));
        // What is left of it has no network, and its disk takes nothing: it can only come to its end.
        process.ending.send_replace(true);
        match how {
            End::Planned => return,
            End::Killed => {
                self.setting.wires.kill(host(id));
                drop(machine.image.start_again(Duration::ZERO));
            }
            End::PowerLoss => {
                self.setting.wires.cut_power(host(id));
                let (all_of, dice) = (machine.dice.per_mille(500), &mut machine.dice);
                machine.image.crash(|| !all_of && dice.per_mille(500));
            }
        }
        machine.process = None;
    }

    /// Compares the logs of all nodes that run.
    pub(crate) fn compare_logs(&self) {
        for node in self.nodes() {
            let log = node.log_entries();
            self.setting.invariants.check(|all| all.log_matching.seen(node.id(), &log));
        }
    }
}
