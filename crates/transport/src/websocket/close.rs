//! How a connection is closed: RFC 6455 sections 5.5.1 and 7.4.

use super::frame::CONTROL_BYTES_MAX;
use super::violation::Violation;

/// A status code of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the protocol was broken.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1007: a message's content isn't what its type says.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1009: a message is too large.
    pub const TOO_BIG: Self = Self(1009);

    /// A code that may be sent: 1000 to 1003, 1007 to 1014, which are registered, and 3000 to 4999. None for others, among
    /// them 1005, 1006 and 1015, which are never on the wire.
    #[must_use]
    pub fn new(code: u16) -> Option<Self> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(code))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

/// What a close frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// Why, by number.
    pub code: CloseCode,
    /// Why, in words; perhaps none.
    pub reason: &'a str,
}

impl<'a> Close<'a> {
    /// Most bytes of a reason: a control frame's without the code.
    pub const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

    /// Reads a close frame's payload; none if it is empty.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Option<Self>, Violation> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            return if payload.is_empty() { Ok(None) } else { Err(Violation::CloseOfOneByte) };
        };
        let number = u16::from_be_bytes(*code);
        let code = CloseCode::new(number).ok_or(Violation::CloseCode(number))?;
        let reason = std::str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
        Ok(Some(Self { code, reason }))
    }

    /// The payload's bytes behind those of `out`; the reason is cut between characters where it is too long.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut end = self.reason.len().min(Self::REASON_BYTES_MAX);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        out.extend_from_slice(&self.code.0.to_be_bytes());
        out.extend_from_slice(&self.reason.as_bytes()[..end]);
    }
}
