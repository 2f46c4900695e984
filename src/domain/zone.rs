//! Time zones by IANA name. The database is compiled in, so every instance computes the same days.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;
use std::sync::LazyLock;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone, such as `Europe/Berlin`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Zone(TimeZone);

/// Unknown time zone name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone: use an IANA name such as Europe/Berlin")]
pub(crate) struct InvalidZone(pub(crate) String);

impl Zone {
    /// Coordinated universal time.
    pub(crate) fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The rules of the zone.
    pub(crate) fn rules(&self) -> &TimeZone {
        &self.0
    }

    /// The IANA name.
    pub(crate) fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Days from 1970-01-01 to the civil day of `at` in this zone.
    pub(crate) fn day(&self, at: jiff::Timestamp) -> i32 {
        let epoch = jiff::civil::date(1970, 1, 1);
        self.0.to_datetime(at).date().since(epoch).map_or(0, |span| span.get_days())
    }
}

impl Default for Zone {
    fn default() -> Zone {
        Zone::utc()
    }
}

impl TryFrom<String> for Zone {
    type Error = InvalidZone;
    fn try_from(name: String) -> Result<Self, InvalidZone> {
        DATABASE.get(&name).map(Zone).map_err(|_| InvalidZone(name))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name().to_owned()
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl schemars::JsonSchema for Zone {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Zone".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["Europe/Berlin", "UTC"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_its_zone() {
        let berlin = Zone::try_from("Europe/Berlin".to_owned()).unwrap();
        let late: jiff::Timestamp = "2026-06-01T22:30:00Z".parse().unwrap();
        assert_eq!(berlin.day(late), Zone::utc().day(late) + 1);
        assert_eq!(Zone::utc().day(jiff::Timestamp::UNIX_EPOCH), 0);
    }

    #[test]
    fn an_unknown_zone_is_rejected_with_its_name() {
        assert_eq!(
            Zone::try_from("Mars/Olympus".to_owned()),
            Err(InvalidZone("Mars/Olympus".into()))
        );
    }
}
