//! The period of a report, parsed from its `from` and `to` parameters.

use crate::domain::local_time;
use crate::domain::zone::Zone;
use crate::http::problem::ApiError;
use jiff::civil::Date;
use jiff::{Span, Timestamp};

/// Days covered by default.
const DEFAULT_DAYS: i64 = 30;

/// A range of whole civil days in a time zone.
#[derive(Clone, Debug)]
pub(crate) struct Period {
    /// First day.
    pub(crate) from: Date,
    /// First day after the period (exclusive).
    pub(crate) to: Date,
    /// Time zone of the days.
    pub(crate) zone: Zone,
    /// Start of the first day, in unix milliseconds.
    pub(crate) from_ms: i64,
    /// End of the period (exclusive), in unix milliseconds.
    pub(crate) to_ms: i64,
}

impl Period {
    /// The days from `from` (inclusive) to `to` (exclusive); without both, the last 30 days including
    /// today.
    ///
    /// # Errors
    /// 422 for an invalid date, an empty period, or only one of the dates, which would be ambiguous.
    pub(crate) fn parse(
        from: Option<&str>,
        to: Option<&str>,
        zone: Zone,
        now: Timestamp,
    ) -> Result<Period, ApiError> {
        Period::parse_or_last((from, to), DEFAULT_DAYS, zone, now)
    }

    /// The same with another number of days by default.
    ///
    /// # Errors
    /// As of [`Period::parse`].
    pub(crate) fn parse_or_last(
        (from, to): (Option<&str>, Option<&str>),
        default_days: i64,
        zone: Zone,
        now: Timestamp,
    ) -> Result<Period, ApiError> {
        let date = |field: &str, text: &str| {
            local_time::day(text).map_err(|_| {
                ApiError::invalid_field(
                    field,
                    format!("`{text}` is not a date (expected a form such as 2026-11-25)"),
                )
            })
        };
        let incomplete = |field: &str, given: &str, missing: &str| {
            let why = format!("`{given}` requires {missing}: give both dates or neither");
            Err(ApiError::invalid_field(field, why))
        };
        let (from, to) = (
            from.map(|text| date("from", text)).transpose()?,
            to.map(|text| date("to", text)).transpose()?,
        );
        let (from, to) = match (from, to) {
            (Some(from), Some(to)) => (from, to),
            (Some(_), None) => {
                return incomplete("to", "from", "`to` (the day after the last one)");
            }
            (None, Some(_)) => return incomplete("from", "to", "`from` (the first day)"),
            (None, None) => {
                let today = now.to_zoned(zone.rules().clone()).date();
                let to = today.saturating_add(Span::new().days(1));
                (to.saturating_sub(Span::new().days(default_days)), to)
            }
        };
        if from >= to {
            return Err(ApiError::invalid_field("to", "must be after `from` (`to` is exclusive)"));
        }
        let first_moment = |field: &str, day: Date| {
            day.to_zoned(zone.rules().clone())
                .map(|zoned| zoned.timestamp().as_millisecond())
                .map_err(|error| ApiError::invalid_field(field, error.to_string()))
        };
        let (from_ms, to_ms) = (first_moment("from", from)?, first_moment("to", to)?);
        Ok(Period { from, to, zone, from_ms, to_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(from: Option<&str>, to: Option<&str>, zone: &str) -> Result<Period, String> {
        let zone = Zone::try_from(zone.to_owned()).unwrap();
        let now = "2026-10-24T23:30:00Z".parse().unwrap();
        Period::parse(from, to, zone, now).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_period_is_30_days_up_to_today_in_the_partys_time_zone() {
        let berlin = parse(None, None, "Europe/Berlin").unwrap();
        assert_eq!(
            (berlin.from.to_string(), berlin.to.to_string()),
            ("2026-09-26".into(), "2026-10-26".into())
        );
        assert_eq!(parse(None, None, "America/New_York").unwrap().to.to_string(), "2026-10-25");
    }

    #[test]
    fn the_length_of_a_day_follows_its_time_zone() {
        let hours = |from: &str, to: &str, zone: &str| {
            let period = parse(Some(from), Some(to), zone).unwrap();
            (period.to_ms - period.from_ms) / 3_600_000
        };
        assert_eq!(hours("2026-10-25", "2026-10-26", "Europe/Berlin"), 25, "clocks go back");
        assert_eq!(hours("2026-03-29", "2026-03-30", "Europe/Berlin"), 23, "clocks go forward");
        assert_eq!(hours("2026-10-25", "2026-10-26", "UTC"), 24);
        // In São Paulo the clocks skipped midnight: the day began at 01:00.
        assert_eq!(hours("2018-11-04", "2018-11-05", "America/Sao_Paulo"), 23);
    }

    #[test]
    fn a_single_date_and_an_empty_period_are_rejected() {
        for (from, to, message) in [
            (
                Some("2026-11-01"),
                None,
                "`from` requires `to` (the day after the last one): give both dates or neither",
            ),
            (
                None,
                Some("2026-11-01"),
                "`to` requires `from` (the first day): give both dates or neither",
            ),
            (Some("2026-11-01"), Some("2026-11-01"), "must be after `from` (`to` is exclusive)"),
            (
                Some("2026-02-30"),
                Some("2026-03-01"),
                "`2026-02-30` is not a date (expected a form such as 2026-11-25)",
            ),
            (Some(""), Some("2026-03-01"), "`` is not a date (expected a form such as 2026-11-25)"),
        ] {
            assert_eq!(parse(from, to, "Europe/Berlin").unwrap_err(), message);
        }
    }
}
