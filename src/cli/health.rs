//! `adjacent health`: readiness check of the local server, for supervisors and container probes.

use crate::cli::ops_client;
use crate::cli::output::{CheckFailed, Output};
use crate::config::load;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Timeout, shorter than a typical probe's own.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// Operations listener to check [default: server.ops_listen of the settings]
    #[arg(long, value_name = "ADDRESS")]
    ops: Option<SocketAddr>,
}

impl Health {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let address = match self.ops {
            Some(address) => address,
            None => load::settings(None, load::environment())?.server.ops_listen,
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

/// The address to connect to: loopback for a listener on all addresses.
fn connect_address(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_checked_on_loopback() {
        let address = |text: &str| connect_address(text.parse().unwrap()).to_string();
        assert_eq!(address("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(address("[::]:8081"), "[::1]:8081");
        assert_eq!(address("10.0.0.7:9"), "10.0.0.7:9");
    }
}
