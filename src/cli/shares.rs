//! `adjacent shares`: which part of each topic's slots today each advertiser has, beside the bounds of the weights.

use crate::cli::access::ServerAccess;
use crate::cli::output::Output;
use crate::cli::why::{table, text};
use crate::config::ConfigError;
use serde_json::Value;
use std::fmt::Write;

/// Topics of the table; JSON has more.
const MAX_TOPICS: usize = 20;
/// Advertisers of each.
const MAX_ADVERTISERS: usize = 3;

#[derive(Debug, clap::Args)]
pub(super) struct Shares {
    #[command(flatten)]
    access: ServerAccess,
}

impl Shares {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let Some(server) = self.access.find()? else {
            let reason =
                "no server is running on this data directory; start it to see the shares of today";
            return Err(ConfigError::Usage(reason.to_owned()).into());
        };
        let document = server.get("/v1/admin/topic-shares")?;
        Ok(output.result(render(&document).trim_end(), &document)?)
    }
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |percent| format!("{percent:.1} %"))
}

/// The shares as a table.
pub(super) fn render(document: &Value) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}, UTC", text(&document["day"]));
    let topics = document["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut rows = Vec::new();
    for topic in topics.iter().take(MAX_TOPICS) {
        let advertisers = topic["advertisers"].as_array().into_iter().flatten();
        let mut first = vec![
            text(&topic["topic"]),
            text(&topic["slots"]),
            percent(&topic["max_share_percent"]),
        ];
        for advertiser in advertisers.take(MAX_ADVERTISERS) {
            let closed = advertiser["closed"] == true;
            let mut row = std::mem::replace(&mut first, vec![String::new(); 3]);
            row.push(percent(&advertiser["share_percent"]));
            row.push(text(&advertiser["advertiser"]));
            row.push(if closed { "gets no more for now".to_owned() } else { String::new() });
            rows.push(row);
        }
    }
    let header = ["topic", "slots", "bound", "share", "advertiser", ""];
    let _ = writeln!(out, "{}", table(1, &header, &rows));
    let omitted = topics.len().saturating_sub(MAX_TOPICS);
    if omitted > 0 {
        let _ = writeln!(out, "{omitted} more with --json");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hidden;

    #[test]
    fn shares_are_a_row_for_each_advertiser_without_hidden_characters() {
        let advertiser = |id: &str, closed: bool| serde_json::json!({ "advertiser": id, "slots": 40, "share_percent": 40.04, "closed": closed });
        let document = serde_json::json!({
            "day": "2026-11-30", "omitted": 0,
            "topics": [
                { "topic": "ai\u{1b}[2J", "slots": 100, "max_share_percent": 40.0,
                  "advertisers": [advertiser("zahid", true), advertiser("gitlift", false)] },
                { "topic": "rust", "slots": 3, "advertisers": [advertiser("zahid", false)] },
            ],
        });
        let shown = render(&document);
        assert_eq!(hidden::escape_lines(&shown), shown);
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains("zahid")).collect();
        assert!(lines[0].contains("40.0 %") && lines[0].contains("no more"), "{shown}");
        assert!(lines[1].contains('–') && !lines[1].contains("no more"), "{shown}");
    }
}
