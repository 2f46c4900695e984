//! `adjacent health`: does the server here take requests? For whatever starts and restarts it.

use crate::cli::running;
use crate::cli::voice::Voice;
use crate::config::load;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::time::Duration;

/// How long an answer may take: less than a probe waits.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// The operations listener; by default what the settings say.
    #[arg(long, value_name = "ADDRESS")]
    ops: Option<SocketAddr>,
}

/// The server does not take requests: exit code 1, which is an answer, not a failure of the question.
#[derive(Debug, thiserror::Error)]
#[error("not ready: {0}")]
pub(super) struct NotReady(String);

impl Health {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        let address = match self.ops {
            Some(address) => address,
            None => load::settings(None, load::environment())?.server.ops_listen,
        };
        let address = reachable(address);
        let head = format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n");
        let answer = running::exchange(address, PATIENCE, &head, &[])
            .map_err(|error| NotReady(format!("{address}: {error}")))?;
        if answer.status != Some(200) {
            return Err(NotReady(format!("{address} answers {}", answer.body.trim())).into());
        }
        Ok(voice.answer("ready", &serde_json::json!({ "ready": true }))?)
    }
}

/// An address that one can connect to: a listener on all addresses is reached on loopback.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        let asked = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(asked("[::]:8081"), "[::1]:8081");
        assert_eq!(asked("10.0.0.7:9"), "10.0.0.7:9");
    }
}
