//! What parts of throng say to each other by gRPC: messages and services, generated from `proto/`.
//!
//! [`control`] is the service that watches and changes running tests: its messages, its client and its server's trait,
//! and conversions from and to what `stats` has. Errors travel as gRPC's codes with a text: [`ControlError`] is what
//! both sides see of them. [`agent`] is what agents and coordinators say to each other. [`cluster`], [`run`] and
//! [`raft`] are those of a group of coordinators: the first for clients and agents, the second for clients, the third for
//! the group's nodes alone.
//!
//! The generated code is checked in (`src/generated`), since a compiler of protocol buffers would be the larger part of
//! a cold build; `tools/generate-protocol` makes it anew, and a test tells when that has been forgotten.
//!
//! Not here: sockets, runtimes, who may listen where.

pub mod agent;
pub mod cluster;
pub mod control;
mod error;
pub mod raft;
pub mod run;

pub use error::{ControlError, ErrorKind};

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    #[test]
    fn the_generated_code_is_that_of_the_proto_files() {
        macro_rules! check {
            ($($service:literal),*) => {$(
                let proto = include_bytes!(concat!("../../../proto/throng/", $service, "/v1/", $service, ".proto"));
                let digest: String = Sha256::digest(proto).iter().map(|byte| format!("{byte:02x}")).collect();
                let generated = include_str!(concat!("generated/throng.", $service, ".v1.sha256")).trim();
                assert_eq!(digest, generated, "proto/ has changed ({}): run tools/generate-protocol", $service);
            )*};
        }
        check!("agent", "cluster", "control", "raft", "run");
    }
}
