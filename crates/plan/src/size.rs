//! Sizes of memory.

/// Units and their bytes.
const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
];

/// Why a text isn't a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` isn't a size; write it like `64MiB`, `1GiB`, `500MB`, or as a number of bytes")]
pub struct SizeError(String);

/// Reads a number with one of the units B, KiB, MiB, GiB, kB, MB and GB, or bytes; returns
/// bytes. The case of the unit makes no difference.
///
/// # Errors
///
/// When it is something else, or more than 2^64 bytes.
pub fn parse(text: &str) -> Result<u64, SizeError> {
    let error = || SizeError(text.to_owned());
    let trimmed = text.trim();
    let unit_at = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(unit_at);
    let unit = unit.trim().to_ascii_lowercase();
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    let (_, bytes) = known.ok_or_else(error)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(*bytes).ok_or_else(error);
    }
    let size = number.parse::<f64>().map_err(|_| error())? * *bytes as f64;
    if size < u64::MAX as f64 { Ok(size.round() as u64) } else { Err(error()) }
}

/// Writes bytes in the largest binary unit that divides them.
pub fn format(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let size = 1_u64 << shift;
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("1.5GiB", 3 << 29),
            ("500MB", 500_000_000),
            ("4096", 4096),
            ("10b", 10),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "64M", "-1MiB", "1e3", "1.2.3MB", "99999999999GiB"] {
            assert_eq!(parse(text), Err(SizeError(text.to_owned())));
        }
    }

    #[test]
    fn sizes_are_written_in_the_unit_that_divides_them() {
        for (bytes, text) in [(64 << 20, "64MiB"), (4 << 30, "4GiB"), (1536, "1536B")] {
            assert_eq!(format(bytes), text);
            assert_eq!(parse(text), Ok(bytes));
        }
    }
}
