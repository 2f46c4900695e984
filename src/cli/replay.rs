//! `adjacent replay`: what another configuration would have changed of recorded decisions.

use crate::catalog::config_files::CheckedConfig;
use crate::cli::access::AnyServer;
use crate::cli::catalog::Served;
use crate::cli::ops_client::OpsClient;
use crate::cli::output::{CheckFailed, Output, note};
use crate::cli::{arguments, catalog, replay_text};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::config::guard_settings::GuardSettings;
use crate::decision_log::scan::{Progress, Span};
use crate::http::ops::admin::replays;
use crate::http::ops::admin::replays::ReplayRequest;
use crate::replay::clicks::clicked;
use crate::replay::{
    Asked, DataDirectory, Documents, JobState, Question, ReplayReport, Reproduction,
};
use crate::web::pages::replay as page;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::io;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a running server is asked.
const POLL: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  adjacent replay --weights new.toml             the last 24 hours with these weights
  adjacent replay --inventory config/inventory --from 2026-11-01 --to 2026-11-08
  adjacent replay --weights new.toml --html replay.html
  adjacent replay --weights new.toml --clicks --from 2026-11-01
  adjacent replay                                are recorded decisions reproduced bit for bit?

Nothing is drawn: probabilities are exact. Files are checked as `adjacent apply` checks them; nothing changes.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Replay {
    /// The start: a day, or a time such as 2026-11-01T10:00:00Z [default: 24 hours before the end]
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// The end, exclusive [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// The part of the decisions to replay, above 0 up to 1.
    #[arg(long, value_name = "PART")]
    part: Option<f64>,
    /// The weights to try.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// The inventory to try: a file or a folder, complete.
    #[arg(long, value_name = "PATH")]
    inventory: Option<PathBuf>,
    /// The labels to try.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Estimate the clicks of the new configuration, from the counted clicks in the journal.
    #[arg(long)]
    clicks: bool,
    /// Write the result as a page, in one file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    access: AnyServer,
}

/// A day or a time.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let day: Option<jiff::civil::Date> = text.parse().ok();
    let start = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    start.map(|start| start.timestamp()).ok_or_else(|| {
        "expected a day such as 2026-11-01 (UTC) or a time such as 2026-11-01T10:00:00Z".to_owned()
    })
}

/// A result.
#[derive(Deserialize)]
pub(super) struct Outcome {
    pub(super) report: Option<ReplayReport>,
    reproduction: Option<Reproduction>,
}

impl Replay {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let usage =
            |(field, reason): (&str, String)| ConfigError::Usage(format!("--{field}: {reason}"));
        let now = SystemClock::starting_at_least(0).now();
        let times = replays::times(self.from, self.to, now).map_err(usage)?;
        let part = replays::part(self.part).map_err(usage)?;
        let new = self.documents()?;
        let server = self.access.find()?;
        let outcome = match server {
            Some(server) => {
                let request = ReplayRequest {
                    from: Timestamp::from_millisecond(times.start).ok(),
                    to: Timestamp::from_millisecond(times.end).ok(),
                    part: Some(part),
                    clicks: self.clicks,
                    inventory: new.inventory,
                    weights: new.weights,
                    labels: new.labels,
                };
                on_server(&server, &request)?
            }
            None => {
                let data = self.access.data()?;
                let served = catalog::served(&data)?;
                let CheckedConfig { inventory, weights, labels, .. } =
                    served.with_manual_pauses(new);
                let documents = Documents { inventory, weights, labels };
                let asked =
                    Asked { span: Span { times, part }, documents, with_clicks: self.clicks };
                offline(&data, asked, &self.access.access.place.settings()?.guard)?
            }
        };
        match outcome {
            Outcome { report: Some(report), .. } => {
                if let Some(file) = &self.html {
                    std::fs::write(file, page::replay(&report)).map_err(|error| {
                        ConfigError::Usage(format!("{}: {error}", file.display()))
                    })?;
                }
                Ok(output.result(replay_text::render(&report).trim_end(), &report)?)
            }
            Outcome { reproduction: Some(found), .. } => {
                output.result(replay_text::said(&found), &found)?;
                match found.slots.different {
                    0 => Ok(()),
                    count => {
                        let reason = format!("{count} recorded slots are not reproduced");
                        Err(CheckFailed(reason).into())
                    }
                }
            }
            _ => anyhow::bail!("the server returned no result"),
        }
    }

    fn documents(&self) -> Result<CheckedConfig, ConfigError> {
        let paths = [&self.weights, &self.inventory, &self.labels];
        let paths: Vec<PathBuf> = paths.into_iter().flatten().cloned().collect();
        if paths.is_empty() {
            return Ok(CheckedConfig::default());
        }
        let read = arguments::layout(&paths)?.read()?;
        // A folder of the inventory may hold weights, which are not meant without their option.
        let given = |is_given: bool, what: &str| {
            let reason = format!("`--{what}` names no file with {what}");
            if is_given { Err(ConfigError::Usage(reason)) } else { Ok(()) }
        };
        given(self.weights.is_some() && read.weights.is_none(), "weights")?;
        given(self.inventory.is_some() && read.inventory.is_none(), "inventory")?;
        given(self.labels.is_some() && read.labels.is_none(), "labels")?;
        Ok(CheckedConfig {
            weights: read.weights.filter(|_| self.weights.is_some()),
            inventory: read.inventory.filter(|_| self.inventory.is_some()),
            labels: read.labels.filter(|_| self.labels.is_some()),
            ..CheckedConfig::default()
        })
    }
}

fn bar() -> ProgressBar {
    let bar =
        if io::stderr().is_terminal() { ProgressBar::new(1_000) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{wide_bar} {percent} %, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Starts a replay on a server and waits for it.
fn on_server(server: &OpsClient, request: &ReplayRequest) -> anyhow::Result<Outcome> {
    finished(server, &server.send("/v1/admin/replays", &serde_json::to_vec(request)?)?)
}

/// Waits for a replay that a server started.
pub(super) fn finished(server: &OpsClient, started: &Value) -> anyhow::Result<Outcome> {
    let path = format!("/v1/admin/replays/{}", started["id"]);
    let bar = bar();
    loop {
        let view = server.get(&path)?;
        let state: JobState = serde_json::from_value(view["state"].clone())?;
        match state {
            JobState::Running => {
                let done = view["progress"].as_f64().unwrap_or_default();
                bar.set_position(page::length(done, 1.0));
                std::thread::sleep(POLL);
            }
            JobState::Done => {
                bar.finish_and_clear();
                return Ok(serde_json::from_value(view)?);
            }
            JobState::Cancelled => {
                return Err(ConfigError::Usage("the replay was cancelled".into()).into());
            }
            JobState::Failed => {
                anyhow::bail!("{}", view["error"].as_str().unwrap_or("the replay failed"));
            }
        }
    }
}

/// The data directory of a server that does not run.
fn directory(data: &Path) -> DataDirectory {
    DataDirectory { path: data.to_owned(), now_ms: SystemClock::starting_at_least(0).now_ms() }
}

/// Reads the data directory directly, when no server is running on it.
fn offline(
    data: &Path,
    Asked { span, documents: after, with_clicks }: Asked,
    limits: &GuardSettings,
) -> anyhow::Result<Outcome> {
    let bar = bar();
    let mut show = |Progress { done, all }: Progress| {
        bar.set_position(page::length(done as f64, all.max(1) as f64));
        ControlFlow::Continue(())
    };
    let decisions = data.join("decisions");
    if !data.join("catalog").is_dir() {
        let reason = format!("{}: no server has run on this directory", data.display());
        return Err(ConfigError::Usage(reason).into());
    }
    let outcome = directory(data).with_recorded(|_, recorded| {
        if after.is_recorded() {
            let found = crate::replay::reproduce(&decisions, &span, recorded, &mut show)?;
            return Ok(Outcome { report: None, reproduction: Some(found) });
        }
        let journal = data.join("journal");
        let clicked = with_clicks.then(|| clicked(&journal, &span.times)).transpose()?;
        let question = Question { span, before: Documents::default(), after, clicked };
        let report = crate::replay::replay(&decisions, &question, recorded, &mut show)?;
        Ok(Outcome { report: Some(report.judged(limits)), reproduction: None })
    })?;
    bar.finish_and_clear();
    Ok(outcome)
}

/// What applying `new` would have changed of the last day's decisions, from a sample, within two seconds or so.
/// `None` if nothing was recorded; a decision log that cannot be read is noted.
pub(super) fn of_changes(
    data: &Path,
    served: &Served,
    new: &CheckedConfig,
) -> Option<ReplayReport> {
    let inventory = new.inventory.as_ref().or(served.inventory.as_ref())?;
    let weights = new.weights.as_ref().or(served.weights.as_ref())?;
    let labels = new.labels.clone().or_else(|| served.labels.clone());
    let labels = labels.unwrap_or_else(catalog::built_in_labels);
    directory(data).recent(inventory, weights, &labels).unwrap_or_else(|error| {
        note(format_args!("no replay: {error}"));
        None
    })
}
