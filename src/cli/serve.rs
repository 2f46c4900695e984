//! `adjacent serve`: runs the server (the default command).

use crate::app::options::Overrides;
use crate::app::{App, Options, StopSignal, banner};
use crate::cli::output::{Output, note};
use crate::config::settings::LogFormat;
use crate::config::{ConfigError, load, unreachable};
use crate::telemetry;
use anyhow::Context;
use futures_util::{Stream, stream};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Serve {
    /// Address of the public listener: decisions, events and pages.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of the operations listener: metrics, health checks and admin API.
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<SocketAddr>,
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Event store: `embedded` (default) or a Redis URL.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Settings file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Weights file.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Inventory file or folder to apply at startup.
    #[arg(long, value_name = "PATH")]
    inventory: Option<PathBuf>,
    /// Apply the inventory again whenever it changes.
    #[arg(long, requires = "inventory")]
    watch: bool,
}

impl Serve {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let mut settings = load::settings(self.config.as_deref(), load::environment())?;
        let overrides = Overrides {
            listen: self.listen,
            ops_listen: self.ops_listen,
            data: self.data,
            store: self.store,
        };
        overrides.apply(&mut settings);
        let json = settings.logs.format == LogFormat::Json;
        let _logging = telemetry::start(&settings.logs.level, json)
            .map_err(|error| ConfigError::Usage(format!("logs.level: {error}")))?;
        for reason in unreachable::warnings(&settings, load::environment()) {
            tracing::warn!(reason, "a setting has no effect, or may not be meant");
            // A level that is none may keep all lines out of the log.
            if reason.starts_with("logs.level") {
                note(format_args!("warning: {reason}"));
            }
        }
        let options = Options {
            config: self.config,
            weights: self.weights,
            inventory: self.inventory,
            watch: self.watch,
            overrides,
        };
        // Before anything is opened, so that a signal during startup also shuts down cleanly.
        let shutdown = ShutdownSignals::install().context("cannot install signal handlers")?;
        let app = App::build(settings, options).await?;
        let terminal = std::io::stdout().is_terminal();
        let addresses = serde_json::json!({
            "public": app.address.to_string(), "ops": app.ops_address.to_string(),
        });
        if let Err(error) = output.result(banner::banner(&app, terminal).trim_end(), &addresses) {
            tracing::warn!(%error, "cannot print the addresses; serving nevertheless");
        }
        app.run(shutdown.received()).await
    }
}

/// Handlers for SIGTERM and SIGINT.
struct ShutdownSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl ShutdownSignals {
    fn install() -> std::io::Result<ShutdownSignals> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(ShutdownSignals { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The signals, as they come.
    fn received(self) -> impl Stream<Item = StopSignal> {
        stream::unfold(self, |mut signals| async move {
            let signal = tokio::select! {
                _ = signals.terminate.recv() => StopSignal::Terminate,
                _ = signals.interrupt.recv() => StopSignal::Interrupt,
            };
            Some((signal, signals))
        })
    }
}
