//! Where the store is: one word for this process alone, or the address of a Redis.
//!
//! | address | means |
//! |---|---|
//! | `embedded` | this process and its data directory |
//! | `redis://[user:password@]host[:port][/db]` | one server |
//! | `redis+sentinel://[user:password@]host[:port],…/name[/db]` | the primary that sentinels name |
//! | `redis+cluster://[user:password@]host[:port],…` | a cluster, found from any of its nodes |
//!
//! `rediss://`, `rediss+sentinel://` and `rediss+cluster://` are the same over TLS, to every server and
//! to the sentinels, in builds with the feature `tls`.

use secrecy::ExposeSecret;
use secrecy::SecretString;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The word for a store in this process.
pub const EMBEDDED: &str = "embedded";

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Where the store is.
#[derive(Clone, Debug)]
pub enum Address {
    /// In this process.
    Embedded,
    /// In a Redis.
    Redis(Place),
}

/// A Redis and how it is reached.
#[derive(Clone, Debug)]
pub struct Place {
    /// What stands there.
    pub topology: Topology,
    /// Hosts and ports; a single server has one.
    pub hosts: Vec<(String, u16)>,
    /// Who we are there.
    pub user: Option<String>,
    /// The password, which no message shows.
    pub password: Option<SecretString>,
    /// The database; a cluster has 0 alone.
    pub database: i64,
    /// Over TLS.
    pub tls: bool,
    /// The certificates of a private authority, as PEM; `None` trusts those that browsers trust.
    pub ca: Option<Vec<u8>>,
    /// Without a password, no server beyond this machine is used, wherever sentinels or a cluster lead.
    pub guarded: bool,
}

/// What stands at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single,
    /// Sentinels that name the primary of this service.
    Sentinel(String),
    /// A cluster.
    Cluster,
}

/// The text is no address of a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{shown}` is not a store: {reason}; write embedded, redis://HOST:PORT, redis+sentinel://HOST:PORT,…/NAME or redis+cluster://HOST:PORT,…, or rediss for TLS"
)]
pub struct InvalidAddress {
    shown: String,
    reason: String,
}

impl Place {
    /// Whether every host is this machine.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(|(host, _)| is_here(host))
    }

    /// The same, trusting the authority whose certificates are in a file, and no other.
    pub fn trusting(self, file: &Path) -> Result<Place, String> {
        if !self.tls {
            return Err(format!("{self} has no TLS, so no authority is asked: write rediss"));
        }
        let pem = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(format!("{}: holds no certificate as PEM", file.display()));
        }
        Ok(Place { ca: Some(pem), ..self })
    }

    /// The password as the server is told it.
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.expose_secret())
    }
}

/// Whether a host is this machine.
pub fn is_here(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Place {
    /// Without user and password.
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
        let wrong = |reason: &str| InvalidAddress { shown: shown(), reason: reason.to_owned() };
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
                let name =
                    path.next().ok_or_else(|| wrong("the name of the service is missing"))?;
                (Topology::Sentinel(name.to_owned()), SENTINEL_PORT)
            }
            "redis+cluster" => (Topology::Cluster, PORT),
            _ => return Err(wrong("the scheme is unknown")),
        };
        if tls && !cfg!(feature = "tls") {
            return Err(wrong(
                "this build speaks no TLS to a store: build it with `--features tls`, or use a tunnel \
                 or a private network",
            ));
        }
        let database = match path.next() {
            None => 0,
            Some(number) => number.parse().map_err(|_| wrong("the database is not a number"))?,
        };
        if path.next().is_some() {
            return Err(wrong("it goes on behind the database"));
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
                    _ => Err(wrong("a host or a port cannot be read")),
                }
            })
            .collect();
        let hosts = hosts?;
        if topology == Topology::Single && hosts.len() != 1 {
            return Err(wrong("several hosts are a cluster or sentinels"));
        }
        if topology == Topology::Cluster && database != 0 {
            return Err(wrong("a cluster has database 0 alone"));
        }
        let (user, password) = match login {
            None => (None, None),
            Some(login) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
                (some(user), some(password).map(SecretString::from))
            }
        };
        let place =
            Place { topology, hosts, user, password, database, tls, ca: None, guarded: false };
        Ok(Address::Redis(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        match text.parse() {
            Ok(Address::Redis(place)) => place,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn three_topologies_are_told_apart_and_shown_without_their_secrets() {
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
            assert_eq!(place(text).to_string(), shown);
            assert!(!format!("{:?}", place(text)).contains("s3cret"), "{text}");
        }
        let login = place("redis://app:p:w@db");
        assert_eq!((login.user.as_deref(), login.password()), (Some("app"), Some("p:w")));
        assert!(matches!("embedded".parse(), Ok(Address::Embedded)));
    }

    #[test]
    fn what_is_no_address_says_what_is_wrong_and_never_the_password() {
        for (text, reason) in [
            ("redis:6379", "the scheme is unknown"),
            ("http://app:s3cret@db", "the scheme is unknown"),
            ("redisss://app:s3cret@db", "the scheme is unknown"),
            ("redis://db:port", "a host or a port cannot be read"),
            ("redis://", "a host or a port cannot be read"),
            ("redis://a,b", "several hosts are a cluster or sentinels"),
            ("redis://db/two", "the database is not a number"),
            ("redis://db/0/1", "it goes on behind the database"),
            ("redis+sentinel://a,b", "the name of the service is missing"),
            ("redis+cluster://a/3", "a cluster has database 0 alone"),
        ] {
            let said = text.parse::<Address>().unwrap_err().to_string();
            assert!(said.contains(reason) && !said.contains("s3cret"), "{text}: {said}");
        }
    }

    #[test]
    fn tls_is_a_letter_more_where_it_is_built_in_and_said_to_be_missing_where_not() {
        for (text, shown) in [
            ("rediss://app:s3cret@db", "rediss://db:6379/0"),
            ("rediss+sentinel://a/main", "rediss+sentinel://a:26379/main/0"),
            ("rediss+cluster://a", "rediss+cluster://a:6379"),
        ] {
            if cfg!(feature = "tls") {
                assert!(place(text).tls);
                assert_eq!(place(text).to_string(), shown);
            } else {
                let said = text.parse::<Address>().unwrap_err().to_string();
                assert!(said.contains("--features tls") && !said.contains("s3cret"), "{said}");
            }
        }
    }

    #[test]
    fn only_loopback_is_local() {
        assert!(place("redis://[::1]").is_local());
        assert!(place("redis+cluster://127.0.0.1:1,localhost:2").is_local());
        assert!(!place("redis+cluster://127.0.0.1:1,db:2").is_local());
    }
}
