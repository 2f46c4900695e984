//! `adjacent why`: why a flight is delivered as it is, as a sentence and a table, or JSON.

use crate::cli::access::AnyServer;
use crate::cli::output::Output;
use crate::cli::past::{Days, StoppedServer};
use crate::config::ConfigError;
use crate::domain::hidden;
use crate::http::public::funnel::DEFAULT_DAYS;
use crate::reporting::funnel;
use crate::reporting::funnel::FunnelError;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::Value;
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub(super) struct Why {
    /// The flight id.
    flight: String,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    server: AnyServer,
}

impl Why {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let document = match self.server.find()? {
            Some(server) => {
                let id = url::form_urlencoded::byte_serialize(self.flight.as_bytes());
                let id = id.collect::<String>().replace('+', "%20");
                server.get(&format!("/v1/flights/{id}/funnel{}", self.days.query()))?
            }
            None => self.offline()?,
        };
        Ok(output.result(render(&document).trim_end(), &document)?)
    }

    /// Reads the data directory directly, when no server is running on it.
    fn offline(&self) -> anyhow::Result<Value> {
        let stopped = StoppedServer::open(&self.server.data()?)?;
        let flight = funnel::find_flight(stopped.directory(), &self.flight, None);
        let flight = flight.map_err(|error| match error {
            FunnelError::UnknownFlight { .. } => ConfigError::Usage(error.to_string()).into(),
            FunnelError::Log(_) => anyhow::Error::from(error),
        })?;
        let times = self.days.times(DEFAULT_DAYS, flight.zone.clone())?;
        let found = stopped.funnel(&flight, &times)?;
        Ok(serde_json::to_value(found)?)
    }
}

/// A value in one line of a terminal.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => hidden::escape_line(text, &[]).into_owned(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

/// A table whose first columns are texts and the others numbers.
pub(super) fn table(texts: usize, header: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    rows.iter().for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(texts) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What was read, and what limits the figures: one line each.
pub(super) fn coverage(out: &mut String, coverage: &Value) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "\n{} decisions read", text(&coverage["decisions"]));
    for note in coverage["notes"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "note: {}", text(note));
    }
}

fn render(document: &Value) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", text(&document["flight"]), text(&document["state"]));
    for remark in document["remarks"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{}", text(remark));
    }
    if document["main_reason"] != Value::Null {
        let _ = writeln!(out, "{}", text(&document["main_reason"]));
    }
    let _ = writeln!(out, "\n{} to {}", text(&document["from"]), text(&document["to"]));
    let cells = |name: &str, removed: &Value, left: &Value, reason: &str| {
        vec![name.to_owned(), reason.to_owned(), text(removed), text(left)]
    };
    let nothing = Value::String(String::new());
    let mut rows = vec![cells("asked", &nothing, &document["asked"], "")];
    for stage in document["stages"].as_array().into_iter().flatten() {
        let (name, reason) = (text(&stage["stage"]), text(&stage["reason"]));
        rows.push(cells(&name, &stage["removed"], &stage["left"], &reason));
    }
    for (name, field, what) in [
        ("won", "won", ""),
        ("served", "served", "sent to readers; the others to bots, agents and other sites"),
        ("shown", "shown", "counted impressions"),
        ("viewable", "viewable", "counted viewable impressions"),
    ] {
        rows.push(cells(name, &nothing, &document[field], what));
    }
    let _ = writeln!(out, "{}", table(2, &["stage", "because", "lost", "left"], &rows));
    coverage(&mut out, &document["coverage"]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_funnel_is_a_sentence_and_a_table_without_hidden_characters() {
        let document = serde_json::json!({
            "flight": "zahid\u{1b}[2J", "state": "on pace", "main_reason": "Mostly …", "remarks": [],
            "asked": 10, "won": 2, "served": 2, "shown": 1, "viewable": 0,
            "stages": [{ "stage": "topic", "reason": "it does not target it", "removed": 8, "left": 2 }],
            "coverage": { "decisions": 5, "notes": ["a note"] },
        });
        let shown = render(&document);
        assert_eq!(hidden::escape_lines(&shown), shown);
        let rows: Vec<&str> = shown.lines().filter(|line| line.contains("topic")).collect();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].split_whitespace().rev().take(2).eq(["2", "8"]), "{shown}");
        assert!(shown.contains("5 decisions read\nnote: a note"), "{shown}");
    }
}
