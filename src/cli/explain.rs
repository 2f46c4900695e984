//! `adjacent explain`: why a decision ended as it did, as a table people can read.

use crate::catalog::Catalog;
use crate::cli::running::Access;
use crate::cli::voice::Voice;
use crate::config::ConfigError;
use crate::decision_log;
use crate::selection::compile::compile;
use crate::server::explain::Again;
use crate::server::explain::Reader;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The decision's id, or its request's.
    decision: String,
    /// A creative: why not this one, and what would make it win?
    #[arg(long, value_name = "CREATIVE")]
    want: Option<String>,
    /// Every flight that was removed, not only how many.
    #[arg(long)]
    all: bool,
    /// Ask the instance whose operations listener this is, where another machine decided.
    #[arg(long, value_name = "ADDRESS")]
    ops: Option<SocketAddr>,
    #[command(flatten)]
    access: Access,
}

impl Explain {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        let id = uuid::Uuid::parse_str(&self.decision).map_err(|_| {
            ConfigError::Usage(format!("`{}` is not the id of a decision", self.decision))
        })?;
        let server = match self.ops {
            Some(address) => Some(self.access.at(address)?),
            None => self.access.running()?,
        };
        let document = match server {
            Some(server) => {
                let want = self.want.as_deref().map(|creative| format!("?want={creative}"));
                server.get(&format!("/v1/decisions/{id}/explain{}", want.unwrap_or_default()))?
            }
            None => self.alone(id.as_u128())?,
        };
        Ok(voice.answer(words(&document, self.all).trim_end(), &document)?)
    }

    /// From the files, when no server holds them.
    fn alone(&self, decision: u128) -> anyhow::Result<Value> {
        let data = &self.access.data;
        let missing = || ConfigError::Usage(format!("no decision `{}` is on file", self.decision));
        let folder = data.join("decisions");
        let found = match folder.is_dir() {
            true => decision_log::find(&folder, decision)?.ok_or_else(missing)?,
            false => return Err(missing().into()),
        };
        let catalog = Catalog::open(&data.join("catalog"))?;
        let inventory = catalog.inventory(&found.world.inventory)?;
        let weights = catalog.weights(&found.world.weights)?;
        let labels = catalog.labels(&found.world.labels)?;
        let again = Again::on(found, Arc::new(compile(inventory, &weights, &labels)));
        let explanation = again.explained(&Reader::Operator, self.want.as_deref())?;
        Ok(serde_json::to_value(explanation)?)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
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

fn words(document: &Value, all: bool) -> String {
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
            "reader",
            format!("{} ({})", text(&page["viewer"]["country"]), text(&page["viewer"]["basis"])),
        ),
        (
            "made again",
            if document["agrees"] == true { "the same".into() } else { "DIFFERS".into() },
        ),
    ] {
        head.add_row([name.to_owned(), value]);
    }
    // Writing to a string does not fail.
    let _ = writeln!(out, "{head}");
    for slot in document["slots"].as_array().into_iter().flatten() {
        slot_words(&mut out, slot, all);
    }
    for want in document["want"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "\n{} in {}:", text(&want["creative"]), text(&want["key"]));
        if want["won"] == true {
            let _ = writeln!(out, "  it won");
        }
        for change in want["changes"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "  {}", text(change));
        }
    }
    out
}

fn slot_words(out: &mut String, slot: &Value, all: bool) {
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
        false => writeln!(out, "\n{}: nothing, {}", text(&slot["key"]), text(&result["reason"])),
    };
    let candidates = slot["candidates"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !candidates.is_empty() {
        let mut drawn = table();
        drawn.set_header([
            "in the draw",
            "sponsor",
            "chance",
            "score",
            "topic",
            "region",
            "relevance",
            "weight·price",
        ]);
        for one in candidates {
            let terms = &one["terms"];
            drawn.add_row([
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
        let _ = writeln!(out, "{drawn}");
    }
    let removed = slot["removed"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut gone = table();
    if all {
        gone.set_header(["removed", "by", "since"]);
        for one in removed {
            gone.add_row([text(&one["flight"]), text(&one["stage"]), text(&one["reason"])]);
        }
    } else {
        gone.set_header(["removed by", "flights"]);
        let stages = slot["stages"].as_array().into_iter().flatten();
        for stage in stages.filter(|stage| stage["removed"] != 0) {
            gone.add_row([text(&stage["stage"]), text(&stage["removed"])]);
        }
    }
    let _ = writeln!(out, "{gone}");
}
