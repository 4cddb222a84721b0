//! What all connections of an endpoint share.

use std::cell::RefCell;

use super::deflate::Spare;

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It asked for the connection, and masks what it sends.
    Client,
    /// It was asked.
    Server,
}

/// What a peer may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a frame's payload.
    pub frame_bytes_max: u64,
    /// Most bytes of a message, as it comes and decompressed.
    pub message_bytes_max: usize,
}

impl Default for Limits {
    /// 64 MiB for both, as for bodies of HTTP.
    fn default() -> Self {
        Self { frame_bytes_max: 64 << 20, message_bytes_max: 64 << 20 }
    }
}

/// How an endpoint reads and writes: one value for all its connections on a shard.
#[derive(Debug)]
pub struct Rules {
    pub(super) role: Role,
    pub(super) limits: Limits,
    /// What (de)compresses for connections that keep no context of their own.
    pub(super) spare: RefCell<Spare>,
}

impl Rules {
    /// The rules of one end.
    #[must_use]
    pub fn new(role: Role, limits: Limits) -> Self {
        Self { role, limits, spare: RefCell::default() }
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}
