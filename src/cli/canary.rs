//! `adjacent weights canary`: a version of the weights for a part of the requests.

use crate::cli::access::ServerAccess;
use crate::cli::arguments::duration;
use crate::cli::ops_client::OpsClient;
use crate::cli::output::Output;
use crate::cli::why::table;
use crate::config::ConfigError;
use crate::http::ops::admin::canary::CanaryRequest;
use crate::publishing::canary::{ArmReport, CanaryStatus};
use crate::web::pages::replay as page;
use std::time::Duration;

pub(super) const PATH: &str = "/v1/admin/weights/versions";
const CANARY: &str = "/v1/admin/weights/canary";

#[derive(Debug, clap::Args)]
pub(super) struct CanaryVerb {
    /// Name of the version, or the first digits of its hash. Without it, shows what the canary does.
    #[arg(conflicts_with = "off")]
    name: Option<String>,
    /// The part of the requests, in per cent: above 0; 100 activates the version.
    #[arg(long, value_name = "N", requires = "name", conflicts_with = "auto")]
    percent: Option<f64>,
    /// Let it get 1 per cent, then 10, then activate it.
    #[arg(long, requires = "name")]
    auto: bool,
    /// The least time of each step: `90s`, `10m`, `1h`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    every: Duration,
    /// End the canary.
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    access: ServerAccess,
}

/// The running server, which checks and stores versions.
pub(super) fn server(access: &ServerAccess) -> anyhow::Result<OpsClient> {
    let found = access.find()?;
    found.ok_or_else(|| {
        let reason = "no server is running on this data directory; start it, or apply a file with `adjacent apply`";
        ConfigError::Usage(reason.to_owned()).into()
    })
}

/// The path of a version.
pub(super) fn path(name: &str) -> Result<String, ConfigError> {
    let is_safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || !name.bytes().all(is_safe) {
        let reason = format!("`{name}` is no name of a version: see `adjacent weights list`");
        return Err(ConfigError::Usage(reason));
    }
    Ok(format!("{PATH}/{name}"))
}

impl CanaryVerb {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let server = server(&self.access)?;
        if self.off {
            server.delete(CANARY)?;
            let text = "there is no canary: all requests get the active weights";
            return Ok(output.result(text, &serde_json::Value::Null)?);
        }
        let answer = match &self.name {
            None => server.get(CANARY)?,
            Some(name) => {
                let step_seconds = u32::try_from(self.every.as_secs()).unwrap_or(u32::MAX);
                let step_seconds = self.auto.then_some(step_seconds);
                let request =
                    CanaryRequest { percent: self.percent, auto: self.auto, step_seconds };
                server.send(&format!("{}/canary", path(name)?), &serde_json::to_vec(&request)?)?
            }
        };
        let status: CanaryStatus = serde_json::from_value(answer)?;
        let text = match &self.name {
            Some(name) if status.running.is_none() => format!("`{name}` is active"),
            _ => said(&status),
        };
        Ok(output.result(text.trim_end(), &status)?)
    }
}

/// The canary in text.
fn said(CanaryStatus { running, stopped }: &CanaryStatus) -> String {
    let ended = stopped.iter().map(|said| format!("stopped: {said}\n")).collect::<String>();
    let Some(running) = running else { return format!("there is no canary\n{ended}") };
    let steps = running
        .step_seconds
        .map_or_else(String::new, |seconds| format!(", the next step after {seconds} s"));
    let of = |arm: &ArmReport| {
        let none = || "–".to_owned();
        let clicks = arm.clicks as f64 / arm.impressions as f64;
        vec![
            arm.decisions.to_string(),
            arm.fill.map_or_else(none, page::percent),
            if arm.impressions > 0 { page::percent(clicks) } else { none() },
            if arm.decisions > 0 { format!("{} µs", arm.p99_micros) } else { none() },
            arm.lost_reservations.to_string(),
            arm.subject_conflicts.to_string(),
        ]
    };
    let row = |name: &str, arm: &ArmReport| [vec![name.to_owned()], of(arm)].concat();
    let rows = [row(&running.version, &running.canary), row("the others", &running.served)];
    let header = ["", "decisions", "fill", "click rate", "p99", "lost", "conflicts"];
    format!(
        "canary {}: {} % of the requests since {}{steps}\n\n{}\n{ended}",
        running.version,
        running.percent,
        running.since,
        table(1, &header, &rows)
    )
}
