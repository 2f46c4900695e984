//! `adjacent forecast`: what flights would find and deliver, and how likely they reach their goals.

use crate::catalog::Catalog;
use crate::catalog::config_files::CheckedConfig;
use crate::cli::access::AnyServer;
use crate::cli::catalog::Served;
use crate::cli::output::{Output, note};
use crate::cli::{arguments, catalog};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::decision_log::WorldLine;
use crate::domain::hidden;
use crate::domain::inventory::Inventory;
use crate::forecast;
use crate::forecast::{Effort, Forecasts, Measured, Sample, Sources};
use crate::http::ops::admin::forecasts::ForecastRequest;
use crate::selection::translate::Names;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Decisions that a forecast without a server uses, and that one beside a diff uses.
const DECISIONS: usize = 40_000;
const DECISIONS_OF_DIFF: usize = 10_000;

/// How long a forecast beside a diff reads the decision log.
const READING_OF_DIFF: Duration = Duration::from_millis(800);

const EXAMPLE: &str = "\
Examples:
  adjacent forecast spring.toml         flights in a file, on top of what is served
  adjacent forecast --flight spring-ai  a flight that is served
  adjacent forecast --json -            from standard input, as JSON

A file has the form of the inventory, with new or changed documents only:

  [[flights]]
  id = \"spring-ai\"
  campaign = \"spring\"
  tier = \"standard\"
  pricing = \"cpm\"
  price_micros = 8_000_000
  starts = \"2027-03-01\"
  ends = \"2027-03-31\"
  goal_impressions = 100_000
  targeting = { topics = { any = [\"artificial-intelligence\"] } }

A goal is accepted when it is 90 % likely to be reached, and at risk from 60 %. A forecast replays the
decisions that were recorded in the last 28 days.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Forecast {
    /// Files or folders with new or changed flights; `-` reads standard input.
    #[arg(required_unless_present = "flight")]
    paths: Vec<PathBuf>,
    /// Forecast this flight, from the files or served; may be repeated.
    #[arg(long, value_name = "ID")]
    flight: Vec<String>,
    #[command(flatten)]
    server: AnyServer,
}

impl Forecast {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let part = match self.paths.is_empty() {
            true => Inventory::default(),
            false => arguments::layout(&self.paths)?.part().map_err(ConfigError::from)?,
        };
        if self.flight.is_empty() && part.flights.is_empty() {
            let reason = "the files have no flight: add one, or name one with --flight";
            return Err(ConfigError::Usage(reason.into()).into());
        }
        let document = match self.server.find()? {
            Some(server) => {
                let request = ForecastRequest { inventory: part, flights: self.flight };
                server.send("/v1/admin/forecasts", &serde_json::to_vec(&request)?)?
            }
            None => serde_json::to_value(offline(&self.server.data()?, part, self.flight)?)?,
        };
        Ok(output.result(render(&document).trim_end(), &document)?)
    }
}

/// Reads the data directory directly, when no server is running on it.
fn offline(data: &Path, part: Inventory, mut flights: Vec<String>) -> anyhow::Result<Forecasts> {
    if flights.is_empty() {
        flights = part.flights.iter().map(|flight| flight.id.to_string()).collect();
    }
    let served = catalog::served(data)?;
    let inventory =
        forecast::merged(served.inventory.as_ref().unwrap_or(&Inventory::default()), part);
    let problems = forecast::problems(&inventory);
    if !problems.is_empty() {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(ConfigError::Usage(lines.join("\n")).into());
    }
    if let Some(missing) = forecast::missing(&inventory, &flights) {
        let reason = format!("flight `{missing}` is neither in the files nor served");
        return Err(ConfigError::Usage(reason).into());
    }
    let effort = Effort { decisions: DECISIONS, until: None };
    recorded(data, &served, &CheckedConfig::default(), (&inventory, &flights), effort)
}

/// Forecasts flights of an inventory from the decision log of a data directory.
fn recorded(
    data: &Path,
    served: &Served,
    new: &CheckedConfig,
    (inventory, flights): (&Inventory, &[String]),
    effort: Effort,
) -> anyhow::Result<Forecasts> {
    let now_ms = SystemClock::starting_at_least(0).now_ms();
    let folder = data.join("catalog");
    let catalog = folder.is_dir().then(|| Catalog::open(&folder)).transpose()?;
    let names = |world: &WorldLine| {
        let catalog = catalog.as_ref()?;
        let snapshot = catalog.snapshot(&world.inventory, &world.weights, &world.labels);
        snapshot.ok().map(|snapshot| Names::of(&snapshot))
    };
    let sample = Sample::read(&data.join("decisions"), now_ms, effort, &names)?;
    let weights = new.weights.as_ref().or(served.weights.as_ref()).cloned().unwrap_or_default();
    let labels = new.labels.clone().or_else(|| served.labels.clone());
    let labels = labels.unwrap_or_else(catalog::built_in_labels);
    let sources = Sources {
        sample: &sample,
        measured: &Measured::default(),
        weights: &weights,
        labels: &labels,
        now_ms,
    };
    Ok(forecast::forecast(&sources, inventory, flights))
}

/// Forecasts the flights with goals that `new` adds or changes, from a part of the recorded decisions, within
/// two seconds or so. `None` if there are none; a decision log that cannot be read is noted.
pub(super) fn of_changes(data: &Path, served: &Served, new: &CheckedConfig) -> Option<Forecasts> {
    let inventory = new.inventory.as_ref()?;
    let old = Inventory::default();
    let old = served.inventory.as_ref().unwrap_or(&old);
    let flights = forecast::changed_with_goals(old, inventory);
    if flights.is_empty() {
        return None;
    }
    let until = Some(Instant::now() + READING_OF_DIFF);
    let effort = Effort { decisions: DECISIONS_OF_DIFF, until };
    match recorded(data, served, new, (inventory, &flights), effort) {
        Ok(forecasts) => Some(forecasts),
        Err(error) => {
            note(format_args!("no forecast: {error:#}"));
            None
        }
    }
}

/// The forecasts of changed flights in a line each.
pub(super) fn lines(forecasts: &Forecasts) -> String {
    let of =
        |one: &forecast::FlightForecast| format!("forecast: {}: {}\n", one.flight, one.summary);
    let nothing =
        forecasts.forecasts.iter().all(|one| one.verdict == forecast::ForecastVerdict::NoHistory);
    if nothing && let Some(first) = forecasts.forecasts.first() {
        return format!("forecast: {}", first.summary);
    }
    let mut text: String = forecasts.forecasts.iter().map(of).collect();
    if forecasts.left_out > 0 {
        let _ =
            write!(text, "forecast: {} more flights with goals are left out", forecasts.left_out);
    }
    text.trim_end().to_owned()
}

/// A value in one line of a terminal.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => hidden::escape_line(text, &[]).into_owned(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

fn count(value: &Value) -> String {
    value.as_u64().map_or_else(|| text(value), |n| forecast::document::Thousands(n).to_string())
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |part| format!("{:.0} %", part * 100.0))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn table(header: &[&str], words: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn render(document: &Value) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    for one in list(&document["forecasts"]) {
        let _ = writeln!(out, "{}: {}", text(&one["flight"]), text(&one["summary"]));
    }
    let _ = writeln!(out);
    let header =
        ["flight", "verdict", "supply", "available", "goal", "likely", "expected", "p10", "p90"];
    let mut figures = table(&header, 2);
    for one in list(&document["forecasts"]) {
        let (goal, delivery) = (&one["goals"][0], &one["delivery"]);
        figures.add_row([
            text(&one["flight"]),
            text(&one["verdict"]),
            count(&one["supply"]),
            count(&one["available"]),
            count(&goal["left"]),
            percent(&one["probability"]),
            count(&delivery["expected"]),
            count(&delivery["p10"]),
            count(&delivery["p90"]),
        ]);
    }
    let _ = writeln!(out, "{figures}");
    for one in list(&document["forecasts"]) {
        let displaced = list(&one["displaced"]);
        if !displaced.is_empty() {
            let mut losing = table(&["loses slots to it", "tier", "goal", "before", "loses"], 3);
            for other in displaced {
                let goal = if other["has_goal"] == true { "yes" } else { "no" };
                losing.add_row([
                    text(&other["flight"]),
                    text(&other["tier"]),
                    goal.to_owned(),
                    count(&other["before"]),
                    count(&other["loses"]),
                ]);
            }
            let _ = writeln!(out, "\n{}:\n{losing}", text(&one["flight"]));
        }
        for note in list(&one["notes"]) {
            let _ = writeln!(out, "{}: {}", text(&one["flight"]), text(note));
        }
    }
    let history = &document["history"];
    let _ = writeln!(
        out,
        "\n{} recorded decisions of {} days, which stand for {}",
        count(&history["decisions"]),
        count(&history["days"]),
        count(&history["stands_for"]),
    );
    if document["left_out"].as_u64().is_some_and(|more| more > 0) {
        let _ = writeln!(out, "{} more flights are left out", count(&document["left_out"]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_in_text_has_the_sentence_the_figures_and_who_loses() {
        let document = serde_json::json!({
            "history": { "decisions": 1200, "days": 28, "stands_for": 1200 },
            "forecasts": [{ "flight": "a\u{1b}[2J", "summary": "accept 100 impressions", "verdict": "accept",
                "supply": 123_456, "available": 1000, "probability": 0.973,
                "goals": [{ "left": 100 }], "delivery": { "expected": 100, "p10": 90, "p90": 100 },
                "displaced": [{ "flight": "b", "tier": "standard", "has_goal": false, "before": 500, "loses": 90 }],
                "notes": ["0.9 impressions per won slot (assumed)"] }],
            "left_out": 3,
        });
        let shown = render(&document);
        for part in
            ["accept 100 impressions", "123,456", "97 %", "standard", "(assumed)", "3 more flights"]
        {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(hidden::escape_lines(&shown), shown, "nothing hidden is left");
    }
}
