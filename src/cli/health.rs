//! `adjacent health`: readiness check of the local server, for supervisors and container probes.

use crate::app::lock;
use crate::cli::access::{DataArgs, connect_address};
use crate::cli::ops_client;
use crate::cli::output::{CheckFailed, Output};
use std::net::SocketAddr;
use std::time::Duration;

/// Timeout, shorter than a typical probe's own.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// Operations listener to check [default: that of the server on the data directory, else
    /// `server.ops_listen` of the settings]
    #[arg(long, value_name = "ADDRESS")]
    ops: Option<SocketAddr>,
    #[command(flatten)]
    place: DataArgs,
}

impl Health {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let address = match self.ops {
            Some(address) => address,
            None => {
                let settings = self.place.settings()?;
                let running = self.place.optional()?.and_then(|data| lock::running_server(&data));
                running.unwrap_or(settings.server.ops_listen)
            }
        };
        let address = connect_address(address);
        let head = format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n");
        let response = ops_client::exchange(address, TIMEOUT, &head, &[])
            .map_err(|error| CheckFailed(format!("not ready: {address}: {error}")))?;
        if response.status != Some(200) {
            let reason = response.body.trim();
            return Err(CheckFailed(format!("not ready: {address} returned {reason}")).into());
        }
        Ok(output.result("ready", &serde_json::json!({ "ready": true }))?)
    }
}
