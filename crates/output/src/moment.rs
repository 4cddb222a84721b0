//! Instants as text.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Nanoseconds since 1970 as `2026-11-24T15:07:35.61615937Z`: as many digits of the second as it takes.
#[must_use]
pub fn rfc3339(unix_ns: u64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ns));
    moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_gos_rfc3339nano_does() {
        assert_eq!(rfc3339(1_795_532_855_616_159_370), "2026-11-24T15:07:35.61615937Z");
        assert_eq!(rfc3339(1_795_532_855_000_000_000), "2026-11-24T15:07:35Z");
    }
}
