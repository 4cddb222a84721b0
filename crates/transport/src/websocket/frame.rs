//! The head of a frame: RFC 6455 section 5.2.

use super::rules::Role;
use super::violation::Violation;

/// Most bytes of a control frame's payload: RFC 6455 section 5.5.
pub const CONTROL_BYTES_MAX: usize = 125;
/// Most bytes of a frame's head.
pub(super) const HEAD_BYTES_MAX: usize = 14;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const MASKED: u8 = 0x80;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// A control frame's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The connection ends.
    Close,
    /// To be answered.
    Ping,
    /// The answer, or a sign of life.
    Pong,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Data(Kind),
    Control(Control),
}

impl Opcode {
    fn of(number: u8) -> Result<Self, Violation> {
        Ok(match number {
            0 => Self::Continuation,
            1 => Self::Data(Kind::Text),
            2 => Self::Data(Kind::Binary),
            8 => Self::Control(Control::Close),
            9 => Self::Control(Control::Ping),
            10 => Self::Control(Control::Pong),
            _ => return Err(Violation::ReservedOpcode(number)),
        })
    }

    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Data(Kind::Text) => 1,
            Self::Data(Kind::Binary) => 2,
            Self::Control(Control::Close) => 8,
            Self::Control(Control::Ping) => 9,
            Self::Control(Control::Pong) => 10,
        }
    }
}

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether it is a message's last frame.
    pub(super) last: bool,
    /// RSV1, which permessage-deflate gives a meaning.
    pub(super) compressed: bool,
    pub(super) opcode: Opcode,
    /// Bytes of the payload.
    pub(super) length: u64,
    pub(super) mask: Option<[u8; 4]>,
}

impl Head {
    /// Reads a head that `receiver` has received, and how many bytes it is; none while it is incomplete.
    ///
    /// # Errors
    /// What is wrong with it by itself, as soon as that shows.
    pub(super) fn parse(bytes: &[u8], receiver: Role) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & 0x30 != 0 {
            return Err(Violation::ReservedBits);
        }
        let (last, compressed, opcode) = (first & FIN != 0, first & RSV1 != 0, Opcode::of(first & 0x0f)?);
        let is_control = matches!(opcode, Opcode::Control(_));
        if is_control && !last {
            return Err(Violation::ControlFragmented);
        }
        // Of data only a message's first frame says whether it is compressed: RFC 7692 section 6.
        if compressed && !matches!(opcode, Opcode::Data(_)) {
            return Err(Violation::ReservedBits);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let is_masked = second & MASKED != 0;
        if is_masked != (receiver == Role::Server) {
            return Err(Violation::Masking);
        }
        let short = second & !MASKED;
        if is_control && short > 125 {
            return Err(Violation::ControlTooLong);
        }
        let rest = &bytes[2..];
        let (length, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let least = [0, 126, 1 << 16][usize::from(short.saturating_sub(125))];
        if length < least || length >> 63 != 0 {
            return Err(Violation::LengthForm);
        }
        let (mask, rest) = match (is_masked, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some((Self { last, compressed, opcode, length, mask }, bytes.len() - rest.len())))
    }

    /// Appends the head.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let first = if self.last { FIN } else { 0 } | if self.compressed { RSV1 } else { 0 } | self.opcode.number();
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        match self.length {
            0..126 => out.extend_from_slice(&[first, masked | self.length as u8]),
            126..0x1_0000 => {
                out.extend_from_slice(&[first, masked | 126]);
                out.extend_from_slice(&(self.length as u16).to_be_bytes());
            }
            _ => {
                out.extend_from_slice(&[first, masked | 127]);
                out.extend_from_slice(&self.length.to_be_bytes());
            }
        }
        if let Some(mask) = self.mask {
            out.extend_from_slice(&mask);
        }
    }
}
