//! What reports are broken down and restricted by: dimensions of the attribution, and reported context keys.

use crate::domain::attribution::{AttributionKey, Dimension, PageKey};
use crate::domain::id::ContextKeyId;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Before the id of a context key, in reports and their parameters.
pub(crate) const CUSTOM_PREFIX: &str = "custom:";

/// Value of a reported context key on a page that states none.
pub(crate) const NOT_STATED: &str = "none";

/// A dimension, or the values of a reported context key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Breakdown {
    Dimension(Dimension),
    /// `custom:KEY`.
    Custom(ContextKeyId),
}

impl Breakdown {
    /// The value in an attribution, as text; `None` if it has none. The unit is `None` for an unfilled slot.
    pub(crate) fn value<'a>(
        &self,
        unit: Option<&'a AttributionKey>,
        page: &'a PageKey,
    ) -> Option<Cow<'a, str>> {
        match self {
            Breakdown::Dimension(dimension) => dimension.value(unit, page),
            Breakdown::Custom(key) => {
                Some(page.custom_value(key.as_str()).unwrap_or(NOT_STATED).into())
            }
        }
    }

    /// The pattern of its spellings.
    pub(crate) fn pattern() -> String {
        let names: Vec<&str> = Dimension::ALL.iter().map(|one| one.as_str()).collect();
        format!("{}|{CUSTOM_PREFIX}[a-z0-9]([a-z0-9-]{{0,62}}[a-z0-9])?", names.join("|"))
    }
}

impl From<Dimension> for Breakdown {
    fn from(dimension: Dimension) -> Breakdown {
        Breakdown::Dimension(dimension)
    }
}

impl FromStr for Breakdown {
    type Err = String;

    fn from_str(text: &str) -> Result<Breakdown, String> {
        match text.strip_prefix(CUSTOM_PREFIX) {
            Some(key) => key.parse().map(Breakdown::Custom).map_err(|_| {
                format!("`{text}` is not `{CUSTOM_PREFIX}` and the id of a context key")
            }),
            None => text.parse().map(Breakdown::Dimension).map_err(|why: String| {
                format!("{why}, or `{CUSTOM_PREFIX}` and the id of a reported context key")
            }),
        }
    }
}

impl fmt::Display for Breakdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Breakdown::Dimension(dimension) => dimension.fmt(f),
            Breakdown::Custom(key) => write!(f, "{CUSTOM_PREFIX}{key}"),
        }
    }
}

impl Serialize for Breakdown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Breakdown {
    fn schema_name() -> Cow<'static, str> {
        "Breakdown".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": format!("^({})$", Breakdown::pattern()),
            "description": "A dimension to break a report down by, or `custom:KEY` for a reported context key."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakdown_is_a_dimension_or_a_context_key_and_is_read_as_it_is_written() {
        for text in ["day", "topic", "custom:paywall", "custom:page-type"] {
            assert_eq!(text.parse::<Breakdown>().unwrap().to_string(), text);
        }
        for bad in ["", "custom", "custom:", "custom:Not An Id", "paywall"] {
            assert!(bad.parse::<Breakdown>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_value_of_a_context_key_is_that_of_exactly_this_key() {
        let page = PageKey { custom: "page-type=news;type=long".into(), ..PageKey::default() };
        let value = |key: &str| {
            let of: Breakdown = format!("custom:{key}").parse().unwrap();
            of.value(None, &page).unwrap().into_owned()
        };
        let values = ["page-type", "type", "page", "long"].map(value);
        assert_eq!(values, ["news", "long", "none", "none"]);
        let nothing = PageKey::default();
        assert_eq!(nothing.custom_value("type"), None);
    }
}
