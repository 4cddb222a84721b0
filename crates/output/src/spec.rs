//! One `--out` as it was typed.

use std::fmt;
use std::path::PathBuf;

use crate::csv::{CsvDefaults, CsvOptions, TimeFormatError};

/// The outputs that there are.
const NAMES: &str = "json, csv, hdr and junit";
/// Where k6 writes CSV without a word.
const CSV_FILE: &str = "file.csv";

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file or a named pipe; compressed if its name ends in `.gz`.
    File(PathBuf),
}

impl Destination {
    fn parse(text: &str) -> Self {
        if text.is_empty() || text == "-" { Self::Stdout } else { Self::File(text.into()) }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("standard output"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

/// What a writer makes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv(CsvOptions),
    Hdr,
}

/// An output that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    /// None for a report of the summary, which is made at the end.
    pub(crate) format: Option<Format>,
    /// Where it goes.
    pub destination: Destination,
}

/// Why an output could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No such output.
    #[error("there is no output {0:?}: use {NAMES}")]
    Unknown(String),
    /// k6 has it, and throng hasn't.
    #[error("the output {0:?} isn't supported yet: use {NAMES}")]
    NotYet(String),
    /// It needs a file.
    #[error("the output {0} needs a file: --out {0}=FILE, or --out {0}=- for standard output")]
    NoFile(&'static str),
    /// A setting of CSV that isn't one.
    #[error("there is no setting {0:?} of the output csv: use fileName, timeFormat and saveInterval")]
    Setting(String),
    /// A time format that isn't one.
    #[error(transparent)]
    TimeFormat(#[from] TimeFormatError),
}

/// All outputs that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecErrors(Vec<SpecError>);

impl fmt::Display for SpecErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&texts.join("\n"))
    }
}

impl std::error::Error for SpecErrors {}

impl OutputSpec {
    /// Reads all outputs of a run.
    ///
    /// # Errors
    /// All that are wrong at once.
    pub fn parse_all(texts: &[String], csv: &CsvDefaults) -> Result<Vec<Self>, SpecErrors> {
        let read: Vec<_> = texts.iter().map(|text| Self::parse(text, csv)).collect();
        let (specs, errors): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
        let errors: Vec<_> = errors.into_iter().filter_map(Result::err).collect();
        if errors.is_empty() { Ok(specs.into_iter().flatten().collect()) } else { Err(SpecErrors(errors)) }
    }

    /// Reads `NAME` or `NAME=ARGUMENT`.
    ///
    /// # Errors
    /// When there is no such output, or it can't do that.
    pub fn parse(text: &str, csv: &CsvDefaults) -> Result<Self, SpecError> {
        let (name, argument) = text.split_once('=').map_or((text, None), |(name, argument)| (name, Some(argument)));
        let file = |name| argument.filter(|text| !text.is_empty()).ok_or(SpecError::NoFile(name));
        let (format, destination) = match name {
            "json" => (Some(Format::Json), Destination::parse(argument.unwrap_or_default())),
            "csv" => {
                let (options, file) = csv_argument(argument.unwrap_or_default(), csv.options)?;
                let file = file.unwrap_or(csv.file.as_deref().unwrap_or(CSV_FILE));
                (Some(Format::Csv(options)), Destination::parse(file))
            }
            "hdr" => (Some(Format::Hdr), Destination::parse(file("hdr")?)),
            "junit" => (None, Destination::parse(file("junit")?)),
            "influxdb"
            | "experimental-prometheus-rw"
            | "opentelemetry"
            | "experimental-opentelemetry"
            | "cloud"
            | "web-dashboard" => return Err(SpecError::NotYet(name.to_owned())),
            other => return Err(SpecError::Unknown(other.to_owned())),
        };
        Ok(Self { format, destination })
    }

    /// Its name as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.format {
            Some(Format::Json) => "json",
            Some(Format::Csv(_)) => "csv",
            Some(Format::Hdr) => "hdr",
            None => "junit",
        }
    }
}

/// k6's argument of CSV: a file, or settings.
fn csv_argument(text: &str, mut options: CsvOptions) -> Result<(CsvOptions, Option<&str>), SpecError> {
    if !text.contains('=') {
        return Ok((options, Some(text).filter(|text| !text.is_empty())));
    }
    let mut file = None;
    for setting in text.split(',') {
        match setting.split_once('=').unwrap_or((setting, "")) {
            ("fileName" | "file_name", name) => file = Some(name),
            ("timeFormat" | "time_format", format) => options.time_format = format.parse()?,
            // Rows are written as they come, a second later at most.
            ("saveInterval" | "save_interval", _) => {}
            (other, _) => return Err(SpecError::Setting(other.to_owned())),
        }
    }
    Ok((options, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::TimeFormat;

    fn parse(text: &str) -> Result<OutputSpec, SpecError> {
        OutputSpec::parse(text, &CsvDefaults::default())
    }

    #[test]
    fn destinations_are_k6s() {
        for (text, destination) in [
            ("json", Destination::Stdout),
            ("json=-", Destination::Stdout),
            ("json=a=b.gz", Destination::File("a=b.gz".into())),
            ("csv", Destination::File("file.csv".into())),
            ("csv=-", Destination::Stdout),
            ("csv=fileName=x.csv,saveInterval=2s", Destination::File("x.csv".into())),
            ("hdr=x", Destination::File("x".into())),
        ] {
            assert_eq!(parse(text).map(|spec| spec.destination), Ok(destination), "{text}");
        }
        let of_variables =
            OutputSpec::parse("csv", &CsvDefaults { file: Some("-".to_owned()), ..CsvDefaults::default() }).unwrap();
        assert_eq!(of_variables.destination, Destination::Stdout);
    }

    #[test]
    fn settings_of_csv_are_read() {
        let spec = parse("csv=timeFormat=rfc3339_nano").unwrap();
        assert_eq!(spec.format, Some(Format::Csv(CsvOptions { time_format: TimeFormat::Rfc3339Nano })));
        assert!(parse("csv=timeFormat=bogus").unwrap_err().to_string().contains("unix_milli"));
        assert_eq!(parse("csv=colour=red"), Err(SpecError::Setting("colour".to_owned())));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let texts = ["json", "kafka", "hdr"].map(str::to_owned);
        let errors = OutputSpec::parse_all(&texts, &CsvDefaults::default()).unwrap_err().to_string();
        assert!(errors.contains("kafka") && errors.contains("hdr=FILE"), "{errors}");
        assert_eq!(OutputSpec::parse_all(&texts[..1], &CsvDefaults::default()).map(|specs| specs.len()), Ok(1));
    }

    #[test]
    fn what_there_is_not_is_told() {
        assert_eq!(parse("influxdb=http://x"), Err(SpecError::NotYet("influxdb".to_owned())));
        assert_eq!(parse("kafka"), Err(SpecError::Unknown("kafka".to_owned())));
        assert_eq!(parse("junit"), Err(SpecError::NoFile("junit")));
        assert_eq!(parse("hdr="), Err(SpecError::NoFile("hdr")));
    }
}
