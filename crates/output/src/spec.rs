//! One `--out` as it was typed.

use std::fmt;
use std::path::PathBuf;

use throng_plan::duration::{self, DurationError};

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
    #[error("there is no setting {0:?} of the output csv: use fileName=, timeFormat= and saveInterval=")]
    Setting(String),
    /// A time format that isn't one.
    #[error(transparent)]
    TimeFormat(#[from] TimeFormatError),
    /// An interval that isn't one.
    #[error("the save interval {0}")]
    SaveInterval(#[from] DurationError),
    /// An interval of no length.
    #[error("the save interval must be above 0, for example `1s`")]
    NoInterval,
    /// A variable for CSV with such a mistake.
    #[error("{error}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        error: Box<Self>,
    },
    /// Two outputs want the same.
    #[error("another output goes to {0} too: give each a file of its own")]
    Twice(Destination),
}

impl OutputSpec {
    /// Reads all outputs of a run.
    ///
    /// # Errors
    /// All that are wrong at once, each with its place in the list.
    pub fn parse_all(texts: &[String], csv: &CsvDefaults) -> Result<Vec<Self>, Vec<(usize, SpecError)>> {
        let (mut specs, mut errors): (Vec<Self>, Vec<_>) = (Vec::new(), Vec::new());
        for (place, text) in texts.iter().enumerate() {
            match Self::parse(text, csv) {
                Ok(spec) if specs.iter().any(|other| other.destination == spec.destination) => {
                    errors.push((place, SpecError::Twice(spec.destination)));
                }
                Ok(spec) => specs.push(spec),
                Err(error) => errors.push((place, error)),
            }
        }
        if errors.is_empty() { Ok(specs) } else { Err(errors) }
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
                let (options, file) = csv_argument(argument.unwrap_or_default(), csv)?;
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

    /// The same in a file of its own for a part of something, whose name comes before what begins with the first dot: of
    /// `a/b.json.gz` and the part `x` it is `a/b-x.json.gz`. Standard output is the same for all.
    #[must_use]
    pub fn of_part(&self, part: &str) -> Self {
        let Destination::File(path) = &self.destination else { return self.clone() };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A name that begins with a dot has no other beginning.
        let dot = name.char_indices().skip(1).find(|(_, char)| *char == '.').map_or(name.len(), |(at, _)| at);
        let (stem, extensions) = name.split_at(dot);
        let path = path.with_file_name(format!("{stem}-{part}{extensions}"));
        Self { format: self.format, destination: Destination::File(path) }
    }

    /// Whether it is a report that is made of the summary, and takes no samples.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.format.is_none()
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

/// k6's argument of CSV, a file or settings, over what its variables say.
fn csv_argument<'a>(text: &'a str, csv: &'a CsvDefaults) -> Result<(CsvOptions, &'a str), SpecError> {
    let mut options = CsvOptions::default();
    let of_variables = [
        ("timeFormat", "K6_CSV_TIME_FORMAT", &csv.time_format),
        ("saveInterval", "K6_CSV_SAVE_INTERVAL", &csv.save_interval),
    ];
    for (setting, name, value) in of_variables {
        let Some(value) = value else { continue };
        let error = |error| SpecError::Variable { name, error: Box::new(error) };
        csv_setting(setting, value, &mut options).map_err(error)?;
    }
    let mut file = csv.file.as_deref().unwrap_or(CSV_FILE);
    if !text.contains('=') {
        return Ok((options, if text.is_empty() { file } else { text }));
    }
    for setting in text.split(',') {
        let (name, value) = setting.split_once('=').ok_or_else(|| SpecError::Setting(setting.to_owned()))?;
        match name {
            "fileName" => file = value,
            _ => csv_setting(name, value, &mut options)?,
        }
    }
    Ok((options, file))
}

fn csv_setting(name: &str, value: &str, options: &mut CsvOptions) -> Result<(), SpecError> {
    match name {
        "timeFormat" => options.time_format = value.parse()?,
        // Rows are written as they come, a second later at most: k6's interval is checked, and of no effect.
        "saveInterval" if duration::parse(value)?.is_zero() => return Err(SpecError::NoInterval),
        "saveInterval" => {}
        other => return Err(SpecError::Setting(other.to_owned())),
    }
    Ok(())
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
    fn each_part_of_something_gets_a_file_of_its_own() {
        for (text, path) in [
            ("json=a/b.json.gz", "a/b-x.json.gz"),
            ("hdr=log", "log-x"),
            ("json=./.hidden.json", "./.hidden-x.json"),
            ("csv=fileName=x.y/z,saveInterval=2s", "x.y/z-x"),
        ] {
            let spec = parse(text).unwrap();
            assert_eq!(spec.of_part("x"), OutputSpec { destination: Destination::File(path.into()), ..spec }, "{text}");
        }
        let printed = parse("json").unwrap();
        assert_eq!(printed.of_part("x"), printed);
    }

    #[test]
    fn settings_of_csv_are_read() {
        let spec = parse("csv=timeFormat=rfc3339_nano").unwrap();
        assert_eq!(spec.format, Some(Format::Csv(CsvOptions { time_format: TimeFormat::Rfc3339Nano })));
        assert!(parse("csv=timeFormat=bogus").unwrap_err().to_string().contains("unix_milli"));
        for (argument, setting) in
            [("colour=red", "colour"), ("fileName=x,timeFormat", "timeFormat"), ("x.csv,timeFormat=unix", "x.csv")]
        {
            assert_eq!(parse(&format!("csv={argument}")), Err(SpecError::Setting(setting.to_owned())));
        }
        for interval in ["soon", "0", "-1s"] {
            assert!(parse(&format!("csv=saveInterval={interval}")).is_err(), "{interval}");
        }
    }

    #[test]
    fn variables_of_csv_are_below_its_argument() {
        let variables = |time_format: &str, save_interval: &str| CsvDefaults {
            file: Some("of-variable.csv".to_owned()),
            time_format: Some(time_format.to_owned()),
            save_interval: Some(save_interval.to_owned()),
        };
        let csv = variables("unix_nano", "10");
        for (text, file, time_format) in [
            ("csv", "of-variable.csv", TimeFormat::UnixNano),
            ("csv=x.csv", "x.csv", TimeFormat::UnixNano),
            ("csv=timeFormat=rfc3339", "of-variable.csv", TimeFormat::Rfc3339),
            ("csv=fileName=x.csv,saveInterval=1m", "x.csv", TimeFormat::UnixNano),
        ] {
            let spec = OutputSpec::parse(text, &csv).unwrap();
            assert_eq!(spec.destination, Destination::File(file.into()), "{text}");
            assert_eq!(spec.format, Some(Format::Csv(CsvOptions { time_format })), "{text}");
        }
        // As in k6 nobody looks at them where there is no such output.
        assert!(OutputSpec::parse("json", &variables("bogus", "bogus")).is_ok());
        for (csv, variable, remedy) in [
            (variables("bogus", "1s"), "K6_CSV_TIME_FORMAT", "use unix, unix_milli"),
            (variables("unix", "bogus"), "K6_CSV_SAVE_INTERVAL", "write it like `30s`"),
            (variables("unix", "0s"), "K6_CSV_SAVE_INTERVAL", "must be above 0"),
        ] {
            let error = OutputSpec::parse("csv", &csv).unwrap_err();
            assert!(error.to_string().contains(remedy), "{error}");
            assert!(matches!(error, SpecError::Variable { name, .. } if name == variable), "{error:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_with_its_place() {
        let texts = ["json", "kafka", "csv=-", "hdr", "junit=x"].map(str::to_owned);
        let errors = OutputSpec::parse_all(&texts, &CsvDefaults::default()).unwrap_err();
        let wanted = [
            (1, SpecError::Unknown("kafka".to_owned())),
            (2, SpecError::Twice(Destination::Stdout)),
            (3, SpecError::NoFile("hdr")),
        ];
        assert_eq!(errors, wanted);
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
