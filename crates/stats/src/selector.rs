//! Which series of a metric a threshold looks at.

use std::fmt;

use crate::tags::TagSet;

/// A metric and the tags that a series must carry: `http_req_duration{status:200}`.
///
/// A series matches when it has *all* these tags with exactly these values (k6's rule:
/// no patterns, no negation). Without tags every series of the metric matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    metric: String,
    /// What stood between the braces, if there were braces.
    source: Option<String>,
    tags: Vec<(String, String)>,
}

/// Why the name of a metric with tags could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// One brace is missing, or something follows the last one.
    #[error(
        "`{0}` has unmatched braces; write the metric, then its tags in one pair of braces: `http_req_duration{{status:200}}`"
    )]
    Braces(String),
    /// A part is not `key:value`.
    #[error("`{part}` in `{text}` isn't a tag; write `key:value`, several with commas between")]
    Tag {
        /// The part.
        part: String,
        /// The whole.
        text: String,
    },
}

impl Selector {
    /// The selector of all series of a metric.
    pub fn metric_only(metric: impl Into<String>) -> Self {
        Self { metric: metric.into(), source: None, tags: Vec::new() }
    }

    /// Reads `metric` or `metric{key:value,key:value}`. Blanks round the parts and quotes
    /// round keys and values are taken off; a value can't contain a comma.
    ///
    /// # Errors
    ///
    /// When a brace is missing or a part isn't `key:value`. Whether the metric exists
    /// is for [`crate::Thresholds::validate`] to say.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let Some((metric, rest)) = text.split_once('{') else {
            if text.contains('}') {
                return Err(SelectorError::Braces(text.to_owned()));
            }
            return Ok(Self::metric_only(text.trim()));
        };
        let inner = rest.trim_end().strip_suffix('}');
        let inner = inner.filter(|inner| !inner.contains(['{', '}']));
        let Some(inner) = inner else {
            return Err(SelectorError::Braces(text.to_owned()));
        };
        let tags: Result<Vec<_>, _> = inner
            .split(',')
            .map(|part| {
                parse_tag(part)
                    .ok_or_else(|| SelectorError::Tag { part: part.trim().to_owned(), text: text.to_owned() })
            })
            .collect();
        Ok(Self { metric: metric.trim().to_owned(), source: Some(inner.trim().to_owned()), tags: tags? })
    }

    /// The metric's name.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// The tags a series must carry.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// Whether it looks at a part of a metric only.
    pub fn is_submetric(&self) -> bool {
        self.source.is_some()
    }

    /// Whether a series with these tags is looked at.
    pub fn matches(&self, tags: &TagSet) -> bool {
        self.tags.iter().all(|(key, value)| tags.get(key) == Some(value.as_str()))
    }
}

/// The name under which it stands in summaries: the metric with the tags as written.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}{{{source}}}", self.metric),
            None => f.write_str(&self.metric),
        }
    }
}

fn parse_tag(part: &str) -> Option<(String, String)> {
    let (key, value) = part.split_once(':')?;
    let [key, value] = [key, value].map(|text| text.trim().trim_matches(['"', '\'']));
    (!key.is_empty() && !value.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_quotes_are_taken_off() {
        let selector = Selector::parse(r#"reqs{ a:b , "c": 'd e' }"#).unwrap();
        assert_eq!(selector.metric(), "reqs");
        let tags = [("a", "b"), ("c", "d e")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(selector.tags(), tags);
        assert_eq!(selector.to_string(), r#"reqs{a:b , "c": 'd e'}"#);
    }

    #[test]
    fn only_the_first_colon_divides() {
        let selector = Selector::parse("group_duration{group:::outer::inner}").unwrap();
        assert_eq!(selector.tags()[0].1, "::outer::inner");
    }

    #[test]
    fn all_tags_must_match() {
        let selector = Selector::parse("reqs{a:1,b:2}").unwrap();
        let both = TagSet::from_pairs([("a", "1"), ("b", "2"), ("c", "3")]);
        assert!(selector.matches(&both));
        assert!(!selector.matches(&TagSet::from_pairs([("a", "1")])));
        assert!(!selector.matches(&both.with("b", "3")));
        assert!(Selector::metric_only("reqs").matches(&TagSet::empty()));
    }

    #[test]
    fn what_k6_refuses_is_refused() {
        for text in ["cc{a", "cc}", "cc{a:b}x", "cc{a:{b}}", "cc{a:b}{c:d}"] {
            let error = Selector::parse(text).unwrap_err();
            assert_eq!(error, SelectorError::Braces(text.to_owned()));
        }
        for (text, part) in [("cc{}", ""), ("cc{a}", "a"), ("cc{a:}", "a:"), ("cc{a:b,}", ""), ("cc{:b}", ":b")] {
            let error = Selector::parse(text).unwrap_err();
            let (part, text) = (part.to_owned(), text.to_owned());
            assert_eq!(error, SelectorError::Tag { part, text });
        }
    }
}
