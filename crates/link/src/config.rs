//! What an agent is told of itself and of its group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use throng_control::AgentName;
use throng_trust::Credentials;

/// What an agent is, and where its group is.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Its name, unique in the group.
    pub name: AgentName,
    /// Addresses of nodes of the group, HOST:PORT, at least one.
    pub nodes: Vec<String>,
    /// How much it can do beside others.
    pub capacity: u32,
    /// What runs may choose it by.
    pub tags: BTreeMap<String, String>,
    /// The addresses of this machine, for people.
    pub addresses: Vec<String>,
    /// The version of throng.
    pub version: String,
    /// How it proves who it is, and knows nodes.
    pub credentials: Credentials,
    /// How long it looks for a node before it ends; without, it goes on.
    pub give_up_after: Option<Duration>,
    /// Set when the agent is to end once it has done what it has.
    pub drain: Arc<AtomicBool>,
}

/// Whether a text may be the address of a node: HOST:PORT.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for fine in ["127.0.0.1:7700", "[::1]:7700", "eu-1.example:1"] {
            assert!(is_address(fine), "{fine}");
        }
        for wrong in ["", "7700", ":7700", "host", "host:", "host:0", "host:65536", "http://host:1", "a@b:1", "a b:1"] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
