//! What lies between a socket and a play.

use std::time::Duration;

/// What lies between a socket and a play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The server's own: nothing, or TLS in which nothing is wrong.
    Usual,
    /// Nothing, of a server that speaks TLS too.
    Bare,
    /// TLS in which something may be wrong.
    Tls(Tls),
}

/// What a server's TLS is like. The default is as it should be, in version 1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether it speaks version 1.2 alone, otherwise 1.3 alone.
    pub old: bool,
    /// The certificate that it shows.
    pub certificate: Certificate,
    /// Whether it wants one of its clients.
    pub wants_certificate: bool,
    /// How what it sends arrives.
    pub sends: Sends,
}

/// A server's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// By an authority that clients know, for the address.
    #[default]
    Valid,
    /// Too old.
    Expired,
    /// Too new.
    NotYetValid,
    /// Another host's.
    OtherName,
    /// By itself.
    SelfSigned,
    /// By an authority that nobody knows.
    UnknownAuthority,
}

/// How bytes of TLS leave a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sends {
    /// As they are.
    #[default]
    Whole,
    /// One by one.
    Dripped(Duration),
    /// So many records, each message in one of its own as far as they aren't encrypted, and then nothing more.
    Records(usize),
    /// So many bytes, and then the end.
    Bytes(usize),
}
