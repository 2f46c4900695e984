//! The advertiser's report page: delivery funnel, invalid events, budgets, flights and breakdowns.

use super::Layout;
use super::Link;
use super::chart::{Chart, per_mille};
use crate::web::{assets, html};
use askama::Template;

/// Content of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdvertiserView<'a> {
    /// The advertiser's name.
    pub name: &'a str,
    /// First day of the period as requested; may be empty.
    pub from: &'a str,
    /// End of the period, exclusive.
    pub to: &'a str,
    /// Signed link token, resent with the date form; may be empty.
    pub link: &'a str,
    /// The report, or the rejected form field.
    pub content: AdvertiserContent,
    /// The menu.
    pub links: &'a [Link],
}

/// The report or an error.
#[derive(Clone, Debug, PartialEq)]
pub enum AdvertiserContent {
    /// The report of the period.
    Report(Box<AdvertiserReport>),
    /// The rejected form field, and why.
    InvalidField(String, String),
}

impl Default for AdvertiserContent {
    fn default() -> AdvertiserContent {
        AdvertiserContent::Report(Box::default())
    }
}

/// A report, read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdvertiserReport {
    /// Time zone of days and hours.
    pub time_zone: String,
    /// When it was read; it includes every event received until then.
    pub at: String,
    /// Whether the report is final.
    pub is_final: bool,
    /// Key figures.
    pub facts: Vec<KeyFigure>,
    /// The funnel from served to copied, in that order.
    pub steps: Vec<FunnelRow>,
    /// Clicks per call to action, and copied commands.
    pub responses: Vec<ResponseRow>,
    /// Invalid events by reason.
    pub refused: Vec<InvalidEventsRow>,
    /// Current budgets.
    pub campaigns: Vec<CampaignRow>,
    /// Current flights.
    pub flights: Vec<FlightRow>,
    /// Number of flights left out of `flights`.
    pub flights_left_off: usize,
    /// The report broken down by dimension.
    pub breakdowns: Vec<Breakdown>,
    /// Downloads of the report in other formats.
    pub downloads: Vec<Link>,
    /// Example API call for the report.
    pub call: String,
}

/// A key figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyFigure {
    /// Caption.
    pub name: String,
    /// Formatted value.
    pub value: String,
    /// A remark; may be empty.
    pub remark: String,
}

/// One step of the funnel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunnelRow {
    /// Name of the step.
    pub name: String,
    /// Gross count.
    pub gross: String,
    /// Invalid count.
    pub invalid: String,
    /// Net count.
    pub net: String,
    /// Share of the preceding step, such as `48.1 % of served`; may be empty.
    pub share: String,
    /// Share of impressions; may be empty.
    pub of_impressions: String,
    /// Net count, for the bar.
    pub net_raw: u64,
}

/// Clicks or copies of one creative by call to action or command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponseRow {
    /// The call to action, or the command.
    pub text: String,
    /// `click` or `copy`.
    pub kind: String,
    /// The creative.
    pub creative: String,
    /// Net count.
    pub count: String,
    /// Share of all events of this kind.
    pub share: String,
    /// Net count, for the bar.
    pub count_raw: u64,
}

/// Invalid events of one reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvalidEventsRow {
    /// The reason code.
    pub reason: String,
    /// Description of the reason.
    pub words: String,
    /// Count.
    pub count: String,
    /// Share of all events received.
    pub share: String,
}

/// A campaign's budgets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CampaignRow {
    /// Name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Total spend less credits.
    pub spent: String,
    /// Lifetime budget, or a text for "no limit".
    pub lifetime: String,
    /// Spend today.
    pub today: String,
    /// Daily budget.
    pub daily: String,
    /// Reserved for units whose billable event is pending.
    pub reserved: String,
    /// Remaining budget today.
    pub left: String,
    /// Used part and total of the tighter of the two budgets, for the bar.
    pub used_raw: (u64, u64),
}

/// A flight and its delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlightRow {
    /// Its id.
    pub id: String,
    /// Status: serving, or why not.
    pub state: String,
    /// Price and pricing model.
    pub price: String,
    /// Net impressions to date.
    pub delivered: String,
    /// Impression goal; may be empty.
    pub goal: String,
    /// Delivered and goal, for the bar.
    pub goal_raw: Option<(u64, u64)>,
    /// Pacing; may be empty.
    pub pace: String,
}

/// The report by one dimension (day, site, topic, …). Rows add up to the totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Breakdown {
    /// The heading, such as `By topic`.
    pub heading: String,
    /// Column heading of the dimension, such as `Topic`.
    pub column: String,
    /// Charts.
    pub charts: Vec<Chart>,
    /// The rows.
    pub rows: Vec<BreakdownRow>,
    /// Totals of the rows, one per currency.
    pub totals: Vec<BreakdownRow>,
}

/// One row of a breakdown: a day, a creative, a publisher or a topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BreakdownRow {
    /// Dimension value.
    pub name: String,
    /// Display name if `name` is an id; may be empty.
    pub remark: String,
    /// Net impressions.
    pub impressions: String,
    /// Net viewable impressions.
    pub viewable: String,
    /// Net clicks.
    pub clicks: String,
    /// Click-through rate; may be empty.
    pub click_rate: String,
    /// Net copies.
    pub copies: String,
    /// Spend.
    pub spend: String,
}

#[derive(Template)]
#[template(path = "advertiser.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    script: String,
    view: &'a AdvertiserView<'a>,
}

impl Page<'_> {
    /// Filled width of a bar, in thousandths.
    fn share(&self, part: &u64, whole: &u64) -> u64 {
        per_mille(*part, *whole)
    }

    fn max_of_steps(&self, rows: &[FunnelRow]) -> u64 {
        rows.iter().map(|row| row.net_raw).max().unwrap_or(0)
    }

    fn max_of_responses(&self, rows: &[ResponseRow]) -> u64 {
        rows.iter().map(|row| row.count_raw).max().unwrap_or(0)
    }
}

/// Renders the advertiser's page.
pub fn advertiser(view: &AdvertiserView<'_>) -> String {
    html(&Page {
        layout: Layout::new(view.name, view.links, ""),
        script: assets::path(assets::TABLES_JS),
        view,
    })
}
