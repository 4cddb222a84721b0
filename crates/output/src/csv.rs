//! k6's CSV: a row per sample, a column per system tag, the other tags in one.

use std::io;
use std::str::FromStr;
use std::sync::Arc;

use ::csv::{QuoteStyle, Writer, WriterBuilder};

use crate::batch::{Batch, Context};
use crate::encode::RunHead;
use crate::moment::rfc3339;

/// How the column `timestamp` is written; the names are k6's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since 1970.
    #[default]
    Unix,
    /// Milliseconds.
    UnixMilli,
    /// Microseconds.
    UnixMicro,
    /// Nanoseconds.
    UnixNano,
    /// `2026-11-24T15:07:35Z`.
    Rfc3339,
    /// `2026-11-24T15:07:35.61615937Z`.
    Rfc3339Nano,
}

/// No such format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time format {0:?}: use unix, unix_milli, unix_micro, unix_nano, rfc3339 or rfc3339_nano")]
pub struct TimeFormatError(String);

impl FromStr for TimeFormat {
    type Err = TimeFormatError;

    fn from_str(text: &str) -> Result<Self, TimeFormatError> {
        Ok(match text {
            "unix" => Self::Unix,
            "unix_milli" => Self::UnixMilli,
            "unix_micro" => Self::UnixMicro,
            "unix_nano" => Self::UnixNano,
            "rfc3339" => Self::Rfc3339,
            "rfc3339_nano" => Self::Rfc3339Nano,
            other => return Err(TimeFormatError(other.to_owned())),
        })
    }
}

impl TimeFormat {
    fn format(self, unix_ns: u64) -> String {
        match self {
            Self::Unix => (unix_ns / 1_000_000_000).to_string(),
            Self::UnixMilli => (unix_ns / 1_000_000).to_string(),
            Self::UnixMicro => (unix_ns / 1_000).to_string(),
            Self::UnixNano => unix_ns.to_string(),
            Self::Rfc3339 => rfc3339(unix_ns / 1_000_000_000 * 1_000_000_000),
            Self::Rfc3339Nano => rfc3339(unix_ns),
        }
    }
}

/// How CSV is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// The column `timestamp`.
    pub time_format: TimeFormat,
}

/// What holds where an output's own argument says nothing: k6's variables for CSV as they were typed. They are looked at
/// only where there is such an output, as k6 does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvDefaults {
    /// `K6_CSV_FILENAME`; `file.csv` without.
    pub file: Option<String>,
    /// `K6_CSV_TIME_FORMAT`, by default `unix`.
    pub time_format: Option<String>,
    /// `K6_CSV_SAVE_INTERVAL`.
    pub save_interval: Option<String>,
}

/// Encodes samples as rows.
pub(crate) struct CsvRows {
    options: CsvOptions,
    run: Arc<RunHead>,
}

impl CsvRows {
    pub(crate) fn new(options: CsvOptions, run: Arc<RunHead>) -> Self {
        Self { options, run }
    }

    /// The names of the columns.
    pub(crate) fn head(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut writer = writer(&mut bytes);
        let columns = self.run.columns.iter().map(String::as_str);
        let names = ["metric_name", "timestamp", "metric_value"].into_iter().chain(columns);
        writer.write_record(names.chain(["extra_tags", "metadata"]))?;
        writer.flush()?;
        drop(writer);
        Ok(bytes)
    }

    pub(crate) fn encode(&self, batch: &Batch, to: &mut Vec<u8>) -> io::Result<()> {
        let mut writer = writer(to);
        for (context, samples) in batch.iter() {
            let time = self.options.time_format.format(context.at_unix_ns);
            let tags = self.tags(context);
            for sample in samples {
                let Some(head) = self.run.metric(sample.metric) else { continue };
                let value = format!("{:.6}", sample.value);
                let begin = [head.definition.name.as_str(), &time, &value];
                writer.write_record(begin.into_iter().chain(tags.iter().map(String::as_str)))?;
            }
        }
        writer.flush()
    }

    /// The columns behind the value.
    fn tags(&self, context: &Context) -> Vec<String> {
        let columns = &self.run.columns;
        let mut fields: Vec<String> =
            columns.iter().map(|key| context.tags.get(key).unwrap_or_default().to_owned()).collect();
        let others = context.tags.iter().filter(|(key, _)| columns.iter().all(|column| column != key));
        fields.push(others.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&"));
        let numbers = [("iter", context.iteration), ("vu", context.vu)];
        let numbers = numbers.into_iter().filter_map(|(key, number)| Some(format!("{key}={}", number?)));
        fields.push(numbers.collect::<Vec<_>>().join("&"));
        fields
    }
}

fn writer(to: &mut Vec<u8>) -> Writer<&mut Vec<u8>> {
    WriterBuilder::new().quote_style(QuoteStyle::Necessary).from_writer(to)
}
