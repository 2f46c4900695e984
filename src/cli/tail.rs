//! `adjacent tail`: decisions and events of a running server, as they happen.

use crate::cli::access::AnyServer;
use crate::cli::output::{Output, note};
use crate::cli::why::text;
use crate::config::ConfigError;
use serde_json::Value;

/// How long the server waits for the next entry before it answers, in milliseconds.
const WAIT_MS: u64 = 5_000;

const EXAMPLES: &str = "\
Examples:
  adjacent tail                                every decision and event, until Ctrl-C
  adjacent tail --decisions --reason no_candidate
  adjacent tail --events --flight spring-ai    events of a flight with their verdicts
  adjacent tail --json --count 100             one JSON object a line; ends after 100

`adjacent explain ID` explains a decision: candidates, filter reasons and scores.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tail {
    /// Decisions only.
    #[arg(long, conflicts_with = "events")]
    decisions: bool,
    /// Events only.
    #[arg(long)]
    events: bool,
    /// Only of this publisher.
    #[arg(long, value_name = "ID")]
    publisher: Option<String>,
    /// Only of this flight.
    #[arg(long, value_name = "ID")]
    flight: Option<String>,
    /// Only with this no-fill reason, or this verdict or reason of an event, such as `no_candidate`, `counted`
    /// or `too_fast`.
    #[arg(long)]
    reason: Option<String>,
    /// End after this many lines.
    #[arg(long, value_name = "LINES")]
    count: Option<u64>,
    #[command(flatten)]
    server: AnyServer,
}

impl Tail {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let server = self.server.find()?.ok_or_else(|| {
            let reason = "no server runs on this data directory: start it with `adjacent serve`";
            ConfigError::Usage(reason.into())
        })?;
        let query = self.query();
        let mut after = server.get("/v1/admin/recent")?["next"].as_u64().unwrap_or(0);
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            let path = format!("/v1/admin/recent?after={after}&wait_ms={WAIT_MS}{query}");
            let page = server.get(&path)?;
            after = page["next"].as_u64().unwrap_or(after);
            if page["missed"].as_u64().is_some_and(|missed| missed > 0) {
                note(format_args!("{} entries missed: they come too fast", page["missed"]));
            }
            for entry in page["entries"].as_array().into_iter().flatten() {
                output.entry(line(entry), entry)?;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn query(&self) -> String {
        let kind = match (self.decisions, self.events) {
            (true, _) => Some("decision"),
            (_, true) => Some("event"),
            _ => None,
        };
        let given = [
            ("kind", kind),
            ("publisher", self.publisher.as_deref()),
            ("flight", self.flight.as_deref()),
            ("reason", self.reason.as_deref()),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        if query.is_empty() { query } else { format!("&{query}") }
    }
}

fn line(entry: &Value) -> String {
    let at = text(&entry["at"]);
    let time = at.split_once('T').map_or(&*at, |(_, time)| time).trim_end_matches('Z');
    let mut what = match entry["what"].as_str() {
        Some("no_fill") => "no fill".to_owned(),
        _ => text(&entry["what"]),
    };
    if entry["cta"].is_string() {
        what = format!("{what} {}", text(&entry["cta"]));
    }
    let judged = ["verdict", "reason", "class"].map(|field| &entry[field]);
    let judged: Vec<String> = judged.into_iter().filter(|one| one.is_string()).map(text).collect();
    let unit = match entry["creative"].is_string() {
        true => format!("{} of {}", text(&entry["creative"]), text(&entry["flight"])),
        false => "–".to_owned(),
    };
    format!(
        "{time:<12} {what:<14} {:<24} {}/{}  {unit}  {}",
        judged.join(" "),
        text(&entry["publisher"]),
        text(&entry["placement"]),
        text(&entry["decision"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_has_what_happened_why_where_and_the_id_to_explain() {
        let shown = line(&json!({
            "at": "2026-11-30T10:00:00.123Z", "kind": "event", "what": "click", "cta": "primary",
            "verdict": "invalid", "reason": "too_fast", "publisher": "p\u{1b}[2J", "placement": "end",
            "creative": "c", "flight": "f", "decision": "01890a5d",
        }));
        assert!(!shown.contains('\u{1b}'), "{shown}");
        let words: Vec<&str> = shown.split_whitespace().collect();
        let expected =
            ["10:00:00.123", "click", "primary", "invalid", "too_fast", "p\\u{1b}[2J/end"];
        assert_eq!(words[..6], expected);
        assert_eq!(words[6..], ["c", "of", "f", "01890a5d"]);
    }
}
