//! Days of a campaign's budget: civil days in the advertiser's time zone.

use crate::domain::zone::Zone;

/// Milliseconds of a day without a clock change.
const DAY_MS: i64 = 86_400_000;

/// A civil day in a time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day {
    /// Days since 1970-01-01.
    pub(crate) number: i32,
    pub(crate) starts_ms: i64,
    /// End, exclusive, in unix milliseconds.
    pub(crate) ends_ms: i64,
}

impl Day {
    /// The day that contains `now_ms` in `zone`.
    pub(crate) fn of(zone: &Zone, now_ms: i64) -> Day {
        let at = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let zoned = at.to_zoned(zone.rules().clone());
        let start = zoned.start_of_day();
        let next = start.as_ref().ok().and_then(|day| day.tomorrow().ok());
        let ms = |zoned: &jiff::Zoned| zoned.timestamp().as_millisecond();
        let starts_ms = start.as_ref().map_or(now_ms, ms);
        let ends_ms = next.as_ref().map_or(starts_ms + DAY_MS, ms);
        Day { number: zone.day(at), starts_ms, ends_ms }
    }
}
