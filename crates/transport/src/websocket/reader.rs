//! Frames in.

use std::borrow::Cow;

use super::close::Close;
use super::deflate::{Deflate, Inflater};
use super::frame::{CONTROL_BYTES_MAX, Control, HEAD_BYTES_MAX, Head, Kind, Opcode};
use super::mask;
use super::rules::Rules;
use super::violation::Violation;

/// What has arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message; text is valid UTF-8.
    Message {
        /// What it is.
        kind: Kind,
        /// Its bytes: borrowed if it came in one piece.
        payload: Cow<'a, [u8]>,
    },
    /// To be answered with a pong that says the same.
    Ping(&'a [u8]),
    /// An answer to a ping, or a sign of life.
    Pong(&'a [u8]),
    /// The peer sends nothing more; to be answered with a close frame unless one was sent. None says nothing.
    Close(Option<Close<'a>>),
}

/// One connection's receiving side. Bytes are fed to it as they come.
#[derive(Debug, Default)]
pub struct Reader {
    /// What is under way; none between messages, until the peer has closed. A million of these may be held.
    state: Option<Box<State>>,
}

/// A frame's head, frame or message that is incomplete, or that nothing follows any more.
#[derive(Debug, Default)]
struct State {
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: u8,
    frame: Option<Frame>,
    message: Option<Message>,
    /// A control frame's payload so far; it may come between a message's frames.
    control: Vec<u8>,
    /// The peer has closed, or broken the rules.
    ended: bool,
    /// With permessage-deflate, what outlives a message.
    inflater: Option<Inflater>,
}

/// A frame whose payload is incomplete.
#[derive(Debug)]
struct Frame {
    head: Head,
    done: u64,
}

/// A message so far.
#[derive(Debug)]
struct Message {
    kind: Kind,
    compressed: bool,
    bytes: Vec<u8>,
    /// How much of a text is known to be UTF-8.
    checked: usize,
}

impl Reader {
    /// Without compression.
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    /// One that decompresses as agreed.
    #[must_use]
    pub fn deflate(deflate: Deflate) -> Self {
        let inflater = Some(Inflater::new(deflate));
        Self { state: Some(Box::new(State { inflater, ..State::default() })) }
    }

    /// Whether the peer has closed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.ended)
    }

    fn end(&mut self) {
        self.state.get_or_insert_default().ended = true;
    }

    /// Whether nothing is under way: then it holds no memory, unless compression was agreed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state
            .as_ref()
            .is_none_or(|state| state.head_bytes == 0 && state.frame.is_none() && state.message.is_none())
    }

    /// Takes bytes that were received and calls `each` with what they complete, in order. What follows a close frame is
    /// ignored. `scratch` is for unmasking and decompressing; it may be shared by all, and what it holds means nothing.
    ///
    /// # Errors
    /// When the peer broke the rules; what came before has been told. The connection is of no use then.
    pub fn read(
        &mut self,
        rules: &Rules,
        bytes: &[u8],
        scratch: &mut Vec<u8>,
        mut each: impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        let result = self.read_some(rules, bytes, scratch, &mut each);
        if result.is_err() {
            self.end();
        }
        if self.is_idle() && self.state.as_ref().is_some_and(|state| state.inflater.is_none() && !state.ended) {
            self.state = None;
        }
        result
    }

    fn read_some(
        &mut self,
        rules: &Rules,
        mut bytes: &[u8],
        scratch: &mut Vec<u8>,
        each: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        while !bytes.is_empty() && !self.has_ended() {
            if self.state.as_ref().is_none_or(|state| state.is_between_frames()) {
                let Some((head, rest)) = self.head(rules, bytes)? else { return Ok(()) };
                bytes = rest;
                let is_one_message = self.state.as_ref().is_none_or(|state| state.message.is_none()) && head.last;
                let is_control = matches!(head.opcode, Opcode::Control(_));
                if (is_one_message || is_control) && head.length <= bytes.len() as u64 {
                    let (payload, rest) = bytes.split_at(head.length as usize);
                    bytes = rest;
                    self.whole(rules, &head, payload, scratch, each)?;
                    continue;
                }
                self.begin(head);
            }
            bytes = self.go_on(rules, bytes, scratch, each)?;
        }
        Ok(())
    }

    /// Reads a frame's head and what is behind it; none while it is incomplete, and then it is kept.
    fn head<'a>(&mut self, rules: &Rules, bytes: &'a [u8]) -> Result<Option<(Head, &'a [u8])>, Violation> {
        let kept = self.state.as_ref().map_or(0, |state| usize::from(state.head_bytes));
        let mut whole = [0; HEAD_BYTES_MAX];
        let parsed = if kept == 0 {
            Head::parse(bytes, rules.role)?
        } else {
            let more = bytes.len().min(HEAD_BYTES_MAX - kept);
            if let Some(state) = &self.state {
                whole[..kept].copy_from_slice(&state.head[..kept]);
            }
            whole[kept..kept + more].copy_from_slice(&bytes[..more]);
            Head::parse(&whole[..kept + more], rules.role)?
        };
        let Some((head, length)) = parsed else {
            // Then it is shorter than the longest one.
            let state = self.state.get_or_insert_default();
            state.head[kept..kept + bytes.len()].copy_from_slice(bytes);
            state.head_bytes += bytes.len() as u8;
            return Ok(None);
        };
        if let Some(state) = &mut self.state {
            state.head_bytes = 0;
        }
        self.check(rules, &head)?;
        Ok(Some((head, &bytes[length - kept..])))
    }

    /// What may be wrong with a head by what came before it.
    fn check(&self, rules: &Rules, head: &Head) -> Result<(), Violation> {
        let state = self.state.as_ref();
        let message = state.and_then(|state| state.message.as_ref());
        match head.opcode {
            Opcode::Control(_) => return Ok(()),
            Opcode::Continuation if message.is_none() => return Err(Violation::NothingToContinue),
            Opcode::Data(_) if message.is_some() => return Err(Violation::MessageInMessage),
            _ => {}
        }
        if head.compressed && state.is_none_or(|state| state.inflater.is_none()) {
            return Err(Violation::ReservedBits);
        }
        let limits = &rules.limits;
        if head.length > limits.frame_bytes_max {
            return Err(Violation::FrameTooLong(limits.frame_bytes_max));
        }
        let before = message.map_or(0, |message| message.bytes.len()) as u64;
        if before + head.length > limits.message_bytes_max as u64 {
            return Err(Violation::MessageTooLong(limits.message_bytes_max));
        }
        Ok(())
    }

    /// A frame that is complete and either a message or a control frame.
    fn whole(
        &mut self,
        rules: &Rules,
        head: &Head,
        payload: &[u8],
        scratch: &mut Vec<u8>,
        each: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        let kind = match head.opcode {
            Opcode::Control(control) => {
                // On the stack, since `scratch` may be large.
                let mut copy = [0; CONTROL_BYTES_MAX];
                let payload = match head.mask {
                    Some(key) => {
                        let copy = &mut copy[..payload.len()];
                        copy.copy_from_slice(payload);
                        mask::apply(key, 0, copy);
                        copy
                    }
                    None => payload,
                };
                return self.control(control, payload, each);
            }
            Opcode::Data(kind) => kind,
            // `check` has refused it.
            Opcode::Continuation => return Err(Violation::NothingToContinue),
        };
        let inflater = self.state.as_mut().and_then(|state| state.inflater.as_mut());
        if head.compressed {
            let mut bytes = Vec::new();
            bytes.extend_from_slice(payload);
            if let Some(key) = head.mask {
                mask::apply(key, 0, &mut bytes);
            }
            let mut message = Message { kind, compressed: true, bytes, checked: 0 };
            return message.finish(rules, inflater, scratch, each);
        }
        let payload = match head.mask {
            Some(key) => {
                scratch.clear();
                mask::extend(scratch, key, 0, payload);
                &scratch[..]
            }
            None => payload,
        };
        if kind == Kind::Text && std::str::from_utf8(payload).is_err() {
            return Err(Violation::NotUtf8);
        }
        each(Event::Message { kind, payload: Cow::Borrowed(payload) });
        Ok(())
    }

    fn control(&mut self, control: Control, payload: &[u8], each: &mut dyn FnMut(Event<'_>)) -> Result<(), Violation> {
        each(match control {
            Control::Ping => Event::Ping(payload),
            Control::Pong => Event::Pong(payload),
            Control::Close => {
                let close = Close::parse(payload)?;
                self.end();
                Event::Close(close)
            }
        });
        Ok(())
    }

    /// The head of a frame whose payload comes in pieces.
    fn begin(&mut self, head: Head) {
        let state = self.state.get_or_insert_default();
        if let Opcode::Data(kind) = head.opcode {
            state.message = Some(Message { kind, compressed: head.compressed, bytes: Vec::new(), checked: 0 });
        }
        state.frame = Some(Frame { head, done: 0 });
    }

    /// Takes what there is of the present frame's payload, and returns the rest.
    fn go_on<'a>(
        &mut self,
        rules: &Rules,
        bytes: &'a [u8],
        scratch: &mut Vec<u8>,
        each: &mut dyn FnMut(Event<'_>),
    ) -> Result<&'a [u8], Violation> {
        let Some(state) = &mut self.state else { return Ok(bytes) };
        let Some(frame) = &mut state.frame else { return Ok(bytes) };
        let left = frame.head.length - frame.done;
        let (piece, rest) = bytes.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        let into = match (frame.head.opcode, &mut state.message) {
            (Opcode::Control(_), _) | (_, None) => &mut state.control,
            (_, Some(message)) => &mut message.bytes,
        };
        match frame.head.mask {
            Some(key) => mask::extend(into, key, frame.done, piece),
            None => into.extend_from_slice(piece),
        }
        frame.done += piece.len() as u64;
        let is_complete = frame.done == frame.head.length;
        let head = frame.head;
        if is_complete {
            state.frame = None;
        }
        match (head.opcode, &mut state.message) {
            (Opcode::Control(control), _) => {
                if is_complete {
                    let payload = std::mem::take(&mut state.control);
                    self.control(control, &payload, each)?;
                }
            }
            (_, Some(message)) if is_complete && head.last => {
                let result = message.finish(rules, state.inflater.as_mut(), scratch, each);
                state.message = None;
                result?;
            }
            (_, Some(message)) => message.check(false)?,
            (_, None) => {}
        }
        Ok(rest)
    }
}

impl State {
    fn is_between_frames(&self) -> bool {
        self.frame.is_none()
    }
}

impl Message {
    /// Fails as soon as a text shows that it isn't UTF-8; what is compressed is looked at when it is complete.
    fn check(&mut self, is_complete: bool) -> Result<(), Violation> {
        if self.kind != Kind::Text || self.compressed {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            // A character may still become complete.
            Err(error) if error.error_len().is_none() && !is_complete => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }

    fn finish(
        &mut self,
        rules: &Rules,
        inflater: Option<&mut Inflater>,
        scratch: &mut Vec<u8>,
        each: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        if !self.compressed {
            self.check(true)?;
            each(Event::Message { kind: self.kind, payload: Cow::Owned(std::mem::take(&mut self.bytes)) });
            return Ok(());
        }
        // `check` refuses compressed frames where nothing was agreed.
        let Some(inflater) = inflater else { return Err(Violation::ReservedBits) };
        scratch.clear();
        inflater.inflate(&mut rules.spare.borrow_mut(), &self.bytes, rules.limits.message_bytes_max, scratch)?;
        if self.kind == Kind::Text && std::str::from_utf8(scratch).is_err() {
            return Err(Violation::NotUtf8);
        }
        each(Event::Message { kind: self.kind, payload: Cow::Borrowed(scratch) });
        Ok(())
    }
}
