//! `adjacent gaps`: what pages asked for and no sponsor wanted, as tables or JSON.

use crate::cli::access::AnyServer;
use crate::cli::output::Output;
use crate::cli::past::{Days, StoppedServer};
use crate::cli::why::{coverage, table, text};
use crate::domain::zone::Zone;
use crate::http::public::funnel::DEFAULT_DAYS;
use serde_json::Value;
use std::fmt::Write;

/// Rows of each kind of context in the tables; JSON and CSV have more.
const MAX_ROWS: usize = 15;

#[derive(Debug, clap::Args)]
pub(super) struct Gaps {
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    server: AnyServer,
}

impl Gaps {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let document = match self.server.find()? {
            Some(server) => server.get(&format!("/v1/admin/gaps{}", self.days.query()))?,
            None => {
                let stopped = StoppedServer::open(&self.server.data()?)?;
                serde_json::to_value(stopped.gaps(&self.days.times(DEFAULT_DAYS, Zone::utc())?)?)?
            }
        };
        Ok(output.result(render(&document).trim_end(), &document)?)
    }
}

fn render(document: &Value) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "{} to {}: no sponsor in {} of {} slots",
        text(&document["from"]),
        text(&document["to"]),
        text(&document["unwanted"]),
        text(&document["requests"])
    );
    let contexts = document["contexts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let kinds = contexts.chunk_by(|one, next| one["kind"] == next["kind"]);
    for rows in kinds {
        let cells = rows.iter().take(MAX_ROWS).map(|row| {
            let share = row["share"].as_f64().unwrap_or_default() * 100.0;
            vec![
                text(&row["value"]),
                text(&row["reason"]),
                text(&row["requests"]),
                text(&row["unwanted"]),
                text(&row["unwanted_a_day"]),
                format!("{share:.1} %"),
            ]
        });
        let cells: Vec<Vec<String>> = cells.collect();
        let kind = text(&rows[0]["kind"]).replace('_', " ");
        let header = [&kind, "mostly", "slots", "no sponsor", "a day", "of all"];
        let _ = writeln!(out, "\n{}", table(2, &header, &cells));
        if rows.len() > MAX_ROWS {
            let _ = writeln!(out, "{} more with --json", rows.len() - MAX_ROWS);
        }
    }
    let publishers = document["publishers"].as_array().into_iter().flatten().map(|one| {
        let reasons = one["no_fill"].as_object().into_iter().flatten();
        let reasons: Vec<String> =
            reasons.map(|(reason, count)| format!("{reason} {count}")).collect();
        let mut cells = vec![text(&one["publisher"]), reasons.join(", ")];
        cells.extend(["requests", "sponsored", "house"].map(|field| text(&one[field])));
        cells
    });
    let publishers: Vec<Vec<String>> = publishers.collect();
    let header = ["publisher", "no fill", "slots", "sponsored", "house"];
    let _ = writeln!(out, "\n{}", table(2, &header, &publishers));
    for one in document["omitted"].as_array().into_iter().flatten() {
        let _ = writeln!(
            out,
            "not listed: {} of kind {}, merged while counting: {}, with {} slots without a sponsor",
            text(&one["rows"]),
            text(&one["kind"]),
            text(&one["merged"]),
            text(&one["unwanted"])
        );
    }
    coverage(&mut out, &document["coverage"]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hidden;

    #[test]
    fn a_name_that_a_page_states_cannot_write_to_the_terminal() {
        let row = |kind: &str| {
            serde_json::json!({
                "kind": kind, "value": "x\u{1b}[2J\u{202e}", "reason": "no_candidate",
                "requests": 3, "unwanted": 2, "unwanted_a_day": 0.3, "share": 0.5,
            })
        };
        let document = serde_json::json!({
            "contexts": [row("topic"), row("unknown_name")],
            "publishers": [{ "publisher": "p", "requests": 3, "no_fill": { "paused": 1 } }],
            "omitted": [{ "kind": "topic", "rows": 1, "merged": 2, "unwanted": 3 }],
            "coverage": { "decisions": 5, "notes": [] },
        });
        let shown = render(&document);
        assert_eq!(hidden::escape_lines(&shown), shown);
        assert!(shown.contains("50.0 %") && shown.contains("paused 1"), "{shown}");
    }
}
