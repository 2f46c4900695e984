//! An advertiser's page: where the money went, from what was served to what was clicked.

use super::Frame;
use super::Link;
use super::chart::Bar;
use super::chart::bars;
use super::chart::per_mille;
use crate::web::html;
use askama::Template;

/// Everything on the page, from one report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdvertiserView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its id.
    pub id: &'a str,
    /// The first day.
    pub from: &'a str,
    /// The day after the last.
    pub to: &'a str,
    /// Whose days.
    pub time_zone: &'a str,
    /// When the report was made.
    pub generated_at: &'a str,
    /// Up to when every event is in it.
    pub complete_through: &'a str,
    /// Whether nothing can change it any more.
    pub is_final: bool,
    /// What was spent, with its currency.
    pub spend: &'a str,
    /// Single figures beside the spend: a name, a value, a remark.
    pub figures: Vec<(String, String, String)>,
    /// From served to copied, in that order.
    pub steps: Vec<StepRow>,
    /// Clicks by call to action and headline.
    pub ctas: Vec<CtaRow>,
    /// What was refused, by kind and reason.
    pub refused: Vec<RefusedRow>,
    /// One row a day, the first day first.
    pub days: Vec<NumbersRow>,
    /// More tables: a heading such as "By topic", and its rows.
    pub breakdowns: Vec<(String, Vec<NumbersRow>)>,
    /// The same report in other forms.
    pub downloads: Vec<Link>,
    /// The menu.
    pub links: &'a [Link],
}

/// One step of the ladder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepRow {
    /// What happened.
    pub name: String,
    /// All that came.
    pub gross: String,
    /// What does not count.
    pub invalid: String,
    /// What counts.
    pub net: String,
    /// Its share of the step above it, where that makes sense.
    pub rate: String,
    /// What counts, for the bar.
    pub net_raw: u64,
}

/// Clicks of one call to action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CtaRow {
    /// The creative.
    pub creative: String,
    /// The call.
    pub text: String,
    /// How many counted.
    pub clicks: String,
    /// The same, for the bar.
    pub clicks_raw: u64,
}

/// Refused events of one kind and reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefusedRow {
    /// `impression`, `viewable`, `click` or `copy`.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: String,
}

/// The numbers of a day, a creative, a publisher or a topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumbersRow {
    /// Of what.
    pub name: String,
    /// Counted impressions.
    pub impressions: String,
    /// Counted viewable impressions.
    pub viewable: String,
    /// Counted clicks.
    pub clicks: String,
    /// Counted copies.
    pub copies: String,
    /// What they cost.
    pub spend: String,
    /// Counted impressions, for the chart.
    pub impressions_raw: u64,
}

#[derive(Template)]
#[template(path = "advertiser.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    view: &'a AdvertiserView<'a>,
    chart: Vec<Bar>,
    chart_width: usize,
    most_steps: u64,
    most_clicks: u64,
}

impl Page<'_> {
    /// The part of a bar's width that is filled, of a thousand.
    fn share(&self, part: &u64, whole: &u64) -> u64 {
        per_mille(*part, *whole)
    }
}

/// The advertiser's page.
pub fn advertiser(view: &AdvertiserView<'_>) -> String {
    let titled = view.days.iter().map(|day| {
        let title = format!("{}: {} impressions, {}", day.name, day.impressions, day.spend);
        (day.impressions_raw, title)
    });
    html(&Page {
        frame: Frame::new(view.name, view.links, ""),
        // Two days are two bars of a fortnight, not two walls.
        chart_width: view.days.len().max(14) * 10,
        chart: bars(titled),
        most_steps: view.steps.iter().map(|step| step.net_raw).max().unwrap_or(0),
        most_clicks: view.ctas.iter().map(|cta| cta.clicks_raw).max().unwrap_or(0),
        view,
    })
}
