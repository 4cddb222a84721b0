//! Who is who between coordinators, agents and clients of a group.
//!
//! An authority of the group's own ([`init`]) signs certificates ([`issue`]), each of which says its holder's [`Role`]
//! and name. [`Credentials`] are what a process has of them, and how it speaks to coordinators: by TLS 1.3 with
//! certificates on both sides, or plainly, which is for loopback. An [`Acceptor`] is the side that is spoken to; a
//! [`Caller`] is whom it found there. Clients may have one of the coordinator's [`Tokens`] instead of a certificate.
//!
//! ```text
//! dialed ----> Tls::connect <=== TLS 1.3 ===> Acceptor::accept ----> (stream, Caller)
//!          host, authority, role peer       authority; what a role may, the services say
//! ```
//!
//! Both work on any stream, so a simulation can have them too. Whatever is refused is a [`Distrust`], whose text says
//! whose certificate it is, what is wrong and what to do.
//!
//! Not here: which role may do what (`coordinator`), arguments, printing.

mod acceptor;
mod authority;
mod certificate;
mod connect;
mod credentials;
mod distrust;
mod files;
mod kept;
mod role;
#[cfg(test)]
mod tests;
mod tokens;

pub use acceptor::{Accepted, Acceptor, Caller, HANDSHAKE_TIME_MAX, Rewound};
pub use authority::{AUTHORITY_DAYS, DAYS, DAYS_MAX, IssueError, Issued, Request, init, issue};
pub use certificate::{Certificate, CertificateError, date};
pub use connect::Tls;
pub use credentials::{Credentials, CredentialsError, Files};
pub use distrust::Distrust;
pub use role::{Holder, HolderError, NAME_BYTES_MAX, Role};
pub use tokens::{TOKEN_BYTES_MIN, TOKENS_MAX, Token, TokenError, Tokens};
