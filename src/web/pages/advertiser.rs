//! The advertiser's report page: delivery funnel, invalid events, budgets, flights and breakdowns.

use super::Layout;
use super::Link;
use super::chart::{Chart, per_mille};
use super::report_parts::{DateForm, FunnelRow, InvalidEventsRow, KeyFigure, ReportContent};
use crate::web::{assets, html};
use askama::Template;

/// Content of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AdvertiserView<'a> {
    /// The advertiser's name.
    pub(crate) name: &'a str,
    /// The date form.
    pub(crate) form: DateForm,
    /// The report, or the rejected form field.
    pub(crate) content: ReportContent<AdvertiserReport>,
    /// The menu.
    pub(crate) links: &'a [Link],
}

/// A report, read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AdvertiserReport {
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
    /// Clicks per call to action, and copied commands.
    pub(crate) responses: Vec<ResponseRow>,
    /// Invalid events by reason.
    pub(crate) refused: Vec<InvalidEventsRow>,
    /// Current budgets.
    pub(crate) campaigns: Vec<CampaignRow>,
    pub(crate) flights: Vec<FlightRow>,
    /// Number of flights left out of `flights`.
    pub(crate) flights_left_off: usize,
    /// The report broken down by dimension.
    pub(crate) breakdowns: Vec<Breakdown>,
    /// Downloads of the report in other formats.
    pub(crate) downloads: Vec<Link>,
    /// Example API call for the report.
    pub(crate) call: String,
}

/// Clicks or copies of one creative by call to action or command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ResponseRow {
    /// The call to action, or the command.
    pub(crate) text: String,
    /// `click` or `copy`.
    pub(crate) kind: String,
    pub(crate) creative: String,
    /// Net count.
    pub(crate) count: String,
    /// Share of all events of this kind.
    pub(crate) share: String,
    /// Net count, for the bar.
    pub(crate) count_raw: u64,
}

/// A campaign's budgets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CampaignRow {
    pub(crate) name: String,
    pub(crate) id: String,
    /// Total spend less credits.
    pub(crate) spent: String,
    /// Lifetime budget, or a text for "no limit".
    pub(crate) lifetime: String,
    /// Spend today.
    pub(crate) today: String,
    /// Daily budget.
    pub(crate) daily: String,
    /// Reserved for units whose billable event is pending.
    pub(crate) reserved: String,
    /// Remaining budget today.
    pub(crate) left: String,
    /// Used part and total of the tighter of the two budgets, for the bar.
    pub(crate) used_raw: (u64, u64),
}

/// A flight and its delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FlightRow {
    pub(crate) id: String,
    /// The state in words.
    pub(crate) state: String,
    /// What does not keep it from being chosen, such as an expired price text.
    pub(crate) remarks: Vec<String>,
    /// Why it was mostly not chosen in the last hours, as a sentence; may be empty.
    pub(crate) main_reason: String,
    /// Price and pricing model.
    pub(crate) price: String,
    /// Net impressions to date.
    pub(crate) delivered: String,
    /// Goals; may be empty.
    pub(crate) goal: String,
    /// Delivered and goal of the first one, for the bar.
    pub(crate) goal_raw: Option<(u64, u64)>,
    /// Pacing; may be empty.
    pub(crate) pace: String,
}

/// The report by one dimension (day, site, topic, …). Rows add up to the totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Breakdown {
    /// The heading, such as `By topic`.
    pub(crate) heading: String,
    /// Column heading of the dimension, such as `Topic`.
    pub(crate) column: String,
    pub(crate) charts: Vec<Chart>,
    pub(crate) rows: Vec<BreakdownRow>,
    /// Totals of the rows, one per currency.
    pub(crate) totals: Vec<BreakdownRow>,
}

/// One row of a breakdown: a day, a creative, a publisher or a topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BreakdownRow {
    /// Dimension value.
    pub(crate) name: String,
    /// Display name if `name` is an id; may be empty.
    pub(crate) remark: String,
    /// Net impressions.
    pub(crate) impressions: String,
    /// Net viewable impressions.
    pub(crate) viewable: String,
    /// Net clicks.
    pub(crate) clicks: String,
    /// Click-through rate; may be empty.
    pub(crate) click_rate: String,
    /// Net copies.
    pub(crate) copies: String,
    pub(crate) spend: String,
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

    fn max_of_responses(&self, rows: &[ResponseRow]) -> u64 {
        rows.iter().map(|row| row.count_raw).max().unwrap_or(0)
    }
}

/// Renders the advertiser's page.
pub(crate) fn advertiser(view: &AdvertiserView<'_>) -> String {
    html(&Page {
        layout: Layout::new(view.name, view.links, ""),
        script: assets::path(assets::TABLES_JS),
        view,
    })
}
