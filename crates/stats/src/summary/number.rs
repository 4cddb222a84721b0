//! How k6 prints numbers.

use crate::metric::Contains;
use crate::summary::TimeUnit;

const MINUTE_MS: f64 = 60_000.0;

/// A value in the metric's unit, as its contents ask for.
pub(super) fn value(value: f64, contains: Contains, unit: Option<TimeUnit>) -> String {
    match contains {
        Contains::Default => trimmed(value, 6),
        Contains::Data => bytes(value),
        Contains::Time => duration_ms(value, unit),
    }
}

/// A share, 0 to 1, in percent with two decimals, cut and not rounded.
pub(super) fn percent(share: f64) -> String {
    let hundredths = (share * 100.0 * 100.0).trunc();
    format!("{}%", fixed(hundredths / 100.0, 2))
}

fn bytes(count: f64) -> String {
    const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    if count < 10.0 {
        return format!("{count} B");
    }
    let exponent = (count.ln() / 1000_f64.ln()).floor();
    let unit = UNITS[(exponent as usize).min(UNITS.len() - 1)];
    let tenths = (count / 1000_f64.powf(exponent) * 10.0 + 0.5).floor();
    let decimals = usize::from(tenths < 100.0);
    format!("{} {unit}", fixed(tenths / 10.0, decimals))
}

fn duration_ms(ms: f64, unit: Option<TimeUnit>) -> String {
    match unit {
        Some(TimeUnit::Seconds) => format!("{}s", fixed(ms * 0.001, 2)),
        Some(TimeUnit::Milliseconds) => format!("{}ms", fixed(ms, 2)),
        Some(TimeUnit::Microseconds) => format!("{}µs", fixed(ms * 1000.0, 2)),
        None => duration_by_size(ms),
    }
}

/// Picks the unit by the size; whole seconds beyond a minute.
fn duration_by_size(ms: f64) -> String {
    if ms == 0.0 {
        return "0s".to_owned();
    }
    if ms < 0.001 {
        return format!("{}ns", trimmed((ms * 1e6).trunc(), 0));
    }
    if ms < 1.0 {
        return format!("{}µs", cut(ms * 1000.0, 2));
    }
    if ms < 1000.0 {
        return format!("{}ms", cut(ms, 2));
    }
    let decimals = if ms > MINUTE_MS { 0 } else { 2 };
    let seconds = format!("{}s", cut((ms % MINUTE_MS) / 1000.0, decimals));
    let minutes = (ms / MINUTE_MS).trunc() as u64;
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// Up to `decimals` decimals, cut and not rounded.
fn cut(value: f64, decimals: usize) -> String {
    let scale = 10_f64.powi(decimals as i32);
    trimmed((scale * value).trunc() / scale, decimals)
}

/// Up to `decimals` decimals, without trailing zeros.
pub(super) fn trimmed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let text = match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
        None => &text,
    };
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// Exactly `decimals` decimals; ties away from zero, as JavaScript's `toFixed` has it.
fn fixed(value: f64, decimals: usize) -> String {
    if value < 0.0 {
        return format!("-{}", fixed(-value, decimals));
    }
    // All digits of the binary fraction: a tie shows as a 5 followed by zeros only.
    let digits = format!("{value:.80}");
    let rest = digits.split_once('.').map_or("", |(_, rest)| &rest[decimals..]);
    let is_tie = rest.strip_prefix('5').is_some_and(|rest| rest.bytes().all(|b| b == b'0'));
    let value = if is_tie { value.next_up() } else { value };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_by_size() {
        for (ms, text) in [
            (0.0, "0s"),
            (0.000_999, "999ns"),
            (0.001, "1µs"),
            (0.542_75, "542.75µs"),
            (1.609_9, "1.6ms"),
            (42.579, "42.57ms"),
            (999.999, "999.99ms"),
            (1_500.0, "1.5s"),
            (59_999.0, "59.99s"),
            (60_000.0, "1m0s"),
            (61_734.172_8, "1m1s"),
            (123_456.0, "2m3s"),
            (7_507_999.0, "2h5m7s"),
            (-5.0, "-5000000ns"),
        ] {
            assert_eq!(value(ms, Contains::Time, None), text);
        }
    }

    #[test]
    fn a_unit_of_time_fixes_two_decimals() {
        let in_unit = |unit| value(42.075, Contains::Time, TimeUnit::parse(unit));
        assert_eq!(in_unit("s"), "0.04s");
        assert_eq!(in_unit("ms"), "42.08ms");
        assert_eq!(in_unit("us"), "42075.00µs");
    }

    #[test]
    fn bytes_have_base_1000() {
        for (count, text) in [
            (0.0, "0 B"),
            (9.5, "9.5 B"),
            (700.0, "700 B"),
            (1_226.7, "1.2 kB"),
            (4_543.0, "4.5 kB"),
            (10_040.0, "10 kB"),
            (12_500.0, "13 kB"),
            (1_500_000.0, "1.5 MB"),
            (123_000_000_000.0, "123 GB"),
        ] {
            assert_eq!(value(count, Contains::Data, None), text);
        }
    }

    #[test]
    fn other_numbers_have_up_to_six_decimals() {
        for (number, text) in [
            (8.172_783_115, "8.172783"),
            (1_234_567.891_234_567, "1234567.891235"),
            (-1.25, "-1.25"),
            (100.0, "100"),
            (0.000_000_1, "0"),
            (-0.000_000_1, "0"),
            (0.007_812_5, "0.007813"),
        ] {
            assert_eq!(value(number, Contains::Default, None), text);
        }
    }

    #[test]
    fn percentages_are_cut() {
        assert_eq!(percent(0.476_190_476), "47.61%");
        assert_eq!(percent(0.999_999), "99.99%");
        assert_eq!(percent(1.0), "100.00%");
    }
}
