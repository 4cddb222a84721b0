//! Handshakes: a task each until they are done, a limited number at a time.

use std::rc::Rc;

use throng_transport::Records;
use throng_transport::websocket::{self, OpenError, OpenNumbers, Opened, Reader, Writer};
use throng_vu::Happening;

use super::handshake::{Handshake, Lineage};
use super::member::{Layers, Phase};
use super::receiving::Arrived;
use super::{Flock, Flocks};
use crate::stop::Listener;
use crate::websocket::attempt_samples;

/// What came of a handshake.
pub(super) struct Answer {
    token: u32,
    serial: u32,
    handshake: Rc<Handshake>,
    result: Result<Opened, OpenError>,
    numbers: OpenNumbers,
}

impl Flocks {
    /// Makes a connection in a task of its own, whose end is taken by [`take_answers`](Self::take_answers).
    pub(super) fn open(self: &Rc<Self>, token: u32, (vu, serial): (u32, u32), handshake: Rc<Handshake>) {
        let (flocks, vu) = (Rc::clone(self), self.first_vu + u64::from(vu));
        self.shard.shard.spawn(async move {
            let Some((upgrade, timeout)) = handshake.upgrade() else { return };
            let (lines, random) = (&handshake.header_lines, flocks.key());
            let opening = websocket::open_as(vu, &flocks.shard.shard, upgrade, lines, random, timeout);
            let answer = Listener::new(&flocks.share.stop).unless_stopped(opening).await;
            if let Some((result, numbers)) = answer {
                flocks.answers.borrow_mut().push_back(Answer { token, serial, handshake, result, numbers });
                flocks.wake();
            }
        });
    }

    /// 16 random bytes: what a handshake's key is made of.
    fn key(&self) -> [u8; 16] {
        let mut source = self.random.borrow_mut();
        (u128::from(source.next()) << 64 | u128::from(source.next())).to_ne_bytes()
    }

    /// Takes what came of handshakes, unless events wait that are to be handled first.
    pub(super) fn take_answers(&self) {
        while !self.is_full.get() {
            let Some(answer) = self.answers.borrow_mut().pop_front() else { return };
            let Answer { token, serial, handshake, result, numbers } = answer;
            self.share.meter.add(numbers.traffic);
            let attempt = handshake.attempted(&self.shard, &result, &numbers);
            let Some((flock, connection)) = self.find(token) else { continue };
            {
                let state = flock.state.borrow();
                let member = state.members.get(connection as usize).filter(|member| member.serial == serial);
                let Some(member) = member else { continue };
                let samples = attempt_samples(numbers.elapsed_ns, result.is_err());
                self.sample(member, (&attempt.place, &attempt.tags), self.now(), &samples);
                // It may have been given up meanwhile.
                if member.phase != Phase::Opening {
                    continue;
                }
            }
            match (result, attempt.lineage) {
                (Ok(opened), Some(lineage)) => self.opened(&flock, connection, opened, lineage),
                (Err(error), _) => {
                    let reason = format!("{}: {error}", handshake.shown_url);
                    self.end(&flock, connection, self.now(), Happening::Error(&reason));
                }
                (Ok(_), None) => {}
            }
        }
    }

    fn opened(&self, flock: &Rc<Flock>, connection: u32, opened: Opened, lineage: Rc<Lineage>) {
        let Opened { stream, agreed, early, .. } = opened;
        let now = self.now();
        let (socket, mut tls) = stream.into_parts();
        let mut frames = early;
        frames.extend(tls.as_mut().map(Records::take_early).unwrap_or_default());
        let key = self.set.adopt(socket, flock.token(connection));
        {
            let mut state = flock.state.borrow_mut();
            let Some(member) = state.members.get_mut(connection as usize) else { return };
            (member.phase, member.key, member.lineage) = (Phase::Open, Some(key), Some(lineage));
            if tls.is_some() || agreed.deflate.is_some() {
                let writer = agreed.deflate.map_or_else(Writer::plain, Writer::deflate);
                member.layers = Some(Box::new(Layers { tls, writer }));
            }
            if let Some(deflate) = agreed.deflate {
                member.reader = Reader::deflate(deflate);
            }
            self.opening.set(self.opening.get() - 1);
            self.shard.websockets.opened();
            if self.vus.borrow_mut().succeeded(member.vu) {
                self.count_reopened();
            }
            self.arm(member);
            let is_stopping = member.stopping;
            let subprotocol = agreed.subprotocol.as_deref().unwrap_or_default();
            state.batch.push(connection, now.0, Happening::Open { subprotocol });
            if is_stopping {
                state.batch.push(connection, now.0, Happening::Stop);
                state.concerned.stopped.push(connection);
            }
            self.mark(flock, &mut state);
        }
        if !frames.is_empty() {
            self.frames(flock, connection, now, Arrived::Frames(&frames));
        }
    }
}
