//! Metrics that came to have more series than are kept, and why.

use std::collections::{BTreeSet, HashMap};

use crate::metric::MetricId;
use crate::tags::TagSet;

/// Values of the tag that are quoted.
pub(crate) const EXAMPLES_MAX: usize = 3;
/// Bytes of a key or a value that are quoted.
pub(crate) const EXAMPLE_BYTES_MAX: usize = 100;

/// A metric that has more series than are kept, and the tag that most probably made them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overflow {
    /// The metric.
    pub metric: MetricId,
    /// How many values that tag had, when there were too many series.
    pub values: u64,
    /// How many series of the metric there were then.
    pub series: u64,
    /// The key of the tag with the most values; none if none has more than one.
    pub tag: Option<String>,
    /// Some of its values, which may be cut.
    pub examples: Vec<String>,
}

impl Overflow {
    /// Looks for the tag in all series of a metric.
    pub(crate) fn of<'a>(metric: MetricId, series: impl Iterator<Item = &'a TagSet>) -> Self {
        let mut values: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        let mut count = 0;
        for tags in series {
            count += 1;
            for (key, value) in tags.iter() {
                values.entry(key).or_default().insert(value);
            }
        }
        let most = values.into_iter().filter(|(_, values)| values.len() > 1);
        let most = most.max_by(|(a, a_values), (b, b_values)| a_values.len().cmp(&b_values.len()).then(b.cmp(a)));
        let Some((tag, values)) = most else {
            return Self { metric, series: count, tag: None, values: 0, examples: Vec::new() };
        };
        Self {
            metric,
            series: count,
            tag: Some(quoted(tag)),
            values: values.len() as u64,
            examples: values.into_iter().take(EXAMPLES_MAX).map(quoted).collect(),
        }
    }

    /// Notes it among those of other metrics; of one metric the one with the most values is kept, in whichever order
    /// they come.
    pub(crate) fn note(self, among: &mut Vec<Self>) {
        match among.iter_mut().find(|known| known.metric == self.metric) {
            Some(known) if *known < self => *known = self,
            Some(_) => {}
            None => among.push(self),
        }
    }

    /// What to tell the person who runs the test; `name` is the metric's.
    pub fn message(&self, name: &str) -> String {
        let lost = "further ones were counted in the metric and in no part of it";
        match &self.tag {
            Some(tag) => format!(
                "{name} had more than {} series, and {lost}: its tag `{tag}` had {} values, such as {}; give requests \
                 a `name`, or take what varies out of the tag",
                self.series,
                self.values,
                self.examples.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", "),
            ),
            None => format!("{name} found no place for another series, and {lost}: other metrics had used them up"),
        }
    }
}

fn quoted(text: &str) -> String {
    if text.len() <= EXAMPLE_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=EXAMPLE_BYTES_MAX - '…'.len_utf8()).rev().find(|end| text.is_char_boundary(*end));
    format!("{}…", &text[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_with_the_most_values_is_named() {
        let series: Vec<_> = (0..6)
            .map(|n| {
                TagSet::from_pairs([
                    ("status".to_owned(), format!("{}", n % 2)),
                    ("url".to_owned(), format!("http://a/{n}")),
                    ("method".to_owned(), "GET".to_owned()),
                ])
            })
            .collect();
        let overflow = Overflow::of(MetricId(7), series.iter());
        assert_eq!((overflow.series, overflow.values, overflow.tag.as_deref()), (6, 6, Some("url")));
        assert_eq!(overflow.examples, ["http://a/0", "http://a/1", "http://a/2"]);
        let message = overflow.message("http_reqs");
        assert!(message.contains("its tag `url` had 6 values, such as \"http://a/0\""), "{message}");
    }

    #[test]
    fn a_metric_that_comes_last_is_not_to_blame() {
        let overflow = Overflow::of(MetricId(7), [].iter());
        assert_eq!((overflow.series, overflow.tag.as_deref()), (0, None));
        assert!(overflow.message("late").contains("other metrics"), "{}", overflow.message("late"));
    }

    #[test]
    fn what_is_quoted_is_cut_between_characters() {
        let series = ["a", "b"].map(|end| TagSet::from_pairs([("k", format!("{}{end}", "ä".repeat(80)))]));
        let overflow = Overflow::of(MetricId(7), series.iter());
        assert_eq!(overflow.examples, [format!("{}…", "ä".repeat(48)), format!("{}…", "ä".repeat(48))]);
    }

    #[test]
    fn of_one_metric_the_worst_is_kept_in_any_order() {
        let of = |values| Overflow { metric: MetricId(7), values, series: 9, tag: None, examples: Vec::new() };
        for order in [[1, 2], [2, 1]] {
            let mut among = Vec::new();
            order.into_iter().for_each(|values| of(values).note(&mut among));
            assert_eq!(among, [of(2)]);
        }
    }
}
