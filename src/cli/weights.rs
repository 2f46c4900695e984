//! `adjacent weights`: versions of the weights from draft to active.

use crate::catalog::config_files::CheckedConfig;
use crate::catalog::difference;
use crate::catalog::difference::FieldChange;
use crate::catalog::weights_versions::ReplaySummary;
use crate::cli::access::ServerAccess;
use crate::cli::canary::{CanaryVerb, PATH, path, server};
use crate::cli::ops_client::OpsClient;
use crate::cli::output::Output;
use crate::cli::why::table;
use crate::cli::{arguments, replay, replay_text};
use crate::config::ConfigError;
use crate::http::ops::admin::weights_versions::{DraftRequest, WeightsVersionReply};
use crate::publishing::weights_versions::{WeightsState, WeightsView};
use crate::web::pages::replay as page;
use crate::world::shadow::{ShadowReport, ShadowShare};
use std::fmt::Write;
use std::path::PathBuf;

/// Versions in the table; JSON has more.
const MAX_ROWS: usize = 30;

/// Digits of a hash in a table: enough to name it.
const DIGITS: usize = 12;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Weights {
    /// List drafts and all weights that were served, newest first.
    List(List),
    /// Show a version: its difference, its replay, and when it was active.
    Show(Show),
    /// Show how a version differs from another one, or from the active weights.
    Diff(Diff),
    /// Check a weights file and store it under a name; nothing is served.
    Draft(Draft),
    /// Replay the last 24 hours with a version and keep the summary.
    Replay(Show),
    /// Compare a version with what is served, on live traffic; nothing of it is served.
    Shadow(ShadowVerb),
    /// Serve a version to a part of the requests; it ends by itself if these do worse.
    Canary(CanaryVerb),
    /// Serve a version.
    Activate(Activate),
    /// Drop a draft.
    Drop(Show),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    access: ServerAccess,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Name of the version, or the first digits of its hash.
    name: String,
    #[command(flatten)]
    access: ServerAccess,
}

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// Name of the version, or the first digits of its hash.
    name: String,
    /// The version to compare with [default: the active one]
    other: Option<String>,
    #[command(flatten)]
    access: ServerAccess,
}

#[derive(Debug, clap::Args)]
pub(super) struct Draft {
    /// The weights file; `-` reads standard input.
    file: PathBuf,
    /// The name: 1 to 60 of the characters a-z, 0-9 and `-`.
    #[arg(long)]
    name: String,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    access: ServerAccess,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShadowVerb {
    /// Name of the version, or the first digits of its hash.
    #[arg(required_unless_present = "off", conflicts_with = "off")]
    name: Option<String>,
    /// End the comparison.
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    access: ServerAccess,
}

#[derive(Debug, clap::Args)]
pub(super) struct Activate {
    /// Name of the version, or the first digits of its hash.
    name: String,
    /// Serve it also if that needs confirmation: weights, fill or shares move by more than the limits under `[guard]`
    /// in the settings.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    access: ServerAccess,
}

fn list(server: &OpsClient) -> anyhow::Result<Vec<WeightsView>> {
    Ok(serde_json::from_value(server.get(PATH)?)?)
}

fn read(server: &OpsClient, name: &str) -> anyhow::Result<WeightsVersionReply> {
    Ok(serde_json::from_value(server.get(&path(name)?)?)?)
}

fn active(server: &OpsClient) -> anyhow::Result<WeightsView> {
    let found = list(server)?.into_iter().find(|one| one.state == WeightsState::Active);
    found.ok_or_else(|| anyhow::anyhow!("the server names no active weights"))
}

impl Weights {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Weights::List(List { access }) => {
                let views = list(&server(&access)?)?;
                Ok(output.result(rows(&views).trim_end(), &views)?)
            }
            Weights::Show(Show { name, access }) => {
                let found = read(&server(&access)?, &name)?;
                Ok(output.result(said(&found).trim_end(), &found)?)
            }
            Weights::Diff(verb) => verb.run(output),
            Weights::Draft(verb) => verb.run(output),
            Weights::Replay(Show { name, access }) => {
                let server = server(&access)?;
                let started = server.send(&format!("{}/replay", path(&name)?), &[])?;
                match replay::finished(&server, &started)?.report {
                    Some(report) => {
                        Ok(output.result(replay_text::render(&report).trim_end(), &report)?)
                    }
                    None => anyhow::bail!("the server returned no result"),
                }
            }
            Weights::Canary(verb) => verb.run(output),
            Weights::Shadow(ShadowVerb { name, access, .. }) => {
                let server = server(&access)?;
                match name {
                    Some(name) => {
                        let answer = server.send(&format!("{}/shadow", path(&name)?), &[])?;
                        let text = format!(
                            "comparing with `{name}`; `adjacent weights show {name}` says what is found"
                        );
                        Ok(output.result(text, &answer)?)
                    }
                    None => {
                        server.delete("/v1/admin/weights/shadow")?;
                        Ok(output.result("nothing is compared", &serde_json::Value::Null)?)
                    }
                }
            }
            Weights::Activate(verb) => verb.run(output),
            Weights::Drop(Show { name, access }) => {
                server(&access)?.delete(&path(&name)?)?;
                let object = serde_json::json!({ "dropped": name });
                Ok(output.result(format_args!("dropped `{name}`"), &object)?)
            }
        }
    }
}

impl Diff {
    fn run(self, output: Output) -> anyhow::Result<()> {
        let server = server(&self.access)?;
        let new = read(&server, &self.name)?;
        let old = match &self.other {
            Some(other) => read(&server, other)?,
            None => read(&server, &active(&server)?.hash)?,
        };
        let found = difference::between(None, Some((&old.weights, &new.weights)), None);
        let text = format!(
            "from `{}` to `{}`\n{}",
            old.version.id(),
            new.version.id(),
            found.to_string().trim_end()
        );
        Ok(output.result(text, &found)?)
    }
}

impl Draft {
    fn run(self, output: Output) -> anyhow::Result<()> {
        let read = arguments::layout(std::slice::from_ref(&self.file))?.read();
        let read = read.map_err(ConfigError::from)?;
        let CheckedConfig { weights: Some(weights), .. } = read else {
            let reason = format!("{}: no file with weights", self.file.display());
            return Err(ConfigError::Usage(reason).into());
        };
        let server = server(&self.access)?;
        let request = DraftRequest { name: self.name, note: self.note, weights };
        let answer = server.send(PATH, &serde_json::to_vec(&request)?)?;
        let view: WeightsView = serde_json::from_value(answer)?;
        let mut text = fields(&view.difference);
        let _ = write!(text, "stored `{}`: {}, {}", view.id(), view.hash, view.state);
        Ok(output.result(text, &view)?)
    }
}

impl Activate {
    fn run(self, output: Output) -> anyhow::Result<()> {
        let server = server(&self.access)?;
        // What is active when the command starts: another operator's change in between stops it.
        let seen = active(&server)?.hash;
        let confirm = if self.force { "?confirm=true" } else { "" };
        let path = format!("{}/activate{confirm}", path(&self.name)?);
        let answer = server.post_to_version(&path, &seen)?;
        let number = answer["head"]["number"].as_u64().unwrap_or(0);
        let text = match answer["difference"]["weights"].as_array().is_some_and(Vec::is_empty) {
            true => format!("`{}` is active already", self.name),
            false => format!("`{}` is active, as change {number}", self.name),
        };
        Ok(output.result(text, &answer)?)
    }
}

fn short(hash: &str) -> &str {
    hash.get(..DIGITS).unwrap_or(hash)
}

/// Changed weights, one line each.
fn fields(changes: &[FieldChange]) -> String {
    changes.iter().fold(String::new(), |mut out, one| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{one}");
        out
    })
}

fn author(view: &WeightsView) -> String {
    match &view.owner {
        Some(owner) => format!("{owner} ({})", view.author),
        None => view.author.clone(),
    }
}

/// The versions as a table.
fn rows(views: &[WeightsView]) -> String {
    let row = |view: &WeightsView| {
        vec![
            view.name.clone().unwrap_or_else(|| "–".to_owned()),
            short(&view.hash).to_owned(),
            view.state.to_string(),
            view.created.strftime("%Y-%m-%d %H:%M").to_string(),
            author(view),
            view.note.clone(),
        ]
    };
    let shown: Vec<Vec<String>> = views.iter().take(MAX_ROWS).map(row).collect();
    let header = ["name", "hash", "state", "created, UTC", "author", "note"];
    let mut out = format!("{}\n", table(header.len(), &header, &shown));
    if views.len() > shown.len() {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{} more with --json", views.len() - shown.len());
    }
    out
}

fn said_of_replay(out: &mut String, replay: &ReplaySummary) {
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "replay of {} decisions at {}: {:.1} % of the slots would have another flight; fill {} → {}",
        replay.decisions,
        replay.at,
        replay.changed * 100.0,
        page::percent(replay.fill_before),
        page::percent(replay.fill_after),
    );
    if let Some(one) = &replay.largest_move {
        let (before, after) = (page::percent(one.before), page::percent(one.after));
        let _ = writeln!(out, "largest move: {} {before} → {after}", one.advertiser);
    }
    for line in &replay.needs_confirmation {
        let _ = writeln!(out, "needs confirmation: {line}");
    }
}

fn said_of_shadow(out: &mut String, shadow: &ShadowReport) {
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "\nshadow since {}: {} decisions compared, {} the same; fill {} → {}",
        shadow.since,
        shadow.decisions,
        shadow.agreement.map_or_else(|| "–".to_owned(), page::percent),
        page::percent(shadow.fill.served),
        page::percent(shadow.fill.shadow),
    );
    let row = |one: &ShadowShare| {
        let (served, new) = (page::percent(one.share.served), page::percent(one.share.shadow));
        vec![one.advertiser.clone(), served, new, format!("{:+.2}", one.points)]
    };
    let shown: Vec<Vec<String>> = shadow.shares.iter().map(row).collect();
    if !shown.is_empty() {
        let header = ["advertiser", "served", "shadow", "points"];
        let _ = writeln!(out, "{}", table(1, &header, &shown));
    }
}

/// A version in text.
fn said(WeightsVersionReply { version, findings, shadow, .. }: &WeightsVersionReply) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}: {}", version.id(), version.state);
    let _ = writeln!(out, "hash {}", version.hash);
    let _ = writeln!(out, "by {} at {}: {}", author(version), version.created, version.note);
    for finding in findings {
        let _ = writeln!(out, "invalid now: {finding}");
    }
    if let Some(compared) = &version.compared_with {
        let _ = writeln!(out, "\nfrom {}:", short(compared));
        out.push_str(&fields(&version.difference));
    }
    if let Some(replay) = &version.replay {
        out.push('\n');
        said_of_replay(&mut out, replay);
    }
    if let Some(shadow) = shadow {
        said_of_shadow(&mut out, shadow);
    }
    for time in &version.active {
        let end = time.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
        let _ = writeln!(out, "active from {} (change {}) to {end}", time.from, time.number);
    }
    out
}
