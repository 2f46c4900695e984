//! `adjacent explain`: explains a decision's outcome, as tables or JSON.

use crate::catalog::Catalog;
use crate::cli::access::AnyServer;
use crate::cli::output::Output;
use crate::config::ConfigError;
use crate::decision_log;
use crate::decision_log::Lookup;
use crate::domain::hidden;
use crate::explain;
use crate::explain::{Audience, Replay};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;
use std::fmt::Write;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The decision id or the request id.
    decision: String,
    /// Also explain why this creative did not win and what would make it win.
    #[arg(long, value_name = "CREATIVE")]
    want: Option<String>,
    /// Decide it again with these weights, by the name or the hash of a version: on the same inventory and state.
    #[arg(long, value_name = "VERSION")]
    weights: Option<String>,
    /// List every filtered flight instead of counts per reason.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: AnyServer,
}

impl Explain {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let id = uuid::Uuid::parse_str(&self.decision).map_err(|_| {
            ConfigError::Usage(format!("`{}` is not a decision id: expected a UUID", self.decision))
        })?;
        let document = match self.server.find()? {
            Some(server) => {
                let asked = [("want", &self.want), ("weights", &self.weights)];
                let asked =
                    asked.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.extend_pairs(asked);
                server.get(&format!("/v1/decisions/{id}/explain?{}", query.finish()))?
            }
            None => self.offline(id.as_u128())?,
        };
        Ok(output.result(render(&document, self.all).trim_end(), &document)?)
    }

    /// Reads the data directory directly, when no server is running on it.
    fn offline(&self, decision: u128) -> anyhow::Result<Value> {
        let data = self.server.data()?;
        let folder = data.join("decisions");
        let found = match folder.is_dir() {
            true => decision_log::find(&folder, decision, &mut Vec::new())?,
            false => Lookup::Absent,
        };
        let found = explain::recorded(decision, found)
            .map_err(|error| ConfigError::Usage(error.to_string()))?;
        let catalog = Catalog::open(&data.join("catalog"))?;
        let world = &found.world;
        let snapshot = catalog.snapshot(&world.inventory, &world.weights, &world.labels)?;
        let mut again = Replay::on(found, Arc::new(snapshot));
        if let Some(wanted) = &self.weights {
            let versions = catalog.weights_versions()?;
            let hash = versions.find(wanted).map_or(wanted.as_str(), |version| &version.hash);
            let world = &again.found.world;
            let snapshot = catalog.snapshot(&world.inventory, hash, &world.labels)?;
            again = again.with_weights(Arc::new(snapshot));
        }
        let explanation = again.explained(&Audience::Operator, self.want.as_deref())?;
        Ok(serde_json::to_value(explanation)?)
    }
}

/// A value in one line of a terminal: placement keys and unknown names are a caller's own.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => hidden::escape_line(text, &[]).into_owned(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

/// The weights of an explanation, and those that they are instead of.
fn weights(document: &Value) -> String {
    let short = |hash: &Value| text(hash).chars().take(12).collect::<String>();
    let with = short(&document["versions"]["weights"]);
    match document["instead_of"].is_null() {
        true => with,
        false => format!("{with} instead of {}", short(&document["instead_of"])),
    }
}

fn joined(list: &Value) -> String {
    let parts: Vec<String> = list.as_array().into_iter().flatten().map(text).collect();
    if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |part| format!("{:.1} %", part * 100.0))
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn render(document: &Value, all: bool) -> String {
    let page = &document["page"];
    let mut out = String::new();
    let entities = page["entities"].as_array().into_iter().flatten();
    let entities: Vec<String> =
        entities.map(|e| format!("{} ({})", text(&e["id"]), text(&e["role"]))).collect();
    let mut head = table();
    for (name, value) in [
        ("decided", text(&document["decided_at"])),
        ("publisher", text(&document["publisher"])),
        ("topics", joined(&page["topics"])),
        ("entities", if entities.is_empty() { "–".to_owned() } else { entities.join(", ") }),
        ("unknown names", joined(&page["unknown"])),
        (
            "viewer",
            format!("{} ({})", text(&page["viewer"]["country"]), text(&page["viewer"]["basis"])),
        ),
        ("weights", weights(document)),
        (
            "recomputed",
            if document["agrees"] == true { "identical".into() } else { "DIFFERENT".into() },
        ),
    ] {
        head.add_row([name.to_owned(), value]);
    }
    // Writing to a string does not fail.
    let _ = writeln!(out, "{head}");
    for slot in document["slots"].as_array().into_iter().flatten() {
        render_slot(&mut out, slot, all);
    }
    for want in document["want"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "\n{} in {}:", text(&want["creative"]), text(&want["key"]));
        if want["won"] == true {
            let _ = writeln!(out, "  won");
        }
        for change in want["changes"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "  {}", text(change));
        }
    }
    out
}

fn render_slot(out: &mut String, slot: &Value, all: bool) {
    let result = &slot["result"];
    let _ = match result["fill"] == true {
        true => writeln!(
            out,
            "\n{}: {} with {} of {} ({}), {}",
            text(&slot["key"]),
            text(&result["creative"]),
            text(&result["flight"]),
            text(&result["advertiser"]),
            text(&result["tier"]),
            percent(&result["flight_propensity"]),
        ),
        false => writeln!(out, "\n{}: no fill, {}", text(&slot["key"]), text(&result["reason"])),
    };
    let rotation = &result["rotation"];
    if let Some(creatives) = rotation["creatives"].as_array() {
        let from = match rotation["learned_from"].as_str() {
            Some(scope) => format!(", learned from its {}", scope.replace('_', " ")),
            None => String::new(),
        };
        let _ = writeln!(out, "rotation {}{from}", text(&rotation["rotation"]));
        let mut creatives_table = table();
        creatives_table.set_header(["creative", "variant", "probability"]);
        for one in creatives {
            creatives_table.add_row([
                text(&one["creative"]),
                text(&one["variant"]),
                percent(&one["probability"]),
            ]);
        }
        let _ = writeln!(out, "{creatives_table}");
    }
    let candidates = slot["candidates"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !candidates.is_empty() {
        let mut candidates_table = table();
        candidates_table.set_header([
            "candidate",
            "advertiser",
            "probability",
            "score",
            "topic",
            "region",
            "relevance",
            "weight × price",
        ]);
        for one in candidates {
            let terms = &one["terms"];
            candidates_table.add_row([
                text(&one["flight"]),
                text(&one["advertiser"]),
                percent(&one["probability"]),
                text(&one["score"]),
                text(&terms["topic"]),
                text(&terms["region"]),
                text(&terms["relevance"]),
                text(&terms["weight_and_price"]),
            ]);
        }
        let _ = writeln!(out, "{candidates_table}");
    }
    let removed = slot["removed"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut filtered = table();
    if all {
        filtered.set_header(["filtered", "by", "reason"]);
        for one in removed {
            filtered.add_row([text(&one["flight"]), text(&one["stage"]), text(&one["reason"])]);
        }
    } else {
        filtered.set_header(["filtered by", "flights"]);
        let stages = slot["stages"].as_array().into_iter().flatten();
        for stage in stages.filter(|stage| stage["removed"] != 0) {
            filtered.add_row([text(&stage["stage"]), text(&stage["removed"])]);
        }
    }
    let _ = writeln!(out, "{filtered}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_placement_key_or_name_cannot_write_to_the_terminal() {
        let hostile = "k\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}1A\r\n  zahid: won\u{202e}\u{200b}\u{2028}";
        let document = serde_json::json!({
            "page": { "unknown": [hostile], "topics": [hostile] },
            "slots": [{ "key": hostile, "result": { "fill": false, "reason": "no_placement" } }],
            "want": [{ "creative": hostile, "key": hostile, "changes": [hostile] }],
        });
        let shown = render(&document, true);
        assert_eq!(hidden::escape_lines(&shown), shown, "nothing hidden is left");
        assert!(shown.contains("k\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{9b}1A\\r\\n  zahid: won\\u{202e}"));
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("zahid")), "{shown}");
    }
}
