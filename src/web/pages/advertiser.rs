//! An advertiser's page: where the money went, from what was served to what was clicked.

use super::Frame;
use super::Link;
use super::chart::Chart;
use super::chart::per_mille;
use crate::web::assets;
use crate::web::html;
use askama::Template;

/// Everything on the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdvertiserView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The first day, as it is asked for; may be empty.
    pub from: &'a str,
    /// The day after the last.
    pub to: &'a str,
    /// What opens the page, to be sent along with other dates; may be empty.
    pub link: &'a str,
    /// The numbers, or why there are none.
    pub told: Told,
    /// The menu.
    pub links: &'a [Link],
}

/// What the page tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The numbers of these days.
    Numbers(Box<Numbers>),
    /// Which field of the form was refused, and why.
    Refused(String, String),
}

impl Default for Told {
    fn default() -> Told {
        Told::Numbers(Box::default())
    }
}

/// The numbers, all of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Whose days they are.
    pub time_zone: String,
    /// When they were read; every event received until then is in them.
    pub at: String,
    /// Whether nothing can change them any more.
    pub is_final: bool,
    /// Single figures.
    pub facts: Vec<Fact>,
    /// From served to copied, in that order.
    pub steps: Vec<StepRow>,
    /// What was followed and copied.
    pub responses: Vec<ResponseRow>,
    /// What was refused, by reason.
    pub refused: Vec<RefusedRow>,
    /// Budgets, as they are now.
    pub campaigns: Vec<CampaignRow>,
    /// Flights, as they are now.
    pub flights: Vec<FlightRow>,
    /// How many flights are not among them.
    pub flights_left_off: usize,
    /// The same numbers, broken down.
    pub breakdowns: Vec<Breakdown>,
    /// The same numbers in other forms.
    pub downloads: Vec<Link>,
    /// How a program asks for them.
    pub call: String,
}

/// A single figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: String,
    /// A remark; may be empty.
    pub remark: String,
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
    /// Its share of the step it follows from, such as `48.1 % of served`; may be empty.
    pub share: String,
    /// Its share of all impressions; may be empty.
    pub of_impressions: String,
    /// What counts, for the bar.
    pub net_raw: u64,
}

/// What readers did with one creative in one way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponseRow {
    /// The call to action, or the command.
    pub text: String,
    /// `click` or `copy`.
    pub kind: String,
    /// The creative.
    pub creative: String,
    /// How many counted.
    pub count: String,
    /// Its share of all of its kind.
    pub share: String,
    /// How many counted, for the bar.
    pub count_raw: u64,
}

/// Refused events of one reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefusedRow {
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub words: String,
    /// How many.
    pub count: String,
    /// Its share of all events that came.
    pub share: String,
}

/// A campaign's money.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CampaignRow {
    /// What it is called.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Billed in all, what was given back taken off.
    pub spent: String,
    /// What it may spend in all, or that there is no such limit.
    pub lifetime: String,
    /// Billed today.
    pub today: String,
    /// What it may spend in a day.
    pub daily: String,
    /// Held for units whose events are still to come.
    pub held: String,
    /// What is left for today.
    pub left: String,
    /// How full the tighter of its two budgets is: a part and a whole, for the bar.
    pub used_raw: (u64, u64),
}

/// A flight and how far it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlightRow {
    /// Its id.
    pub id: String,
    /// Whether it is served, and if not, why.
    pub state: String,
    /// What it pays, for what.
    pub price: String,
    /// Counted impressions in all.
    pub delivered: String,
    /// How many it is to deliver; may be empty.
    pub goal: String,
    /// Delivered and to be delivered, for the bar.
    pub goal_raw: Option<(u64, u64)>,
    /// How it does against the clock; may be empty.
    pub pace: String,
}

/// The numbers of every day, site or topic. They add up to the totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Breakdown {
    /// The heading, such as `By topic`.
    pub heading: String,
    /// What a row is, such as `Topic`.
    pub what: String,
    /// Pictures of it.
    pub charts: Vec<Chart>,
    /// The rows.
    pub rows: Vec<NumbersRow>,
    /// What the rows add up to, one for each currency.
    pub totals: Vec<NumbersRow>,
}

/// The numbers of a day, a creative, a publisher or a topic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumbersRow {
    /// Of what.
    pub name: String,
    /// What it is called, where the name is an id; may be empty.
    pub remark: String,
    /// Counted impressions.
    pub impressions: String,
    /// Counted viewable impressions.
    pub viewable: String,
    /// Counted clicks.
    pub clicks: String,
    /// Clicks for each impression; may be empty.
    pub click_rate: String,
    /// Counted copies.
    pub copies: String,
    /// What they cost.
    pub spend: String,
}

#[derive(Template)]
#[template(path = "advertiser.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    script: String,
    view: &'a AdvertiserView<'a>,
}

impl Page<'_> {
    /// The part of a bar's width that is filled, of a thousand.
    fn share(&self, part: &u64, whole: &u64) -> u64 {
        per_mille(*part, *whole)
    }

    fn most_of_steps(&self, rows: &[StepRow]) -> u64 {
        rows.iter().map(|row| row.net_raw).max().unwrap_or(0)
    }

    fn most_responses(&self, rows: &[ResponseRow]) -> u64 {
        rows.iter().map(|row| row.count_raw).max().unwrap_or(0)
    }
}

/// The advertiser's page.
pub fn advertiser(view: &AdvertiserView<'_>) -> String {
    html(&Page {
        frame: Frame::new(view.name, view.links, ""),
        script: assets::path(assets::TABLES_JS),
        view,
    })
}
