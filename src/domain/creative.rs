//! Creatives: text, terminal command, calls to action, price, proofs and image.

use crate::domain::campaign::PausedBy;
use crate::domain::exact_list;
use crate::domain::id::{CreativeId, CtaId, FlightId};
use crate::domain::image::Source;
use crate::domain::landing;
use crate::domain::language::Language;
use crate::domain::local_time;
use crate::domain::money::{Currency, Micros};
use crate::domain::party::Style;
use crate::domain::region::Region;
use crate::domain::targeting::Clause;
use garde::Validate;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A creative. Only `live` ones are served. What few creatives have is boxed: all are in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Creative {
    /// Unique id.
    pub id: CreativeId,
    /// The flight it belongs to.
    pub(crate) flight: FlightId,
    /// Its review and serving state.
    #[serde(default)]
    pub(crate) state: CreativeState,
    /// Styles it can be rendered in.
    #[serde(deserialize_with = "exact_list::deserialize")]
    #[garde(length(min = 1))]
    pub(crate) styles: Vec<Style>,
    /// The language of its text. Default: that of its campaign, else of its advertiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<Language>,
    /// The line above the headline; can contain the matched topic or entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub(crate) kicker: Option<Box<EchoText>>,
    /// The headline, plain text; can contain the matched topic or entity.
    #[garde(custom(chars::<1, HEADLINE_CHARS>))]
    pub(crate) headline: AdText,
    /// A few sentences of plain text; can contain the matched topic or entity.
    #[serde(default, skip_serializing_if = "AdText::is_empty")]
    #[garde(custom(chars::<0, BODY_CHARS>))]
    pub(crate) body: AdText,
    /// Claims. The first one that has not expired and whose regions contain the reader's is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(dive, length(max = 16))]
    pub(crate) proofs: Vec<Proof>,
    /// A terminal command that readers can copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub(crate) command: Option<Box<Command>>,
    /// Calls to action; the first is the primary one.
    #[serde(deserialize_with = "exact_list::deserialize")]
    #[garde(dive, length(min = 1, max = 4))]
    pub(crate) ctas: Vec<Cta>,
    /// A price footnote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub(crate) price: Option<Box<Price>>,
    /// An image, shown in the styles `terminal` and `card`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub(crate) image: Option<Box<Image>>,
    /// Text variants, drawn by weight; the creative's own text has weight `weight`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(dive, length(max = 15))]
    pub(crate) variants: Vec<Variant>,
    /// Its weight among the creatives of its flight.
    #[serde(default = "one")]
    #[garde(range(min = 1, max = 1000))]
    pub(crate) weight: u32,
    /// Set while an operator pauses it. Inventory files neither set nor clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused_by: Option<PausedBy>,
}

impl Creative {
    /// Its state with the operator's pause: a live creative that is paused is `paused`.
    pub(crate) fn serving_state(&self) -> CreativeState {
        match (self.state, self.paused_by) {
            (CreativeState::Live, Some(_)) => CreativeState::Paused,
            (state, _) => state,
        }
    }
}

fn one() -> u32 {
    1
}

string_enum! {
    /// The review and serving state of a creative.
    #[derive(Default)]
    CreativeState {
        /// In preparation, or changed since approval.
        Draft = "draft",
        /// Reviewed, not yet served.
        Approved = "approved",
        /// Served.
        #[default]
        Live = "live",
        /// Not served.
        Paused = "paused",
    }
}

/// The most characters of a kicker, also with its slots filled.
pub(crate) const KICKER_CHARS: usize = 90;
/// The most characters of a headline, also with its slots filled.
pub(crate) const HEADLINE_CHARS: usize = 90;
/// The most characters of a body, also with its slots filled.
pub(crate) const BODY_CHARS: usize = 400;

/// A text as it is, or one with slots for the matched topic or entity.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum AdText {
    /// Shown as it is.
    Plain(String),
    /// With slots.
    Echo(Box<EchoText>),
}

impl AdText {
    /// The text as written, with its slots.
    pub(crate) fn as_written(&self) -> &str {
        match self {
            AdText::Plain(text) => text,
            AdText::Echo(echo) => &echo.text,
        }
    }

    fn is_empty(&self) -> bool {
        self.as_written().is_empty()
    }
}

impl Default for AdText {
    fn default() -> AdText {
        AdText::Plain(String::new())
    }
}

impl<'de> Deserialize<'de> for AdText {
    /// Decides by the first token, so that an error names its field.
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<AdText, D::Error> {
        source.deserialize_any(AdTextVisitor)
    }
}

struct AdTextVisitor;

impl<'de> Visitor<'de> for AdTextVisitor {
    type Value = AdText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a table with `text`, `fallback` and `echo`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AdText, E> {
        Ok(AdText::Plain(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<AdText, E> {
        Ok(AdText::Plain(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<AdText, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(fields)).map(AdText::Echo)
    }
}

/// Checks the length of a text. What an [`EchoText`] has with its slots filled is checked against the
/// names of the inventory, see `catalog::check`.
fn chars<const MIN: usize, const MAX: usize>(text: &AdText, _: &()) -> garde::Result {
    let chars = match text {
        AdText::Plain(text) => text.chars().count(),
        AdText::Echo(echo) => echo.fallback.as_ref().unwrap_or(&echo.text).chars().count(),
    };
    match chars {
        short if short < MIN => Err(garde::Error::new(format!("length is lower than {MIN}"))),
        long if long > MAX => Err(garde::Error::new(format!("length is greater than {MAX}"))),
        _ => Ok(()),
    }
}

fn optional_chars<const MAX: usize>(text: &Option<AdText>, context: &()) -> garde::Result {
    text.as_ref().map_or(Ok(()), |text| chars::<1, MAX>(text, context))
}

/// A text that can contain the matched topic or entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct EchoText {
    /// Text; `{topic}` and `{entity}` are replaced by the matched name.
    #[garde(length(chars, min = 1, max = BODY_CHARS))]
    pub(crate) text: String,
    /// Shown if nothing matched or the name is not in `echo`. Required if `text` has a placeholder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = BODY_CHARS)))]
    pub(crate) fallback: Option<String>,
    /// Ids of the topics and entities whose names may be inserted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) echo: Vec<String>,
}

/// A claim with its source and dates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Proof {
    /// The claim.
    #[garde(length(chars, min = 1, max = 80))]
    pub(crate) text: String,
    /// The source of the claim.
    #[garde(length(chars, min = 1, max = 160))]
    pub(crate) source: String,
    /// The date the claim refers to.
    #[serde(deserialize_with = "local_time::date")]
    #[schemars(with = "String")]
    pub(crate) as_of: jiff::civil::Date,
    /// Expiry: not shown from this time on.
    #[serde(deserialize_with = "local_time::moment")]
    #[schemars(with = "String")]
    pub(crate) valid_until: jiff::Timestamp,
    /// Reader regions it applies to.
    #[serde(default)]
    pub(crate) regions: Clause<Region>,
}

/// A terminal command. The copied text is exactly the displayed text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Command {
    /// The command line.
    #[garde(length(chars, min = 1, max = 120))]
    pub(crate) text: String,
    /// One line of its output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[garde(length(chars, max = 120))]
    pub(crate) output: String,
}

/// A call to action with its own landing page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Cta {
    /// Id, unique within the creative; clicks are counted per call to action.
    pub(crate) id: CtaId,
    /// Link text.
    #[garde(length(chars, min = 1, max = 40))]
    pub(crate) text: String,
    /// Landing page: https, on one of the advertiser's domains. Stored as an ASCII URI.
    #[serde(deserialize_with = "landing::deserialize")]
    #[garde(length(max = 2000))]
    pub(crate) url: String,
}

/// A price with currency, period, tax and audience.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Price {
    /// The displayed text.
    #[garde(length(chars, min = 1, max = 60))]
    pub(crate) text: String,
    /// The amount in micros.
    pub(crate) amount_micros: Micros,
    /// The currency of the amount.
    pub(crate) currency: Currency,
    /// Billing period or quantity: `month`, `year`, `once`, …
    #[garde(length(chars, min = 1, max = 20))]
    pub(crate) per: String,
    /// Whether tax is included.
    pub(crate) tax_included: bool,
    /// The audience of the price.
    pub(crate) audience: Audience,
    /// A condition, such as "no card required".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 60)))]
    pub(crate) note: Option<String>,
    /// Expiry: not shown from this time on.
    #[serde(deserialize_with = "local_time::moment")]
    #[schemars(with = "String")]
    pub(crate) valid_until: jiff::Timestamp,
}

string_enum! {
    /// The audience of a price.
    Audience {
        /// Consumers; tax must be included.
        Consumer = "consumer",
        /// Businesses; tax may be excluded.
        Business = "business",
    }
}

/// The image of a creative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Image {
    /// The image file.
    pub(crate) file: Source,
    /// Alternative text for readers who cannot see it.
    #[garde(length(chars, min = 1, max = 160))]
    pub(crate) alt: String,
}

/// A text variant of a creative; absent fields keep the creative's own text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Variant {
    /// Its weight relative to the creative's own text.
    #[garde(range(min = 1, max = 1000))]
    pub(crate) weight: u32,
    /// Replaces the headline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(custom(optional_chars::<HEADLINE_CHARS>))]
    pub(crate) headline: Option<AdText>,
    /// Replaces the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(custom(optional_chars::<BODY_CHARS>))]
    pub(crate) body: Option<AdText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_creatives_have_takes_a_pointer_in_the_others() {
        assert_eq!(size_of::<AdText>(), size_of::<String>());
        assert!(size_of::<Creative>() <= 232, "{} bytes", size_of::<Creative>());
    }
}
