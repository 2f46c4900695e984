//! A unit as shown: its texts, images, label, transparency and event URLs. The JSON reply is this type;
//! the HTML templates and the adapters for other protocols read it.

use crate::domain::creative::Audience;
use crate::domain::event::Tier;
use crate::domain::money::Currency;
use crate::domain::party::Style;
use crate::selection::page::RegionBasis;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use smallvec::{SmallVec, smallvec};

/// A unit with everything a page needs to show it and report its events.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RenderedUnit<'a> {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub(crate) fill: bool,
    /// The decision's id.
    pub(crate) decision_id: &'a str,
    /// Tier of the winning flight.
    pub(crate) tier: Tier,
    /// The advertiser.
    pub(crate) advertiser: UnitAdvertiser<'a>,
    /// Id of the campaign.
    pub(crate) campaign: &'a str,
    /// Id of the flight.
    pub(crate) flight: &'a str,
    /// The creative.
    pub(crate) creative: UnitCreative<'a>,
    /// The advertising label.
    pub(crate) label: UnitLabel<'a>,
    /// On whose behalf it is shown, who paid, and why.
    pub(crate) transparency: Transparency<'a>,
    /// `rel` attribute for every link of the unit.
    pub(crate) rel: &'static str,
    /// URLs for reporting events.
    pub(crate) event_urls: EventUrls<'a>,
    /// Impressions received after this time are not counted.
    pub(crate) impression_until: Timestamp,
    /// Viewable impressions, clicks and copies received after this time are not counted.
    pub(crate) click_until: Timestamp,
    /// Test unit: its events are never counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) test: bool,
    /// The unit as a complete, escaped HTML fragment, if `render` is `html`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) html: Option<String>,
    /// The unit as CommonMark with its label, if `render` is `markdown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) markdown: Option<String>,
    /// The unit as plain text with its label, if `render` is `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// An advertiser's id and name.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitAdvertiser<'a> {
    /// The id.
    pub(crate) id: &'a str,
    /// The name.
    pub(crate) name: &'a str,
}

/// The parts of a unit; all texts are plain text.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitCreative<'a> {
    /// The creative's id.
    pub(crate) id: &'a str,
    /// Its content hash.
    pub(crate) hash: &'a str,
    /// Number of the text variant; 0 is the creative's own text.
    pub(crate) variant: u8,
    /// Style to show it in: the first one in the page's order that the creative has.
    pub(crate) style: Style,
    /// Language of the texts, as a BCP 47 tag.
    pub(crate) language: &'a str,
    /// Direction of the texts.
    #[schemars(extend("enum" = ["ltr", "rtl"]))]
    pub(crate) direction: &'static str,
    /// The line above the headline.
    pub(crate) kicker: Option<&'a str>,
    /// The headline.
    pub(crate) headline: &'a str,
    /// The body text.
    pub(crate) body: &'a str,
    /// A claim with its source.
    pub(crate) proof: Option<UnitProof<'a>>,
    /// A terminal command.
    pub(crate) command: Option<UnitCommand<'a>>,
    /// Calls to action, the main one first.
    #[schemars(with = "Vec<UnitCta<'a>>")]
    pub(crate) ctas: SmallVec<[UnitCta<'a>; 2]>,
    /// Click URL of the unit itself: that of the main call to action.
    pub(crate) click_url: &'a str,
    /// Host name of the landing page.
    pub(crate) landing_domain: &'a str,
    /// The advertiser's logo, to show beside the sponsor line.
    pub(crate) logo: Option<UnitImage<'a>>,
    /// An image.
    pub(crate) image: Option<UnitImage<'a>>,
    /// A price footnote.
    pub(crate) price: Option<UnitPrice<'a>>,
}

/// An image served by this server. The size lets the page reserve the space.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitImage<'a> {
    /// URL of the image. Content-addressed: it never refers to another image.
    #[schemars(example = &"https://units.example/embed/pictures/3f0c1b6f0b8b4a7c9d2e5f60718293a4.webp")]
    pub(crate) url: &'a str,
    /// Width in pixels.
    #[schemars(range(min = 16, max = 2048), example = &640)]
    pub(crate) width: u16,
    /// Height in pixels.
    #[schemars(range(min = 16, max = 2048), example = &360)]
    pub(crate) height: u16,
    /// Alternative text.
    #[schemars(example = &"A cargo bicycle from the side")]
    pub(crate) alt: &'a str,
    /// MIME type, for protocols that restrict formats.
    #[serde(skip)]
    pub(crate) content_type: &'static str,
}

/// A claim with its source.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitProof<'a> {
    /// The claim.
    pub(crate) text: &'a str,
    /// Source of the claim.
    pub(crate) source: &'a str,
    /// Date of the claim.
    #[schemars(with = "String")]
    pub(crate) as_of: jiff::civil::Date,
}

/// A terminal command. The copied text is exactly the text shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitCommand<'a> {
    /// The line to copy.
    pub(crate) text: &'a str,
    /// The output line shown below it.
    pub(crate) output: &'a str,
    /// URL for reporting that it was copied.
    pub(crate) copy_url: &'a str,
    /// Text of the copy button.
    pub(crate) copy_text: &'a str,
    /// Text of the button after copying.
    pub(crate) copied_text: &'a str,
    /// Accessible label for screen readers.
    pub(crate) aria: &'a str,
}

/// A call to action.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitCta<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// Text of the link.
    pub(crate) text: &'a str,
    /// Click URL: records the click and redirects to the landing page.
    pub(crate) click_url: &'a str,
}

/// A price with the details that price advertising rules require.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitPrice<'a> {
    /// Text as shown.
    pub(crate) text: &'a str,
    /// Amount in micros.
    pub(crate) amount_micros: i64,
    /// Currency of the amount.
    pub(crate) currency: Currency,
    /// Billing period or quantity, such as `month`.
    pub(crate) per: &'a str,
    /// Whether the price includes tax.
    pub(crate) tax_included: bool,
    /// Whether it is for consumers or businesses.
    pub(crate) audience: Audience,
    /// A condition.
    pub(crate) note: Option<&'a str>,
    /// The price is not shown after this time.
    #[schemars(with = "String")]
    pub(crate) valid_until: jiff::Timestamp,
}

/// The advertising label of a unit.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UnitLabel<'a> {
    /// Text of the label.
    pub(crate) text: &'a str,
    /// Language of the label, as a BCP 47 tag.
    pub(crate) language: &'a str,
    /// Accessible label for screen readers.
    pub(crate) aria: &'a str,
    /// The line that names the sponsor, in the language of `transparency`.
    pub(crate) sponsor_line: &'a str,
    /// Version of the reviewed label table that it comes from.
    pub(crate) ruleset: &'a str,
    /// How the reader's region was determined.
    pub(crate) region_basis: RegionBasis,
}

/// On whose behalf the unit is shown, who paid, and why it is on this page.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Transparency<'a> {
    /// On whose behalf it is shown.
    pub(crate) on_behalf_of: &'a str,
    /// Who paid.
    pub(crate) paid_by: &'a str,
    /// Why it is on this page.
    pub(crate) why: &'a str,
    /// Text of the link to the "why this" page.
    pub(crate) why_text: &'a str,
    /// Language of these texts, as a BCP 47 tag.
    pub(crate) language: &'a str,
    /// URL of the "why this" page.
    pub(crate) why_url: &'a str,
}

/// URLs for reporting events; absent for events that are not measured.
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct EventUrls<'a> {
    /// To request when the unit begins to render in a visible document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) impression: Option<&'a str>,
    /// To request when at least half of the unit was in view for one second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) viewable: Option<&'a str>,
}

/// A time in unix milliseconds, serialized as RFC 3339 to the second.
#[derive(Default, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Timestamp(#[schemars(with = "String")] pub(crate) i64);

impl Timestamp {
    /// The time, to the second.
    pub(crate) fn seconds(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.0.div_euclid(1_000)).unwrap_or_default()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.seconds())
    }
}

impl<'a> RenderedUnit<'a> {
    /// The unit of the API's example reply.
    pub(crate) fn example() -> RenderedUnit<'a> {
        RenderedUnit {
            fill: true,
            decision_id: "0198c0de-1f2e-7a3b-8c4d-5e6f70819201",
            tier: Tier::Standard,
            advertiser: UnitAdvertiser { id: "zahid-host", name: "zahid.host" },
            campaign: "zahid-launch",
            flight: "zahid-ai-europe",
            creative: UnitCreative {
                id: "zahid-git-push",
                hash: "fb48aba58684a4fa86e91813fb196a5b",
                variant: 0,
                style: Style::Terminal,
                language: "en",
                direction: "ltr",
                kicker: Some("reading about AI infrastructure? ship yours in a single git push."),
                headline: "Run your AI side-project on zahid.host",
                body: "Push a repository and get a running service with its own address, logs and a \
                       certificate.",
                proof: Some(UnitProof {
                    text: "4,200+ EU-deployed projects",
                    source: "zahid.host, own count of running projects",
                    as_of: jiff::civil::date(2026, 10, 1),
                }),
                command: Some(UnitCommand {
                    text: "git push zahid main",
                    output: "Live at https://your-agent.zahid.host",
                    copy_url: "https://units.example/e/AQEAcopy",
                    copy_text: "copy",
                    copied_text: "copied",
                    aria: "command for a terminal",
                }),
                ctas: smallvec![
                    UnitCta {
                        id: "primary",
                        text: "Get free account",
                        click_url: "https://units.example/c/AQEAprimary",
                    },
                    UnitCta {
                        id: "pricing",
                        text: "Pricing",
                        click_url: "https://units.example/c/AQEApricing"
                    },
                ],
                click_url: "https://units.example/c/AQEAprimary",
                landing_domain: "zahid.host",
                logo: None,
                image: None,
                price: Some(UnitPrice {
                    text: "from €0/mo",
                    amount_micros: 0,
                    currency: "EUR".parse().expect("EUR is a currency"),
                    per: "month",
                    tax_included: true,
                    audience: Audience::Business,
                    note: Some("no card required"),
                    valid_until: jiff::Timestamp::constant(2_114_380_799, 0),
                }),
            },
            label: UnitLabel {
                text: "Anzeige",
                language: "de",
                aria: "Anzeige, bezahlter Inhalt",
                sponsor_line: "präsentiert von zahid.host",
                ruleset: "adjacent-2026-11",
                region_basis: RegionBasis::Declared,
            },
            transparency: Transparency {
                on_behalf_of: "zahid.host",
                paid_by: "Zahid Hosting GmbH",
                why: "erscheint, weil es auf dieser Seite um AI infrastructure geht",
                why_text: "warum das",
                language: "de",
                why_url: "https://units.example/w/0198c0de-1f2e-7a3b-8c4d-5e6f70819201",
            },
            rel: "sponsored nofollow noopener",
            event_urls: EventUrls {
                impression: Some("https://units.example/e/AQEAimpression"),
                viewable: Some("https://units.example/e/AQEAviewable"),
            },
            impression_until: Timestamp(1_795_608_900_000),
            click_until: Timestamp(1_795_615_200_000),
            test: false,
            html: None,
            markdown: None,
            text: None,
        }
    }
}
