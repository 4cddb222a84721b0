//! Which agents perform a run.

use throng_plan::{AgentRule, AgentWeight};

use crate::agent::Agent;
use crate::limits::{RUN_AGENTS_MAX, WEIGHT_MAX};

/// An agent that was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen<'a> {
    pub(super) agent: &'a Agent,
    /// The rule that it was chosen by, by its place among the run's; 0 if there is none.
    pub(super) rule: u32,
    pub(super) weight: u32,
}

/// Chooses agents, in the order of their names: by rules with numbers first, those with more tags before those with
/// fewer, so that a rule that any agent fits doesn't take one that another rule needs. Each agent is chosen once. If
/// they don't suffice it says what is missing.
pub(super) fn choose<'a>(rules: &[AgentRule], free: &[&'a Agent]) -> Result<Vec<Chosen<'a>>, String> {
    let all = [AgentRule::default()];
    let rules = if rules.is_empty() { &all[..] } else { rules };
    let mut order: Vec<_> = (0_u32..).zip(rules).collect();
    order.sort_by_key(|(_, rule)| (rule.count.is_none(), std::cmp::Reverse(rule.tags.len())));
    let mut left = free.to_vec();
    let mut chosen = Vec::new();
    for (number, rule) in order {
        let wanted = rule.count.map_or(usize::MAX, |count| count as usize);
        let (mut taken, mut rest) = (Vec::new(), Vec::new());
        for agent in left {
            let fits = taken.len() < wanted && fits(rule, agent);
            if fits { taken.push(agent) } else { rest.push(agent) }
        }
        left = rest;
        let least = rule.count.map_or(1, |count| count as usize);
        if taken.len() < least {
            return Err(format!("of the agents `{rule}` there are {} and not {least} that are free", taken.len()));
        }
        let weighed = |agent: &'a Agent| Chosen { agent, rule: number, weight: weight(rule, agent) };
        chosen.extend(taken.into_iter().map(weighed));
    }
    if chosen.len() > RUN_AGENTS_MAX {
        return Err(format!("{} agents are more than the {RUN_AGENTS_MAX} that a run may have", chosen.len()));
    }
    chosen.sort_by(|a, b| a.agent.info.name.cmp(&b.agent.info.name));
    Ok(chosen)
}

/// Whether an agent has the tags that a rule demands.
pub(super) fn fits(rule: &AgentRule, agent: &Agent) -> bool {
    rule.tags.iter().all(|(key, value)| agent.info.tags.get(key) == Some(value))
}

fn weight(rule: &AgentRule, agent: &Agent) -> u32 {
    let weight = match rule.weight {
        AgentWeight::Of(weight) => weight,
        AgentWeight::Capacity => agent.info.capacity,
    };
    weight.clamp(1, WEIGHT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::{AgentInfo, AgentName, Incarnation};

    fn agent(name: &str, zone: &str, capacity: u32) -> Agent {
        let info = AgentInfo {
            name: AgentName::new(name).unwrap(),
            incarnation: Incarnation(1),
            addresses: Vec::new(),
            capacity,
            tags: [("zone".to_owned(), zone.to_owned())].into(),
            version: String::new(),
        };
        Agent { info, lease_until: Timestamp(0), lost_since: None, draining: false }
    }

    fn chosen(rules: &str, agents: &[Agent]) -> Result<String, String> {
        let rules = if rules.is_empty() { Vec::new() } else { AgentRule::parse_all(rules).unwrap() };
        let chosen = choose(&rules, &agents.iter().collect::<Vec<_>>())?;
        let texts = chosen.iter().map(|one| format!("{}:{}@{}", one.agent.info.name, one.rule, one.weight));
        Ok(texts.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn agents_are_chosen_by_number_tags_and_weight() {
        let agents = [agent("a", "eu", 2), agent("b", "us", 4), agent("c", "eu", 8), agent("d", "us", 1)];
        assert_eq!(chosen("", &agents).unwrap(), "a:0@1 b:0@1 c:0@1 d:0@1");
        assert_eq!(chosen("2", &agents).unwrap(), "a:0@1 b:0@1");
        assert_eq!(chosen("all@capacity", &agents).unwrap(), "a:0@2 b:0@4 c:0@8 d:0@1");
        assert_eq!(chosen("zone=us:1@5,zone=eu", &agents).unwrap(), "a:1@1 b:0@5 c:1@1");
        // The first agent would do for both, and is left to the rule that needs it.
        assert_eq!(chosen("1,zone=eu:2", &agents).unwrap(), "a:1@1 b:0@1 c:1@1");
    }

    #[test]
    fn what_is_missing_is_told() {
        let agents = [agent("a", "eu", 2), agent("b", "us", 4)];
        assert!(chosen("3", &agents).unwrap_err().contains("`3` there are 2 and not 3"));
        assert!(chosen("zone=eu:2", &agents).unwrap_err().contains("`zone=eu:2` there are 1 and not 2"));
        assert!(chosen("2,zone=eu:1", &agents).unwrap_err().contains("`2` there are 1 and not 2"));
        assert!(chosen("", &[]).unwrap_err().contains("`all` there are 0 and not 1"));
    }
}
