//! The decision reply: one answer per placement.

use crate::domain::creative::Audience;
use crate::domain::event::{NoFill, Tier};
use crate::domain::money::Currency;
use crate::domain::party::Style;
use crate::explain::Explanation;
use crate::selection::page::RegionBasis;
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;
use std::borrow::Cow;

/// The reply to a decision request.
#[derive(Serialize, JsonSchema)]
pub struct DecisionReply<'a> {
    /// Id of the request.
    pub request_id: String,
    /// The versions it was decided on.
    pub snapshot: SnapshotReply<'a>,
    /// What was truncated, ignored or not understood.
    pub warnings: Vec<String>,
    /// One answer per placement, by its key.
    #[schemars(with = "std::collections::BTreeMap<String, Answer<'a>>")]
    pub decisions: Answers<'a>,
    /// The full trace, if an operator requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// The versions that a decision was made on.
#[derive(Serialize, JsonSchema)]
pub struct SnapshotReply<'a> {
    /// Content hash of the inventory.
    pub inventory: &'a str,
    /// Content hash of the weights.
    pub weights: &'a str,
    /// Time since the catalog was last reached, in milliseconds.
    pub age_ms: i64,
    /// Whether the inventory is older than `snapshot.stale_after_seconds`.
    pub stale: bool,
}

/// Answers by key, in the order of the request.
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

/// A unit, or the reason why there is none.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Answer<'a> {
    /// A unit.
    Fill(Box<Fill<'a>>),
    /// No unit.
    NoFill(NoFillReply),
}

/// A slot without a unit.
#[derive(Serialize, JsonSchema)]
pub struct NoFillReply {
    /// Always false.
    #[schemars(extend("const" = false))]
    pub fill: bool,
    /// The decision's id.
    pub decision_id: String,
    /// Why there is no unit.
    pub reason: NoFill,
}

/// A unit with everything a page needs to show it and report its events.
#[derive(Serialize, JsonSchema)]
pub struct Fill<'a> {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub fill: bool,
    /// The decision's id.
    pub decision_id: String,
    /// Tier of the winning flight.
    pub tier: Tier,
    /// The advertiser.
    pub advertiser: AdvertiserReply<'a>,
    /// Id of the campaign.
    pub campaign: &'a str,
    /// Id of the flight.
    pub flight: &'a str,
    /// The creative.
    pub creative: CreativeReply<'a>,
    /// The advertising label.
    pub label: LabelReply<'a>,
    /// On whose behalf it is shown, who paid, and why.
    pub transparency: Transparency<'a>,
    /// `rel` attribute for every link of the unit.
    pub rel: &'static str,
    /// URLs for reporting events.
    pub event_urls: EventUrls,
    /// Impressions received after this time are not counted.
    pub impression_until: rfc3339::Timestamp,
    /// Viewable impressions, clicks and copies received after this time are not counted.
    pub click_until: rfc3339::Timestamp,
    /// Test unit: its events are never counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// The unit as a complete, escaped HTML fragment, if `render` is `html`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// An advertiser's id and name.
#[derive(Serialize, JsonSchema)]
pub struct AdvertiserReply<'a> {
    /// The id.
    pub id: &'a str,
    /// The name.
    pub name: &'a str,
}

/// The parts of a unit; all texts are plain text.
#[derive(Serialize, JsonSchema)]
pub struct CreativeReply<'a> {
    /// The creative's id.
    pub id: &'a str,
    /// Its content hash.
    pub hash: &'a str,
    /// Number of the text variant; 0 is the creative's own text.
    pub variant: u8,
    /// Style to show it in: the first one in the page's order that the creative has.
    pub style: Style,
    /// Language of the texts, as a BCP 47 tag.
    pub language: &'a str,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// The line above the headline.
    pub kicker: Option<Cow<'a, str>>,
    /// The headline.
    pub headline: &'a str,
    /// The body text.
    pub body: &'a str,
    /// A claim with its source.
    pub proof: Option<ProofReply<'a>>,
    /// A terminal command.
    pub command: Option<CommandReply<'a>>,
    /// Calls to action, the main one first.
    #[schemars(with = "Vec<CtaReply<'a>>")]
    pub ctas: SmallVec<[CtaReply<'a>; 2]>,
    /// Click URL of the unit itself: that of the main call to action.
    pub click_url: String,
    /// Host name of the landing page.
    pub landing_domain: &'a str,
    /// The advertiser's logo, to show beside the sponsor line.
    pub logo: Option<ImageReply<'a>>,
    /// An image.
    pub image: Option<ImageReply<'a>>,
    /// A price footnote.
    pub price: Option<PriceReply<'a>>,
}

/// An image served by this server. The size lets the page reserve the space.
#[derive(Serialize, JsonSchema)]
pub struct ImageReply<'a> {
    /// URL of the image. Content-addressed: it never refers to another image.
    #[schemars(example = &"https://units.example/embed/pictures/3f0c1b6f0b8b4a7c9d2e5f60718293a4.webp")]
    pub url: &'a str,
    /// Width in pixels.
    #[schemars(range(min = 16, max = 2048), example = &640)]
    pub width: u16,
    /// Height in pixels.
    #[schemars(range(min = 16, max = 2048), example = &360)]
    pub height: u16,
    /// Alternative text.
    #[schemars(example = &"A cargo bicycle from the side")]
    pub alt: &'a str,
    /// MIME type, for protocols that restrict formats.
    #[serde(skip)]
    pub content_type: &'static str,
}

/// A claim with its source.
#[derive(Serialize, JsonSchema)]
pub struct ProofReply<'a> {
    /// The claim.
    pub text: &'a str,
    /// Source of the claim.
    pub source: &'a str,
    /// Date of the claim.
    #[schemars(with = "String")]
    pub as_of: jiff::civil::Date,
}

/// A terminal command. The copied text is exactly the text shown.
#[derive(Serialize, JsonSchema)]
pub struct CommandReply<'a> {
    /// The line to copy.
    pub text: &'a str,
    /// The output line shown below it.
    pub output: &'a str,
    /// URL for reporting that it was copied.
    pub copy_url: String,
    /// Text of the copy button.
    pub copy_text: &'a str,
    /// Text of the button after copying.
    pub copied_text: &'a str,
    /// Accessible label for screen readers.
    pub aria: &'a str,
}

/// A call to action.
#[derive(Serialize, JsonSchema)]
pub struct CtaReply<'a> {
    /// Its id.
    pub id: &'a str,
    /// Text of the link.
    pub text: &'a str,
    /// Click URL: records the click and redirects to the landing page.
    pub click_url: String,
}

/// A price with the details that price advertising rules require.
#[derive(Serialize, JsonSchema)]
pub struct PriceReply<'a> {
    /// Text as shown.
    pub text: &'a str,
    /// Amount in micros.
    pub amount_micros: i64,
    /// Currency of the amount.
    pub currency: Currency,
    /// Billing period or quantity, such as `month`.
    pub per: &'a str,
    /// Whether the price includes tax.
    pub tax_included: bool,
    /// Whether it is for consumers or businesses.
    pub audience: Audience,
    /// A condition.
    pub note: Option<&'a str>,
    /// The price is not shown after this time.
    #[schemars(with = "String")]
    pub valid_until: jiff::Timestamp,
}

/// The advertising label of a unit.
#[derive(Serialize, JsonSchema)]
pub struct LabelReply<'a> {
    /// Text of the label.
    pub text: &'a str,
    /// Language of the label, as a BCP 47 tag.
    pub language: &'a str,
    /// Accessible label for screen readers.
    pub aria: &'a str,
    /// The line that names the sponsor.
    pub sponsor_line: &'a str,
    /// Version of the reviewed label table that it comes from.
    pub ruleset: &'a str,
    /// How the reader's region was determined.
    pub region_basis: RegionBasis,
}

/// On whose behalf the unit is shown, who paid, and why it is on this page.
#[derive(Serialize, JsonSchema)]
pub struct Transparency<'a> {
    /// On whose behalf it is shown.
    pub on_behalf_of: &'a str,
    /// Who paid.
    pub paid_by: &'a str,
    /// Why it is on this page.
    pub why: &'a str,
    /// Text of the link to the "why this" page.
    pub why_text: &'a str,
    /// Language of these texts, as a BCP 47 tag.
    pub language: &'a str,
    /// URL of the "why this" page.
    pub why_url: String,
}

/// URLs for reporting events; absent for events that are not measured.
#[derive(Serialize, JsonSchema)]
pub struct EventUrls {
    /// To request when the unit begins to render in a visible document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impression: Option<String>,
    /// To request when at least half of the unit was in view for one second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viewable: Option<String>,
}

/// Timestamps as RFC 3339 text, to the second.
pub mod rfc3339 {
    use schemars::JsonSchema;
    use serde::{Serialize, Serializer};

    /// A time in unix milliseconds, serialized as RFC 3339.
    #[derive(JsonSchema)]
    #[schemars(transparent)]
    pub struct Timestamp(#[schemars(with = "String")] pub i64);

    impl Serialize for Timestamp {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let at = jiff::Timestamp::from_second(self.0.div_euclid(1_000)).unwrap_or_default();
            serializer.collect_str(&at)
        }
    }
}
