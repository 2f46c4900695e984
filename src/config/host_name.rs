//! Host names in settings and in requests.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr};

/// A host name, in lower case and ASCII; not an IP address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct HostName(String);

impl HostName {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a host name.
#[derive(Debug, thiserror::Error)]
#[error(
    "must be a host name without scheme, port, path or wildcard, such as `adjacent.internal` (got \
     `{0}`); IP addresses are always accepted"
)]
pub struct NotAHostName(String);

impl TryFrom<String> for HostName {
    type Error = NotAHostName;

    fn try_from(text: String) -> Result<HostName, NotAHostName> {
        // A character outside of this list would end the host in a URL.
        let is_plain = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        match url::Host::parse(text.trim_end_matches('.')) {
            Ok(url::Host::Domain(name)) if is_plain => Ok(HostName(name)),
            _ => Err(NotAHostName(text)),
        }
    }
}

/// Whether a request with this `Host` may have meant this server: an IP address, `localhost`, the host
/// of the public URL, or one of `names`; with any port.
///
/// Browsers let a page read what they take for its own origin. An attacker whose name resolves to this
/// server's address (DNS rebinding) thus reads through a browser what only the browser's network can
/// reach; such a request has the attacker's name in `Host`. An IP address cannot be rebound.
pub(crate) fn accepts(host: &str, public: &str, names: &[HostName]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split_once(']').filter(|(_, port)| is_port(port));
        return address.is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let name = name.strip_suffix('.').unwrap_or(name);
    let is = |known: &str| !name.is_empty() && known.eq_ignore_ascii_case(name);
    let known = || is(public) || is("localhost") || names.iter().any(|known| is(&known.0));
    is_port(port) && (known() || name.parse::<IpAddr>().is_ok())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').map_or(text.is_empty(), |port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<HostName, NotAHostName> {
        text.to_owned().try_into()
    }

    #[test]
    fn addresses_localhost_the_public_host_and_configured_names_are_accepted_with_any_port() {
        let names = [name("Adjacent.Internal.").unwrap(), name("münchen.example").unwrap()];
        for host in [
            "127.0.0.1",
            "10.1.2.3:8081",
            "[::1]",
            "[2001:db8::1]:8080",
            "localhost:1",
            "LOCALHOST",
            "units.example",
            "units.example.",
            "Units.Example:443",
            "adjacent.internal:8081",
            "xn--mnchen-3ya.example",
        ] {
            assert!(accepts(host, "units.example", &names), "{host}");
        }
        for host in [
            "",
            ":80",
            ".",
            "evil.example",
            "units.example.evil.example",
            "a.units.example",
            "127.0.0.1.evil.example",
            "evil.example:127.0.0.1",
            "[::1",
            "[::1]evil.example",
            "::1",
            "localhost@evil.example",
            "units.example:x",
            "0x7f.1",
            "[evil.example]",
        ] {
            assert!(!accepts(host, "units.example", &names), "{host}");
        }
        assert!(!accepts("", "", &[]) && !accepts(".", "", &[]));
    }

    #[test]
    fn a_setting_that_can_match_no_host_is_rejected() {
        for text in [
            "",
            ".",
            "https://a.example",
            "a.example:80",
            "a.example/x",
            "*.a.example",
            "10.0.0.1",
            "a b",
            "[::1]",
            "user@a",
        ] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
