//! Reads `INFO` and checks that a server is supported as a store.

use crate::store::address::{RedisConfig, Topology, is_loopback_host};
use redis::{ErrorKind, FromRedisValue, RedisError, Value};
use std::collections::BTreeMap;

/// What `INFO` reports about a primary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerInfo {
    /// Its host, in a cluster only.
    pub(crate) host: Option<String>,
    /// `Redis` or `Valkey`.
    pub(crate) name: String,
    pub(crate) version: String,
    /// The `maxmemory-policy`.
    pub(crate) maxmemory_policy: String,
    /// Whether cluster mode is enabled.
    pub(crate) is_in_cluster: bool,
    /// The replication id (`master_replid`); changes with every failover.
    pub(crate) replication_id: String,
    /// The replication offset (`master_repl_offset`).
    pub(crate) offset: u64,
    /// The offset acknowledged by each online replica.
    pub(crate) replica_offsets: Vec<u64>,
}

/// Parses the `INFO` reply of one server, or of every primary of a cluster.
pub(crate) fn servers(answer: &Value) -> Result<Vec<ServerInfo>, RedisError> {
    let Value::Map(nodes) = answer else { return Ok(vec![ServerInfo::parse(None, answer)?]) };
    let parse = |(node, info): &(Value, Value)| {
        let node = String::from_redis_value_ref(node)?;
        let host = node.rsplit_once(':').map_or(node.as_str(), |(host, _)| host);
        ServerInfo::parse(Some(host.to_owned()), info)
    };
    nodes.iter().map(parse).collect()
}

impl ServerInfo {
    fn parse(host: Option<String>, info: &Value) -> Result<ServerInfo, RedisError> {
        let text = String::from_redis_value_ref(info)?;
        let fields: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        if !fields.contains_key("redis_version") {
            return Err(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "INFO reply without redis_version",
            )));
        }
        let (name, version) = match fields.get("valkey_version") {
            Some(version) => ("Valkey", *version),
            None => ("Redis", field("redis_version")),
        };
        // slave0:ip=127.0.0.1,port=7001,state=online,offset=1234,lag=0
        let replica_offset = |(name, of): (&&str, &&str)| {
            let number = name.strip_prefix("slave")?;
            let is_replica = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let part = |name: &str| of.split(',').find_map(|part| part.strip_prefix(name));
            (is_replica && part("state=") == Some("online")).then(|| part("offset="))??.parse().ok()
        };
        Ok(ServerInfo {
            host,
            name: name.to_owned(),
            version: version.to_owned(),
            maxmemory_policy: field("maxmemory_policy").to_owned(),
            is_in_cluster: field("cluster_enabled") == "1",
            replication_id: field("master_replid").to_owned(),
            offset: field("master_repl_offset").parse().unwrap_or(0),
            replica_offsets: fields.iter().filter_map(replica_offset).collect(),
        })
    }

    /// Whether the version supports functions as the library uses them.
    fn supports_functions(&self) -> bool {
        let mut parts = self.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        found >= if self.name == "Valkey" { (7, 2) } else { (7, 0) }
    }
}

/// Checks versions, eviction policy, topology and password protection; the error says why a server
/// is rejected. `hosts` are those that the sentinels or the cluster resolved to.
pub(crate) fn check<'h>(
    config: &RedisConfig,
    servers: &[ServerInfo],
    hosts: impl Iterator<Item = &'h str>,
) -> Result<(), String> {
    for server in servers {
        let ServerInfo { name, version, maxmemory_policy, .. } = server;
        if !server.supports_functions() {
            return Err(format!(
                "{name} {version} has no support for functions: use Redis 7.0 or Valkey 7.2, or later"
            ));
        }
        if maxmemory_policy.starts_with("allkeys") {
            return Err(format!(
                "maxmemory-policy is {maxmemory_policy}, which evicts recorded events when memory is \
                 full: set maxmemory-policy noeviction"
            ));
        }
        if server.is_in_cluster && config.topology != Topology::Cluster {
            return Err(
                "the server runs in cluster mode: use redis+cluster://HOST:PORT,…".to_owned()
            );
        }
    }
    let remote: Vec<&str> = hosts.filter(|host| !is_loopback_host(host)).collect();
    if let Some(host) =
        remote.first().filter(|_| config.require_password && config.password().is_none())
    {
        return Err(format!(
            "it resolves to {host}, which is not a loopback address, without a password: anyone who \
             can connect can change billing; set a user and a password, or store.unprotected = true"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Address;

    fn config(text: &str) -> RedisConfig {
        match text.parse() {
            Ok(Address::Redis(config)) => RedisConfig { require_password: true, ..config },
            other => panic!("{other:?}"),
        }
    }

    fn info(text: &str) -> Vec<ServerInfo> {
        servers(&Value::BulkString(text.replace('\n', "\r\n").into_bytes())).unwrap()
    }

    #[test]
    fn an_outdated_server_and_one_that_evicts_keys_are_rejected() {
        let none = || std::iter::empty::<&str>();
        for (text, rejected) in [
            ("redis_version:7.0.15\nmaxmemory_policy:noeviction", None),
            ("redis_version:7.4.0\nmaxmemory_policy:volatile-lru", None),
            ("redis_version:7.2.4\nvalkey_version:8.0.1", None),
            ("redis_version:6.2.14", Some("Redis 6.2.14 has no support")),
            ("redis_version:7.2.4\nvalkey_version:7.1.0", Some("Valkey 7.1.0 has no support")),
            (
                "redis_version:7.0.0\nmaxmemory_policy:allkeys-lru",
                Some("maxmemory-policy noeviction"),
            ),
            ("redis_version:7.0.0\ncluster_enabled:1", Some("redis+cluster://")),
        ] {
            let found = check(&config("redis://localhost"), &info(text), none());
            match rejected {
                None => assert_eq!(found, Ok(()), "{text}"),
                Some(why) => {
                    assert!(found.as_ref().is_err_and(|reason| reason.contains(why)), "{found:?}")
                }
            }
        }
        assert!(servers(&Value::Okay).is_err(), "a reply without server info is an error");
    }

    #[test]
    fn a_redirect_to_a_remote_host_needs_a_password() {
        let recent = info("redis_version:7.0.15");
        let found = |address: &str, host| check(&config(address), &recent, [host].into_iter());
        assert_eq!(found("redis+sentinel://localhost/main", "127.0.0.1"), Ok(()));
        let reason = found("redis+sentinel://localhost/main", "10.0.0.7").unwrap_err();
        assert!(reason.contains("10.0.0.7") && reason.contains("store.unprotected"), "{reason}");
        assert_eq!(found("redis+sentinel://app:secret@localhost/main", "10.0.0.7"), Ok(()));
        let open = RedisConfig { require_password: false, ..config("redis+cluster://localhost") };
        assert_eq!(check(&open, &recent, ["10.0.0.7"].into_iter()), Ok(()));
    }

    #[test]
    fn replica_offsets_are_read_from_info() {
        let text = "redis_version:7.0.15\nrole:master\nconnected_slaves:2\n\
            slave0:ip=127.0.0.1,port=1,state=online,offset=40,lag=0\n\
            slave1:ip=127.0.0.1,port=2,state=wait_bgsave,offset=0,lag=0\n\
            slave_expires_tracked_keys:0\nmaster_replid:abc\nmaster_repl_offset:42";
        let server = info(text).remove(0);
        assert_eq!((server.replication_id.as_str(), server.offset), ("abc", 42));
        assert_eq!(server.replica_offsets, [40]);
    }
}
