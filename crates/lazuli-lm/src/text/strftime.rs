//! `strftime` for chat templates that print today's date.
//!
//! In UTC: a prompt then depends on the moment, not on the machine's time zone. Only numeric and
//! English fields, which are what templates use; an unknown field stays as it was written.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A moment in UTC, in calendar fields.
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    weekday: usize,
    seconds: i64,
}

impl Moment {
    fn new(time: SystemTime) -> Self {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_secs() as i64,
            Err(before) => -(before.duration().as_secs() as i64),
        };
        let days = seconds.div_euclid(86_400);
        // Years that begin in March have their leap day at the end, so the rest is arithmetic
        // (Howard Hinnant, "chrono-compatible low-level date algorithms").
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_from_march + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let day_of_year = if month > 2 {
            day_from_march + 59 + i64::from(leap) + 1
        } else {
            day_from_march - 306 + 1
        };
        Self {
            year,
            month,
            day: day_from_march - (153 * month_from_march + 2) / 5 + 1,
            day_of_year,
            weekday: (days + 4).rem_euclid(7) as usize,
            seconds: seconds.rem_euclid(86_400),
        }
    }

    /// A numeric field with its width and padding.
    fn number(&self, field: char) -> Option<(i64, usize, char)> {
        let hour = self.seconds / 3600;
        Some(match field {
            'Y' => (self.year, 1, '0'),
            'y' => (self.year.rem_euclid(100), 2, '0'),
            'm' => (self.month, 2, '0'),
            'd' => (self.day, 2, '0'),
            'e' => (self.day, 2, ' '),
            'j' => (self.day_of_year, 3, '0'),
            'H' => (hour, 2, '0'),
            'I' => ((hour + 11) % 12 + 1, 2, '0'),
            'M' => (self.seconds / 60 % 60, 2, '0'),
            'S' => (self.seconds % 60, 2, '0'),
            'w' => (self.weekday as i64, 1, '0'),
            'u' => ((self.weekday as i64 + 6) % 7 + 1, 1, '0'),
            _ => return None,
        })
    }

    fn word(&self, field: char) -> Option<String> {
        let month = MONTHS[(self.month - 1) as usize];
        let day = DAYS[self.weekday];
        Some(match field {
            'B' => month.to_owned(),
            'b' | 'h' => month[..3].to_owned(),
            'A' => day.to_owned(),
            'a' => day[..3].to_owned(),
            'p' => if self.seconds < 43_200 { "AM" } else { "PM" }.to_owned(),
            'F' => self.format("%Y-%m-%d"),
            'T' => self.format("%H:%M:%S"),
            'R' => self.format("%H:%M"),
            'D' => self.format("%m/%d/%y"),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }

    fn format(&self, pattern: &str) -> String {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some((before, field)) = rest.split_once('%') {
            out.push_str(before);
            let (bare, tail) = match field.strip_prefix('-') {
                Some(tail) => (true, tail),
                None => (false, field),
            };
            let mut characters = tail.chars();
            let field = characters.next();
            let text = field.and_then(|field| match self.number(field) {
                Some((value, _, _)) if bare => Some(value.to_string()),
                Some((value, width, ' ')) => Some(format!("{value:>width$}")),
                Some((value, width, _)) => Some(format!("{value:0>width$}")),
                None => self.word(field),
            });
            match text {
                Some(text) => out.push_str(&text),
                None => {
                    out.push_str(if bare { "%-" } else { "%" });
                    out.extend(field);
                }
            }
            rest = characters.as_str();
        }
        out + rest
    }
}

/// `time` in UTC by a `strftime` pattern.
pub(super) fn strftime(time: SystemTime, pattern: &str) -> String {
    Moment::new(time).format(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64, pattern: &str) -> String {
        strftime(UNIX_EPOCH + Duration::from_secs(seconds), pattern)
    }

    // Expected texts are those of Python's `datetime.strftime` for the same moments.
    #[test]
    fn fields_are_pythons() {
        assert_eq!(
            at(
                1_763_651_045,
                "%Y-%m-%d %H:%M:%S|%d %B %Y|%b %a %A|%y %j %I %p|%-d %-m %-H|%F %T|%D|%%|%u %w %h %R"
            ),
            "2025-11-20 15:04:05|20 November 2025|Nov Thu Thursday|25 324 03 PM|20 11 15|2025-11-20 15:04:05|11/20/25|%|4 4 Nov 15:04"
        );
        assert_eq!(at(951_782_400, "%F %j %A"), "2000-02-29 060 Tuesday");
        assert_eq!(at(4_102_444_799, "%F %T %j"), "2099-12-31 23:59:59 365");
        assert_eq!(at(0, "%e %b, %I%p"), " 1 Jan, 12AM");
    }

    #[test]
    fn unknown_fields_stay() {
        assert_eq!(at(0, "%Q %-Q 100%"), "%Q %-Q 100%");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut previous = at(0, "%d");
        for day in 1..60_000u64 {
            let (today, new_month) = (at(day * 86_400, "%d"), at(day * 86_400, "%d") == "01");
            let expected: u32 = previous.parse::<u32>().unwrap() + 1;
            assert!(new_month || today == format!("{expected:02}"), "day {day}");
            assert!(!new_month || previous.parse::<u32>().unwrap() >= 28);
            previous = today;
        }
        assert_eq!(at(59_999 * 86_400, "%F"), "2134-04-10");
    }
}
