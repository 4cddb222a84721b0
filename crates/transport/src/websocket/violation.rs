//! What a peer does that ends a connection.

use super::close::CloseCode;

/// The peer broke the protocol, or sent more than is taken. The connection is of no use then. The texts hold nothing that
/// the peer chose freely, since they become tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// RFC 6455 section 5.2: no extension gives these bits a meaning, or not in this frame.
    #[error("a frame with reserved bits that nothing gives a meaning")]
    ReservedBits,
    /// RFC 6455 section 5.2.
    #[error("a frame of the reserved type {0}")]
    ReservedOpcode(u8),
    /// RFC 6455 section 5.1: a client masks, a server doesn't.
    #[error("a frame that is masked where it mustn't be, or isn't where it must")]
    Masking,
    /// RFC 6455 section 5.2: the shortest form is the only one.
    #[error("a frame whose length isn't in the shortest form")]
    LengthForm,
    /// RFC 6455 section 5.5.
    #[error("a control frame of more than 125 bytes")]
    ControlTooLong,
    /// RFC 6455 section 5.5.
    #[error("a control frame in fragments")]
    ControlFragmented,
    /// RFC 6455 section 5.4.
    #[error("a continuation of no message")]
    NothingToContinue,
    /// RFC 6455 section 5.4.
    #[error("a new message before the one before has ended")]
    MessageInMessage,
    /// RFC 6455 section 8.1.
    #[error("text that isn't UTF-8")]
    NotUtf8,
    /// RFC 6455 section 5.5.1: a code has two bytes.
    #[error("a close frame of one byte")]
    CloseOfOneByte,
    /// RFC 6455 section 7.4.
    #[error("a close frame with the code {0}, which may not be sent")]
    CloseCode(u16),
    /// Ours, from [`Limits`](super::Limits).
    #[error("a frame of more than {0} bytes")]
    FrameTooLong(u64),
    /// Ours, from [`Limits`](super::Limits): decompressed, where it was compressed.
    #[error("a message of more than {0} bytes")]
    MessageTooLong(usize),
    /// RFC 7692 section 7.2.2.
    #[error("a message that can't be decompressed")]
    Compression,
}

impl Violation {
    /// What to close the connection with: RFC 6455 section 7.4.1.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        match self {
            Self::NotUtf8 | Self::Compression => CloseCode::INVALID_DATA,
            Self::FrameTooLong(_) | Self::MessageTooLong(_) => CloseCode::TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
