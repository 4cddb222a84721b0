//! What handlers ask for.

use std::rc::Rc;

use throng_stats::builtin;
use throng_transport::Clock;
use throng_transport::websocket::{Close, CloseCode, Control, Kind};
use throng_vu::{ConnectionIdentity, Connections, HandshakeOptions, Happening, Host, LogLevel, Outgoing, SendError};

use super::handshake::Handshake;
use super::member::{Member, Phase};
use super::{Flock, Flocks};
use crate::host::VuHost;

/// Most bytes that may wait for a server to take them.
const UNSENT_BYTES_MAX: usize = 1 << 20;
/// Prepared handshakes of an instance.
const HANDSHAKES_MAX: usize = 4096;

/// An instance's way to the connections that it serves.
#[derive(Clone)]
pub(crate) struct Reins {
    pub(super) flocks: Rc<Flocks>,
    pub(super) flock: Rc<Flock>,
}

impl VuHost {
    fn reins(&self) -> Result<Reins, String> {
        self.reins.clone().ok_or_else(|| "this instance serves no connections".to_owned())
    }

    /// Runs `act` on a connection.
    fn with_member<T>(
        &self,
        connection: u32,
        act: impl FnOnce(&Reins, &mut Member) -> Result<T, String>,
    ) -> Result<T, String> {
        let reins = self.reins()?;
        let flock = Rc::clone(&reins.flock);
        let mut state = flock.state.borrow_mut();
        let member = state.members.get_mut(connection as usize);
        act(&reins, member.ok_or_else(|| format!("no connection has the number {connection}"))?)
    }
}

impl Connections for VuHost {
    fn prepare(&mut self, options: HandshakeOptions) -> Result<u32, String> {
        let reins = self.reins()?;
        let tags = self.tag_set(options.tags)?.clone();
        let handshake = Rc::new(Handshake::new(&self.shard, &self.place, options, tags)?);
        let handshakes = &mut reins.flock.state.borrow_mut().handshakes;
        if handshakes.len() >= HANDSHAKES_MAX {
            return Err(format!("this instance holds {HANDSHAKES_MAX} handshakes: give up those that are done with"));
        }
        Ok(handshakes.insert(handshake) as u32)
    }

    fn forget(&mut self, handshake: u32) -> Result<(), String> {
        let reins = self.reins()?;
        let removed = reins.flock.state.borrow_mut().handshakes.try_remove(handshake as usize);
        removed.map(drop).ok_or_else(|| format!("no handshake has the number {handshake}"))
    }

    fn connect(&mut self, connection: u32, handshake: u32) -> Result<(), String> {
        let reins = self.reins()?;
        let known = reins.flock.state.borrow().handshakes.get(handshake as usize).cloned();
        let known = known.ok_or_else(|| format!("no handshake has the number {handshake}"))?;
        self.with_member(connection, |reins, member| {
            if member.phase != Phase::Begun {
                return Err("a connection is made once, while its beginning is handled".to_owned());
            }
            member.phase = Phase::Opening;
            reins.flocks.open(reins.flock.token(connection), (member.vu, member.serial), known);
            Ok(())
        })
    }

    fn send(&mut self, connection: u32, message: Outgoing<'_>) -> Result<Result<(), SendError>, String> {
        self.with_member(connection, |reins, member| {
            let (Phase::Open, Some(key)) = (member.phase, member.key) else { return Ok(Err(SendError::NotOpen)) };
            let (kind, payload) = match message {
                Outgoing::Text(text) => (Kind::Text, text.as_bytes()),
                Outgoing::Binary(bytes) => (Kind::Binary, bytes),
            };
            let set = &reins.flocks.set;
            if member.unsent > 0 && !set.is_sending(key) {
                member.unsent = 0;
            }
            if member.unsent > 0 && member.unsent as usize + payload.len() > UNSENT_BYTES_MAX {
                return Ok(Err(SendError::Full));
            }
            let frame = reins.flocks.message(member, kind, payload);
            member.unsent = member.unsent.saturating_add(u32::try_from(frame.len()).unwrap_or(u32::MAX));
            reins.flocks.send(member, frame);
            if member.sent_at.0 == 0 {
                member.sent_at = Clock::now();
            }
            if let Some(lineage) = &member.lineage {
                reins.flocks.shard.series.recorder.borrow_mut().increment(lineage.series.sent, 1);
                reins.flocks.sample_message(member, Clock::now(), builtin::WS_MSGS_SENT, 1.0);
            }
            Ok(Ok(()))
        })
    }

    fn ping(&mut self, connection: u32) -> Result<(), String> {
        self.with_member(connection, |reins, member| {
            if member.phase == Phase::Open {
                member.pinged_at = Clock::now();
                let payload = member.pinged_at.0.to_be_bytes();
                reins.flocks.send_control(member, Control::Ping, &payload);
            }
            Ok(())
        })
    }

    fn close(&mut self, connection: u32, code: u16, reason: &str) -> Result<(), String> {
        let code = CloseCode::new(code).ok_or_else(|| {
            format!("{code} can't be sent as a code: 1000 to 1003, 1007 to 1014 and 3000 to 4999 can (RFC 6455, section 7.4)")
        })?;
        let reins = self.reins()?;
        let phase = self.with_member(connection, |_, member| Ok(member.phase))?;
        match phase {
            Phase::Open => reins.flocks.begin_close(&reins.flock, connection, Close { code, reason }),
            Phase::Begun | Phase::Opening => {
                let given_up = Happening::Close { code: 1006, reason: "", by_server: false };
                reins.flocks.end(&reins.flock, connection, Clock::now(), given_up);
            }
            Phase::Closing | Phase::Unanswered | Phase::Gone => {}
        }
        Ok(())
    }

    fn fail(&mut self, connection: u32, message: String) -> Result<(), String> {
        let vu = self.with_member(connection, |_, member| {
            member.failed = true;
            Ok(member.vu)
        })?;
        self.reins()?.flocks.log(LogLevel::Error, &message, vu);
        Ok(())
    }

    fn set_timer(&mut self, connection: u32, timer: u32, after_ns: u64) -> Result<(), String> {
        let at = throng_transport::Nanos(self.now_ns().saturating_add(after_ns));
        self.with_member(connection, |reins, member| {
            // What was to come is over; what is left to be waited for is the server's close frame.
            if matches!(member.phase, Phase::Closing | Phase::Unanswered | Phase::Gone) {
                return Ok(());
            }
            if !member.timers.set(timer, at) {
                return Err("a connection has 16 timers beside the first at most".to_owned());
            }
            reins.flocks.arm(member);
            Ok(())
        })
    }

    fn cancel_timer(&mut self, connection: u32, timer: u32) -> Result<(), String> {
        self.with_member(connection, |_, member| {
            // What is armed for it in vain is found out when it comes.
            member.timers.cancel(timer);
            Ok(())
        })
    }

    fn identity_of(&mut self, connection: u32) -> Result<ConnectionIdentity, String> {
        self.with_member(connection, |reins, member| Ok(reins.flocks.identity(member)))
    }
}
