//! Event-driven scenarios: a VU is a connection, and a *flock* of them shares an instance of the script.
//!
//! One task of the shard does it all ([`run`]): it follows the load model, begins iterations, takes what happens to the
//! sockets from their set, turns frames into events, and hands these to the instances in batches. Nothing here waits but
//! it, and the handshakes, which have a task each until they are done. Handlers' calls come in at [`calls`].

mod calls;
mod handshake;
mod iterations;
mod member;
mod opening;
mod pump;
mod receiving;
mod vus;
mod wishes;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use slab::Slab;
use throng_transport::websocket::{Close, Control, Kind, Limits, Role, Rules, Writer, write_close, write_control};
use throng_transport::{ConnectionSet, Nanos, SendBytes, SetKey, Traffic};
use throng_vu::{ConnectionIdentity, EventBatch, LogLevel};

use super::ScenarioShare;
use crate::host::Random;
use crate::series::Place;
use crate::shard::ShardContext;

pub(crate) use calls::Reins;
pub(super) use pump::run;

use handshake::Handshake;
use member::Member;
use opening::Answer;
use vus::Vus;

/// Connections that an instance serves at most: what one trap can end.
const MEMBERS_MAX: usize = 1000;
/// Events that wait for an instance, and their bytes; then they are handled before anything more is taken, since a batch
/// has to find room in the instance's memory, which stays as large as its largest batch has made it.
const BATCH_EVENTS_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Bits of a token that are a connection's number within its flock.
const NUMBER_BITS: u32 = 16;
/// What connections are called that have had their last event, and whose sockets wait for the server to end them.
const LINGERING: u32 = u32::MAX;

/// All connections of an event-driven scenario on a shard.
pub(crate) struct Flocks {
    share: Rc<ScenarioShare>,
    shard: Rc<ShardContext>,
    place: Rc<Place>,
    /// VUs of the scenarios before this one, so that no two have a number.
    first_vu: u64,
    set: ConnectionSet,
    rules: Rules,
    flocks: RefCell<Vec<Rc<Flock>>>,
    /// Flocks with room, by number.
    roomy: RefCell<Vec<u32>>,
    /// Flocks with events to be handled.
    dirty: RefCell<VecDeque<u32>>,
    vus: RefCell<Vus>,
    /// Iterations that have begun and whose connections aren't open yet.
    opening: Cell<u32>,
    /// Connections whose close frame was sent, and the server's is awaited.
    closing: Cell<u32>,
    /// Whether what has gathered is to be handled before anything more is taken.
    is_full: Cell<bool>,
    /// Handshakes that have come to an end.
    answers: RefCell<VecDeque<Answer>>,
    /// Of the task that does it all.
    waker: RefCell<Option<Waker>>,
    serials: Cell<u32>,
    random: RefCell<Random>,
    /// Memory for unmasking and the like.
    scratch: RefCell<Vec<u8>>,
}

/// Connections that one instance serves.
pub(super) struct Flock {
    number: u32,
    state: RefCell<FlockState>,
}

#[derive(Default)]
struct FlockState {
    /// By the numbers that the script knows them by.
    members: Slab<Member>,
    /// What has happened since the instance was called.
    batch: EventBatch,
    is_dirty: bool,
    concerned: Concerned,
    /// Of the instance.
    handshakes: Slab<Rc<Handshake>>,
}

/// Members that something is to be done about once a batch is handled.
#[derive(Default)]
struct Concerned {
    /// Their beginning is in the batch.
    begun: Vec<u32>,
    /// They are to be closed.
    stopped: Vec<u32>,
    /// Their last event is in the batch.
    gone: Vec<u32>,
}

impl Flock {
    /// What the connection is called outside of its flock.
    fn token(&self, connection: u32) -> u32 {
        self.number << NUMBER_BITS | connection
    }
}

impl Flocks {
    fn new(share: &Rc<ScenarioShare>, shard: &Rc<ShardContext>) -> Rc<Self> {
        let seed = shard.nonce();
        Rc::new(Self {
            place: shard.series.place(&share.tags),
            first_vu: shard.vus_before(share.index),
            set: ConnectionSet::new(&shard.shard),
            rules: Rules::new(Role::Client, Limits::default()),
            share: Rc::clone(share),
            shard: Rc::clone(shard),
            flocks: RefCell::default(),
            roomy: RefCell::default(),
            dirty: RefCell::default(),
            vus: RefCell::default(),
            opening: Cell::new(0),
            closing: Cell::new(0),
            is_full: Cell::new(false),
            answers: RefCell::default(),
            waker: RefCell::default(),
            serials: Cell::new(0),
            random: RefCell::new(Random::new(seed)),
            scratch: RefCell::default(),
        })
    }

    /// The flock of a connection, and its number there.
    fn find(&self, token: u32) -> Option<(Rc<Flock>, u32)> {
        let flock = self.flocks.borrow().get((token >> NUMBER_BITS) as usize).cloned()?;
        Some((flock, token & ((1 << NUMBER_BITS) - 1)))
    }

    /// A flock with room for one more.
    fn roomy(&self) -> Rc<Flock> {
        let mut flocks = self.flocks.borrow_mut();
        let mut roomy = self.roomy.borrow_mut();
        let number = *roomy.last().unwrap_or(&(flocks.len() as u32));
        if number as usize == flocks.len() {
            flocks.push(Rc::new(Flock { number, state: RefCell::default() }));
            roomy.push(number);
        }
        let flock = Rc::clone(&flocks[number as usize]);
        if flock.state.borrow().members.len() + 1 >= MEMBERS_MAX {
            roomy.pop();
        }
        flock
    }

    /// Takes a member out; its number is free.
    fn remove(&self, flock: &Flock, connection: u32) -> Option<Member> {
        let mut state = flock.state.borrow_mut();
        if state.members.len() >= MEMBERS_MAX {
            self.roomy.borrow_mut().push(flock.number);
        }
        state.members.try_remove(connection as usize)
    }

    /// Has the flock's events handled in this round, and before more are taken if they are many.
    fn mark(&self, flock: &Flock, state: &mut FlockState) {
        if state.batch.len() >= BATCH_EVENTS_MAX || state.batch.data_bytes() >= BATCH_BYTES_MAX {
            self.is_full.set(true);
        }
        if !std::mem::replace(&mut state.is_dirty, true) {
            self.dirty.borrow_mut().push_back(flock.number);
        }
    }

    /// Wakes the task that does it all.
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// 32 random bits: what a client's frames are masked with.
    fn mask(&self) -> u32 {
        self.random.borrow_mut().next() as u32
    }

    /// A message as it is sent.
    fn message(&self, member: &mut Member, kind: Kind, payload: &[u8]) -> Vec<u8> {
        const HEAD_BYTES_MAX: usize = 14;
        let mut frame = Vec::with_capacity(payload.len() + HEAD_BYTES_MAX);
        let mut plain = Writer::plain();
        let writer = member.layers.as_mut().map_or(&mut plain, |layers| &mut layers.writer);
        writer.write(&self.rules, kind, payload, self.mask(), &mut frame);
        frame
    }

    fn send_control(&self, member: &mut Member, control: Control, payload: &[u8]) {
        let mut frame = Vec::new();
        write_control(&self.rules, control, payload, self.mask(), &mut frame);
        self.send(member, frame);
    }

    fn send_close(&self, member: &mut Member, close: Option<Close<'_>>) {
        let mut frame = Vec::new();
        write_close(&self.rules, close, self.mask(), &mut frame);
        self.send(member, frame);
    }

    /// Sends a frame, if the connection is open.
    fn send(&self, member: &mut Member, frame: Vec<u8>) {
        let Some(key) = member.key else { return };
        match member.layers.as_mut().and_then(|layers| layers.tls.as_mut()) {
            None => self.send_bytes(key, frame),
            Some(tls) => match tls.encrypt(&frame) {
                Ok(records) => self.send_bytes(key, records),
                // Its keys are used up. The server ends it then, which is told.
                Err(_) => drop(self.set.end_sending(key)),
            },
        }
    }

    fn send_bytes(&self, key: SetKey, bytes: Vec<u8>) {
        self.share.meter.add(Traffic { sent: bytes.len() as u64, received: 0 });
        self.set.send(key, SendBytes::Owned(bytes));
    }

    /// Has the member woken when its next timer's time comes.
    fn arm(&self, member: &Member) {
        if let (Some(key), Some(next)) = (member.key, member.timers.next()) {
            self.set.wake_at(key, Some(next));
        }
    }

    /// Who a member is.
    fn identity(&self, member: &Member) -> ConnectionIdentity {
        let numbers = self.shard.vu_numbers(self.first_vu + u64::from(member.vu));
        let begun = self.vus.borrow_mut().get(member.vu).begun;
        ConnectionIdentity {
            vu: numbers.in_run,
            vu_in_instance: numbers.in_agent,
            iteration: member.iteration,
            iteration_of_vu: begun.saturating_sub(1).into(),
        }
    }

    fn log(&self, level: LogLevel, message: &str, vu: u32) {
        if self.shard.logs.admits() {
            let vu = self.shard.vu_numbers(self.first_vu + u64::from(vu)).in_run;
            let source = format!("scenario={} vu={vu}", self.share.name);
            self.shard.logs.send(level, message.to_owned(), source);
        }
    }

    fn now(&self) -> Nanos {
        throng_transport::Clock::now()
    }
}
