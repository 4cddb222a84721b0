//! Where requests go.

/// A host and port; one value for all requests of a shard that go there, since pools compare it by address. What its
/// name stands for is known to the shard's [`Names`](crate::Names).
#[derive(Debug)]
pub struct Origin {
    host: String,
    port: u16,
}

impl Origin {
    /// An origin by its host, which may be an address, with or without brackets.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}
