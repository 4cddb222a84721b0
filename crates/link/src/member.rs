//! The agent as a member of its group: what comes in, what is done, what goes out.

mod commands;

use std::sync::atomic::Ordering;
use std::time::Duration;

use throng_agent::link::{ClockOffset, PartEvent, PartId, Parts};
use throng_agent::{Step, WorkerEvent};
use throng_control::Orders;
use throng_protocol::agent::join_request::Message as Say;
use throng_protocol::agent::join_response::Message as Said;
use throng_protocol::agent::{
    ClockAnswer, ClockReading, Drain, Heartbeat, JoinRequest, JoinResponse, RefusalReason, Register,
};
use throng_transport::Nanos;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use crate::config::LinkConfig;
use crate::dial::of_status;
use crate::error::{Left, LinkError};
use crate::from_group::{self, Malformed};
use crate::nodes::Nodes;
use crate::outbox::Outbox;
use crate::search::{Found, Joined, Trouble, search};
use crate::surroundings::{Dial, Way, now as clock_now};
use crate::times::Times;
use crate::workers::{Notes, PartNews, Workers};

/// How often the member looks what the time asks for; and while it has joined and has nothing to do, which costs nodes and
/// agents next to nothing.
const TICK: Duration = Duration::from_millis(20);
const IDLE_TICK: Duration = Duration::from_millis(200);
/// Between two heartbeats of an agent without work: a lease is three of them.
const IDLE_HEARTBEAT: Duration = Duration::from_secs(1);
/// A leader that has said nothing for so long, or for so many heartbeats, is left for another one: before the lease that the
/// next leader gives is over.
const SILENCE_MAX: Duration = Duration::from_secs(1);
const SILENT_HEARTBEATS: u32 = 2;
/// How often what the orders don't show is said again.
const SAY_AGAIN: Duration = Duration::from_secs(2);
/// Heartbeats that come quickly after joining, so that the clocks are known well.
const QUICK_HEARTBEATS: u32 = 5;
/// How long another process of this name may be alive, since it may have been killed and its lease not be over.
const DUPLICATE_WAIT: Duration = Duration::from_secs(8);
/// How long an agent that was a member once waits before it asks again, when it is refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
/// How long an agent without work waits, at its end, for its last words to be taken.
const FAREWELL: Duration = Duration::from_millis(500);

/// The way to the group.
enum Connection {
    /// A leader is looked for.
    Searching(JoinHandle<(Found, Nodes)>),
    /// It is joined.
    Joined(Box<Joined>),
}

/// What happens next.
enum Occurrence {
    Found(Box<Found>, Nodes),
    Said(Result<Option<JoinResponse>, Status>),
    Sent,
    /// The stream takes nothing more.
    Closed,
    News(PartNews),
    Tick,
}

/// An agent as a member of its group.
pub(crate) struct Member<'a, W> {
    config: LinkConfig,
    /// How nodes are connected to.
    way: Way,
    register: Register,
    nodes: Nodes,
    connection: Connection,
    trouble: Trouble,
    parts: Parts,
    orders: Orders,
    times: Times,
    offset: ClockOffset,
    outbox: Outbox,
    workers: W,
    news: mpsc::Receiver<PartNews>,
    notes: &'a mut dyn Notes,
    next_tick: Instant,
    /// Since when there is no leader; none while there is one.
    alone_since: Option<Instant>,
    was_member: bool,
    refused_since: Option<Instant>,
    heard: Instant,
    heartbeat: Duration,
    last_heartbeat: Instant,
    heartbeats: u32,
    next_say_again: Instant,
    draining_since: Option<Instant>,
    is_dismissed: bool,
}

impl<'a, W: Workers> Member<'a, W> {
    pub(crate) fn new(
        (config, dial): (LinkConfig, Option<Dial>),
        incarnation: u64,
        (workers, news): (W, mpsc::Receiver<PartNews>),
        notes: &'a mut dyn Notes,
    ) -> Self {
        let register = Register {
            name: config.name.to_string(),
            incarnation,
            version: config.version.clone(),
            capacity: config.capacity,
            addresses: config.addresses.clone(),
            tags: config.tags.clone().into_iter().collect(),
            clock: None,
        };
        let (nodes, trouble, now) = (Nodes::new(&config.nodes), Trouble::default(), Instant::now());
        let way = dial.map_or_else(|| Way::System(config.credentials.clone()), Way::Given);
        Self {
            connection: Connection::Searching(tokio::spawn(search(
                nodes.clone(),
                register.clone(),
                way.clone(),
                trouble.clone(),
            ))),
            config,
            way,
            register,
            nodes,
            trouble,
            parts: Parts::new(),
            orders: Orders::default(),
            times: Times::default(),
            offset: ClockOffset::default(),
            outbox: Outbox::default(),
            workers,
            news,
            notes,
            next_tick: now,
            alone_since: Some(now),
            was_member: false,
            refused_since: None,
            heard: now,
            heartbeat: TICK,
            last_heartbeat: now,
            heartbeats: 0,
            next_say_again: now,
            draining_since: None,
            is_dismissed: false,
        }
    }

    /// Goes on until the group doesn't need the agent any more, or its user wants it to end.
    pub(crate) async fn run(mut self) -> Result<Left, LinkError> {
        loop {
            match self.next().await {
                Occurrence::Found(found, nodes) => {
                    self.nodes = nodes;
                    self.found(*found)?;
                }
                Occurrence::Said(Ok(Some(response))) => {
                    self.heard = Instant::now();
                    if let Err(error) = self.said(response) {
                        self.part_ways(&error.to_string());
                    }
                }
                Occurrence::Said(Ok(None)) => self.part_ways("it ended the stream"),
                Occurrence::Said(Err(status)) => {
                    let node = self.leader();
                    self.part_ways(&of_status(&node, &status).into_text());
                }
                Occurrence::Closed => self.part_ways("the connection is gone"),
                Occurrence::Sent => {}
                Occurrence::News((part, event)) => self.note(part, event),
                Occurrence::Tick => self.tick()?,
            }
            if let Some(left) = self.end() {
                return Ok(left);
            }
        }
    }

    async fn next(&mut self) -> Occurrence {
        let Self { connection, news, next_tick, outbox, .. } = self;
        let of_group = async {
            match connection {
                Connection::Searching(search) => match search.await {
                    Ok((found, nodes)) => Occurrence::Found(Box::new(found), nodes),
                    // It never panics; if it did, it would be begun again.
                    Err(_) => Occurrence::Closed,
                },
                Connection::Joined(joined) => {
                    let Joined { sender, responses, .. } = &mut **joined;
                    tokio::select! {
                        said = responses.message() => Occurrence::Said(said),
                        place = sender.reserve(), if !outbox.is_empty() => match (place, outbox.pop()) {
                            (Ok(place), message) => {
                                place.send(JoinRequest { message });
                                Occurrence::Sent
                            }
                            (Err(_), _) => Occurrence::Closed,
                        },
                    }
                }
            }
        };
        tokio::select! {
            occurrence = of_group => occurrence,
            Some(news) = news.recv() => Occurrence::News(news),
            () = sleep_until(*next_tick) => Occurrence::Tick,
        }
    }

    fn found(&mut self, found: Found) -> Result<(), LinkError> {
        match found {
            Found::Joined(joined) => match from_group::allowed_targets(joined.registered.allowed_targets.as_ref()) {
                Ok(targets) => {
                    self.workers.allow(targets);
                    self.join(joined);
                    Ok(())
                }
                // To go on without the list would let connections go anywhere.
                Err(error) => self.refused(LinkError::Refused(error.to_string())),
            },
            Found::Distrusted(text) => self.refused(LinkError::Distrust(text)),
            Found::Refused(reason, text) => {
                let since = *self.refused_since.get_or_insert_with(Instant::now);
                let error = match reason {
                    RefusalReason::Version => LinkError::Version(text.clone()),
                    RefusalReason::Duplicate if since.elapsed() < DUPLICATE_WAIT => {
                        if since.elapsed() < REFUSED_PAUSE {
                            self.notes.warn(&format!("{text}; asking again for {DUPLICATE_WAIT:?}"));
                        }
                        self.search_after(REFUSED_PAUSE);
                        return Ok(());
                    }
                    RefusalReason::Duplicate => LinkError::Duplicate(text.clone()),
                    _ => LinkError::Refused(text.clone()),
                };
                self.refused(error)
            }
        }
    }

    /// One that has been a member is refused while coordinators are being replaced, or since others have come. Its runs
    /// go on.
    fn refused(&mut self, error: LinkError) -> Result<(), LinkError> {
        if !self.was_member || self.draining_since.is_some() {
            return Err(error);
        }
        let since = *self.refused_since.get_or_insert_with(Instant::now);
        if since.elapsed() < REFUSED_PAUSE {
            self.notes.warn(&format!("{error}; asking again"));
        }
        self.search_after(REFUSED_PAUSE);
        Ok(())
    }

    /// The node that is joined, for texts.
    fn leader(&self) -> String {
        match &self.connection {
            Connection::Joined(joined) => joined.node.clone(),
            Connection::Searching(_) => "the leader".to_owned(),
        }
    }

    fn join(&mut self, joined: Box<Joined>) {
        let (registered, now) = (&joined.registered, Instant::now());
        self.nodes.learn(&registered.nodes);
        self.nodes.prefer(&joined.node);
        let name = &self.config.name;
        match self.alone_since.take().filter(|_| self.was_member) {
            None => self.notes.note(&format!("agent {name} joined the group at {}", joined.node)),
            Some(since) => {
                let ms = since.elapsed().as_millis();
                self.notes.note(&format!("agent {name} joined the group again at {}, after {ms} ms", joined.node));
            }
        }
        (self.was_member, self.refused_since, self.heard) = (true, None, now);
        self.heartbeat = Duration::from_millis(registered.heartbeat_ms.clamp(20, 10_000));
        (self.heartbeats, self.next_tick, self.next_say_again) = (0, now, now + SAY_AGAIN);
        self.offset.begin_stream();
        if let Some(answer) = registered.clock {
            self.note_clock(answer, joined.arrived);
        }
        if self.draining_since.is_some() {
            self.outbox.push(Say::Drain(Drain {}));
        }
        self.connection = Connection::Joined(joined);
    }

    /// Leaves a leader, and looks for one.
    fn part_ways(&mut self, why: &str) {
        if let Connection::Joined(joined) = &self.connection {
            self.notes.warn(&format!("the leader at {} is gone ({why}); looking for another one", joined.node));
        }
        self.alone_since.get_or_insert_with(Instant::now);
        self.parts.end_stream();
        self.outbox.clear();
        self.search_after(Duration::ZERO);
    }

    fn search_after(&mut self, pause: Duration) {
        let (nodes, register, trouble) = (self.nodes.clone(), self.register.clone(), self.trouble.clone());
        let way = self.way.clone();
        self.connection = Connection::Searching(tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            search(nodes, register, way, trouble).await
        }));
    }

    fn said(&mut self, response: JoinResponse) -> Result<(), Malformed> {
        let agent = self.config.name.clone();
        match response.message {
            Some(Said::Orders(orders)) => {
                let orders = from_group::orders(orders, &agent, &self.orders)?;
                self.times.note(&orders);
                let deeds = self.parts.obey(&orders);
                self.orders = orders;
                self.perform(deeds);
                let Self { outbox, parts, .. } = self;
                outbox.retain(|part| parts.ids().any(|id| id == part));
            }
            Some(Said::Committed(committed)) => {
                let part = from_group::part(committed.part.as_ref(), &agent)?;
                let deeds = self.parts.note_committed(&part, committed.through);
                self.perform(deeds);
            }
            Some(Said::Clock(answer)) => self.note_clock(answer, clock_now()),
            Some(Said::SetupData(said)) => {
                let part = from_group::part(said.part.as_ref(), &agent)?;
                let deeds = self.parts.note_setup_data(&part, from_group::setup_data(said.result)?);
                self.perform(deeds);
            }
            Some(Said::SummaryData(said)) => {
                let part = from_group::part(said.part.as_ref(), &agent)?;
                let deeds = self.parts.note_summary_data(&part, said.json.into());
                self.perform(deeds);
            }
            Some(Said::Redirect(redirect)) => {
                self.nodes.prefer(&redirect.leader);
                self.part_ways("it doesn't lead any more");
            }
            Some(Said::Refused(refused)) => self.part_ways(&refused.message),
            // Of a later version, or said before.
            Some(Said::Registered(_)) | None => {}
        }
        Ok(())
    }

    fn note_clock(&mut self, answer: ClockAnswer, arrived: Nanos) {
        let ClockAnswer { sent_ns, received_unix_us, answered_unix_us } = answer;
        self.offset.note(Nanos(sent_ns), arrived, received_unix_us, answered_unix_us);
    }

    fn note(&mut self, part: PartId, event: PartEvent) {
        if let PartEvent::Worker(WorkerEvent::Window(_)) = event {
            self.workers.window_taken(&part);
        }
        if let PartEvent::NotBegun(failure) = &event {
            self.notes.warn(&format!("{part} can't begin: {}", failure.message));
        }
        // What a worker says of it comes later, however soon it is ready.
        if let PartEvent::Begun { .. } = event {
            self.workers.tell(&part, Step::Prepare);
        }
        let deeds = self.parts.note(&part, event);
        self.perform(deeds);
    }

    fn tick(&mut self) -> Result<(), LinkError> {
        let now = Instant::now();
        self.next_tick = now + if self.is_at_rest() { IDLE_TICK } else { TICK };
        if self.draining_since.is_none() && self.config.drain.load(Ordering::Relaxed) {
            self.draining_since = Some(now);
            if self.has_work() {
                self.notes.note("the agent finishes what it has, and ends then; another signal ends it at once");
            }
            self.outbox.push(Say::Drain(Drain {}));
        }
        let Connection::Joined(joined) = &self.connection else { return self.look_for_too_long(now) };
        let (beat, since) = (self.beat(), now.duration_since(self.last_heartbeat));
        if since >= beat || self.heartbeats < QUICK_HEARTBEATS {
            let clock = Some(ClockReading { sent_ns: clock_now().0 });
            // If there is no place, the stream is slow and the next one will do.
            let _ = joined.sender.try_send(JoinRequest { message: Some(Say::Heartbeat(Heartbeat { clock })) });
            (self.heartbeats, self.last_heartbeat) = (self.heartbeats + 1, now);
        }
        if now.duration_since(self.heard) > SILENCE_MAX.max(beat * SILENT_HEARTBEATS) {
            self.part_ways("it says nothing");
        } else if now >= self.next_say_again {
            self.next_say_again = now + SAY_AGAIN;
            if self.outbox.has_said_all() {
                let deeds = self.parts.say_again();
                self.perform(deeds);
            }
        }
        Ok(())
    }

    /// Between two heartbeats.
    fn beat(&self) -> Duration {
        if self.has_work() { self.heartbeat } else { self.heartbeat.max(IDLE_HEARTBEAT) }
    }

    fn has_work(&self) -> bool {
        self.parts.ids().next().is_some()
    }

    /// Whether nothing is to be done but to stay a member.
    fn is_at_rest(&self) -> bool {
        let is_joined = matches!(self.connection, Connection::Joined(_)) && self.heartbeats >= QUICK_HEARTBEATS;
        is_joined && !self.has_work() && self.draining_since.is_none()
    }

    fn look_for_too_long(&self, now: Instant) -> Result<(), LinkError> {
        let waited = self.alone_since.map_or(Duration::ZERO, |since| now.duration_since(since));
        match self.config.give_up_after.filter(|most| waited >= *most) {
            Some(wait) => {
                Err(LinkError::Unreachable { wait, nodes: self.nodes.all().join(", "), last: self.trouble.get() })
            }
            None => Ok(()),
        }
    }

    /// Whether the agent has come to its end.
    fn end(&self) -> Option<Left> {
        if !self.workers.is_idle() || self.has_work() {
            return None;
        }
        if self.is_dismissed {
            return Some(if self.draining_since.is_some() { Left::Drained } else { Left::Dismissed });
        }
        // The leader answers by dismissing it. If there is none, nobody misses it.
        self.draining_since.filter(|since| since.elapsed() > FAREWELL).map(|_| Left::Drained)
    }
}
