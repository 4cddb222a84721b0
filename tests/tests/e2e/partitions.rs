//! Networks that break while a run goes on: machines in network namespaces of the tests' own, three with coordinators and
//! two with agents; the target and the client are where everybody hears them.
//!
//! What has become of the run when the network is whole again is in the summary exactly as the target has it.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use throng_tests::{AtRouter, Cluster, Group, Network, PORT, Target};

use crate::live::{Live, Load};

const AGENTS: [u8; 2] = [4, 5];
const LOAD: Load = Load { rate: 100, seconds: 16 };
/// How long networks are broken: longer than an agent's lease.
const BROKEN: Duration = Duration::from_secs(5);
/// A leader without its peers is left for another one within this, on machines that are busy with other tests.
const FAILOVER_MAX: Duration = Duration::from_secs(8);

/// A run on machines. Fields are dropped in their order.
struct Broken {
    live: Live,
    network: Arc<Network>,
    _router: AtRouter,
}

impl Broken {
    /// None where there can't be any.
    fn start(on_agent_loss: &str, group: fn(&Arc<Network>, u64) -> Result<Group>) -> Result<Option<Self>> {
        let Some(network) = Network::lay(5)? else { return Ok(None) };
        let network = Arc::new(network);
        let router = network.enter()?;
        let cluster = Cluster::start_on(&network, group(&network, 3)?, 2)?;
        let live = Live::start(cluster, Target::start_at(network.router().into())?, on_agent_loss, LOAD)?;
        Ok(Some(Self { live, network, _router: router }))
    }

    /// The machine of the leader, and those of the others.
    fn leader(&self) -> Result<(u8, Vec<u8>)> {
        let leader = self.live.cluster.group.leader()?;
        let others = Live::others(leader).into_iter().map(u8::try_from).collect::<Result<_, _>>()?;
        Ok((u8::try_from(leader)?, others))
    }

    /// Waits until others lead, heals, and lets the run end; how long they took.
    fn led_by(mut self, others: &[u8]) -> Result<Duration> {
        let others: Vec<u64> = others.iter().map(|id| u64::from(*id)).collect();
        let took = self.live.until_led_by(&others)?;
        ensure!(took < FAILOVER_MAX, "{took:?}");
        self.end_healed(took)?;
        Ok(took)
    }

    /// Heals it after a while of which so much has passed, and lets the run end.
    fn end_healed(self, passed: Duration) -> Result<()> {
        let before = self.live.target.served()?;
        sleep(BROKEN.saturating_sub(passed));
        self.live.target.await_served(before + 1)?;
        self.network.heal()?;
        self.live.cluster.group.delay(Duration::ZERO);
        self.live.end_with_all()
    }
}

#[test]
fn a_leader_that_hears_agents_and_none_of_its_peers_is_left_for_another_one() -> Result<()> {
    let Some(broken) = Broken::start("fail", Group::start_on)? else { return Ok(()) };
    let (leader, others) = broken.leader()?;
    broken.network.cut(&[leader], &others)?;
    println!("broken until another leader's first acknowledged window: {:?}", broken.led_by(&others)?);
    Ok(())
}

#[test]
fn a_leader_that_its_peers_do_not_hear_is_left_for_another_one() -> Result<()> {
    let Some(broken) = Broken::start("fail", Group::start_on)? else { return Ok(()) };
    let (leader, others) = broken.leader()?;
    for other in &others {
        broken.network.lose(leader, *other)?;
    }
    println!("broken until another leader's first acknowledged window: {:?}", broken.led_by(&others)?);
    Ok(())
}

#[test]
fn a_leader_that_does_not_hear_its_peers_is_left_for_another_one() -> Result<()> {
    let Some(broken) = Broken::start("fail", Group::start_on)? else { return Ok(()) };
    let (leader, others) = broken.leader()?;
    for other in &others {
        broken.network.lose(*other, leader)?;
    }
    println!("broken until another leader's first acknowledged window: {:?}", broken.led_by(&others)?);
    Ok(())
}

#[test]
fn an_agent_that_no_coordinator_hears_works_on_and_is_counted_when_it_is_back() -> Result<()> {
    let Some(broken) = Broken::start("continue", Group::start_on)? else { return Ok(()) };
    broken.network.cut(&AGENTS[1..], &[1, 2, 3])?;
    broken.end_healed(Duration::ZERO)
}

#[test]
fn an_agent_that_hears_coordinators_and_is_not_heard_is_counted_when_it_is_back() -> Result<()> {
    let Some(broken) = Broken::start("continue", Group::start_on)? else { return Ok(()) };
    for node in 1..=3 {
        broken.network.lose(AGENTS[1], node)?;
    }
    broken.end_healed(Duration::ZERO)
}

#[test]
fn a_network_that_is_slow_and_loses_packets_changes_no_count() -> Result<()> {
    let Some(broken) = Broken::start("fail", Group::start_behind_delays)? else { return Ok(()) };
    broken.live.cluster.group.delay(Duration::from_millis(200));
    broken.network.lose_some(5, PORT)?;
    broken.end_healed(Duration::ZERO)
}
