//! `adjacent rollback`: serves the content of an earlier change again, after showing the diff. What is paused stays.

use crate::catalog::change::{CanaryChange, ExpectedVersion, HeadUpdate};
use crate::catalog::detail::{ChangeKind, Detail};
use crate::catalog::undo::{Earlier, UndoError};
use crate::catalog::{AuditContext, Catalog, difference};
use crate::cli::access::ServerAccess;
use crate::cli::catalog;
use crate::cli::confirm::confirmed;
use crate::cli::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;

#[derive(Debug, clap::Args)]
pub(super) struct Rollback {
    /// Number of the change whose content to serve again. Without it, the last change of content is undone; again,
    /// the one before it.
    number: Option<u64>,
    #[command(flatten)]
    access: ServerAccess,
    /// Roll back without asking. Without a terminal, the answer is read from standard input otherwise.
    #[arg(long)]
    yes: bool,
    /// The name to record in the audit log.
    #[arg(long, env = "USER", default_value = "command line", hide_env_values = true)]
    who: String,
}

impl Rollback {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let data = &self.access.data()?;
        let folder = data.join("catalog");
        if !folder.is_dir() {
            let reason =
                format!("{}: nothing was ever applied to this data directory", data.display());
            return Err(ConfigError::Usage(reason).into());
        }
        let catalog = Catalog::open(&folder)?;
        let served = catalog::served(data)?;
        let Earlier { number, mut inventory, weights, labels } =
            catalog.earlier(self.number).map_err(usage)?;
        if let Some(inventory) = &mut inventory {
            served.carry_pauses(inventory);
        }
        let difference = difference::between(
            served.inventory.as_ref().zip(inventory.as_ref()),
            served.weights.as_ref().zip(weights.as_ref()),
            served.labels.as_ref().zip(labels.as_ref()),
        );
        output.line(difference.to_string().trim_end())?;
        let outcome = |applied: bool, change: u64| {
            serde_json::json!({
                "applied": applied, "number": change, "restores": number, "difference": difference,
            })
        };
        if !self.yes && !confirmed(&format!("roll back to the content of change {number}?"))? {
            output.line("not rolled back")?;
            return Ok(output.json_only(&outcome(false, served.number))?);
        }
        let change = match self.access.find()? {
            Some(server) => {
                let body = serde_json::json!({ "number": number });
                let answer = server.send("/v1/admin/rollback", &serde_json::to_vec(&body)?)?;
                answer["head"]["number"].as_u64().unwrap_or(0)
            }
            None => {
                let at = SystemClock::starting_at_least(0).now();
                let what = format!("roll back to number {number}");
                let by = AuditContext { who: self.who, what, at, request: None };
                let restores = Some(number);
                let detail = Detail { restores, ..Detail::of(ChangeKind::Rollback) };
                let parts = HeadUpdate {
                    inventory: inventory.as_ref(),
                    weights: weights.as_ref(),
                    labels: labels.as_ref(),
                    canary: CanaryChange::Keep,
                    images: &[],
                    detail: Some(&detail),
                };
                let expected = ExpectedVersion::Number(served.number);
                catalog.put(&parts, expected, &by)?.number
            }
        };
        output.line(format_args!(
            "rolled back to the content of change {number}, as change {change}"
        ))?;
        Ok(output.json_only(&outcome(true, change))?)
    }
}

/// That nothing can be rolled back is no internal error.
fn usage(error: UndoError) -> anyhow::Error {
    match error {
        UndoError::Catalog(error) => error.into(),
        other => ConfigError::Usage(other.to_string()).into(),
    }
}
