//! What one shard of one agent performs.

use super::error::SegmentError;
use super::tuple::SegmentTuple;

/// A shard's share of an agent's share of a scenario: a segment of a segment.
///
/// Elements are dealt out to the agents, and what falls to an agent, counted anew from 0, to its shards. So the shards
/// of an agent together perform exactly the agent's elements, and all agents together the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    agent: SegmentTuple,
    shard: SegmentTuple,
}

impl Share {
    /// Everything: one agent with one shard.
    pub fn whole() -> Self {
        Self::of_agent(SegmentTuple::whole())
    }

    /// An agent's part, not divided further.
    pub fn of_agent(agent: SegmentTuple) -> Self {
        Self { agent, shard: SegmentTuple::whole() }
    }

    /// A shard's part of an agent's part.
    pub fn new(agent: SegmentTuple, shard: SegmentTuple) -> Self {
        Self { agent, shard }
    }

    /// The agent's part.
    pub fn agent(&self) -> &SegmentTuple {
        &self.agent
    }

    /// The shard's part of the agent's.
    pub fn shard(&self) -> &SegmentTuple {
        &self.shard
    }

    /// How many of the first `total` elements fall to it.
    pub fn scale(&self, total: u64) -> u64 {
        self.shard.scale(self.agent.scale(total))
    }

    /// The number in the whole of its n-th element, both from 0; saturates.
    pub fn nth(&self, n: u64) -> u64 {
        self.agent.nth(self.shard.nth(n))
    }

    /// The number at the agent of its n-th element, both from 0; saturates.
    pub fn nth_at_agent(&self, n: u64) -> u64 {
        self.shard.nth(n)
    }

    /// The share of what is done by a scenario of `vus` VUs: both divisions in the proportion in which the VUs really
    /// fall; see [`SegmentTuple::derived`]. None if no VU does.
    ///
    /// # Errors
    ///
    /// When the shares' common denominator is too large.
    pub fn derived(&self, vus: u64) -> Result<Option<Self>, SegmentError> {
        let Some(agent) = self.agent.derived(vus)? else { return Ok(None) };
        let shard = self.shard.derived(self.agent.scale(vus))?;
        Ok(shard.map(|shard| Self { agent, shard }))
    }
}
