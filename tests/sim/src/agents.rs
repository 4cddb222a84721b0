//! Agents: the link's own code, and workers that measure nothing and say how often.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use throng_control::AgentName;
use throng_coordinator::Network;
use throng_link::{Dial, Duplex, LinkConfig, Notes, run_within};
use throng_trust::Credentials;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::group::Setting;
use crate::network::{Host, address};
use crate::trace::Trace;
use crate::workers::FakeWorkers;

/// Agents have machines from this one on.
const FIRST_HOST: Host = 100;
/// What workers have said and the link hasn't taken.
const NEWS_MAX: usize = 256;

/// All agents' machines. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Agents {
    setting: Rc<Setting>,
    /// Nodes that agents are told of.
    nodes: Vec<String>,
    machines: Rc<RefCell<BTreeMap<u8, Machine>>>,
}

struct Machine {
    lives: u64,
    process: Option<JoinHandle<()>>,
}

impl Agents {
    pub(crate) fn new(setting: Rc<Setting>, count: u8, nodes: &[u64]) -> Self {
        let machines = (0..count).map(|number| (number, Machine { lives: 0, process: None })).collect();
        let nodes = nodes.iter().map(|id| address(crate::group::host(*id))).collect();
        Self { setting, nodes, machines: Rc::new(RefCell::new(machines)) }
    }

    pub(crate) fn numbers(&self) -> Vec<u8> {
        self.machines.borrow().keys().copied().collect()
    }

    pub(crate) fn host(number: u8) -> Host {
        FIRST_HOST + number
    }

    pub(crate) fn is_up(&self, number: u8) -> bool {
        let machines = self.machines.borrow();
        machines.get(&number).and_then(|machine| machine.process.as_ref()).is_some_and(|process| !process.is_finished())
    }

    /// Starts an agent, unless it is there.
    pub(crate) fn start(&self, number: u8) {
        if self.is_up(number) {
            return;
        }
        let mut machines = self.machines.borrow_mut();
        let Some(machine) = machines.get_mut(&number) else { return };
        machine.lives += 1;
        let life = machine.lives;
        self.setting.trace.note(&format!("a{number}"), &format!("starts, life {life}"));
        machine.process = Some(tokio::task::spawn_local(self.clone().run(number, life)));
    }

    /// An agent is killed, or its machine is gone.
    pub(crate) fn crash(&self, number: u8, says_so: bool) {
        let Some(process) = self.machines.borrow_mut().get_mut(&number).and_then(|machine| machine.process.take())
        else {
            return;
        };
        self.setting.trace.note(&format!("a{number}"), if says_so { "killed" } else { "loses power" });
        if says_so {
            self.setting.wires.kill(Self::host(number));
        } else {
            self.setting.wires.cut_power(Self::host(number));
        }
        process.abort();
    }

    async fn run(self, number: u8, life: u64) {
        let Setting { seed, wires, trace, invariants, .. } = &*self.setting;
        let socket = wires.start(Self::host(number));
        let dial: Dial = Arc::new(move |address| {
            let dialing = socket.dial(address);
            Box::pin(async move { Ok(Box::new(dialing.await?) as Box<dyn Duplex>) })
        });
        let who = format!("a{number}");
        let Ok(name) = AgentName::new(&who) else { return };
        let config = LinkConfig {
            name,
            nodes: self.nodes.clone(),
            capacity: 1,
            tags: BTreeMap::new(),
            addresses: Vec::new(),
            version: "0.1.0".to_owned(),
            credentials: Credentials::plain(true),
            give_up_after: None,
            drain: Arc::new(AtomicBool::new(false)),
        };
        let (news, heard) = mpsc::channel(NEWS_MAX);
        let dice = Dice::new(*seed, &format!("agent {number}, life {life}"));
        let incarnation = dice.clone().number();
        let workers = FakeWorkers::new(news, dice, invariants.clone());
        let mut notes = Told { who: who.clone(), trace: trace.clone() };
        let left = run_within(config, (incarnation, dial), (workers, heard), &mut notes).await;
        match left {
            Ok(left) => trace.note(&who, &format!("ends: {left:?}")),
            Err(error) => trace.note(&who, &format!("ends: {error}")),
        }
        wires.kill(Self::host(number));
    }
}

/// Notes what an agent's user is told.
struct Told {
    who: String,
    trace: Trace,
}

impl Notes for Told {
    fn note(&mut self, text: &str) {
        self.trace.note(&self.who, text);
    }

    fn warn(&mut self, text: &str) {
        self.trace.note(&self.who, text);
    }
}
