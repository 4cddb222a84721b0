//! What parts of throng say to each other by gRPC: messages and services, generated from `proto/`.
//!
//! [`control`] is the service that watches and changes running tests: its messages, its client and its server's trait,
//! and conversions from and to what `stats` has. Errors travel as gRPC's codes with a text: [`ControlError`] is what
//! both sides see of them.
//!
//! The generated code is checked in (`src/generated`), since a compiler of protocol buffers would be the larger part of
//! a cold build; `tools/generate-protocol` makes it anew, and a test tells when that has been forgotten.
//!
//! Not here: sockets, runtimes, who may listen where.

pub mod control;
mod error;

pub use error::{ControlError, ErrorKind};
