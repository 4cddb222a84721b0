//! What is kept of a run that has ended, for whoever asks then.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use throng_plan::SummaryMode;
use throng_stats::{Mode, Outcome, Report, json, text};

use super::ending::Ending;

/// The version of the encoding. A later one must read what an earlier one wrote.
const VERSION: u32 = 1;

/// In place of a summary that found no room.
const TOO_LARGE: &str =
    "\n  The summary is larger than a group of coordinators keeps: use fewer thresholds on parts of metrics.\n";

/// What [`crate::RunResult::summary`] holds, as a JSON object with a `version` and these fields.
///
/// Of JSON documents those that found no room are null, and named in [`RunSummary::left_out`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Why the run ended, by which the exit code is chosen before anything else.
    pub ending: Ending,
    /// How many iterations there were; none in what an earlier throng wrote. [`IterationCounts::peek`] needs it here.
    #[serde(default)]
    pub iterations: Option<IterationCounts>,
    /// The script's first message by which it marked the run as failed.
    pub marked_failed: Option<String>,
    /// The last verdict on each threshold.
    #[serde(with = "outcomes")]
    pub outcomes: Vec<Outcome>,
    /// The summary for people; none if the options want none.
    pub text: Option<SummaryText>,
    /// What the script made of it, by destination (`stdout`, `stderr` or a path). In place of the text.
    pub own: Option<Vec<(String, String)>>,
    /// Why that failed, if it did.
    pub own_failure: Option<String>,
    /// k6's argument of `handleSummary`, as if nothing were a terminal: see [`json::handle_summary`].
    pub handle_summary: Value,
    /// The shape of `--summary-export`: see [`json::summary_export`].
    pub export: Value,
    /// The shape of `--new-machine-readable-summary`, with histograms: see [`json::machine`].
    pub machine: Value,
    /// Those of the three that found no room, by these names.
    pub left_out: Vec<String>,
}

/// The summary for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryText {
    /// Without colours.
    pub plain: String,
    /// For a terminal.
    pub coloured: String,
}

/// How many iterations a run has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IterationCounts {
    /// Those that ended by themselves.
    pub completed: u64,
    /// Those that were cut.
    pub interrupted: u64,
    /// Those that no VU took.
    pub dropped: u64,
}

/// Why bytes are no summary.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// A later throng wrote it.
    #[error("the summary has the format {0}, and this throng knows {VERSION}: use a throng as new as the coordinators")]
    Version(u64),
    /// It makes no sense.
    #[error("the summary is damaged")]
    Damaged(#[source] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    summary: T,
}

impl RunSummary {
    /// That of a report, in which nobody has looked at the script's own one yet.
    #[must_use]
    pub fn new(report: &Report, mode: SummaryMode, ending: Ending, outcomes: Vec<Outcome>) -> Self {
        let mode = match mode {
            SummaryMode::Full => Some(Mode::Full),
            SummaryMode::Compact => Some(Mode::Compact),
            SummaryMode::Disabled => None,
        };
        Self {
            ending,
            iterations: None,
            marked_failed: None,
            outcomes,
            text: mode.map(|mode| SummaryText {
                plain: text::render(report, mode, false),
                coloured: text::render(report, mode, true),
            }),
            own: None,
            own_failure: None,
            handle_summary: json::handle_summary(report),
            export: json::summary_export(report),
            machine: json::machine(report),
            left_out: Vec::new(),
        }
    }

    /// That of a run that couldn't be led, so that there is no report.
    #[must_use]
    pub fn without_report(ending: Ending) -> Self {
        Self {
            ending,
            iterations: None,
            marked_failed: None,
            outcomes: Vec::new(),
            text: None,
            own: None,
            own_failure: None,
            handle_summary: Value::Null,
            export: Value::Null,
            machine: Value::Null,
            left_out: Vec::new(),
        }
    }

    /// Its bytes, at most so many: documents are left out until it fits, the largest first; then texts are cut.
    #[must_use]
    pub fn encode(mut self, bytes_max: usize) -> Vec<u8> {
        let mut bytes = self.bytes();
        for _ in 0..3 {
            if bytes.len() <= bytes_max {
                return bytes;
            }
            self.leave_out_largest();
            bytes = self.bytes();
        }
        if bytes.len() > bytes_max {
            self.outcomes.clear();
            self.own = None;
            self.text = Some(SummaryText { plain: TOO_LARGE.to_owned(), coloured: TOO_LARGE.to_owned() });
            bytes = self.bytes();
        }
        bytes
    }

    /// Reads what [`RunSummary::encode`] has written.
    ///
    /// # Errors
    ///
    /// When it isn't one, or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, SummaryError> {
        #[derive(Deserialize)]
        struct Head {
            version: u64,
        }
        let Head { version } = serde_json::from_slice(bytes).map_err(SummaryError::Damaged)?;
        if version != u64::from(VERSION) {
            return Err(SummaryError::Version(version));
        }
        let whole: Versioned<Self> = serde_json::from_slice(bytes).map_err(SummaryError::Damaged)?;
        Ok(whole.summary)
    }

    fn bytes(&self) -> Vec<u8> {
        // Its keys are texts, so that there is always an encoding.
        serde_json::to_vec(&Versioned { version: VERSION, summary: self }).unwrap_or_default()
    }

    fn leave_out_largest(&mut self) {
        let documents =
            [("machine", &mut self.machine), ("export", &mut self.export), ("handleSummary", &mut self.handle_summary)];
        let length = |value: &Value| value.to_string().len();
        if let Some((name, document)) = documents.into_iter().max_by_key(|(_, document)| length(document)) {
            self.left_out.push(name.to_owned());
            *document = Value::Null;
        }
    }
}

impl IterationCounts {
    /// Those of what [`RunSummary::encode`] has written, of which no more than the beginning is read; none if they aren't there.
    #[must_use]
    pub fn peek(bytes: &[u8]) -> Option<Self> {
        let mut found = None;
        // It is no error that the rest isn't read, but looks like one.
        let _ = serde_json::Deserializer::from_slice(bytes).deserialize_map(Peek(&mut found));
        found
    }
}

/// Reads a summary's fields up to its iterations.
struct Peek<'a>(&'a mut Option<IterationCounts>);

impl<'de> Visitor<'de> for Peek<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a summary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(field) = fields.next_key::<String>()? {
            match field.as_str() {
                "version" | "ending" => {
                    fields.next_value::<IgnoredAny>()?;
                }
                "iterations" => {
                    *self.0 = fields.next_value()?;
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Outcomes as lists of their fields.
mod outcomes {
    use serde::{Deserialize, Deserializer, Serializer};
    use throng_stats::Outcome;

    type Fields = (String, String, bool, Option<f64>, bool);

    pub(super) fn serialize<S: Serializer>(outcomes: &[Outcome], serializer: S) -> Result<S::Ok, S::Error> {
        let finite = |value: &f64| value.is_finite();
        serializer.collect_seq(outcomes.iter().map(|outcome| {
            let Outcome { metric, expression, ok, value, abort } = outcome;
            (metric, expression, ok, value.filter(finite), abort)
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Outcome>, D::Error> {
        let all = Vec::<Fields>::deserialize(deserializer)?;
        let outcome = |(metric, expression, ok, value, abort)| Outcome { metric, expression, ok, value, abort };
        Ok(all.into_iter().map(outcome).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use throng_stats::{Registry, Settings, Totals};

    use super::*;

    fn summary() -> RunSummary {
        let report = Report::new(&Totals::new(Arc::new(Registry::new()), &[]), &[], Settings::default());
        let outcome = |value| Outcome {
            metric: "checks".to_owned(),
            expression: "rate>0.9".to_owned(),
            ok: false,
            value,
            abort: true,
        };
        let ending = Ending::ScriptAbort("enough".to_owned());
        let mut summary = RunSummary::new(&report, SummaryMode::Full, ending, vec![outcome(Some(0.5)), outcome(None)]);
        summary.own = Some(vec![("stdout".to_owned(), "text".to_owned())]);
        summary.iterations = Some(IterationCounts { completed: 9, interrupted: 2, dropped: 1 });
        summary
    }

    #[test]
    fn iterations_are_found_at_its_beginning() {
        let bytes = summary().encode(usize::MAX);
        assert_eq!(IterationCounts::peek(&bytes), summary().iterations);
        // The rest isn't looked at.
        assert_eq!(IterationCounts::peek(&bytes[..200]), summary().iterations);
        for without in [&b"{\"version\":1,\"ending\":\"Finished\",\"marked_failed\":null}"[..], b"{}", b""] {
            assert_eq!(IterationCounts::peek(without), None);
        }
    }

    #[test]
    fn what_an_earlier_throng_wrote_is_read() {
        let text = String::from_utf8(summary().encode(usize::MAX)).unwrap();
        let earlier = text.replace(r#""iterations":{"completed":9,"interrupted":2,"dropped":1},"#, "");
        assert!(earlier.len() < text.len());
        assert_eq!(RunSummary::decode(earlier.as_bytes()).unwrap(), RunSummary { iterations: None, ..summary() });
    }

    #[test]
    fn a_summary_comes_out_as_it_went_in() {
        let summary = summary();
        assert!(summary.handle_summary["metrics"].is_object() && summary.machine["results"].is_object());
        assert_eq!(RunSummary::decode(&summary.clone().encode(usize::MAX)).unwrap(), summary);
    }

    #[test]
    fn one_that_is_too_large_says_what_it_lacks() {
        let whole = summary().encode(usize::MAX).len();
        let cut = summary().encode(whole - 1);
        assert!(cut.len() < whole);
        let cut = RunSummary::decode(&cut).unwrap();
        assert_eq!(cut.left_out.len(), 1);
        assert_eq!(cut.outcomes.len(), 2);
        let least = RunSummary::decode(&summary().encode(1)).unwrap();
        assert_eq!((least.left_out.len(), least.own, least.ending), (3, None, summary().ending));
    }

    #[test]
    fn what_is_no_summary_is_told() {
        assert!(matches!(RunSummary::decode(b"{\"version\":2}"), Err(SummaryError::Version(2))));
        assert!(matches!(RunSummary::decode(b""), Err(SummaryError::Damaged(_))));
        assert!(matches!(RunSummary::decode(b"{\"version\":1}"), Err(SummaryError::Damaged(_))));
    }
}
