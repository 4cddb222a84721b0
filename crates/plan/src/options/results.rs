//! Options of the summary and of other results.

use std::time::Duration;

use throng_stats::{TimeUnit, TrendStat};

use super::members::Members;
use super::partial::SMALLEST;
use super::reader::{Place, Reader};

/// How long a script's own summary may take (k6's default).
const DEFAULT_SUMMARY_TIMEOUT: Duration = Duration::from_secs(120);

/// What the summary shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SummaryMode {
    /// Totals.
    #[default]
    Compact,
    /// Groups and scenarios too, and all parts of requests.
    Full,
    /// There is none.
    Disabled,
}

impl SummaryMode {
    const WORDS: [(&'static str, Self); 3] =
        [("compact", Self::Compact), ("full", Self::Full), ("disabled", Self::Disabled)];

    /// As it is written in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Full => "full",
            Self::Disabled => "disabled",
        }
    }
}

/// What becomes of a run's samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResultOptions {
    /// What the text summary shows.
    pub summary_mode: SummaryMode,
    /// The statistics of trends that summaries show.
    pub summary_trend_stats: Vec<TrendStat>,
    /// The unit of times in the text summary; by size without.
    pub summary_time_unit: Option<TimeUnit>,
    /// How long the script's own summary may take; by default 120 s.
    pub handle_summary_timeout: Duration,
    /// Where samples are sent besides (`out`), each as `NAME` or `NAME=ARGUMENT`.
    pub outputs: Vec<String>,
}

/// What layers give of it.
#[derive(Debug, Default)]
pub(super) struct PartialResults {
    summary_mode: Option<SummaryMode>,
    summary_trend_stats: Option<Vec<TrendStat>>,
    summary_time_unit: Option<Option<TimeUnit>>,
    handle_summary_timeout: Option<Duration>,
    outputs: Option<Vec<String>>,
}

impl PartialResults {
    pub(super) fn read(members: &Members<'_>, reader: &mut Reader<'_>) -> Self {
        Self {
            summary_mode: members.read(reader, "summaryMode", |r, at| r.word(at, &SummaryMode::WORDS)),
            summary_trend_stats: members.read(reader, "summaryTrendStats", |r, at| r.list(at, trend_stat)),
            summary_time_unit: members.read(reader, "summaryTimeUnit", time_unit),
            handle_summary_timeout: members.duration(reader, "handleSummaryTimeout", SMALLEST),
            outputs: members.read(reader, "out", |r, at| r.list(at, output)),
        }
    }

    pub(super) fn overlaid(self, upper: Self) -> Self {
        Self {
            summary_mode: upper.summary_mode.or(self.summary_mode),
            summary_trend_stats: upper.summary_trend_stats.or(self.summary_trend_stats),
            summary_time_unit: upper.summary_time_unit.or(self.summary_time_unit),
            handle_summary_timeout: upper.handle_summary_timeout.or(self.handle_summary_timeout),
            outputs: upper.outputs.or(self.outputs),
        }
    }

    pub(super) fn into_options(self) -> ResultOptions {
        ResultOptions {
            summary_mode: self.summary_mode.unwrap_or_default(),
            summary_trend_stats: self.summary_trend_stats.unwrap_or_else(TrendStat::defaults),
            summary_time_unit: self.summary_time_unit.flatten(),
            handle_summary_timeout: self.handle_summary_timeout.unwrap_or(DEFAULT_SUMMARY_TIMEOUT),
            outputs: self.outputs.unwrap_or_default(),
        }
    }
}

fn trend_stat(reader: &mut Reader<'_>, place: Place<'_>) -> Option<TrendStat> {
    let text = reader.string(place)?;
    let stat = text.parse::<TrendStat>();
    stat.map_err(|error| reader.fault(place.path(), error.to_string())).ok()
}

/// k6 takes an empty string as "by size".
fn time_unit(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Option<TimeUnit>> {
    let text = reader.string(place)?;
    let unit = TimeUnit::parse(&text);
    if unit.is_none() && !text.is_empty() {
        let message = format!("there is no unit `{text}`; use s, ms or us");
        reader.fault(place.path(), message);
        return None;
    }
    Some(unit)
}

/// Which names there are is for those to say who send.
fn output(reader: &mut Reader<'_>, place: Place<'_>) -> Option<String> {
    let text = reader.string(place)?;
    if text.split('=').next().is_some_and(|name| name.trim().is_empty()) {
        reader.fault(place.path(), "has no name; write it like `json=samples.json`");
        return None;
    }
    Some(text)
}
