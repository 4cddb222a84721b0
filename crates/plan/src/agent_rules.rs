//! Which agents perform a run, and what happens when one is lost.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The most agents that a rule may ask for.
const COUNT_MAX: u32 = 10_000;
/// The largest weight.
const WEIGHT_MAX: u32 = 1_000;

/// What becomes of a run that loses an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnAgentLoss {
    /// The run is stopped, and fails.
    #[default]
    Fail,
    /// The others go on, and the result says what is missing.
    Continue,
    /// Another agent takes over what the lost one had still to do.
    Reassign,
}

impl OnAgentLoss {
    /// What users may write.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Continue, Self::Reassign];
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("fail", Self::Fail), ("continue", Self::Continue), ("reassign", Self::Reassign)];

    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Continue => "continue",
            Self::Reassign => "reassign",
        }
    }
}

/// How large an agent's part is beside those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentWeight {
    /// So large.
    Of(u32),
    /// As large as its capacity, which agents say themselves.
    Capacity,
}

impl Default for AgentWeight {
    fn default() -> Self {
        Self::Of(1)
    }
}

/// Some of the agents of a run: `zone=eu:2@3` are two that have the tag `zone` of the value `eu`, each with a part of
/// weight 3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRule {
    /// The tags that they have; any agent without.
    pub tags: BTreeMap<String, String>,
    /// How many; without, all there are, but at least one.
    pub count: Option<u32>,
    /// How large the part of each is.
    pub weight: AgentWeight,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentRuleError {
    /// It has another shape.
    #[error("`{0}` doesn't say which agents; write it like `3`, `all`, `zone=eu:2` or `zone=eu+disk=fast:2@3`")]
    Shape(String),
    /// A number of agents that can't be.
    #[error("`{0}` isn't a number of agents; it must be 1 to {COUNT_MAX}")]
    Count(String),
    /// A weight that can't be.
    #[error("`{0}` isn't a weight; it must be 1 to {WEIGHT_MAX}, or `capacity`")]
    Weight(String),
}

impl AgentRule {
    /// Reads rules that are separated by commas, such as `zone=eu:2,zone=us:1`.
    ///
    /// # Errors
    ///
    /// When one isn't `all`, a number, or tags with or without a number, each with or without a weight.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, AgentRuleError> {
        text.split(',').map(Self::parse).collect()
    }

    /// Reads one rule.
    ///
    /// # Errors
    ///
    /// See [`AgentRule::parse_all`].
    pub fn parse(text: &str) -> Result<Self, AgentRuleError> {
        let text = text.trim();
        let (who, weight) = match text.split_once('@') {
            Some((who, weight)) => (who, parse_weight(weight)?),
            None => (text, AgentWeight::default()),
        };
        if who == "all" {
            return Ok(Self { weight, ..Self::default() });
        }
        if !who.contains('=') {
            let digits = !who.is_empty() && who.bytes().all(|byte| byte.is_ascii_digit());
            let count = if digits { parse_count(who)? } else { return Err(AgentRuleError::Shape(text.to_owned())) };
            return Ok(Self { count: Some(count), weight, ..Self::default() });
        }
        let (tags, count) = match who.split_once(':') {
            Some((tags, count)) => (tags, Some(parse_count(count)?)),
            None => (who, None),
        };
        let tag = |tag: &str| {
            let pair = tag.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty());
            pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        let tags = tags.split('+').map(tag).collect::<Option<BTreeMap<_, _>>>();
        let tags = tags.ok_or_else(|| AgentRuleError::Shape(text.to_owned()))?;
        Ok(Self { tags, count, weight })
    }
}

fn parse_count(text: &str) -> Result<u32, AgentRuleError> {
    let count = text.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
    count.ok_or_else(|| AgentRuleError::Count(text.to_owned()))
}

fn parse_weight(text: &str) -> Result<AgentWeight, AgentRuleError> {
    if text == "capacity" {
        return Ok(AgentWeight::Capacity);
    }
    let weight = text.parse().ok().filter(|weight| (1..=WEIGHT_MAX).contains(weight));
    weight.map(AgentWeight::Of).ok_or_else(|| AgentRuleError::Weight(text.to_owned()))
}

/// As users write it.
impl fmt::Display for AgentRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (key, value)) in self.tags.iter().enumerate() {
            write!(f, "{}{key}={value}", if n == 0 { "" } else { "+" })?;
        }
        match self.count {
            Some(count) if self.tags.is_empty() => write!(f, "{count}")?,
            Some(count) => write!(f, ":{count}")?,
            None if self.tags.is_empty() => f.write_str("all")?,
            None => {}
        }
        match self.weight {
            AgentWeight::Of(1) => Ok(()),
            AgentWeight::Of(weight) => write!(f, "@{weight}"),
            AgentWeight::Capacity => f.write_str("@capacity"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_written_alike() {
        for text in ["3", "all", "all@capacity", "zone=eu", "zone=eu:2", "disk=fast+zone=eu:2@3", "10000@1000"] {
            assert_eq!(AgentRule::parse(text).unwrap().to_string(), text);
        }
        let rules = AgentRule::parse_all("zone=eu:2, 1").unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].tags.get("zone").map(String::as_str), Some("eu"));
        assert_eq!((rules[0].count, rules[1].count, rules[1].weight), (Some(2), Some(1), AgentWeight::Of(1)));
    }

    #[test]
    fn what_is_no_rule_is_told_with_what_would_be() {
        let errors = [
            ("", "write it like"),
            ("some", "write it like"),
            ("=eu:2", "write it like"),
            ("zone=:2", "write it like"),
            ("zone=eu+:2", "write it like"),
            ("-1", "write it like"),
            ("0", "1 to 10000"),
            ("zone=eu:many", "1 to 10000"),
            ("99999999999", "1 to 10000"),
            ("2@0", "1 to 1000"),
            ("2@", "1 to 1000"),
            ("1,,2", "write it like"),
        ];
        for (text, part) in errors {
            let error = AgentRule::parse_all(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
