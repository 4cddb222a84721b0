//! Dates of the attribute `Expires`: RFC 6265, section 5.1.1, which takes nearly everything that has ever been sent.

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Milliseconds since 1970, 0 for all before; `None` if it isn't a date.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        let _ = take(&mut time, || time_of(token))
            || take(&mut day, || number(token, 1, 2))
            || take(&mut month, || month_of(token))
            || take(&mut year, || number(token, 2, 4));
    }
    let year = match year? {
        short @ 0..=69 => short + 2000,
        short @ 70..=99 => short + 1900,
        long => long,
    };
    to_unix_ms(year, month?, day?, time?)
}

/// Fills what isn't known yet; whether it did.
fn take<T>(slot: &mut Option<T>, parse: impl FnOnce() -> Option<T>) -> bool {
    if slot.is_some() {
        return false;
    }
    *slot = parse();
    slot.is_some()
}

fn is_delimiter(character: char) -> bool {
    matches!(character, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// The number that a token begins with, of so many digits; what follows them doesn't matter.
fn number(token: &str, digits_min: usize, digits_max: usize) -> Option<u32> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    (digits_min..=digits_max).contains(&digits).then(|| token[..digits].parse().ok()).flatten()
}

fn time_of(token: &str) -> Option<[u32; 3]> {
    let mut parts = token.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(hour) || !all_digits(minute) {
        return None;
    }
    Some([number(hour, 1, 2)?, number(minute, 1, 2)?, number(second, 1, 2)?])
}

fn month_of(token: &str) -> Option<u32> {
    let start = token.get(..3)?;
    (1..).zip(MONTHS).find(|(_, month)| start.eq_ignore_ascii_case(month)).map(|(number, _)| number)
}

fn to_unix_ms(year: u32, month: u32, day: u32, [hour, minute, second]: [u32; 3]) -> Option<u64> {
    if year < 1601 || !(1..=days_of(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_since_1970(year.into(), month.into(), day.into());
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(u64::try_from(seconds).unwrap_or(0) * 1000)
}

fn days_of(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Of the Gregorian calendar. Years begin in March here, so that a leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_FROM_YEAR_0_TO_1970: i64 = 719_468;
    let (year, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days_before_month = (153 * months + 2) / 5;
    year * 365 + leap_days + days_before_month + day - 1 - DAYS_FROM_YEAR_0_TO_1970
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_formats_that_servers_send_are_the_same_instant() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 nov 1994 8:49:37",
            "08:49:37 1994 November 6th",
            "Sun, 06-Nov-1994 08:49:37.123 GMT",
        ] {
            assert_eq!(parse(text), Some(784_111_777_000), "{text}");
        }
    }

    #[test]
    fn years_of_two_digits_are_from_1970_to_2069() {
        assert_eq!(parse("01 Jan 70 00:00:00"), Some(0));
        assert_eq!(parse("01 Jan 69 00:00:00"), parse("01 Jan 2069 00:00:00"));
        assert_eq!(parse("01 Jan 1900 00:00:00"), Some(0));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "tomorrow",
            "06 Nov 1994",
            "06 Nov 1600 08:49:37",
            "31 Feb 2001 08:49:37",
            "29 Feb 2001 08:49:37",
            "00 Nov 1994 08:49:37",
            "06 Nov 1994 24:49:37",
            "06 Nov 1994 08:60:37",
            "06 Nov 1994 08:49",
            "06 Nov 19940 08:49:37",
            "06 Növ 1994 08:49:37",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("29 Feb 2000 08:49:37").is_some());
    }

    proptest! {
        #[test]
        fn days_follow_each_other(year in 1970_i64..9999, month in 1_i64..=12) {
            let last = i64::from(days_of(u32::try_from(year).unwrap(), u32::try_from(month).unwrap()));
            let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert_eq!(days_since_1970(year, month, last) + 1, days_since_1970(next_year, next_month, 1));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }
    }
}
