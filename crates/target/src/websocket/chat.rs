//! One WebSocket's conversation, without IO: bytes in, frames out.

use std::cell::RefCell;

use throng_transport::Nanos;
use throng_transport::websocket::{
    Close, CloseCode, Control, Event, Kind, Limits, Reader, Role, Rules, Writer, write_close, write_control,
};

use super::upgrade::{Agreement, Manner};
use crate::counters::Counters;

/// What all WebSockets of a shard share.
#[derive(Debug)]
pub(crate) struct Board {
    rules: Rules,
    scratch: RefCell<Vec<u8>>,
}

impl Default for Board {
    fn default() -> Self {
        Self { rules: Rules::new(Role::Server, Limits::default()), scratch: RefCell::default() }
    }
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    GoOn,
    /// Nothing more is to be said.
    Close,
}

/// The state of a conversation; without memory elsewhere while nothing is under way.
#[derive(Debug)]
pub(super) struct Chat {
    reader: Reader,
    writer: Writer,
    manner: Manner,
    /// When the server does something of its own.
    due: Option<Nanos>,
    has_closed: bool,
}

/// How long the client may take to answer a close frame.
const CLOSE_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

impl Chat {
    /// A conversation that begins now; `random` is the end of its life, should it end at random.
    pub(super) fn new(agreement: &Agreement, now: Nanos, random: u64) -> Self {
        let (reader, writer) = match agreement.deflate {
            Some(deflate) => (Reader::deflate(deflate), Writer::deflate(deflate)),
            None => (Reader::plain(), Writer::plain()),
        };
        let due = match agreement.manner {
            Manner::Echo { life } => life.map(|mean| {
                // An exponential distribution: every instant is as likely to be the last.
                let share = ((random >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                now.after(mean.mul_f64(-share.ln()))
            }),
            Manner::Broadcast { every, .. } => Some(next_instant(now, every)),
            Manner::Silent => None,
            Manner::Close { after, .. } => Some(now.after(after)),
        };
        Self { reader, writer, manner: agreement.manner, due, has_closed: false }
    }

    /// When [`act`](Self::act) is to be called.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.due
    }

    /// Takes bytes and appends answers.
    pub(super) fn feed(&mut self, bytes: &[u8], board: &Board, counters: &Counters, out: &mut Vec<u8>) -> After {
        let Self { reader, writer, manner, has_closed, .. } = self;
        let rules = &board.rules;
        let mut after = After::GoOn;
        let result = reader.read(rules, bytes, &mut board.scratch.borrow_mut(), |event| match event {
            Event::Message { kind, payload } => {
                counters.message_in(payload.len());
                if matches!(manner, Manner::Echo { .. }) && !*has_closed {
                    writer.write(rules, kind, &payload, 0, out);
                    counters.message_out(payload.len());
                }
            }
            Event::Ping(payload) => {
                if !*has_closed {
                    write_control(rules, Control::Pong, payload, 0, out);
                }
            }
            Event::Pong(_) => {}
            Event::Close(close) => {
                if !std::mem::replace(has_closed, true) {
                    write_close(rules, close.map(|close| Close { reason: "", ..close }), 0, out);
                }
                counters.closed_properly();
                after = After::Close;
            }
        });
        if let Err(violation) = result {
            counters.violation();
            if !std::mem::replace(has_closed, true) {
                let reason = violation.to_string();
                write_close(rules, Some(Close { code: violation.code(), reason: &reason }), 0, out);
            }
            return After::Close;
        }
        after
    }

    /// Does what is due at `now`.
    pub(super) fn act(&mut self, now: Nanos, board: &Board, counters: &Counters, out: &mut Vec<u8>) -> After {
        if self.has_closed {
            // The client has had its time.
            return After::Close;
        }
        match self.manner {
            Manner::Broadcast { every, bytes } => {
                let number = now.0 / every.as_nanos().max(1) as u64;
                let text = format!("{number:0bytes$}");
                self.writer.write(&board.rules, Kind::Text, text.as_bytes(), 0, out);
                counters.message_out(text.len());
                self.due = Some(next_instant(now, every));
            }
            Manner::Echo { .. } => self.close(CloseCode::GOING_AWAY, now, board, out),
            Manner::Close { code, .. } => self.close(code, now, board, out),
            Manner::Silent => self.due = None,
        }
        After::GoOn
    }

    /// Closes, unless that was done, and waits for the client's word for a while.
    pub(super) fn close(&mut self, code: CloseCode, now: Nanos, board: &Board, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_closed, true) {
            write_close(&board.rules, Some(Close { code, reason: "" }), 0, out);
            self.due = Some(now.after(CLOSE_WAIT));
        }
    }
}

/// The next multiple of a time, on the clock that all shards have.
fn next_instant(now: Nanos, every: std::time::Duration) -> Nanos {
    let every = (every.as_nanos() as u64).max(1);
    Nanos((now.0 / every + 1) * every)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::counters;

    fn agreement(manner: Manner) -> Agreement {
        Agreement { manner, deflate: None, fields: Vec::new() }
    }

    #[test]
    fn messages_come_back_and_a_close_is_answered_once() {
        let (board, counts) = (Board::default(), counters::Board::new(1));
        let mut chat = Chat::new(&agreement(Manner::Echo { life: None }), Nanos(0), 0);
        let mut out = Vec::new();
        let text = [0x81, 0x82, 0, 0, 0, 0, b'o', b'k'];
        assert_eq!(chat.feed(&text, &board, counts.shard(0), &mut out), After::GoOn);
        assert_eq!(out, b"\x81\x02ok");
        out.clear();
        let close = [0x88, 0x82, 0, 0, 0, 0, 3, 0xe8];
        assert_eq!(chat.feed(&close, &board, counts.shard(0), &mut out), After::Close);
        assert_eq!(out, b"\x88\x02\x03\xe8");
        assert_eq!(counts.to_json()["websockets"]["messages"], serde_json::json!({ "in": 1, "out": 1 }));
    }

    #[test]
    fn a_message_that_is_not_masked_ends_the_connection_with_1002() {
        let (board, counts) = (Board::default(), counters::Board::new(1));
        let mut chat = Chat::new(&agreement(Manner::Silent), Nanos(0), 0);
        let mut out = Vec::new();
        assert_eq!(chat.feed(b"\x81\x02ok", &board, counts.shard(0), &mut out), After::Close);
        assert_eq!(out[..4], [0x88, out.len() as u8 - 2, 3, 0xea]);
        assert_eq!(counts.to_json()["websockets"]["violations"], 1);
    }

    #[test]
    fn broadcasts_of_all_shards_fall_on_the_same_instants_and_have_the_same_number() {
        let (board, counts) = (Board::default(), counters::Board::new(1));
        let every = Duration::from_millis(10);
        let manner = Manner::Broadcast { every, bytes: 4 };
        let mut said = Vec::new();
        for began in [20_000_001, 29_999_999] {
            let mut chat = Chat::new(&agreement(manner), Nanos(began), 0);
            assert_eq!(chat.due(), Some(Nanos(30_000_000)));
            let mut out = Vec::new();
            assert_eq!(chat.act(Nanos(30_000_000), &board, counts.shard(0), &mut out), After::GoOn);
            assert_eq!(chat.due(), Some(Nanos(40_000_000)));
            said.push(out);
        }
        assert_eq!(said, [b"\x81\x040003", b"\x81\x040003"]);
    }

    #[test]
    fn lives_end_at_random_about_the_mean() {
        let mean = Duration::from_secs(100);
        let manner = Manner::Echo { life: Some(mean) };
        let ends = (0..1000u64).map(|index| {
            let random = index * (u64::MAX / 1000);
            Chat::new(&agreement(manner), Nanos(0), random).due().unwrap().0 as f64 / 1e9
        });
        let average = ends.sum::<f64>() / 1000.0;
        assert!((95.0..105.0).contains(&average), "{average}");
    }

    #[test]
    fn a_client_that_does_not_answer_a_close_is_given_up() {
        let (board, counts) = (Board::default(), counters::Board::new(1));
        let manner = Manner::Close { after: Duration::from_secs(1), code: CloseCode::NORMAL };
        let mut chat = Chat::new(&agreement(manner), Nanos(0), 0);
        let mut out = Vec::new();
        let at = chat.due().unwrap();
        assert_eq!(chat.act(at, &board, counts.shard(0), &mut out), After::GoOn);
        assert_eq!(out, b"\x88\x02\x03\xe8");
        let at = chat.due().unwrap();
        assert_eq!(chat.act(at, &board, counts.shard(0), &mut out), After::Close);
    }
}
