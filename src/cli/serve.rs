//! `adjacent serve`: the default verb.

use crate::app::App;
use crate::app::Options;
use crate::app::banner;
use crate::cli::voice::Voice;
use crate::config::ConfigError;
use crate::config::Settings;
use crate::config::load;
use crate::config::settings::LogFormat;
use crate::telemetry;
use anyhow::Context;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Serve {
    /// Decisions, events, pages.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Metrics, probes, admin.
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<SocketAddr>,
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where what is true is kept: `embedded`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The settings' file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The weights' file.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// An inventory to apply at the start: a file or a folder.
    #[arg(long, value_name = "PATH")]
    inventory: Option<PathBuf>,
    /// Apply the inventory whenever it changes.
    #[arg(long, requires = "inventory")]
    watch: bool,
}

impl Serve {
    pub(super) async fn run(self, voice: Voice) -> anyhow::Result<()> {
        let mut settings = load::settings(self.config.as_deref(), load::environment())?;
        self.over(&mut settings);
        let json = settings.logs.format == LogFormat::Json;
        telemetry::start(&settings.logs.level, json)
            .map_err(|error| ConfigError::Usage(format!("logs.level: {error}")))?;
        let options = Options {
            config: self.config,
            weights: self.weights,
            inventory: self.inventory,
            watch: self.watch,
        };
        // Before anything is opened: whoever asks for a stop while it starts gets an orderly one, too.
        let stop = Stop::listen().context("signals cannot be listened for")?;
        let app = App::build(settings, options).await?;
        let terminal = std::io::stdout().is_terminal();
        voice.say(banner::banner(&app, terminal).trim_end())?;
        voice.object_if_json(&serde_json::json!({
            "public": app.address.to_string(), "ops": app.ops_address.to_string(),
        }))?;
        app.run(stop.asked()).await
    }

    fn over(&self, settings: &mut Settings) {
        settings.server.listen = self.listen.unwrap_or(settings.server.listen);
        settings.server.ops_listen = self.ops_listen.unwrap_or(settings.server.ops_listen);
        if let Some(data) = &self.data {
            settings.store.data = data.display().to_string();
        }
        if let Some(store) = &self.store {
            settings.store.url.clone_from(store);
        }
    }
}

/// SIGTERM and SIGINT, listened for from here on.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Stop> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Stop { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Completes when either has come.
    async fn asked(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
