//! `adjacent status`: what runs and how it is going; without a server, what it would start with.

use crate::catalog::Catalog;
use crate::cli::access::AnyServer;
use crate::cli::output::Output;
use crate::cli::why::{table, text};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  adjacent status                      the server on the data directory of the settings
  adjacent status --data /var/lib/adjacent --json
  adjacent status --ops 10.0.0.7:8081  another instance; its operator key is in ADJACENT_OPERATOR_KEY";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    #[command(flatten)]
    server: AnyServer,
}

impl Status {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let (text, document) = match self.server.find()? {
            Some(server) => {
                let mut document = server.get("/v1/admin/status")?;
                document["running"] = true.into();
                (running(&document), document)
            }
            None => {
                let document = stopped(&self.server.data()?)?;
                (not_running(&document), document)
            }
        };
        Ok(output.result(text.trim_end(), &document)?)
    }
}

/// What the data directory of a server that does not run has.
fn stopped(data: &Path) -> anyhow::Result<Value> {
    let folder = data.join("catalog");
    let (mut head, mut what) = (None, None);
    if folder.is_dir() {
        let catalog = Catalog::open(&folder)?;
        head = catalog.head()?;
        what = catalog.history()?.pop().map(|entry| entry.what);
    }
    let sizes = ["journal", "decisions", "catalog"].map(|name| (name, size(&data.join(name))));
    let sizes: serde_json::Map<String, Value> =
        sizes.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.into())).collect();
    let mut catalog = serde_json::to_value(&head)?;
    if let (Some(what), true) = (what, catalog.is_object()) {
        catalog["what"] = what.into();
    }
    Ok(json!({
        "running": false, "data": std::path::absolute(data)?, "catalog": catalog, "bytes": sizes,
    }))
}

/// Bytes of the files in a folder and in those below it; what cannot be read counts as nothing.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn not_running(document: &Value) -> String {
    let mut out = format!("stopped: no server runs on {}\n", text(&document["data"]));
    catalog(&mut out, &document["catalog"]);
    let sizes = document["bytes"].as_object().into_iter().flatten();
    let sizes: Vec<String> =
        sizes.map(|(name, bytes)| format!("{name} {}", bytes_text(bytes))).collect();
    row(&mut out, "on disk", &sizes.join(", "));
    out
}

fn running(document: &Value) -> String {
    let ready = match document["ready"] == true {
        true => "ready".to_owned(),
        false => format!("NOT READY: {}", text(&document["not_ready"])),
    };
    let uptime = duration(document["uptime_seconds"].as_i64().unwrap_or(0));
    let mut out = format!("adjacent {}: {ready}, up {uptime}\n", text(&document["version"]));
    let (public, ops) = (text(&document["public_url"]), text(&document["ops"]));
    row(&mut out, "serves", &format!("{public}, operations on {ops}"));
    let instances = match document["instances"].as_u64() {
        Some(0 | 1) | None => String::new(),
        Some(count) => format!(", one of {count} instances"),
    };
    row(&mut out, "process", &format!("{}{instances}", text(&document["incarnation"])));
    catalog(&mut out, &document["catalog"]);
    canary(&mut out, &document["canary"]);
    traffic(&mut out, &document["recent"]);
    let list = |field: &str| document[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let alerts = list("alerts");
    if alerts.is_empty() {
        row(&mut out, "alerts", "none");
    }
    for alert in alerts {
        row(&mut out, "ALERT", &format!("{} ({})", text(&alert["reason"]), text(&alert["name"])));
    }
    let waiting: Vec<String> = list("waiting_for_restart").iter().map(text).collect();
    if !waiting.is_empty() {
        row(&mut out, "next start", &format!("changes {}", waiting.join(", ")));
    }
    let cells =
        |one: &Value| vec![text(&one["flight"]), text(&one["state"]), percent(&one["pace"])];
    section(&mut out, &["behind pace", "state", "delivered"], list("behind"), cells);
    let total = document["behind_total"].as_u64().unwrap_or(0);
    let shown = u64::try_from(list("behind").len()).unwrap_or(total);
    if total > shown {
        let _ = writeln!(out, "{} more flights are behind", total - shown);
    }
    let cells = |one: &Value| {
        let limit = one["limit_micros"].as_i64().unwrap_or(0) as f64 / 1e6;
        let of = if one["daily"] == true { "day's" } else { "whole" };
        vec![
            text(&one["campaign"]),
            format!("of the {of} budget, {} {limit:.2}", text(&one["currency"])),
            percent(&one["left"]),
        ]
    };
    section(&mut out, &["nearly spent", "", "left"], list("budgets"), cells);
    let cells = |one: &Value| {
        let by = match (one["by_hand"] == true, one["who"].as_str(), one["owner"].as_str()) {
            (false, ..) => "a file".to_owned(),
            (true, Some(_), Some(_)) => format!("{} ({})", text(&one["owner"]), text(&one["who"])),
            (true, Some(_), None) => text(&one["who"]),
            (true, None, _) => "hand".to_owned(),
        };
        vec![format!("{} {}", text(&one["what"]), text(&one["id"])), by, text(&one["since"])]
    };
    section(&mut out, &["paused", "by", "since"], list("paused"), cells);
    out
}

fn row(out: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "  {name:<11} {value}");
}

fn section(
    out: &mut String,
    header: &[&str],
    rows: &[Value],
    cells: impl Fn(&Value) -> Vec<String>,
) {
    if !rows.is_empty() {
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        let _ = writeln!(out, "\n{}", table(2, header, &rows));
    }
}

fn catalog(out: &mut String, head: &Value) {
    if !head.is_object() {
        return row(out, "catalog", "empty: nothing was served yet");
    }
    let who = match head["owner"].as_str() {
        Some(_) => format!("{} ({})", text(&head["owner"]), text(&head["who"])),
        None => text(&head["who"]),
    };
    let what = match head["what"].as_str() {
        Some(what) if !what.is_empty() => format!(": {}", text(&head["what"])),
        _ => String::new(),
    };
    let (number, at) = (text(&head["number"]), text(&head["at"]));
    row(out, "catalog", &format!("change {number} by {who}, {at}{what}"));
    let hashes = ["inventory", "weights", "labels"].map(|part| {
        let hash: String = text(&head[part]).chars().take(12).collect();
        format!("{part} {hash}")
    });
    row(out, "", &hashes.join(", "));
}

fn canary(out: &mut String, canary: &Value) {
    let running = &canary["running"];
    if running.is_object() {
        let (version, since) = (text(&running["version"]), text(&running["since"]));
        row(
            out,
            "canary",
            &format!("{version}, {} % of the requests since {since}", text(&running["percent"])),
        );
    }
    if canary["stopped"].is_string() {
        row(out, "CANARY", &text(&canary["stopped"]));
    }
}

fn traffic(out: &mut String, periods: &Value) {
    for period in periods.as_array().into_iter().flatten() {
        let kinds = |field: &str| period[field].as_object().into_iter().flatten();
        let counted: Vec<String> = kinds("counted")
            .filter(|(_, count)| **count != 0)
            .map(|(kind, count)| format!("{count} {kind}s").replace("copys", "copies"))
            .collect();
        let invalid: u64 = kinds("invalid").filter_map(|(_, count)| count.as_u64()).sum();
        let mut parts = vec![format!("{} slots", text(&period["slots"]))];
        if period["fill"].is_number() {
            parts.push(format!("{} filled", percent(&period["fill"])));
        }
        parts.extend(counted);
        if invalid > 0 {
            parts.push(format!("{invalid} invalid events"));
        }
        row(out, &format!("last {} min", text(&period["minutes"])), &parts.join(", "));
    }
    let last = periods.as_array().and_then(|periods| periods.last());
    let reasons = last.and_then(|period| period["no_fill"].as_object()).into_iter().flatten();
    let reasons: Vec<String> = reasons.map(|(reason, count)| format!("{reason} {count}")).collect();
    if !reasons.is_empty() {
        row(out, "no fill", &reasons.join(", "));
    }
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |part| format!("{:.1} %", part * 100.0))
}

/// A duration in its two largest units.
fn duration(seconds: i64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

fn bytes_text(bytes: &Value) -> String {
    let bytes = bytes.as_u64().unwrap_or(0) as f64;
    match bytes {
        _ if bytes < 1_024.0 * 1_024.0 => format!("{:.0} KiB", bytes / 1_024.0),
        _ if bytes < 1_024.0 * 1_024.0 * 1_024.0 => format!("{:.1} MiB", bytes / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hidden;

    #[test]
    fn a_status_names_alerts_and_who_paused_what_without_hidden_characters() {
        let document = json!({
            "version": "1", "ready": false, "not_ready": "the journal failed", "uptime_seconds": 3_725,
            "public_url": "http://127.0.0.1:8080", "ops": "127.0.0.1:8081", "incarnation": "ab",
            "instances": 2,
            "catalog": { "number": 7, "who": "k1", "owner": "alice\u{1b}[2J", "at": "2026-11-30T10:00:00Z",
                "what": "apply x", "inventory": "0123456789abcdef", "weights": "w", "labels": "l" },
            "recent": [{ "minutes": 1, "slots": 4, "fill": 0.75, "no_fill": { "all_paced": 1 },
                "counted": { "impression": 3, "copy": 2, "click": 0 }, "invalid": { "click": 2 } }],
            "alerts": [{ "name": "AdjacentPanics", "reason": "1 request handlers panicked" }],
            "waiting_for_restart": ["server.listen"],
            "behind": [{ "flight": "slow", "pace": 0.5, "state": "behind" }], "behind_total": 3,
            "budgets": [{ "campaign": "c", "left": 0.01, "limit_micros": 5_000_000, "currency": "EUR", "daily": true }],
            "paused": [{ "what": "flight", "id": "f", "by_hand": true, "who": "k1", "owner": "alice", "since": "s" }],
        });
        let shown = running(&document);
        assert_eq!(hidden::escape_lines(&shown), shown);
        for part in [
            "NOT READY: the journal failed, up 1 h 2 min",
            "one of 2 instances",
            "change 7 by alice",
            "4 slots, 75.0 % filled, 3 impressions, 2 copies, 2 invalid events",
            "all_paced 1",
            "1 request handlers panicked (AdjacentPanics)",
            "changes server.listen",
            "2 more flights are behind",
            "of the day's budget, EUR 5.00",
            "alice (k1)",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
