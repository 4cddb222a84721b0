//! Bodies of requests, in parts that need not be copied.

use std::borrow::Cow;

use crate::ring::{SendBytes, SharedBytes};

/// Shared parts shorter than this are copied: a send of its own would cost more.
const SHARED_BYTES_MIN: usize = 16 << 10;

/// A part of a body.
#[derive(Clone, Debug)]
pub enum BodyPart {
    /// Bytes of this body alone; copied into the bytes that are sent.
    Owned(Vec<u8>),
    /// Bytes of many, such as a range of a mapped file; sent from where they lie if they are 16 KiB or more.
    Shared(SharedBytes),
}

impl BodyPart {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes.as_slice(),
        }
    }
}

/// A body to send: its parts one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Body(Vec<BodyPart>);

impl Body {
    /// A body of parts.
    #[must_use]
    pub fn new(parts: Vec<BodyPart>) -> Self {
        Self(parts)
    }

    /// Bytes of all parts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|part| part.as_slice().len()).sum()
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in one piece, copied if they aren't.
    #[must_use]
    pub fn contiguous(&self) -> Cow<'_, [u8]> {
        match &*self.0 {
            [part] => Cow::Borrowed(part.as_slice()),
            parts => Cow::Owned(parts.iter().flat_map(|part| part.as_slice()).copied().collect()),
        }
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.0.iter().map(|part| match part {
            BodyPart::Shared(bytes) if bytes.as_slice().len() >= SHARED_BYTES_MIN => Piece::Shared(bytes),
            part => Piece::Copied(part.as_slice()),
        })
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![BodyPart::Owned(bytes)])
    }
}

/// How a part goes to the socket.
pub(super) enum Piece<'a> {
    Copied(&'a [u8]),
    Shared(&'a SharedBytes),
}

/// What is sent for `pieces`, behind `head`: what is copied in as few buffers as can be, the first one apart.
pub(super) fn lay_out<'a>(mut head: Vec<u8>, pieces: impl Iterator<Item = Piece<'a>>) -> (Vec<u8>, Vec<SendBytes>) {
    let mut rest = Vec::new();
    let mut copied: Option<Vec<u8>> = None;
    for piece in pieces {
        match piece {
            Piece::Copied([]) => {}
            // In front of the first shared piece: with the head.
            Piece::Copied(bytes) if rest.is_empty() => head.extend_from_slice(bytes),
            Piece::Copied(bytes) => copied.get_or_insert_default().extend_from_slice(bytes),
            Piece::Shared(bytes) => {
                rest.extend(copied.take().map(SendBytes::Owned));
                rest.push(SendBytes::Range(bytes.clone()));
            }
        }
    }
    rest.extend(copied.map(SendBytes::Owned));
    (head, rest)
}
