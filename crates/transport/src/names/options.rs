//! k6's option `dns`.

use std::time::Duration;

/// How names are looked up, and which of their addresses are used. The defaults are k6's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameOptions {
    /// How long an answer is used. [`Duration::MAX`] is for ever. With zero every new connection looks its name up;
    /// those that want it while a look-up is under way still share its answer.
    pub ttl: Duration,
    /// Which address a new connection tries first.
    pub select: NameSelect,
    /// Which addresses of an answer are used.
    pub policy: NamePolicy,
    /// Where the random selection begins.
    pub seed: u64,
}

impl Default for NameOptions {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(300), select: NameSelect::Random, policy: NamePolicy::PreferIpv4, seed: 0 }
    }
}

/// Which address of an answer a new connection tries first; the others follow in the answer's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameSelect {
    /// The first.
    First,
    /// Any.
    Random,
    /// Each in turn.
    RoundRobin,
}

/// Which addresses of an answer are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePolicy {
    /// IPv4, or IPv6 if there is none.
    PreferIpv4,
    /// IPv6, or IPv4 if there is none.
    PreferIpv6,
    /// IPv4 alone.
    OnlyIpv4,
    /// IPv6 alone.
    OnlyIpv6,
    /// All.
    Any,
}
