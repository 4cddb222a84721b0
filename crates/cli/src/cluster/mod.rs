//! A cluster and its runs, as commands see them.

mod ending;
mod progress;
mod reports;
mod test;
mod watching;

use std::hash::{BuildHasher, RandomState};

use throng_coordinator::Client;
use throng_protocol::control::LogLevel;

pub(crate) use ending::{Export, deliver, exit_of, write};
pub(crate) use reports::Reports;
pub(crate) use test::{PackedTest, check};
pub(crate) use watching::{Follower, follow, unwatched};

use crate::args::{ClientArgs, GroupChoice, RunChoice, WatchLevel};
use crate::credentials;
use crate::exit::Failure;

/// The variable that names nodes of a cluster.
const VARIABLE: &str = "THRONG_CLUSTER";
/// Where the first coordinator listens in the README.
const DEFAULT: &str = "127.0.0.1:7701";

/// The cluster that is meant, which is known to have a node that answers.
pub(crate) fn client(choice: &GroupChoice) -> Result<Client, Failure> {
    let addresses = choice.cluster.clone().or_else(of_variable).unwrap_or_else(|| DEFAULT.to_owned());
    connect(&addresses, &choice.client, choice.insecure)
}

/// The cluster that is meant instead of this machine, if one is.
pub(crate) fn instead(choice: &RunChoice) -> Result<Option<Client>, Failure> {
    let variable = || of_variable().filter(|_| choice.address.is_none());
    let addresses = choice.cluster.clone().or_else(variable);
    addresses.map(|addresses| connect(&addresses, &choice.client, choice.insecure)).transpose()
}

/// A client of the cluster that has nodes at these addresses.
pub(crate) fn connect(addresses: &str, args: &ClientArgs, insecure: bool) -> Result<Client, Failure> {
    let client = Client::new(addresses, credentials::of_client(args, addresses, insecure)?)?;
    client.learn()?;
    Ok(client)
}

fn of_variable() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty())
}

/// Who asks, for people: user@host.
pub(crate) fn own_name() -> String {
    let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
    let host = nix::sys::utsname::uname().map(|system| system.nodename().to_string_lossy().into_owned());
    let (user, host) = (user.unwrap_or_else(|| "somebody".to_owned()), host.unwrap_or_default());
    let name = format!("{user}@{host}");
    name.chars().take(60).collect()
}

/// An id that hardly another run has.
pub(crate) fn random_id() -> String {
    let bits = RandomState::new().hash_one(std::process::id());
    format!("r{:010x}", bits >> 24)
}

/// A level of messages as the group has it.
pub(crate) fn level(level: WatchLevel) -> LogLevel {
    match level {
        WatchLevel::Debug => LogLevel::Debug,
        WatchLevel::Info => LogLevel::Info,
        WatchLevel::Warn => LogLevel::Warn,
        WatchLevel::Error => LogLevel::Error,
    }
}
