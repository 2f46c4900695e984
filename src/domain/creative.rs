//! The unit itself: text, a command, calls to action, a price, a proof.

use crate::domain::campaign::Clause;
use crate::domain::id::CreativeId;
use crate::domain::id::CtaId;
use crate::domain::id::FlightId;
use crate::domain::language::Language;
use crate::domain::money::Currency;
use crate::domain::money::Micros;
use crate::domain::party::Style;
use crate::domain::picture::Source;
use crate::domain::region::Region;
use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// A unit. Only `live` ones are served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Creative {
    /// Names it everywhere.
    pub id: CreativeId,
    /// Whose it is.
    pub flight: FlightId,
    /// Where it stands between writing and serving.
    #[serde(default)]
    pub state: CreativeState,
    /// Styles it can be shown in.
    #[garde(length(min = 1))]
    pub styles: Vec<Style>,
    /// The language of its text.
    pub language: Language,
    /// The line above the headline; may name the matched topic or entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub kicker: Option<Kicker>,
    /// Required.
    #[garde(length(chars, min = 1, max = 90))]
    pub headline: String,
    /// Plain text, a few sentences.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[garde(length(chars, max = 400))]
    pub body: String,
    /// Claims, the first whose regions hold the reader's is shown, until it expires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(dive, length(max = 16))]
    pub proofs: Vec<Proof>,
    /// A terminal command to copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub command: Option<Command>,
    /// Calls to action, the first is the main one.
    #[garde(dive, length(min = 1, max = 4))]
    pub ctas: Vec<Cta>,
    /// A price footnote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub price: Option<Price>,
    /// A picture, in the styles `terminal` and `card`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub image: Option<Box<Image>>,
    /// Other wordings, drawn by weight; the creative's own has weight `weight`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(dive, length(max = 15))]
    pub variants: Vec<Variant>,
    /// Its odds within its flight.
    #[serde(default = "one")]
    #[garde(range(min = 1, max = 1000))]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

closed! {
    /// Where a creative stands between writing and serving.
    #[derive(Default)]
    CreativeState {
        /// Being written, or changed since its approval.
        Draft = "draft",
        /// Reviewed, not yet served.
        Approved = "approved",
        /// Served.
        #[default]
        Live = "live",
        /// Held back.
        Paused = "paused",
    }
}

/// Copy that may echo the matched topic or entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Kicker {
    /// Text with `{topic}` or `{entity}` where the page's matched name stands.
    #[garde(length(chars, min = 1, max = 90))]
    pub text: String,
    /// What is shown when nothing matched, or the name is not on the list. Required with a slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 90)))]
    pub fallback: Option<String>,
    /// Ids of the topics and entities whose names may be echoed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub echo: Vec<String>,
}

/// A claim with its source and dates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Proof {
    /// The claim.
    #[garde(length(chars, min = 1, max = 80))]
    pub text: String,
    /// Who says so.
    #[garde(length(chars, min = 1, max = 160))]
    pub source: String,
    /// When it was true.
    #[schemars(with = "String")]
    pub as_of: jiff::civil::Date,
    /// Not shown from then on.
    #[schemars(with = "String")]
    pub valid_until: jiff::Timestamp,
    /// Readers' regions it is for.
    #[serde(default)]
    pub regions: Clause<Region>,
}

/// A terminal command: what is copied is exactly what is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Command {
    /// One line, as typed.
    #[garde(length(chars, min = 1, max = 120))]
    pub text: String,
    /// The line it prints.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[garde(length(chars, max = 120))]
    pub output: String,
}

/// A call to action with a landing page of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Cta {
    /// Names it within the creative; counted apart.
    pub id: CtaId,
    /// What the reader reads.
    #[garde(length(chars, min = 1, max = 40))]
    pub text: String,
    /// Where it leads: https, on one of the advertiser's domains.
    #[garde(length(max = 2000))]
    pub url: String,
}

/// A price, with all that makes it one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Price {
    /// As shown.
    #[garde(length(chars, min = 1, max = 60))]
    pub text: String,
    /// The amount in micros.
    pub amount_micros: Micros,
    /// Of what.
    pub currency: Currency,
    /// For how long or how much: `month`, `year`, `once`, …
    #[garde(length(chars, min = 1, max = 20))]
    pub per: String,
    /// Whether tax is in it.
    pub tax_included: bool,
    /// Whom it is for.
    pub audience: Audience,
    /// A condition, such as "no card required".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 60)))]
    pub note: Option<String>,
    /// Not shown from then on.
    #[schemars(with = "String")]
    pub valid_until: jiff::Timestamp,
}

closed! {
    /// Whom a price is for.
    Audience {
        /// Everybody; tax must be included.
        Consumer = "consumer",
        /// Firms; tax may come on top.
        Business = "business",
    }
}

/// A picture of a creative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Image {
    /// The picture.
    pub file: Source,
    /// What it shows, for readers who do not see it.
    #[garde(length(chars, min = 1, max = 160))]
    pub alt: String,
}

/// Another wording of a creative; what it leaves out stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Variant {
    /// Its odds beside the creative's own.
    #[garde(range(min = 1, max = 1000))]
    pub weight: u32,
    /// Instead of the headline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 90)))]
    pub headline: Option<String>,
    /// Instead of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 400)))]
    pub body: Option<String>,
}
