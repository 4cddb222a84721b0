//! Claims about the program as its users have it: the binary, as a process, against servers on this machine.
//!
//! `THRONG_TEST_REQUESTS=1000000` raises the number of requests that are counted on both sides,
//! `THRONG_TEST_CONNECTIONS=100000` that of the connections which a server's end or its resets cost.

mod agent;
mod agent_versions;
mod archive;
mod bare;
mod broken;
mod cluster;
mod cluster_faults;
mod connections;
mod control;
mod counts;
mod data;
mod doctor;
mod events;
mod faults;
mod hooks;
mod hostile;
mod inspect;
mod interrupt;
mod k6_cases;
mod k6_outputs;
mod latency;
mod lifecycle;
mod live;
mod load_models;
mod loading;
mod machine;
mod metrics;
mod namespaces;
mod options;
mod outputs;
mod part_outputs;
mod partitions;
mod requests;
mod runs;
mod scaffold;
mod scenarios;
mod security;
mod servers;
mod summary;
mod survival;
mod thresholds;
mod websocket;
mod wrong_inputs;

use throng_tests::Scripts;

/// The scripts of the tests.
static SCRIPTS: Scripts = Scripts::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts"), env!("CARGO_TARGET_TMPDIR"));
