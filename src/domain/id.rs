//! Ids: short, lower-case, identical in files, JSON, storage keys and metrics.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The text is not a valid id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an id: use 1 to 64 characters from a-z, 0-9 and `-`, starting and ending with a letter or digit"
)]
pub struct InvalidId {
    /// The rejected text.
    pub(crate) text: String,
}

/// The longest id, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 64;

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
        /// 1 to 64 characters from `a-z`, `0-9` and `-`; starts and ends with a letter or a digit.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
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
    /// An advertiser: the company that pays.
    AdvertiserId;
    /// A campaign: a budget and the advertiser it belongs to.
    CampaignId;
    /// A flight: dates, goal, price and targeting inside a campaign.
    FlightId;
    /// A creative: the content of a unit.
    CreativeId;
    /// A call to action inside a creative.
    CtaId;
    /// A publisher: a site that shows units.
    PublisherId;
    /// A named slot on a publisher's pages.
    PlacementId;
    /// A topic in the topic tree.
    TopicId;
    /// A company, product, person or institution that a page can be about.
    EntityId;
    /// A custom context key.
    ContextKeyId;
    /// An advertiser category, for category allow and block lists.
    CategoryId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_lower_case_and_starts_and_ends_with_a_letter_or_digit() {
        for good in ["a", "ai-infrastructure", "c99", &"x".repeat(64)] {
            assert!(good.parse::<TopicId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a_b", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<TopicId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn deserializing_applies_the_same_check() {
        let error = serde_json::from_str::<TopicId>("\"Not An Id\"").unwrap_err();
        assert!(error.to_string().contains("is not an id"));
    }
}
