//! What goes wrong, as the seed has it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use throng_coordinator::Peers;
use tokio::time::{sleep, timeout};

use crate::agents::Agents;
use crate::dice::Dice;
use crate::group::{End, Group, host};
use crate::network::{Host, address};

/// Nodes that a group has at least while it changes.
const MEMBERS_MIN: usize = 3;
/// Machines that there are in all.
const MACHINES_MAX: u64 = 9;
/// How long one change of the members is waited for.
const CHANGE_PATIENCE: Duration = Duration::from_secs(8);

/// How much goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Between two faults, in milliseconds.
    pub(crate) every_ms: (u64, u64),
    /// How long one lasts, in milliseconds.
    pub(crate) lasts_ms: (u64, u64),
    /// Whether nodes come and go.
    pub(crate) members_change: bool,
}

/// What goes wrong next.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Crash,
    CrashLeader,
    CrashAll,
    Restart,
    Isolate,
    IsolateOneWay,
    CutPair,
    CutLeaderFromPeers,
    SlowDown,
    Reset,
    Jump,
    HandOver,
    ChangeMembers,
    CrashAgent,
    CutAgent,
    CutLeaderFromAgents,
    ResetAgent,
}

const FAULTS: [(u64, Fault); 17] = [
    (14, Fault::Crash),
    (12, Fault::CrashLeader),
    (2, Fault::CrashAll),
    (8, Fault::Restart),
    (10, Fault::Isolate),
    (8, Fault::IsolateOneWay),
    (8, Fault::CutPair),
    (6, Fault::CutLeaderFromPeers),
    (6, Fault::SlowDown),
    (6, Fault::Reset),
    (6, Fault::Jump),
    (6, Fault::HandOver),
    (6, Fault::ChangeMembers),
    (6, Fault::CrashAgent),
    (8, Fault::CutAgent),
    (6, Fault::CutLeaderFromAgents),
    (8, Fault::ResetAgent),
];

pub(crate) struct Faults {
    group: Group,
    agents: Agents,
    plan: Plan,
    dice: Dice,
    /// Whether members are being changed.
    is_changing: Rc<Cell<bool>>,
    /// Whether the network isn't whole.
    is_cut: Rc<Cell<bool>>,
    machines: u64,
    is_over: Rc<Cell<bool>>,
}

impl Faults {
    pub(crate) fn new(group: Group, agents: Agents, plan: Plan, is_over: Rc<Cell<bool>>) -> Self {
        let dice = Dice::new(group.setting.seed, "faults");
        let machines = group.ids().len() as u64;
        Self { group, agents, plan, dice, is_changing: Rc::default(), is_cut: Rc::default(), machines, is_over }
    }

    /// Has things go wrong until it is over.
    pub(crate) async fn run(mut self) {
        loop {
            let (least, most) = self.plan.every_ms;
            sleep(self.dice.ms(least..=most)).await;
            if self.is_over.get() {
                return;
            }
            let mut left = self.dice.below(FAULTS.iter().map(|(weight, _)| weight).sum());
            let fault = FAULTS.iter().find(|(weight, _)| {
                let is_this = left < *weight;
                left = left.saturating_sub(*weight);
                is_this
            });
            if let Some((_, fault)) = fault {
                self.happen(*fault);
            }
        }
    }

    fn happen(&mut self, fault: Fault) {
        let ids = self.group.ids();
        let Some(&victim) = self.dice.one_of(&ids) else { return };
        let leader = self.group.leader().map_or(victim, |leader| leader.id());
        let agent = self.dice.one_of(&self.agents.numbers()).copied().unwrap_or_default();
        match fault {
            Fault::Crash => self.crash(victim),
            Fault::CrashLeader => self.crash(leader),
            Fault::CrashAll => ids.into_iter().for_each(|id| self.crash(id)),
            Fault::Restart => self.end(victim, End::Planned),
            Fault::Isolate => self.isolate(victim, (true, true)),
            Fault::IsolateOneWay => {
                let outward = self.dice.per_mille(500);
                self.isolate(victim, (outward, !outward));
            }
            Fault::CutPair => {
                let ways = self.ways();
                self.cut("a pair", vec![(host(victim), host(leader))], ways);
            }
            Fault::CutLeaderFromPeers => self.isolate(leader, (true, true)),
            Fault::SlowDown => self.slow_down(victim),
            Fault::Reset => {
                self.group.setting.trace.note("net", &format!("resets n{victim} to n{leader}"));
                self.group.setting.wires.reset(host(victim), host(leader));
            }
            Fault::Jump => {
                let by = i64::try_from(self.dice.within(1..=1_200_000)).unwrap_or(0);
                self.group.jump(victim, by - 600_000);
            }
            Fault::HandOver => self.hand_over(),
            Fault::ChangeMembers => self.change_members(),
            Fault::CrashAgent => self.crash_agent(agent),
            Fault::CutAgent => self.cut_agent(agent, ids),
            Fault::CutLeaderFromAgents => {
                let pairs =
                    self.agents.numbers().into_iter().map(|agent| (host(leader), Agents::host(agent))).collect();
                let ways = self.ways();
                self.cut(&format!("n{leader} from agents"), pairs, ways);
            }
            Fault::ResetAgent => {
                self.group.setting.trace.note("net", &format!("resets a{agent} to n{leader}"));
                self.group.setting.wires.reset(Agents::host(agent), host(leader));
            }
        }
    }

    fn crash(&mut self, id: u64) {
        let how = if self.dice.per_mille(500) { End::Killed } else { End::PowerLoss };
        self.end(id, how);
    }

    /// Ends a process, and starts it again after a while.
    fn end(&mut self, id: u64, how: End) {
        if !self.group.is_up(id) {
            return;
        }
        self.group.end(id, how);
        let (least, most) = self.plan.lasts_ms;
        // Soon, so that nobody has taken over, or later.
        let after = if self.dice.per_mille(300) { self.dice.ms(1..=200) } else { self.dice.ms(least..=most) };
        let group = self.group.clone();
        tokio::task::spawn_local(async move {
            sleep(after).await;
            while group.is_up(id) {
                sleep(Duration::from_millis(20)).await;
            }
            group.start(id);
        });
    }

    /// Both ways, or one of them.
    fn ways(&mut self) -> (bool, bool) {
        let ways = self.dice.below(3);
        (ways != 1, ways != 2)
    }

    fn crash_agent(&mut self, agent: u8) {
        if !self.agents.is_up(agent) {
            return;
        }
        self.agents.crash(agent, self.dice.per_mille(500));
        let after = self.dice.ms(10..=8_000);
        let agents = self.agents.clone();
        tokio::task::spawn_local(async move {
            sleep(after).await;
            agents.start(agent);
        });
    }

    fn cut_agent(&mut self, agent: u8, nodes: Vec<u64>) {
        let pairs = nodes.into_iter().map(|node| (Agents::host(agent), host(node))).collect();
        let ways = self.ways();
        self.cut(&format!("a{agent} from all nodes"), pairs, ways);
    }

    fn isolate(&mut self, victim: u64, ways: (bool, bool)) {
        let others = self.group.ids().into_iter().filter(|id| *id != victim);
        let pairs = others.map(|other| (host(victim), host(other))).collect();
        self.cut(&format!("n{victim} from all nodes"), pairs, ways);
    }

    /// Lets nothing through, one way or both, for a while.
    fn cut(&mut self, what: &str, pairs: Vec<(Host, Host)>, (forth, back): (bool, bool)) {
        if self.is_cut.replace(true) {
            return;
        }
        let setting = &self.group.setting;
        setting.trace.note("net", &format!("cuts {what} {pairs:?}, forth {forth}, back {back}"));
        for (one, other) in pairs.into_iter().filter(|(one, other)| one != other) {
            if forth {
                setting.wires.block(one, other);
            }
            if back {
                setting.wires.block(other, one);
            }
        }
        self.heal_later();
    }

    fn slow_down(&mut self, victim: u64) {
        if self.is_cut.replace(true) {
            return;
        }
        let by = self.dice.ms(20..=250);
        self.group.setting.trace.note("net", &format!("slows n{victim} down by {by:?}"));
        for other in self.group.ids() {
            self.group.setting.wires.slow_down(host(victim), host(other), by);
            self.group.setting.wires.slow_down(host(other), host(victim), by);
        }
        self.heal_later();
    }

    fn heal_later(&mut self) {
        let (least, most) = self.plan.lasts_ms;
        let (after, group, is_cut) = (self.dice.ms(least..=most), self.group.clone(), Rc::clone(&self.is_cut));
        tokio::task::spawn_local(async move {
            sleep(after).await;
            group.setting.trace.note("net", "heals");
            group.setting.wires.heal();
            is_cut.set(false);
        });
    }

    fn hand_over(&mut self) {
        let Some(leader) = self.group.leader() else { return };
        let group = self.group.clone();
        tokio::task::spawn_local(async move {
            let heir = timeout(CHANGE_PATIENCE, leader.hand_over(None)).await;
            group.setting.trace.note(&format!("n{}", leader.id()), &format!("hands over: {heir:?}"));
        });
    }

    /// A node is added, or one removed.
    fn change_members(&mut self) {
        if !self.plan.members_change || self.is_changing.get() {
            return;
        }
        let Some(leader) = self.group.leader() else { return };
        let members = leader.state().members;
        let group = self.group.clone();
        if members.len() > MEMBERS_MIN {
            let Some(out) = self.dice.one_of(&members).map(|member| member.id) else { return };
            self.is_changing.set(true);
            let is_changing = Rc::clone(&self.is_changing);
            tokio::task::spawn_local(async move {
                let removed = timeout(CHANGE_PATIENCE, leader.remove(out)).await;
                group.setting.trace.note(&format!("n{}", leader.id()), &format!("removes n{out}: {removed:?}"));
                is_changing.set(false);
            });
        } else if self.machines < MACHINES_MAX {
            self.machines += 1;
            let id = self.machines;
            let mut peers: std::collections::BTreeMap<u64, String> =
                members.into_iter().map(|member| (member.id, member.address)).collect();
            peers.insert(id, address(host(id)));
            group.add_machine(id, Peers::new(peers));
            group.start(id);
            self.is_changing.set(true);
            let is_changing = Rc::clone(&self.is_changing);
            tokio::task::spawn_local(async move {
                sleep(Duration::from_millis(300)).await;
                let added = timeout(CHANGE_PATIENCE, leader.add(id, &address(host(id)))).await;
                group.setting.trace.note(&format!("n{}", leader.id()), &format!("adds n{id}: {added:?}"));
                is_changing.set(false);
            });
        }
    }
}
