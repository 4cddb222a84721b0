//! Durations as k6 writes them.

use std::time::Duration;

/// The largest duration that is read, about 292 years: what fits k6's own type.
const MAX_NS: f64 = i64::MAX as f64;

/// Units and their nanoseconds, longer names before their beginnings.
const UNITS: [(&str, f64); 9] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3_600e9),
    ("d", 86_400e9),
];

/// Why a text isn't a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It has another shape.
    #[error("`{0}` isn't a duration; write it like `30s`, `1m30s`, `500ms` or `1d12h`")]
    Shape(String),
    /// A unit is missing or unknown.
    #[error("`{text}` has the unit `{unit}`; units are d, h, m, s, ms, us and ns")]
    Unit {
        /// The whole.
        text: String,
        /// What stands in the unit's place.
        unit: String,
    },
    /// It is below zero.
    #[error("`{0}` is negative")]
    Negative(String),
    /// It is longer than 292 years.
    #[error("`{0}` is longer than 292 years")]
    TooLong(String),
}

/// Reads numbers with units, `1d12h30m` or `1.5s`, or a bare number of milliseconds.
///
/// # Errors
///
/// When it is something else, negative, or longer than 292 years.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return Err(DurationError::Negative(text.to_owned()));
    }
    let mut rest = trimmed.strip_prefix('+').unwrap_or(trimmed);
    if let Some(ms) = read_number(rest) {
        return from_ns(ms * 1e6, text);
    }
    let mut ns = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(unit_at);
        let number = read_number(number).ok_or_else(|| DurationError::Shape(text.to_owned()))?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let known = UNITS.iter().find(|(name, _)| *name == unit);
        let (_, unit_ns) = known.ok_or_else(|| DurationError::Unit { text: text.to_owned(), unit: unit.to_owned() })?;
        ns += number * unit_ns;
        rest = tail;
    }
    if trimmed.is_empty() || trimmed == "+" {
        return Err(DurationError::Shape(text.to_owned()));
    }
    from_ns(ns, text)
}

/// Reads a number of milliseconds, as bare numbers are in JSON.
///
/// # Errors
///
/// When it is negative, not finite, or longer than 292 years.
pub fn from_ms(ms: f64) -> Result<Duration, DurationError> {
    if ms < 0.0 {
        return Err(DurationError::Negative(ms.to_string()));
    }
    from_ns(ms * 1e6, &ms.to_string())
}

/// Writes a duration as k6 does: `1h30m0s`, `1.5s`, `500ms`, `0s`.
pub fn format(duration: Duration) -> String {
    let ns = duration.as_nanos();
    let seconds = duration.as_secs();
    if ns == 0 {
        return "0s".to_owned();
    }
    if seconds == 0 {
        let (unit, unit_ns) = match ns {
            1_000_000.. => ("ms", 1_000_000),
            1_000.. => ("µs", 1_000),
            _ => ("ns", 1),
        };
        return format!("{}{unit}", decimal(ns, unit_ns));
    }
    let ns_of_minute = ns % 60_000_000_000;
    let last = format!("{}s", decimal(ns_of_minute, 1_000_000_000));
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => last,
        (0, minutes) => format!("{minutes}m{last}"),
        (hours, minutes) => format!("{hours}h{minutes}m{last}"),
    }
}

/// `ns / unit_ns` with as many decimals as it has.
fn decimal(ns: u128, unit_ns: u128) -> String {
    let (whole, fraction) = (ns / unit_ns, ns % unit_ns);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = unit_ns.ilog10() as usize;
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Digits with at most one point; no sign, no exponent.
fn read_number(text: &str) -> Option<f64> {
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits && plain { text.parse().ok() } else { None }
}

fn from_ns(ns: f64, text: &str) -> Result<Duration, DurationError> {
    if ns.is_nan() {
        return Err(DurationError::Shape(text.to_owned()));
    }
    if ns >= MAX_NS {
        return Err(DurationError::TooLong(text.to_owned()));
    }
    Ok(Duration::from_nanos(ns.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn k6s_texts_are_read() {
        for (text, ms) in [
            ("0", 0.0),
            ("0s", 0.0),
            ("1500", 1_500.0),
            ("1.5s", 1_500.0),
            (".5s", 500.0),
            ("1d12h30m", 131_400_000.0),
            ("1h", 3_600_000.0),
            ("1m30s500ms", 90_500.0),
            ("250us", 0.25),
            ("250µs", 0.25),
            ("+2s", 2_000.0),
        ] {
            let expected = Duration::from_nanos((ms * 1e6) as u64);
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_say_what_is_wrong() {
        for text in ["", "s", "+", "1..5s", "one", "1e3s", "1s 2s"] {
            let error = parse(text).unwrap_err();
            let shape_or_unit = matches!(error, DurationError::Shape(_) | DurationError::Unit { .. });
            assert!(shape_or_unit, "{text}: {error}");
        }
        let unit = "x".to_owned();
        let text = "1x".to_owned();
        assert_eq!(parse("1x"), Err(DurationError::Unit { text, unit }));
        assert_eq!(parse("-5s"), Err(DurationError::Negative("-5s".to_owned())));
        let text = "300000d".to_owned();
        assert_eq!(parse("300000d"), Err(DurationError::TooLong(text)));
    }

    #[test]
    fn durations_are_written_as_k6_does() {
        for (ms, text) in [
            (0.0, "0s"),
            (0.000_001, "1ns"),
            (0.001_5, "1.5µs"),
            (500.0, "500ms"),
            (1_500.0, "1.5s"),
            (60_000.0, "1m0s"),
            (90_050.0, "1m30.05s"),
            (131_400_000.0, "36h30m0s"),
        ] {
            assert_eq!(format(Duration::from_nanos((ms * 1e6) as u64)), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..1_000_000_u64, micros in 0..1_000_000_u64) {
            let duration = Duration::from_secs(seconds) + Duration::from_micros(micros);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
