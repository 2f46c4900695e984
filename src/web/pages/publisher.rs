//! The publisher's report page: revenue, fill, what was not filled and why, and which sponsors ran where.

use super::Layout;
use super::Link;
use super::chart::Chart;
use super::report_parts::{DateForm, FunnelRow, InvalidEventsRow, KeyFigure, ReportContent};
use crate::web::{assets, html};
use askama::Template;

/// Content of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PublisherView<'a> {
    /// The publisher's name.
    pub(crate) name: &'a str,
    /// The date form.
    pub(crate) form: DateForm,
    /// The report, or the rejected form field.
    pub(crate) content: ReportContent<PublisherReport>,
    /// The menu.
    pub(crate) links: &'a [Link],
}

/// A report, read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PublisherReport {
    /// The publisher's id.
    pub(crate) id: String,
    /// Time zone of days and hours.
    pub(crate) time_zone: String,
    /// It includes every event received until then.
    pub(crate) at: String,
    /// Figures from then on are provisional, if there is reason to mention it.
    pub(crate) provisional_after: Option<String>,
    pub(crate) is_final: bool,
    pub(crate) facts: Vec<KeyFigure>,
    /// The funnel from served to copied, in that order.
    pub(crate) steps: Vec<FunnelRow>,
    /// Requests without a unit, by reason.
    pub(crate) no_fills: Vec<NoFillRow>,
    /// The sum of `no_fills`.
    pub(crate) unfilled: String,
    /// Sponsors by placement and topic.
    pub(crate) sponsors: SponsorTable,
    /// Topics and entities of pages that no sponsor wanted.
    pub(crate) gaps: Vec<Gaps>,
    /// Invalid events by reason.
    pub(crate) refused: Vec<InvalidEventsRow>,
    /// The report broken down by dimension.
    pub(crate) breakdowns: Vec<SiteBreakdown>,
    /// What the publisher pastes.
    pub(crate) setup: Setup,
    /// What it blocks.
    pub(crate) blocks: Vec<BlockRow>,
    /// What is paused, each with its kind.
    pub(crate) pauses: Vec<(String, String)>,
    /// Ids that it may want to block: its sponsors, and all categories.
    pub(crate) blockable: Vec<String>,
    /// Example API calls that block and pause.
    pub(crate) change_calls: String,
    /// What its pages reported since the start of this process.
    pub(crate) embeds: Embeds,
    /// Downloads of the report in other formats.
    pub(crate) downloads: Vec<Link>,
    /// Example API call for the report.
    pub(crate) call: String,
}

/// Requests without a unit, of one reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NoFillRow {
    /// The reason code.
    pub(crate) reason: String,
    /// Description of the reason.
    pub(crate) words: String,
    pub(crate) count: String,
    /// Share of all requests.
    pub(crate) share: String,
}

/// Which sponsors ran where. Rows add up to the totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SponsorTable {
    pub(crate) rows: Vec<SponsorRow>,
    /// One per currency.
    pub(crate) totals: Vec<SponsorRow>,
}

/// A sponsor on a placement, on pages of a topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SponsorRow {
    /// The advertiser's id.
    pub(crate) advertiser: String,
    /// Its name; may be empty.
    pub(crate) remark: String,
    pub(crate) placement: String,
    pub(crate) topic: String,
    /// Units served.
    pub(crate) served: String,
    /// Net impressions.
    pub(crate) impressions: String,
    /// Net viewable impressions.
    pub(crate) viewable: String,
    /// Net clicks.
    pub(crate) clicks: String,
    /// Click-through rate; may be empty.
    pub(crate) click_rate: String,
    pub(crate) revenue: String,
}

/// Contexts of one kind that had requests without a unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gaps {
    /// Column heading, such as `Topic`.
    pub(crate) column: String,
    pub(crate) rows: Vec<GapRow>,
    /// Number of rows left out.
    pub(crate) left_off: usize,
}

/// A context that had requests without a unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GapRow {
    /// The id of the topic or entity.
    pub(crate) name: String,
    /// Its name; may be empty.
    pub(crate) remark: String,
    pub(crate) requests: String,
    pub(crate) unfilled: String,
    /// Requests that no sponsor targets.
    pub(crate) unwanted: String,
}

/// The report by one dimension (day, placement, …). Rows add up to the totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SiteBreakdown {
    /// The heading, such as `By day`.
    pub(crate) heading: String,
    /// Column heading of the dimension, such as `Day`.
    pub(crate) column: String,
    pub(crate) charts: Vec<Chart>,
    pub(crate) rows: Vec<SiteRow>,
    /// Totals of the rows, one per currency.
    pub(crate) totals: Vec<SiteRow>,
}

/// One row of a breakdown: a day, a placement or a country.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SiteRow {
    /// Dimension value.
    pub(crate) name: String,
    /// Display name if `name` is an id; may be empty.
    pub(crate) remark: String,
    pub(crate) requests: String,
    pub(crate) filled: String,
    /// Filled share of the requests; may be empty.
    pub(crate) fill_rate: String,
    /// Net impressions.
    pub(crate) impressions: String,
    /// Net viewable impressions.
    pub(crate) viewable: String,
    /// Net clicks.
    pub(crate) clicks: String,
    pub(crate) revenue: String,
    /// Revenue per thousand impressions; may be empty.
    pub(crate) ecpm: String,
}

/// What a publisher pastes into its pages and files.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Setup {
    pub(crate) tags: Vec<PlacementTag>,
    /// Whether the page can show units: it has no key.
    pub(crate) has_preview: bool,
    pub(crate) sellers: SellerLines,
}

/// The tag of a placement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PlacementTag {
    pub(crate) id: String,
    /// Its name; may be empty.
    pub(crate) name: String,
    /// Its styles, in order of preference.
    pub(crate) styles: String,
    /// The script tag, as HTML.
    pub(crate) tag: String,
    /// The path of a page with a test unit.
    pub(crate) preview: String,
}

/// An entry of the block list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BlockRow {
    pub(crate) id: String,
    /// Its name; may be empty.
    pub(crate) name: String,
    /// `Sponsor`, `Category` or `Entity`.
    pub(crate) kind: String,
    /// Set by the publisher itself, not in the operator's files.
    pub(crate) own: bool,
}

/// What the publisher's pages reported since the start of this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Embeds {
    /// When counting began.
    pub(crate) started: String,
    /// Most entries of each table.
    pub(crate) most: usize,
    /// Decision calls.
    pub(crate) calls: String,
    /// The last one; `None` without any.
    pub(crate) last: Option<String>,
    /// Problems, the latest first.
    pub(crate) problems: Vec<EmbedProblem>,
    /// Unknown names of topics and entities, the latest first.
    pub(crate) unknown: Vec<EmbedProblem>,
}

/// A problem that pages reported, or an unknown name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EmbedProblem {
    /// The page's address, as far as the publisher has it stored; may be empty.
    pub(crate) page: String,
    /// The problem, or the name.
    pub(crate) text: String,
    pub(crate) count: String,
    /// When it was last seen.
    pub(crate) last: String,
}

/// Lines for ads.txt and sellers.json.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum SellerLines {
    /// No setting says under which domain.
    #[default]
    NoSellerDomain,
    Lines {
        /// The line for the publisher's ads.txt.
        ads_txt: String,
        /// The entry for the operator's sellers.json.
        sellers_json: String,
        /// The address of the operator's sellers.json.
        url: String,
        /// Whether the entry has the publisher's domain.
        has_site: bool,
    },
}

#[derive(Template)]
#[template(path = "publisher.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    /// Sorts tables.
    tables: String,
    /// Changes blocks and pauses.
    script: String,
    view: &'a PublisherView<'a>,
}

/// Renders the publisher's page.
pub(crate) fn publisher(view: &PublisherView<'_>) -> String {
    html(&Page {
        layout: Layout::new(view.name, view.links, ""),
        tables: assets::path(assets::TABLES_JS),
        script: assets::path(assets::PUBLISHER_JS),
        view,
    })
}
