//! Whether a server may be our store, by what it says of itself.

use crate::store::address::Place;
use crate::store::address::Topology;
use crate::store::address::is_here;
use redis::ErrorKind;
use redis::FromRedisValue;
use redis::RedisError;
use redis::Value;
use std::collections::BTreeMap;

/// What a primary says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its address, where a cluster names it.
    pub host: Option<String>,
    /// Redis or Valkey.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does when its memory is full.
    pub eviction: String,
    /// It is a node of a cluster.
    pub is_in_cluster: bool,
    /// The history that it writes: another one after every failover.
    pub history: String,
    /// How much of it was written.
    pub offset: u64,
    /// How much of it each of its replicas has said to have.
    pub replicas: Vec<u64>,
}

/// What one primary, or each of a cluster, says.
pub fn servers(answer: &Value) -> Result<Vec<Server>, RedisError> {
    let Value::Map(nodes) = answer else { return Ok(vec![Server::read(None, answer)?]) };
    let read = |(node, said): &(Value, Value)| {
        let node = String::from_redis_value_ref(node)?;
        let host = node.rsplit_once(':').map_or(node.as_str(), |(host, _)| host);
        Server::read(Some(host.to_owned()), said)
    };
    nodes.iter().map(read).collect()
}

impl Server {
    fn read(host: Option<String>, said: &Value) -> Result<Server, RedisError> {
        let text = String::from_redis_value_ref(said)?;
        let said: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        let word = |name: &str| said.get(name).copied().unwrap_or_default();
        if !said.contains_key("redis_version") {
            return Err(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "INFO without a version",
            )));
        }
        let (name, version) = match said.get("valkey_version") {
            Some(version) => ("Valkey", *version),
            None => ("Redis", word("redis_version")),
        };
        // slave0:ip=127.0.0.1,port=7001,state=online,offset=1234,lag=0
        let replica = |(name, of): (&&str, &&str)| {
            let number = name.strip_prefix("slave")?;
            let is_one = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let part = |name: &str| of.split(',').find_map(|part| part.strip_prefix(name));
            (is_one && part("state=") == Some("online")).then(|| part("offset="))??.parse().ok()
        };
        Ok(Server {
            host,
            name: name.to_owned(),
            version: version.to_owned(),
            eviction: word("maxmemory_policy").to_owned(),
            is_in_cluster: word("cluster_enabled") == "1",
            history: word("master_replid").to_owned(),
            offset: word("master_repl_offset").parse().unwrap_or(0),
            replicas: said.iter().filter_map(replica).collect(),
        })
    }

    /// Whether it has the functions that ours are made of.
    fn is_recent(&self) -> bool {
        let mut parts = self.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        found >= if self.name == "Valkey" { (7, 2) } else { (7, 0) }
    }
}

/// Why these servers may not be the store at `place`, if they may not; `hosts` are those that
/// sentinels or the cluster led to.
pub fn check<'h>(
    place: &Place,
    servers: &[Server],
    hosts: impl Iterator<Item = &'h str>,
) -> Result<(), String> {
    for server in servers {
        let Server { name, version, eviction, .. } = server;
        if !server.is_recent() {
            return Err(format!(
                "it is {name} {version}, which has no functions: use Redis 7.0 or Valkey 7.2, or later"
            ));
        }
        if eviction.starts_with("allkeys") {
            return Err(format!(
                "its maxmemory-policy is {eviction}, so it throws away what it was told when its \
                 memory is full: set maxmemory-policy noeviction"
            ));
        }
        if server.is_in_cluster && place.topology != Topology::Cluster {
            return Err("it is a node of a cluster: write redis+cluster://HOST:PORT,…".to_owned());
        }
    }
    let strangers: Vec<&str> = hosts.filter(|host| !is_here(host)).collect();
    if let Some(host) = strangers.first().filter(|_| place.guarded && place.password().is_none()) {
        return Err(format!(
            "it leads to {host}, which is not this machine, without a password: whoever reaches it \
             can change every bill; give a user and a password, or say store.unprotected = true"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Address;

    fn place(text: &str) -> Place {
        match text.parse() {
            Ok(Address::Redis(place)) => Place { guarded: true, ..place },
            other => panic!("{other:?}"),
        }
    }

    fn said(text: &str) -> Vec<Server> {
        servers(&Value::BulkString(text.replace('\n', "\r\n").into_bytes())).unwrap()
    }

    #[test]
    fn an_old_server_and_one_that_throws_away_are_refused_by_name() {
        let none = || std::iter::empty::<&str>();
        for (text, refused) in [
            ("redis_version:7.0.15\nmaxmemory_policy:noeviction", None),
            ("redis_version:7.4.0\nmaxmemory_policy:volatile-lru", None),
            ("redis_version:7.2.4\nvalkey_version:8.0.1", None),
            ("redis_version:6.2.14", Some("it is Redis 6.2.14")),
            ("redis_version:7.2.4\nvalkey_version:7.1.0", Some("it is Valkey 7.1.0")),
            (
                "redis_version:7.0.0\nmaxmemory_policy:allkeys-lru",
                Some("maxmemory-policy noeviction"),
            ),
            ("redis_version:7.0.0\ncluster_enabled:1", Some("redis+cluster://")),
        ] {
            let found = check(&place("redis://localhost"), &said(text), none());
            match refused {
                None => assert_eq!(found, Ok(()), "{text}"),
                Some(why) => {
                    assert!(found.as_ref().is_err_and(|said| said.contains(why)), "{found:?}")
                }
            }
        }
        assert!(servers(&Value::Okay).is_err(), "what says nothing of itself is no store");
    }

    #[test]
    fn nobody_is_led_away_from_this_machine_without_a_password() {
        let recent = said("redis_version:7.0.15");
        let found = |address: &str, host| check(&place(address), &recent, [host].into_iter());
        assert_eq!(found("redis+sentinel://localhost/main", "127.0.0.1"), Ok(()));
        let refused = found("redis+sentinel://localhost/main", "10.0.0.7").unwrap_err();
        assert!(refused.contains("10.0.0.7") && refused.contains("store.unprotected"), "{refused}");
        assert_eq!(found("redis+sentinel://app:secret@localhost/main", "10.0.0.7"), Ok(()));
        let open = Place { guarded: false, ..place("redis+cluster://localhost") };
        assert_eq!(check(&open, &recent, ["10.0.0.7"].into_iter()), Ok(()));
    }

    #[test]
    fn replicas_say_how_far_they_are() {
        let text = "redis_version:7.0.15\nrole:master\nconnected_slaves:2\n\
            slave0:ip=127.0.0.1,port=1,state=online,offset=40,lag=0\n\
            slave1:ip=127.0.0.1,port=2,state=wait_bgsave,offset=0,lag=0\n\
            slave_expires_tracked_keys:0\nmaster_replid:abc\nmaster_repl_offset:42";
        let server = said(text).remove(0);
        assert_eq!((server.history.as_str(), server.offset), ("abc", 42));
        assert_eq!(server.replicas, [40]);
    }
}
