//! The hours of the week in which a flight runs.

use crate::domain::zone::Zone;
use jiff::Timestamp;
use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Quarters of an hour in a day, and in a week.
const DAY: usize = 96;
const WEEK: usize = 7 * DAY;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Times of the week such as `mon-fri 08:00-18:00`, in local time and steps of a quarter of an hour. An
/// empty list is the whole week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub(crate) struct Hours {
    #[schemars(with = "Vec<String>")]
    texts: Vec<String>,
    /// One bit for each quarter of an hour, from Monday 00:00 on.
    #[schemars(skip)]
    quarters: Vec<u64>,
}

/// A time of the week that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`hours` must be days and a time such as `mon-fri 08:00-18:00` or `sat,sun 20:00-02:00`, in quarters of an hour \
     (got `{0}`)"
)]
pub(crate) struct InvalidHours(String);

impl Hours {
    /// Whether it is the whole week.
    pub(crate) fn is_always(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether a quarter of an hour of the week is part of it, counted from Monday 00:00.
    pub(crate) fn has(&self, quarter: usize) -> bool {
        self.is_always() || self.quarters[quarter / 64] >> (quarter % 64) & 1 == 1
    }

    /// Whether a time is part of it, in unix milliseconds.
    pub(crate) fn contain(&self, zone: &Zone, at_ms: i64) -> bool {
        self.is_always() || self.has(quarter_of_week(zone, at_ms))
    }

    fn parse(texts: Vec<String>) -> Result<Hours, InvalidHours> {
        let mut quarters = vec![0u64; if texts.is_empty() { 0 } else { WEEK.div_ceil(64) }];
        let texts: Vec<String> =
            texts.iter().map(|text| text.trim().to_ascii_lowercase()).collect();
        for text in &texts {
            let invalid = || InvalidHours(text.clone());
            let (days, times) = text.split_once(char::is_whitespace).ok_or_else(invalid)?;
            let (from, to) = times.trim().split_once('-').ok_or_else(invalid)?;
            let (from, to) = quarter_of_day(from).zip(quarter_of_day(to)).ok_or_else(invalid)?;
            if from == to || from == DAY {
                return Err(invalid());
            }
            let length = if to > from { to - from } else { to + DAY - from };
            for day in parse_days(days).ok_or_else(invalid)? {
                for quarter in (day * DAY + from)..(day * DAY + from + length) {
                    quarters[quarter % WEEK / 64] |= 1 << (quarter % WEEK % 64);
                }
            }
        }
        Ok(Hours { texts, quarters })
    }
}

/// The quarter of an hour of the local week at a time, counted from Monday 00:00.
pub(crate) fn quarter_of_week(zone: &Zone, at_ms: i64) -> usize {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let local: DateTime = zone.rules().to_datetime(at);
    let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or_default();
    let minutes = i32::from(local.hour()) * 60 + i32::from(local.minute());
    day * DAY + usize::try_from(minutes / 15).unwrap_or_default()
}

/// Days such as `mon-fri`, `sat,sun` or `daily`; a range may begin in one week and end in the next.
fn parse_days(text: &str) -> Option<Vec<usize>> {
    if text == "daily" {
        return Some((0..7).collect());
    }
    let number = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = number(first).zip(number(last))?;
        let count = (last + 7 - first) % 7;
        days.extend((first..=first + count).map(|day| day % 7));
    }
    Some(days)
}

/// The quarter of an hour at which a time such as `08:15` begins; `24:00` is the end of the day.
fn quarter_of_day(text: &str) -> Option<usize> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    let (hour, minute): (usize, usize) = (hour.parse().ok()?, minute.parse().ok()?);
    let is_time = hour < 24 && minute < 60 || hour == 24 && minute == 0;
    (is_time && minute % 15 == 0).then_some(hour * 4 + minute / 15)
}

impl TryFrom<Vec<String>> for Hours {
    type Error = InvalidHours;
    fn try_from(texts: Vec<String>) -> Result<Hours, InvalidHours> {
        Hours::parse(texts)
    }
}

impl From<Hours> for Vec<String> {
    fn from(hours: Hours) -> Vec<String> {
        hours.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(texts: &[&str]) -> Result<Hours, InvalidHours> {
        Hours::parse(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    /// At these local times in Berlin.
    fn at(hours: &Hours, local: &str) -> bool {
        let zone = Zone::try_from("Europe/Berlin".to_owned()).unwrap();
        let at: DateTime = local.parse().unwrap();
        let at = zone.rules().to_zoned(at).unwrap().timestamp().as_millisecond();
        hours.contain(&zone, at)
    }

    #[test]
    fn a_time_of_the_week_is_local_and_includes_its_start_but_not_its_end() {
        let office = hours(&["Mon-Fri 08:00-18:00", " sat 10:15-14:00 "]).unwrap();
        let times = [
            ("2026-11-30T08:00:00", true),
            ("2026-11-30T07:59:59", false),
            ("2026-11-30T17:59:59", true),
            ("2026-11-30T18:00:00", false),
            ("2026-12-05T10:14:00", false),
            ("2026-12-05T10:15:00", true),
            ("2026-12-06T12:00:00", false),
            // In summer as well: local time counts.
            ("2026-07-06T08:00:00", true),
        ];
        for (local, expected) in times {
            assert_eq!(at(&office, local), expected, "{local}");
        }
    }

    #[test]
    fn a_time_may_end_on_the_next_day_and_days_may_go_over_the_end_of_the_week() {
        let night = hours(&["sat-mon 22:00-02:00"]).unwrap();
        for (local, expected) in [
            ("2026-12-05T23:00:00", true),
            ("2026-12-07T23:00:00", true),
            ("2026-12-08T01:59:00", true),
            ("2026-12-08T02:00:00", false),
            ("2026-12-08T23:00:00", false),
        ] {
            assert_eq!(at(&night, local), expected, "{local}");
        }
        let always = hours(&["daily 00:00-24:00"]).unwrap();
        assert!((0..WEEK).all(|quarter| always.has(quarter)));
        assert!(Hours::default().is_always() && at(&Hours::default(), "2026-12-05T23:00:00"));
    }

    #[test]
    fn what_is_no_time_of_the_week_is_rejected_with_its_text() {
        for text in [
            "",
            "mon",
            "08:00-18:00",
            "mon 8-18",
            "mon 08:00-18:10",
            "mon 08:00-08:00",
            "mon 24:00-02:00",
            "mon 08:00-25:00",
            "montag 08:00-18:00",
            "mon- 08:00-18:00",
            "mon 08:00",
            "mon +8:00-18:00",
        ] {
            assert!(hours(&[text]).is_err(), "`{text}`");
        }
        let error = hours(&["mon 8-18"]).unwrap_err().to_string();
        assert!(error.contains("`mon-fri 08:00-18:00`") && error.contains("`mon 8-18`"), "{error}");
    }
}
