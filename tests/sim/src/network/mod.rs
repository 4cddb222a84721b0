//! A network in memory: connections that deliver bytes late, wait out partitions, and break.
//!
//! It behaves as TCP does. What is written arrives in order or not at all; a lost packet comes later, and holds up what
//! follows; a partition holds up everything until it is healed, unless somebody gives up before. A machine without power
//! says nothing; one that is back resets what it knows nothing of; a process that was killed resets at once.

mod dialer;
mod pipe;
mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use throng_coordinator::{Dialed, Listener, Network, Pending};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::dice::Dice;
pub(crate) use dialer::channel;
use pipe::Pipe;
use stream::End;

/// A machine, by the last byte of its address 10.0.0.N.
pub(crate) type Host = u8;

/// The port that everyone listens at.
const PORT: u16 = 7700;

/// How the network is when nothing is wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// How long a packet takes, in microseconds.
    pub(crate) latency_us: (u64, u64),
    /// Packets of a million that are lost, and come later.
    pub(crate) loss: u64,
}

/// All machines and what lies between them. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Wires(Arc<Mutex<Inner>>);

struct Inner {
    dice: Dice,
    weather: Weather,
    hosts: BTreeMap<Host, Machine>,
    /// From whom nothing gets to whom.
    blocked: BTreeSet<(Host, Host)>,
    /// How much longer it takes from one to another.
    slow: BTreeMap<(Host, Host), Duration>,
    pipes: BTreeMap<u64, Pipe>,
    made: u64,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Machine {
    /// Sockets of earlier lives are dead.
    life: u64,
    has_power: bool,
    listener: Option<mpsc::UnboundedSender<Dialed>>,
}

/// The address of a machine.
pub(crate) fn address(host: Host) -> String {
    format!("10.0.0.{host}:{PORT}")
}

fn host_of(address: &str) -> io::Result<Host> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    match address.ip() {
        IpAddr::V4(ip) => Ok(ip.octets()[3]),
        IpAddr::V6(_) => Err(io::Error::other("no such machine")),
    }
}

impl Wires {
    pub(crate) fn new(dice: Dice, weather: Weather) -> Self {
        let inner = Inner {
            dice,
            weather,
            hosts: BTreeMap::new(),
            blocked: BTreeSet::new(),
            slow: BTreeMap::new(),
            pipes: BTreeMap::new(),
            made: 0,
            changed: watch::channel(0).0,
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A machine starts, or a process on it: what it had open is reset when somebody asks for it.
    pub(crate) fn start(&self, host: Host) -> Socket {
        let mut inner = self.lock();
        inner.end_life(host, true);
        let machine = inner.hosts.entry(host).or_default();
        machine.has_power = true;
        let life = machine.life;
        inner.tell();
        Socket { wires: self.clone(), host, life }
    }

    /// A process ends without a word: the machine resets its connections.
    pub(crate) fn kill(&self, host: Host) {
        self.lock().end_life(host, true);
    }

    /// A machine is gone: nobody says so.
    pub(crate) fn cut_power(&self, host: Host) {
        let mut inner = self.lock();
        inner.end_life(host, false);
        inner.hosts.entry(host).or_default().has_power = false;
    }

    /// Lets nothing through from one machine to another.
    pub(crate) fn block(&self, from: Host, to: Host) {
        self.lock().blocked.insert((from, to));
    }

    /// Lets everything through again. What was sent meanwhile comes.
    pub(crate) fn heal(&self) {
        let mut inner = self.lock();
        let healed = std::mem::take(&mut inner.blocked);
        inner.slow.clear();
        let Inner { pipes, dice, .. } = &mut *inner;
        for pipe in pipes.values_mut().filter(|pipe| healed.contains(&pipe.way)) {
            pipe.stall(Instant::now() + dice.ms(1..=250));
        }
        inner.tell();
    }

    /// Has everything take so much longer from one machine to another.
    pub(crate) fn slow_down(&self, from: Host, to: Host, by: Duration) {
        self.lock().slow.insert((from, to), by);
    }

    /// Breaks the connections between two machines, as a router that forgets them does.
    pub(crate) fn reset(&self, one: Host, other: Host) {
        let mut inner = self.lock();
        for way in [(one, other), (other, one)] {
            let at = inner.arrival(way);
            inner.pipes.values_mut().filter(|pipe| pipe.way == way).for_each(|pipe| pipe.reset(at));
        }
    }
}

impl Inner {
    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn is_alive(&self, host: Host, life: u64) -> bool {
        self.hosts.get(&host).is_some_and(|machine| machine.life == life)
    }

    /// How long the next packet takes.
    fn latency(&mut self, way: (Host, Host)) -> Duration {
        let (least, most) = self.weather.latency_us;
        let slow = self.slow.get(&way).copied().unwrap_or_default();
        let is_lost = self.dice.below(1_000_000) < self.weather.loss;
        let again = if is_lost { self.dice.ms(200..=400) } else { Duration::ZERO };
        slow + again + Duration::from_micros(self.dice.within(least..=most))
    }

    fn arrival(&mut self, way: (Host, Host)) -> Instant {
        Instant::now() + self.latency(way)
    }

    fn end_life(&mut self, host: Host, says_so: bool) {
        let machine = self.hosts.entry(host).or_default();
        machine.life += 1;
        machine.listener = None;
        let ids: Vec<u64> = self.pipes.iter().filter(|(_, pipe)| pipe.touches(host)).map(|(id, _)| *id).collect();
        for id in ids {
            let way = self.pipes[&id].way;
            let at = self.arrival(way);
            let Some(pipe) = self.pipes.get_mut(&id) else { continue };
            if says_so { pipe.reset(at) } else { pipe.wake() }
        }
    }

    fn pipe(&mut self, way: (Host, Host)) -> u64 {
        self.made += 1;
        self.pipes.insert(self.made, Pipe::new(way));
        self.made
    }

    /// Whether packets get there and back.
    fn is_reachable(&self, from: Host, to: Host) -> bool {
        let has_power = self.hosts.get(&to).is_some_and(|machine| machine.has_power);
        has_power && !self.blocked.contains(&(from, to)) && !self.blocked.contains(&(to, from))
    }
}

/// The network as one life of a machine has it.
#[derive(Clone)]
pub(crate) struct Socket {
    wires: Wires,
    host: Host,
    life: u64,
}

impl Socket {
    fn ensure_alive(&self) -> io::Result<()> {
        let is_alive = self.wires.lock().is_alive(self.host, self.life);
        if is_alive { Ok(()) } else { Err(io::ErrorKind::ConnectionReset.into()) }
    }

    async fn connect(self, address: String) -> io::Result<Dialed> {
        let to = host_of(&address)?;
        let (mut changed, there) = {
            let mut inner = self.wires.lock();
            let latency = inner.latency((self.host, to));
            (inner.changed.subscribe(), latency)
        };
        sleep(there).await;
        loop {
            self.ensure_alive()?;
            if self.wires.lock().is_reachable(self.host, to) {
                break;
            }
            // The first packet is sent again from time to time.
            let _ = changed.changed().await;
            let again = self.wires.lock().dice.ms(1..=300);
            sleep(again).await;
        }
        let (dialed, back) = {
            let mut inner = self.wires.lock();
            let back = inner.latency((to, self.host));
            (self.join(&mut inner, to), back)
        };
        sleep(back).await;
        self.ensure_alive()?;
        dialed
    }

    /// Makes both ends, and gives one to whoever listens there.
    fn join(&self, inner: &mut Inner, to: Host) -> io::Result<Dialed> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let machine = inner.hosts.get(&to).ok_or_else(refused)?;
        let (life, listener) = (machine.life, machine.listener.clone().ok_or_else(refused)?);
        let (forth, back) = (inner.pipe((self.host, to)), inner.pipe((to, self.host)));
        let ours = End::new(self.wires.clone(), (self.host, self.life), back, forth);
        let theirs = End::new(self.wires.clone(), (to, life), forth, back);
        // Nobody locks the wires twice: an end that isn't taken is dropped later.
        match listener.send(Box::new(theirs)) {
            Ok(()) => Ok(Box::new(ours)),
            Err(unsent) => {
                tokio::spawn(async move { drop((unsent, ours)) });
                Err(refused())
            }
        }
    }
}

impl Network for Socket {
    fn dial(&self, address: String) -> Pending<'static, io::Result<Dialed>> {
        Box::pin(self.clone().connect(address))
    }

    fn listen(&self, _address: String) -> Pending<'static, io::Result<Box<dyn Listener>>> {
        let socket = self.clone();
        Box::pin(async move {
            socket.ensure_alive()?;
            let (sender, receiver) = mpsc::unbounded_channel();
            socket.wires.lock().hosts.entry(socket.host).or_default().listener = Some(sender);
            let waiting = tokio::sync::Mutex::new(receiver);
            Ok(Box::new(Ear { host: socket.host, waiting }) as Box<dyn Listener>)
        })
    }
}

/// Where connections come in.
struct Ear {
    host: Host,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Dialed>>,
}

impl Listener for Ear {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::new(Ipv4Addr::new(10, 0, 0, self.host).into(), PORT))
    }

    fn accept(&self) -> Pending<'_, io::Result<Dialed>> {
        Box::pin(async move {
            match self.waiting.lock().await.recv().await {
                Some(dialed) => Ok(dialed),
                // This life is over.
                None => std::future::pending().await,
            }
        })
    }
}
