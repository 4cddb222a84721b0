//! Iterations: from a connection's beginning to its end.

use std::rc::Rc;
use std::time::Duration;

use futures_lite::future::yield_now;
use throng_output::Sample;
use throng_stats::{MetricId, TagSet, builtin};
use throng_transport::Nanos;
use throng_transport::websocket::{Close, CloseCode};
use throng_vu::{Fault, Happening, LogLevel};

use super::member::{Member, Phase};
use super::vus::Vus;
use super::{Concerned, Flock, Flocks, LINGERING, MEMBERS_MAX};
use crate::samples::Who;
use crate::series::Place;

/// Iterations that have begun and whose connections aren't open yet: what a server's queue of connections bears.
const OPENING_MAX: u32 = 512;
/// Iterations that are begun before other things have their turn.
const BEGUN_AT_ONCE_MAX: u32 = 128;
/// How long a server may take to end a connection that both sides have closed, or that was cut.
pub(super) const LINGER: Duration = Duration::from_secs(5);
/// What a server is told when we end a connection: RFC 6455 section 7.4.1.
const GOING_AWAY: Close<'static> = Close { code: CloseCode::GOING_AWAY, reason: "" };

impl Flocks {
    /// Begins iterations of VUs that are ready, as far as there is room; true if it has stopped for others' sake.
    pub(super) fn begin_ready(&self, is_over: bool) -> bool {
        for _ in 0..BEGUN_AT_ONCE_MAX {
            if !self.can_begin(is_over) {
                return false;
            }
            let now = self.now();
            let Some(vu) = self.vus.borrow_mut().take_ready(now) else { return false };
            let state = *self.vus.borrow_mut().get(vu);
            let start = if state.wanted { self.share.take(now, state.begun.into()) } else { None };
            match start {
                Some(start) => self.begin(vu, now, start.in_run),
                None => self.leave(vu),
            }
        }
        self.can_begin(is_over)
    }

    /// Whether a VU is ready and may begin, or leave.
    pub(super) fn can_begin(&self, is_over: bool) -> bool {
        let has_ready = self.vus.borrow_mut().has_ready(self.now());
        has_ready && (self.opening.get() < OPENING_MAX || is_over)
    }

    fn begin(&self, vu: u32, now: Nanos, in_run: u64) {
        let flock = self.roomy();
        let serial = self.serials.get().wrapping_add(1);
        self.serials.set(serial);
        let mut state = flock.state.borrow_mut();
        let connection = state.members.insert(Member::new(vu, serial, now, in_run)) as u32;
        state.batch.push(connection, now.0, Happening::Begin);
        state.concerned.begun.push(connection);
        self.mark(&flock, &mut state);
        self.opening.set(self.opening.get() + 1);
        self.share.begun.set(self.share.begun.get() + 1);
        let mut vus = self.vus.borrow_mut();
        let known = vus.get(vu);
        known.begun += 1;
        known.token = Some(flock.token(connection));
    }

    /// A VU leaves the scenario.
    fn leave(&self, vu: u32) {
        let mut vus = self.vus.borrow_mut();
        let known = vus.get(vu);
        if std::mem::take(&mut known.active) {
            self.share.change(|counts| counts.vus = counts.vus.saturating_sub(1));
            let left = self.share.model.dropped_by_vu(known.begun.into());
            if left > 0 {
                self.share.record_dropped(&self.shard, left);
            }
        }
    }

    /// The load model wants a VU.
    pub(super) fn start(&self, vu: u32) {
        if self.vus.borrow_mut().start(vu) {
            self.share.change(|counts| counts.vus += 1);
        }
    }

    /// The load model doesn't want a VU any more: its connection is told, and closed then.
    pub(super) fn stop(&self, vu: u32) {
        let token = self.vus.borrow_mut().stop(vu);
        let Some((flock, connection)) = token.and_then(|token| self.find(token)) else { return };
        let mut state = flock.state.borrow_mut();
        let Some(member) = state.members.get_mut(connection as usize) else { return };
        let was_stopping = std::mem::replace(&mut member.stopping, true);
        if member.phase == Phase::Open && !was_stopping {
            state.batch.push(connection, self.now().0, Happening::Stop);
            state.concerned.stopped.push(connection);
            self.mark(&flock, &mut state);
        }
    }

    /// A connection's last event. What is left of its socket goes on without it.
    pub(super) fn end(&self, flock: &Rc<Flock>, connection: u32, at: Nanos, what: Happening<'_>) {
        let mut state = flock.state.borrow_mut();
        let Some(member) = state.members.get_mut(connection as usize) else { return };
        if member.phase == Phase::Gone {
            return;
        }
        self.no_longer(member);
        let vu = member.vu;
        (member.phase, member.ended) = (Phase::Gone, at);
        member.timers.clear();
        if let Some(key) = member.key.take() {
            // The side that ends a connection keeps its port for a minute: that is better the server.
            if matches!(what, Happening::Close { .. }) || self.set.is_sending(key) {
                self.set.set_token(key, LINGERING);
                self.set.wake_at(key, Some(self.now().after(LINGER)));
            } else {
                self.set.close(key);
            }
            self.record_session(member, at);
        }
        if let Happening::Error(reason) = what {
            member.failed = true;
            if !member.cut {
                self.log(LogLevel::Error, reason, vu);
            }
        }
        state.batch.push(connection, at.0, what);
        state.concerned.gone.push(connection);
        self.mark(flock, &mut state);
    }

    /// Takes a member that ends off what is counted.
    fn no_longer(&self, member: &Member) {
        match member.phase {
            Phase::Begun | Phase::Opening => self.opening.set(self.opening.get() - 1),
            Phase::Open => self.shard.websockets.closed(),
            Phase::Closing => {
                self.closing.set(self.closing.get() - 1);
                self.shard.websockets.closed();
            }
            Phase::Unanswered => self.shard.websockets.closed(),
            Phase::Gone => {}
        }
    }

    /// A batch was handled, which these had their part in.
    pub(super) fn handled(&self, flock: &Rc<Flock>, Concerned { begun, stopped, gone }: Concerned) {
        let is_begun = |connection: u32| {
            let state = flock.state.borrow();
            state.members.get(connection as usize).is_some_and(|member| member.phase == Phase::Begun)
        };
        for connection in begun.into_iter().filter(|connection| is_begun(*connection)) {
            let reason = "the handler of the beginning didn't connect";
            self.end(flock, connection, self.now(), Happening::Error(reason));
        }
        for connection in stopped {
            self.begin_close(flock, connection, GOING_AWAY);
        }
        let now = self.now();
        for connection in gone {
            if let Some(member) = self.remove(flock, connection) {
                self.finish(&member, now);
            }
        }
    }

    /// An iteration is over: it counts, and its VU goes on. k6's rule: one that was cut isn't measured.
    fn finish(&self, member: &Member, now: Nanos) {
        let took = member.ended.since(member.began);
        if member.cut {
            self.share.change(|counts| counts.interrupted += 1);
        } else {
            self.count_iteration(member, took);
        }
        let least = self.shard.settings.min_iteration_duration.saturating_sub(Duration::from_nanos(took));
        let jitter = self.random.borrow_mut().next();
        let mut vus = self.vus.borrow_mut();
        vus.get(member.vu).token = None;
        vus.again(member.vu, now, member.failed, least, jitter);
    }

    fn count_iteration(&self, member: &Member, took: u64) {
        {
            let (series, mut recorder) = (&self.share.series, self.shard.series.recorder.borrow_mut());
            recorder.increment(series.iterations, 1);
            recorder.record_ns(series.duration, took);
            if member.failed {
                recorder.increment(series.failed, 1);
            }
        }
        self.share.change(|counts| {
            counts.completed += 1;
            counts.failed += u64::from(member.failed);
        });
        self.sample_iteration(member, took);
    }

    /// An instance has ended: its connections are lost with it, and their iterations have failed.
    pub(super) fn lost(&self, flock: &Rc<Flock>, fault: &Fault) {
        let members: Vec<Member> = {
            let mut state = flock.state.borrow_mut();
            let state = &mut *state;
            state.batch.clear();
            state.concerned = Concerned::default();
            state.handshakes.clear();
            if state.members.len() >= MEMBERS_MAX {
                self.roomy.borrow_mut().push(flock.number);
            }
            std::mem::take(&mut state.members).into_iter().map(|(_, member)| member).collect()
        };
        let now = self.now();
        let lost = members.iter().filter(|member| member.phase != Phase::Gone).count();
        let text = format!("an instance of the script was ended, and {lost} connections with it: {fault}");
        self.shard.logs.report(LogLevel::Error, &text, &self.share.name);
        self.count(builtin::WS_LOST, lost as u64);
        for mut member in members {
            if member.phase != Phase::Gone {
                self.no_longer(&member);
                if let Some(key) = member.key {
                    self.set.close(key);
                    self.record_session(&member, now);
                }
                (member.failed, member.ended) = (true, now);
                self.vus.borrow_mut().get(member.vu).lost = true;
            }
            self.finish(&member, now);
        }
    }

    /// Cuts all connections. k6's rule: their iterations count as interrupted and aren't measured. Servers are told, as
    /// far as they listen: RFC 6455 section 7.4.1.
    pub(super) async fn cut_all(&self) {
        let flocks = self.flocks.take();
        for flock in flocks {
            let members = std::mem::take(&mut flock.state.borrow_mut().members);
            let now = self.now();
            for (_, mut member) in members {
                self.no_longer(&member);
                if let Some(key) = member.key {
                    if member.phase == Phase::Open {
                        self.send_close(&mut member, Some(GOING_AWAY));
                    }
                    self.set.set_token(key, LINGERING);
                    self.set.wake_at(key, Some(now.after(LINGER)));
                    self.record_session(&member, now);
                }
                self.share.change(|counts| counts.interrupted += 1);
            }
            // The driver sends these before the next ones are made.
            yield_now().await;
        }
        *self.vus.borrow_mut() = Vus::default();
    }

    /// Cuts one, which has had its time to end.
    pub(super) fn cut(&self, vu: u32) {
        let (token, wanted) = {
            let mut vus = self.vus.borrow_mut();
            let known = vus.get(vu);
            (known.token, known.wanted)
        };
        // If it is wanted again meanwhile, this cut isn't its any more.
        let Some((flock, connection)) = token.filter(|_| !wanted).and_then(|token| self.find(token)) else { return };
        if let Some(member) = flock.state.borrow_mut().members.get_mut(connection as usize) {
            member.cut = member.phase != Phase::Gone;
        }
        self.end(&flock, connection, self.now(), Happening::Error("it was cut, since it hasn't ended within its time"));
    }

    /// A socket that was open is over.
    fn record_session(&self, member: &Member, at: Nanos) {
        let Some(lineage) = &member.lineage else { return };
        let took_ns = at.since(member.began);
        self.shard.series.recorder.borrow_mut().record_ns(lineage.series.duration, took_ns);
        self.sample_message(member, at, builtin::WS_SESSION_DURATION, took_ns as f64 / 1e6);
    }

    pub(super) fn count_reopened(&self) {
        self.count(builtin::WS_REOPENED, 1);
    }

    fn count(&self, metric: MetricId, count: u64) {
        if count > 0 {
            let series = self.shard.series.of(metric, &self.place, &TagSet::empty());
            self.shard.series.recorder.borrow_mut().increment(series, count);
        }
    }

    /// What the iteration is to the outputs.
    fn sample_iteration(&self, member: &Member, took_ns: u64) {
        if self.shard.samples.is_none() {
            return;
        }
        let mut values = vec![(builtin::ITERATION_DURATION, took_ns as f64 / 1e6), (builtin::ITERATIONS, 1.0)];
        values.extend(member.failed.then_some((builtin::ITERATIONS_FAILED, 1.0)));
        let values: Vec<_> = values.into_iter().map(|(metric, value)| Sample { metric, value }).collect();
        self.sample(member, (&self.place, &TagSet::empty()), member.ended, &values);
    }

    /// What happened to an open socket is to the outputs.
    pub(super) fn sample_message(&self, member: &Member, at: Nanos, metric: MetricId, value: f64) {
        if let Some(lineage) = member.lineage.as_ref().filter(|_| self.shard.samples.is_some()) {
            self.sample(member, (&lineage.place, &lineage.tags), at, &[Sample { metric, value }]);
        }
    }

    /// Hands samples of a connection to the outputs.
    pub(super) fn sample(&self, member: &Member, (place, own): (&Place, &TagSet), at: Nanos, values: &[Sample]) {
        if let Some(samples) = self.shard.samples.as_ref().filter(|_| !values.is_empty()) {
            let identity = self.identity(member);
            samples.add(at, Who { vu: identity.vu, iteration: identity.iteration_of_vu }, place, own, values);
        }
    }
}
