//! The `Date` field, which RFC 9110 section 6.6.1 demands of a server with a clock.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use throng_transport::Nanos;

/// Bytes of a date.
pub(crate) const DATE_BYTES: usize = 29;
/// How old a date may get, in nanoseconds.
const AGE_MAX: u64 = 250_000_000;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The present date, made anew when it is old.
#[derive(Debug)]
pub(crate) struct DateCache {
    text: Cell<[u8; DATE_BYTES]>,
    made: Cell<Nanos>,
}

impl DateCache {
    pub(crate) fn new(now: Nanos) -> Self {
        Self { text: Cell::new(present()), made: Cell::new(now) }
    }

    /// Makes it anew if it is too old at `now`.
    pub(crate) fn refresh(&self, now: Nanos) {
        if now.since(self.made.get()) > AGE_MAX {
            self.made.set(now);
            self.text.set(present());
        }
    }

    pub(crate) fn text(&self) -> [u8; DATE_BYTES] {
        self.text.get()
    }
}

fn present() -> [u8; DATE_BYTES] {
    format_date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Seconds since 1970 as RFC 9110's IMF-fixdate. The calendar is Howard Hinnant's `civil_from_days`, whose years begin
/// in March.
fn format_date(unix_seconds: u64) -> [u8; DATE_BYTES] {
    let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let text = format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        second / 3600,
        second / 60 % 60,
        second % 60,
    );
    let mut bytes = [b' '; DATE_BYTES];
    // A year beyond 9999 would be longer.
    let len = text.len().min(DATE_BYTES);
    bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(String::from_utf8_lossy(&format_date(seconds)), text);
        }
    }
}
