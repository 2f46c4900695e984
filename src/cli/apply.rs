//! `adjacent apply`: make these files what is served. The difference is shown first.

use crate::catalog::By;
use crate::catalog::difference::Difference;
use crate::catalog::pictures::Pictures;
use crate::cli::catalog;
use crate::cli::given;
use crate::cli::running::Access;
use crate::cli::voice::Voice;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config::ConfigError;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    /// Files, and folders of files; `-` is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    access: Access,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Also where a weight moves by more than half.
    #[arg(long)]
    force: bool,
    /// Whose name the audit log gets.
    #[arg(long, env = "USER", default_value = "command line", hide_env_values = true)]
    who: String,
}

impl Apply {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        let served = catalog::served(&self.access.data)?;
        let stored = Pictures::below(&self.access.data);
        let read = given::layout(&self.paths)?.read_with(Some(&stored));
        let new = served.carried(read.map_err(ConfigError::from)?);
        let difference = served.against(&new);
        voice.say(difference.to_string().trim_end())?;
        // What is served may still lack a picture that lies beside these files.
        if served.is(&new) && catalog::are_stored(&stored, &new.pictures) {
            return Ok(voice.object_if_json(&answer(false, served.number, &difference))?);
        }
        // Weights that nothing serves yet cannot move.
        if served.weights.is_some() && !self.force {
            guard(&difference)?;
        }
        if !self.yes && !agreed()? {
            voice.say("left as it was")?;
            return Ok(voice.object_if_json(&answer(false, served.number, &difference))?);
        }
        let names: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        let what = format!("apply {}", names.join(" "));
        let number = match self.access.running()? {
            Some(server) => catalog::hand_over(&server, new, &served, what)?,
            None => {
                let at = SystemClock::starting_at_least(0).now();
                let by = By { who: self.who, what, at, request: None };
                catalog::activate(&self.access.data, &new, &served, &by)?.number
            }
        };
        voice.say(format_args!("applied as number {number}"))?;
        Ok(voice.object_if_json(&answer(true, number, &difference))?)
    }
}

fn answer(applied: bool, number: u64, difference: &Difference) -> serde_json::Value {
    serde_json::json!({ "applied": applied, "number": number, "difference": difference })
}

/// A typing mistake in a weight is a factor of ten more often than not.
fn guard(difference: &Difference) -> Result<(), ConfigError> {
    let moved = difference.dangerous_weights();
    if moved.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = moved
        .iter()
        .map(|(path, change)| {
            if change.is_finite() {
                format!("{path} by {:.0} %", change * 100.0)
            } else {
                format!("{path} from nothing")
            }
        })
        .collect();
    let reason = format!("moves {}: say --force if that is meant", named.join(", "));
    Err(ConfigError::Usage(reason))
}

/// Asks whoever sits at the terminal; nobody does where there is none.
fn agreed() -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    write!(io::stderr(), "apply? [y/N] ")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()))
}
