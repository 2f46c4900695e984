//! The store's address: `embedded`, or the URL of a Redis.
//!
//! | address | meaning |
//! |---|---|
//! | `embedded` | this process and its data directory |
//! | `redis://[user:password@]host[:port][/db]` | a single server |
//! | `redis+sentinel://[user:password@]host[:port],…/name[/db]` | the primary that the sentinels report |
//! | `redis+cluster://[user:password@]host[:port],…` | a cluster, discovered from any of its nodes |
//!
//! `rediss://`, `rediss+sentinel://` and `rediss+cluster://` use TLS to every server and to the
//! sentinels; they need a build with the feature `tls`.

use crate::config::files;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The address of the store in this process.
pub(crate) const EMBEDDED: &str = "embedded";

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The address of a store.
#[derive(Clone, Debug)]
pub enum Address {
    /// This process and its data directory.
    Embedded,
    /// A Redis.
    Redis(RedisConfig),
}

/// How to reach a Redis and authenticate to it.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// Single server, sentinels or cluster.
    pub(crate) topology: Topology,
    /// Hosts and ports; exactly one for a single server.
    pub(crate) hosts: Vec<(String, u16)>,
    /// The user name; `None` is Redis's default user.
    pub(crate) user: Option<String>,
    /// The password; never part of a message.
    pub(crate) password: Option<SecretString>,
    /// The database number; a cluster has only 0.
    pub(crate) database: i64,
    /// Whether connections use TLS.
    pub(crate) tls: bool,
    /// CA certificates to trust, as PEM; `None` trusts the public web CAs.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS reads it"))]
    pub(crate) ca: Option<Vec<u8>>,
    /// Refuse non-loopback servers without a password, including those that sentinels or a cluster
    /// point to.
    pub(crate) require_password: bool,
}

/// The kind of Redis deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// A single server.
    Single,
    /// Sentinels; the value is the name of the monitored primary.
    Sentinel(String),
    Cluster,
}

/// The text is not a valid store address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{shown}` is not a valid store address: {reason}; use embedded, redis://HOST:PORT, redis+sentinel://HOST:PORT,…/NAME or redis+cluster://HOST:PORT,… (rediss for TLS)"
)]
pub struct InvalidAddress {
    shown: String,
    reason: String,
}

impl RedisConfig {
    /// Whether every host is a loopback address.
    pub(crate) fn is_local(&self) -> bool {
        self.hosts.iter().all(|(host, _)| is_loopback_host(host))
    }

    /// Trusts only the CA certificates in this PEM file. Fails without TLS or when the file has no
    /// certificate.
    pub(crate) fn with_ca_file(self, file: &Path) -> Result<RedisConfig, String> {
        if !self.tls {
            return Err(format!(
                "{self} does not use TLS, so a CA file has no effect: use rediss://"
            ));
        }
        let pem =
            files::read_regular(file).map_err(|error| format!("{}: {error}", file.display()))?;
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(format!("{}: contains no PEM certificate", file.display()));
        }
        Ok(RedisConfig { ca: Some(pem), ..self })
    }

    /// The password in plain text, for authentication.
    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.expose_secret())
    }
}

pub(crate) fn is_loopback_host(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for RedisConfig {
    /// The URL without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |(host, port): &(String, u16)| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let hosts = self.hosts.iter().map(host).collect::<Vec<String>>().join(",");
        let redis = if self.tls { "rediss" } else { "redis" };
        match &self.topology {
            Topology::Single => write!(f, "{redis}://{hosts}/{}", self.database),
            Topology::Sentinel(name) => {
                write!(f, "{redis}+sentinel://{hosts}/{name}/{}", self.database)
            }
            Topology::Cluster => write!(f, "{redis}+cluster://{hosts}"),
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Address, InvalidAddress> {
        if text == EMBEDDED {
            return Ok(Address::Embedded);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let shown =
            || format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, after)| after));
        let invalid = |reason: &str| InvalidAddress { shown: shown(), reason: reason.to_owned() };
        let (login, rest) =
            rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut path = path.split('/').filter(|part| !part.is_empty());
        let (kind, tls) = match scheme.strip_prefix("rediss") {
            Some(kind) => (format!("redis{kind}"), true),
            None => (scheme.to_owned(), false),
        };
        let (topology, port) = match kind.as_str() {
            "redis" => (Topology::Single, PORT),
            "redis+sentinel" => {
                let name = path
                    .next()
                    .ok_or_else(|| invalid("the name of the monitored primary is missing"))?;
                (Topology::Sentinel(name.to_owned()), SENTINEL_PORT)
            }
            "redis+cluster" => (Topology::Cluster, PORT),
            _ => return Err(invalid("unknown scheme")),
        };
        if tls && !cfg!(feature = "tls") {
            return Err(invalid(
                "this build has no TLS support for stores: build it with `--features tls`, or use a \
                 tunnel or a private network",
            ));
        }
        let database = match path.next() {
            None => 0,
            Some(number) => number.parse().map_err(|_| invalid("the database is not a number"))?,
        };
        if path.next().is_some() {
            return Err(invalid("unexpected text after the database number"));
        }
        let hosts: Result<Vec<_>, InvalidAddress> = hosts
            .split(',')
            .map(|host| {
                let (name, number) = match host.strip_prefix('[').and_then(|v6| v6.split_once(']'))
                {
                    Some((name, number)) => (name, number.trim_start_matches(':')),
                    None => host.rsplit_once(':').unwrap_or((host, "")),
                };
                let number = if number.is_empty() { Ok(port) } else { number.parse() };
                match number {
                    Ok(number) if !name.is_empty() => Ok((name.to_owned(), number)),
                    _ => Err(invalid("invalid host or port")),
                }
            })
            .collect();
        let hosts = hosts?;
        if topology == Topology::Single && hosts.len() != 1 {
            return Err(invalid("several hosts need redis+cluster:// or redis+sentinel://"));
        }
        if topology == Topology::Cluster && database != 0 {
            return Err(invalid("a cluster only has database 0"));
        }
        let (user, password) = match login {
            None => (None, None),
            Some(login) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
                (some(user), some(password).map(SecretString::from))
            }
        };
        let config = RedisConfig {
            topology,
            hosts,
            user,
            password,
            database,
            tls,
            ca: None,
            require_password: false,
        };
        Ok(Address::Redis(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> RedisConfig {
        match text.parse() {
            Ok(Address::Redis(config)) => config,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn three_topologies_are_parsed_and_shown_without_their_secrets() {
        for (text, shown) in [
            ("redis://db", "redis://db:6379/0"),
            ("redis://app:s3cret@db:7000/2", "redis://db:7000/2"),
            (
                "redis+sentinel://:s3cret@a,b:26380/main/1",
                "redis+sentinel://a:26379,b:26380/main/1",
            ),
            ("redis+cluster://a:7000,b:7001", "redis+cluster://a:7000,b:7001"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("redis://[::1]", "redis://[::1]:6379/0"),
        ] {
            assert_eq!(config(text).to_string(), shown);
            assert!(!format!("{:?}", config(text)).contains("s3cret"), "{text}");
        }
        let login = config("redis://app:p:w@db");
        assert_eq!((login.user.as_deref(), login.password()), (Some("app"), Some("p:w")));
        assert!(matches!("embedded".parse(), Ok(Address::Embedded)));
    }

    #[test]
    fn an_invalid_address_is_explained_without_showing_the_password() {
        for (text, reason) in [
            ("redis:6379", "unknown scheme"),
            ("http://app:s3cret@db", "unknown scheme"),
            ("redisss://app:s3cret@db", "unknown scheme"),
            ("redis://db:port", "invalid host or port"),
            ("redis://", "invalid host or port"),
            ("redis://a,b", "several hosts need redis+cluster:// or redis+sentinel://"),
            ("redis://db/two", "the database is not a number"),
            ("redis://db/0/1", "unexpected text after the database number"),
            ("redis+sentinel://a,b", "the name of the monitored primary is missing"),
            ("redis+cluster://a/3", "a cluster only has database 0"),
        ] {
            let message = text.parse::<Address>().unwrap_err().to_string();
            assert!(message.contains(reason) && !message.contains("s3cret"), "{text}: {message}");
        }
    }

    #[test]
    fn a_rediss_url_uses_tls_or_reports_that_the_build_has_none() {
        for (text, shown) in [
            ("rediss://app:s3cret@db", "rediss://db:6379/0"),
            ("rediss+sentinel://a/main", "rediss+sentinel://a:26379/main/0"),
            ("rediss+cluster://a", "rediss+cluster://a:6379"),
        ] {
            if cfg!(feature = "tls") {
                assert!(config(text).tls);
                assert_eq!(config(text).to_string(), shown);
            } else {
                let message = text.parse::<Address>().unwrap_err().to_string();
                assert!(
                    message.contains("--features tls") && !message.contains("s3cret"),
                    "{message}"
                );
            }
        }
    }

    #[test]
    fn only_loopback_hosts_are_local() {
        assert!(config("redis://[::1]").is_local());
        assert!(config("redis+cluster://127.0.0.1:1,localhost:2").is_local());
        assert!(!config("redis+cluster://127.0.0.1:1,db:2").is_local());
    }
}
