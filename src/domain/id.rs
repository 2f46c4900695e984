//! Names of things: short, lower-case, the same in files, JSON, keys and metrics.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an id: use 1 to 64 of a-z, 0-9 and `-`, starting and ending with a letter or digit"
)]
pub struct InvalidId {
    /// What was given.
    pub text: String,
}

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 64;

fn well_formed(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// 1 to 64 of `a-z`, `0-9` and `-`; starts and ends with a letter or a digit.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                if well_formed(&text) { Ok($name(text.into())) } else { Err(InvalidId { text }) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                $name::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
                })
            }
        }
    )*};
}

ids! {
    /// Who pays.
    AdvertiserId;
    /// A budget, who pays it and on whose behalf.
    CampaignId;
    /// Dates, goal, price and targeting inside a campaign.
    FlightId;
    /// The unit itself.
    CreativeId;
    /// A call to action inside a creative.
    CtaId;
    /// A site that shows units.
    PublisherId;
    /// A named slot on a publisher's pages.
    PlacementId;
    /// A subject in the topic tree.
    TopicId;
    /// A company, product, person or institution a page can be about.
    EntityId;
    /// A line of business, for sector allow-lists.
    SectorId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_lower_case_and_has_no_ragged_ends() {
        for good in ["a", "ai-infrastructure", "c99", &"x".repeat(64)] {
            assert!(good.parse::<TopicId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a_b", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<TopicId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn serde_uses_the_same_door() {
        let refused = serde_json::from_str::<TopicId>("\"Not An Id\"").unwrap_err();
        assert!(refused.to_string().contains("is not an id"));
    }
}
