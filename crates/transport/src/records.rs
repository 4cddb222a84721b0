//! TLS of a connection that is held without a [`Stream`](crate::Stream), such as one of a set.

use crate::ring::Chunk;
use crate::tls::{Session, TlsError};

/// Encrypts and decrypts the bytes of a connection whose handshake is made; its owner sends and receives. An idle one
/// holds what rustls needs and no buffer.
#[derive(Debug)]
pub struct Records(Box<Session>);

impl Records {
    pub(crate) fn new(session: Box<Session>) -> Self {
        Self(session)
    }

    /// Decrypts bytes that have arrived, where they lie, and calls `read` with each piece of plaintext: none, one or
    /// several. `read` mustn't use the shard's connections. Records to be sent may follow, after an error too.
    ///
    /// # Errors
    /// When the peer broke the protocol or sent an alert. The connection is of no use then.
    pub fn receive(&mut self, chunk: &Chunk<'_>, read: impl FnMut(&[u8])) -> Result<(), TlsError> {
        chunk.read_mut(|bytes| self.0.receive(bytes, read))
    }

    /// Whether the peer has said that it sends nothing more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }

    /// The records of these bytes, to be sent behind those before; empty for none.
    ///
    /// # Errors
    /// When the keys are used up, which takes very long.
    pub fn encrypt(&mut self, bytes: &[u8]) -> Result<Vec<u8>, TlsError> {
        self.0.encrypt(bytes)?;
        Ok(self.0.take_out())
    }

    /// Records that TLS itself has to send now, such as answers to new keys; empty if there are none.
    #[must_use]
    pub fn take_out(&mut self) -> Vec<u8> {
        self.0.take_out()
    }

    /// Plaintext that came before anyone could read it.
    #[must_use]
    pub fn take_early(&mut self) -> Vec<u8> {
        self.0.take_early()
    }
}
