//! The days that a report covers, as they are asked for.

use crate::domain::zone::Zone;
use crate::http::problem::ApiError;
use jiff::Span;
use jiff::Timestamp;
use jiff::civil::Date;

/// Days that a report covers when it is not asked for dates.
const DAYS: i64 = 30;

/// Whole civil days of a zone.
#[derive(Clone, Debug)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The first day after it.
    pub to: Date,
    /// Whose days they are.
    pub zone: Zone,
    /// Its first moment, in unix milliseconds.
    pub from_ms: i64,
    /// The first moment after it.
    pub to_ms: i64,
}

impl Period {
    /// The days from `from` to before `to`; without both, the last thirty with today. One without
    /// the other is refused, because nobody knows which days were meant.
    pub fn asked(
        from: Option<&str>,
        to: Option<&str>,
        zone: Zone,
        now: Timestamp,
    ) -> Result<Period, ApiError> {
        let date = |field: &str, text: &str| {
            text.parse::<Date>().map_err(|_| {
                ApiError::refused(field, format!("`{text}` is not a date: write 2026-11-25"))
            })
        };
        let half = |field: &str, given: &str, missing: &str| {
            let why = format!("`{given}` needs {missing}: give both dates, or neither");
            Err(ApiError::refused(field, why))
        };
        let (from, to) = (
            from.map(|text| date("from", text)).transpose()?,
            to.map(|text| date("to", text)).transpose()?,
        );
        let (from, to) = match (from, to) {
            (Some(from), Some(to)) => (from, to),
            (Some(_), None) => return half("to", "from", "`to`, the first day after the last"),
            (None, Some(_)) => return half("from", "to", "`from`, the first day"),
            (None, None) => {
                let today = now.to_zoned(zone.rules().clone()).date();
                let to = today.saturating_add(Span::new().days(1));
                (to.saturating_sub(Span::new().days(DAYS)), to)
            }
        };
        if from >= to {
            return Err(ApiError::refused("to", "is exclusive and must be after `from`"));
        }
        let first_moment = |field: &str, day: Date| {
            day.to_zoned(zone.rules().clone())
                .map(|zoned| zoned.timestamp().as_millisecond())
                .map_err(|error| ApiError::refused(field, error.to_string()))
        };
        let (from_ms, to_ms) = (first_moment("from", from)?, first_moment("to", to)?);
        Ok(Period { from, to, zone, from_ms, to_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: Option<&str>, to: Option<&str>, zone: &str) -> Result<Period, String> {
        let zone = Zone::try_from(zone.to_owned()).unwrap();
        let now = "2026-10-24T23:30:00Z".parse().unwrap();
        Period::asked(from, to, zone, now).map_err(|error| error.to_string())
    }

    #[test]
    fn without_dates_it_is_thirty_days_and_the_last_is_today_where_the_party_is() {
        let berlin = asked(None, None, "Europe/Berlin").unwrap();
        assert_eq!(
            (berlin.from.to_string(), berlin.to.to_string()),
            ("2026-09-26".into(), "2026-10-26".into())
        );
        assert_eq!(asked(None, None, "America/New_York").unwrap().to.to_string(), "2026-10-25");
    }

    #[test]
    fn a_day_is_as_long_as_its_zone_makes_it() {
        let hours = |from: &str, to: &str, zone: &str| {
            let period = asked(Some(from), Some(to), zone).unwrap();
            (period.to_ms - period.from_ms) / 3_600_000
        };
        assert_eq!(hours("2026-10-25", "2026-10-26", "Europe/Berlin"), 25, "clocks go back");
        assert_eq!(hours("2026-03-29", "2026-03-30", "Europe/Berlin"), 23, "clocks go forward");
        assert_eq!(hours("2026-10-25", "2026-10-26", "UTC"), 24);
        // In São Paulo midnight itself was left out: the day began at one.
        assert_eq!(hours("2018-11-04", "2018-11-05", "America/Sao_Paulo"), 23);
    }

    #[test]
    fn half_a_range_and_a_range_of_nothing_are_refused() {
        for (from, to, said) in [
            (
                Some("2026-11-01"),
                None,
                "`from` needs `to`, the first day after the last: give both dates, or neither",
            ),
            (
                None,
                Some("2026-11-01"),
                "`to` needs `from`, the first day: give both dates, or neither",
            ),
            (Some("2026-11-01"), Some("2026-11-01"), "is exclusive and must be after `from`"),
            (
                Some("2026-02-30"),
                Some("2026-03-01"),
                "`2026-02-30` is not a date: write 2026-11-25",
            ),
            (Some(""), Some("2026-03-01"), "`` is not a date: write 2026-11-25"),
        ] {
            assert_eq!(asked(from, to, "Europe/Berlin").unwrap_err(), said);
        }
    }
}
