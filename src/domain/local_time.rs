//! Dates and local times of documents, from text or from TOML's own dates. A part that would be lost, such
//! as an offset, is an error.

use jiff::civil::{Date, DateTime, Time};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A date or a time as it was written.
struct Written(String);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Written, D::Error> {
        struct AsWritten;
        impl<'de> Visitor<'de> for AsWritten {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date such as 2026-12-31 or \"2026-12-31T20:00:00\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
                Ok(Written(text.to_owned()))
            }

            /// How `toml` passes on a date.
            fn visit_map<A: MapAccess<'de>>(self, date: A) -> Result<Written, A::Error> {
                let date = toml::value::Datetime::deserialize(MapAccessDeserializer::new(date))?;
                Ok(Written(date.to_string()))
            }
        }
        source.deserialize_any(AsWritten)
    }
}

/// Parses a day. A time of day is rejected.
pub(crate) fn day(text: &str) -> Result<Date, String> {
    let text = text.trim();
    let has_more = text.contains([':', 'T', 't', ' ', '[', '+', 'Z', 'z']);
    match text.parse::<Date>() {
        Ok(date) if !has_more => Ok(date),
        _ => Err(format!("must be a day such as 2026-12-31 (got `{text}`)")),
    }
}

/// Parses a local time, and whether it is a day without a time. `T24:00:00` is the start of the next day.
fn local(text: &str) -> Result<(DateTime, bool), String> {
    let text = text.trim();
    if let Ok(day) = day(text) {
        return Ok((day.into(), true));
    }
    let invalid =
        || format!("must be a local time such as 2026-12-31T20:00:00 or 2026-12-31 (got `{text}`)");
    let (date, time) = text.split_once(['T', 't', ' ']).ok_or_else(invalid)?;
    let date = day(date).map_err(|_| invalid())?;
    if let Some(offset) = time.find(['+', '-', 'Z', 'z', '[']).map(|at| &time[at..]) {
        return Err(format!(
            "must be the local time in the advertiser's `time_zone`, without `{offset}` (got `{text}`)"
        ));
    }
    if matches!(time, "24:00" | "24:00:00") {
        return Ok((start_of_next(date)?, false));
    }
    let time = time.parse::<Time>().map_err(|_| invalid())?;
    Ok((date.to_datetime(time), false))
}

fn start_of_next(day: Date) -> Result<DateTime, String> {
    day.tomorrow()
        .map(DateTime::from)
        .map_err(|_| format!("must be before the year 10000 (got `{day}`)"))
}

/// The first moment; a day means its start.
pub(crate) fn first<'de, D: Deserializer<'de>>(source: D) -> Result<Option<DateTime>, D::Error> {
    let written = Option::<Written>::deserialize(source)?;
    let read = |text: Written| local(&text.0).map(|(at, _)| at).map_err(D::Error::custom);
    written.map(read).transpose()
}

/// The moment after the last one; a day includes the whole of it.
pub(crate) fn end<'de, D: Deserializer<'de>>(source: D) -> Result<Option<DateTime>, D::Error> {
    let written = Option::<Written>::deserialize(source)?;
    let read = |text: Written| match local(&text.0)? {
        (at, true) => start_of_next(at.date()),
        (at, false) => Ok(at),
    };
    written.map(read).transpose().map_err(D::Error::custom)
}

/// A day.
pub(crate) fn date<'de, D: Deserializer<'de>>(source: D) -> Result<Date, D::Error> {
    day(&Written::deserialize(source)?.0).map_err(D::Error::custom)
}

/// A moment with its offset from UTC.
pub(crate) fn moment<'de, D: Deserializer<'de>>(source: D) -> Result<jiff::Timestamp, D::Error> {
    let text = Written::deserialize(source)?.0;
    text.trim().parse().map_err(|_| {
        D::Error::custom(format!(
            "must be a time with its offset from UTC, such as 2026-12-31T23:59:59Z (got `{text}`)"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "first")]
        starts: Option<DateTime>,
        #[serde(default, deserialize_with = "end")]
        ends: Option<DateTime>,
        #[serde(default, deserialize_with = "optional_date")]
        day: Option<Date>,
        #[serde(default, deserialize_with = "optional_moment")]
        until: Option<jiff::Timestamp>,
    }

    fn optional_date<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Date>, D::Error> {
        date(source).map(Some)
    }

    fn optional_moment<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Option<jiff::Timestamp>, D::Error> {
        moment(source).map(Some)
    }

    fn read(text: &str) -> Result<Sample, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_date_is_read_as_text_and_as_a_date_of_toml() {
        for (written, expected) in [
            ("starts = \"2026-11-29T20:00:00\"", "2026-11-29T20:00:00"),
            ("starts = 2026-11-29T20:00:00", "2026-11-29T20:00:00"),
            ("starts = 2026-11-29 20:00:00", "2026-11-29T20:00:00"),
            ("starts = \"2026-11-29 20:00\"", "2026-11-29T20:00:00"),
            ("starts = 2026-11-29", "2026-11-29T00:00:00"),
            ("starts = \"2026-11-29\"", "2026-11-29T00:00:00"),
            ("starts = \"2026-11-29T24:00:00\"", "2026-11-30T00:00:00"),
            ("ends = \"2026-12-31T24:00\"", "2027-01-01T00:00:00"),
            ("ends = \"2026-12-31\"", "2027-01-01T00:00:00"),
            ("ends = 2026-12-31", "2027-01-01T00:00:00"),
            ("ends = \"2026-12-31T00:00:00\"", "2026-12-31T00:00:00"),
            ("ends = 2026-12-31T00:00:00", "2026-12-31T00:00:00"),
        ] {
            let sample = read(written).unwrap();
            let at = sample.starts.or(sample.ends).unwrap();
            assert_eq!(at.to_string(), expected, "{written}");
        }
        assert_eq!(
            read("day = 2026-10-01").unwrap().day,
            read("day = \"2026-10-01\"").unwrap().day
        );
        assert_eq!(
            read("until = 2026-12-31T23:59:59Z").unwrap().until,
            read("until = \"2027-01-01T00:59:59+01:00\"").unwrap().until
        );
    }

    #[test]
    fn what_would_be_lost_is_rejected_with_what_to_write() {
        for (written, message) in [
            ("starts = \"2026-11-29T20:00:00-08:00\"", "without `-08:00`"),
            ("starts = 2026-11-29T20:00:00-08:00", "without `-08:00`"),
            ("ends = 2026-11-29T20:00:00Z", "without `Z`"),
            ("ends = \"2026-11-29T20:00:00[Europe/Berlin]\"", "without `[Europe/Berlin]`"),
            ("starts = \"2026-11-29T25:00:00\"", "must be a local time such as"),
            ("starts = \"2026-11-29T24:00:01\"", "must be a local time such as"),
            ("starts = \"2026-02-30\"", "must be a local time such as"),
            ("starts = \"29.11.2026\"", "must be a local time such as"),
            ("starts = 20:00:00", "must be a local time such as"),
            ("starts = 7", "expected a date such as 2026-12-31"),
            ("day = \"2026-10-01T23:00:00-08:00\"", "must be a day such as 2026-12-31"),
            ("day = 2026-10-01T23:00:00", "must be a day such as 2026-12-31"),
            ("until = 2026-12-31", "must be a time with its offset from UTC"),
            ("until = \"2026-12-31T23:59:59\"", "must be a time with its offset from UTC"),
        ] {
            let error = read(written).unwrap_err();
            assert!(error.contains(message), "{written}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_stored_time_is_read_as_it_was_written(
            (days, seconds) in (0i32..40_000, 0i32..86_400),
        ) {
            use jiff::ToSpan;
            let at = jiff::civil::date(1990, 1, 1).at(0, 0, 0, 0) + days.days() + seconds.seconds();
            prop_assert_eq!(local(&at.to_string()), Ok((at, false)));
            prop_assert_eq!(day(&at.date().to_string()), Ok(at.date()));
        }
    }
}
