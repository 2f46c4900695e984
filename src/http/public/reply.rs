//! What a page gets: one answer a placement.

use crate::domain::creative::Audience;
use crate::domain::event::NoFill;
use crate::domain::event::Tier;
use crate::domain::money::Currency;
use crate::domain::party::Style;
use crate::selection::page::RegionBasis;
use crate::server::explain::Explanation;
use schemars::JsonSchema;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use smallvec::SmallVec;
use std::borrow::Cow;

/// The answer to one call.
#[derive(Serialize, JsonSchema)]
pub struct DecisionReply<'a> {
    /// The call's id.
    pub request_id: String,
    /// What it was decided on.
    pub snapshot: SnapshotReply<'a>,
    /// What was cut, ignored or not understood.
    pub warnings: Vec<String>,
    /// One answer a placement, under its key.
    #[schemars(with = "std::collections::BTreeMap<String, Answer<'a>>")]
    pub decisions: Answers<'a>,
    /// The whole trace, where an operator asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// What a call was decided on.
#[derive(Serialize, JsonSchema)]
pub struct SnapshotReply<'a> {
    /// Content hash of the inventory.
    pub inventory: &'a str,
    /// Content hash of the weights.
    pub weights: &'a str,
    /// Since the catalog was last reached, in milliseconds.
    pub age_ms: i64,
    /// Older than it should be.
    pub stale: bool,
}

/// Answers by key, in request order.
pub struct Answers<'a>(pub SmallVec<[(&'a str, Answer<'a>); 2]>);

impl Serialize for Answers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, answer) in &self.0 {
            map.serialize_entry(key, answer)?;
        }
        map.end()
    }
}

/// A unit, or why there is none.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Answer<'a> {
    /// A unit.
    Fill(Box<Fill<'a>>),
    /// None.
    NoFill(Empty),
}

/// No unit.
#[derive(Serialize, JsonSchema)]
pub struct Empty {
    /// Always false.
    #[schemars(extend("const" = false))]
    pub fill: bool,
    /// The decision's id.
    pub decision_id: String,
    /// Why.
    pub reason: NoFill,
}

/// A unit with everything a page needs to show and count it.
#[derive(Serialize, JsonSchema)]
pub struct Fill<'a> {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub fill: bool,
    /// The decision's id.
    pub decision_id: String,
    /// The tier that won.
    pub tier: Tier,
    /// Who pays.
    pub advertiser: Named<'a>,
    /// The campaign.
    pub campaign: &'a str,
    /// The flight.
    pub flight: &'a str,
    /// The unit.
    pub creative: CreativeReply<'a>,
    /// How it says that it is paid for.
    pub label: LabelReply<'a>,
    /// On whose behalf, who paid, why.
    pub transparency: Transparency<'a>,
    /// For every link of the unit.
    pub rel: &'static str,
    /// Where events go.
    pub event_urls: EventUrls,
    /// An impression counts until then.
    pub impression_until: jiff_text::Stamp,
    /// Viewable, click and copy count until then.
    pub click_until: jiff_text::Stamp,
    /// It never counts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// A complete unit, escaped, where `render` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// An id and a name.
#[derive(Serialize, JsonSchema)]
pub struct Named<'a> {
    /// The id.
    pub id: &'a str,
    /// The name.
    pub name: &'a str,
}

/// The unit's parts; all texts are plain.
#[derive(Serialize, JsonSchema)]
pub struct CreativeReply<'a> {
    /// The creative's id.
    pub id: &'a str,
    /// Its content hash.
    pub hash: &'a str,
    /// Which wording: 0 is the creative's own.
    pub variant: u8,
    /// How to show it: the page's first choice among its styles.
    pub style: Style,
    /// What it is written in.
    pub language: &'a str,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// The line above the headline.
    pub kicker: Option<Cow<'a, str>>,
    /// The headline.
    pub headline: &'a str,
    /// A few sentences.
    pub body: &'a str,
    /// A claim with its source.
    pub proof: Option<ProofReply<'a>>,
    /// A terminal command.
    pub command: Option<CommandReply<'a>>,
    /// Calls to action, the main one first.
    #[schemars(with = "Vec<CtaReply<'a>>")]
    pub ctas: SmallVec<[CtaReply<'a>; 2]>,
    /// Where the unit itself leads: the main call to action.
    pub click_url: String,
    /// Host of the landing page.
    pub landing_domain: &'a str,
    /// The sponsor's logo, for a place beside the sponsor line.
    pub logo: Option<PictureReply<'a>>,
    /// A picture.
    pub image: Option<PictureReply<'a>>,
    /// A price footnote.
    pub price: Option<PriceReply<'a>>,
}

/// A picture of ours, with its size, so that room is kept free for it.
#[derive(Serialize, JsonSchema)]
pub struct PictureReply<'a> {
    /// Its address, which never means another picture.
    #[schemars(example = &"https://units.example/embed/pictures/3f0c1b6f0b8b4a7c9d2e5f60718293a4.webp")]
    pub url: &'a str,
    /// In pixels.
    #[schemars(range(min = 16, max = 2048), example = &640)]
    pub width: u16,
    /// In pixels.
    #[schemars(range(min = 16, max = 2048), example = &360)]
    pub height: u16,
    /// What it shows, for readers who do not see it.
    #[schemars(example = &"A cargo bicycle from the side")]
    pub alt: &'a str,
    /// Its format, for dialects that ask for some alone.
    #[serde(skip)]
    pub content_type: &'static str,
}

/// A claim.
#[derive(Serialize, JsonSchema)]
pub struct ProofReply<'a> {
    /// The claim.
    pub text: &'a str,
    /// Who says so.
    pub source: &'a str,
    /// When it was true.
    #[schemars(with = "String")]
    pub as_of: jiff::civil::Date,
}

/// A command: what is copied is exactly what is shown.
#[derive(Serialize, JsonSchema)]
pub struct CommandReply<'a> {
    /// The line to copy.
    pub text: &'a str,
    /// The line it prints.
    pub output: &'a str,
    /// Where a copy is told.
    pub copy_url: String,
    /// On the button that copies it.
    pub copy_text: &'a str,
    /// On that button when it has.
    pub copied_text: &'a str,
    /// What a screen reader says of it.
    pub aria: &'a str,
}

/// A call to action.
#[derive(Serialize, JsonSchema)]
pub struct CtaReply<'a> {
    /// Its id.
    pub id: &'a str,
    /// What the reader reads.
    pub text: &'a str,
    /// Where it leads, by way of us.
    pub click_url: String,
}

/// A price with all that makes it one.
#[derive(Serialize, JsonSchema)]
pub struct PriceReply<'a> {
    /// As shown.
    pub text: &'a str,
    /// In micros.
    pub amount_micros: i64,
    /// Of what.
    pub currency: Currency,
    /// For how long or how much.
    pub per: &'a str,
    /// Whether tax is in it.
    pub tax_included: bool,
    /// Whom it is for.
    pub audience: Audience,
    /// A condition.
    pub note: Option<&'a str>,
    /// Not shown from then on.
    #[schemars(with = "String")]
    pub valid_until: jiff::Timestamp,
}

/// How a unit says that it is paid for.
#[derive(Serialize, JsonSchema)]
pub struct LabelReply<'a> {
    /// The label.
    pub text: &'a str,
    /// What it is written in.
    pub language: &'a str,
    /// What a screen reader says instead.
    pub aria: &'a str,
    /// The line that names the sponsor.
    pub sponsor_line: &'a str,
    /// The reviewed table it comes from.
    pub ruleset: &'a str,
    /// How the reader's region is known.
    pub region_basis: RegionBasis,
}

/// On whose behalf, who paid, why.
#[derive(Serialize, JsonSchema)]
pub struct Transparency<'a> {
    /// On whose behalf it is shown.
    pub on_behalf_of: &'a str,
    /// Who paid.
    pub paid_by: &'a str,
    /// Why it is on this page.
    pub why: &'a str,
    /// Text of the link to the reader's page.
    pub why_text: &'a str,
    /// What these are written in.
    pub language: &'a str,
    /// The reader's page.
    pub why_url: String,
}

/// Where events go; what is not measured has no address.
#[derive(Serialize, JsonSchema)]
pub struct EventUrls {
    /// When the unit begins to render in a visible document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impression: Option<String>,
    /// When half of it was in view for a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viewable: Option<String>,
}

/// Moments as text, to the second.
pub mod jiff_text {
    use schemars::JsonSchema;
    use serde::Serialize;
    use serde::Serializer;

    /// A moment, in unix milliseconds, written as RFC 3339.
    #[derive(JsonSchema)]
    #[schemars(transparent)]
    pub struct Stamp(#[schemars(with = "String")] pub i64);

    impl Serialize for Stamp {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let at = jiff::Timestamp::from_second(self.0.div_euclid(1_000)).unwrap_or_default();
            serializer.collect_str(&at)
        }
    }
}
