//! The ACL rights that a Redis user needs: every command sent to a store. Redis checks the commands
//! inside a function against the caller's rights, so those are listed too.
//!
//! Loading functions is a separate right, since it allows arbitrary functions to be written. It belongs
//! to a user of its own, needed once per version. A service that has the right loads the functions
//! itself; one that lacks it logs what to do.

/// For connecting, `INFO` and cluster discovery.
const CONNECTION: &[&str] = &["hello", "ping", "select", "info", "cluster|slots", "asking"];

/// For the service's commands and those inside the functions.
const SERVICE: &[&str] = &[
    "fcall",
    "fcall_ro",
    "expire",
    "get",
    "hdel",
    "hget",
    "hgetall",
    "hkeys",
    "hlen",
    "hmget",
    "hset",
    "hsetnx",
    "publish",
    "set",
    "subscribe",
    "time",
    "type",
    "xadd",
    "xrange",
    "xtrim",
    "zadd",
    "zcard",
    "zrange",
    "zrangebyscore",
    "zrem",
    "zremrangebyscore",
    "zscore",
];

const LOADER: &[&str] = &["function|load"];

/// The patterns of keys and channels.
const KEYS: &str = "~adj:* resetchannels &adj:*";

/// The service's user, as a line of an ACL file or the arguments of `ACL SETUSER`.
pub fn service(user: &str) -> String {
    line(user, KEYS, &[CONNECTION, SERVICE])
}

/// The user that loads the functions; it has no access to keys.
pub fn loader(user: &str) -> String {
    line(user, "resetkeys resetchannels", &[CONNECTION, LOADER])
}

fn line(user: &str, keys: &str, lists: &[&[&str]]) -> String {
    let rights: Vec<String> = lists.concat().into_iter().map(|right| format!("+{right}")).collect();
    format!("user {user} on >PASSWORD-OF-{user} {keys} -@all {}", rights.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_user_has_exactly_the_rights_that_commands_and_functions_need() {
        let library = include_str!("library.lua");
        let called: std::collections::BTreeSet<String> = library
            .split("call('")
            .skip(1)
            .filter_map(|rest| rest.split_once('\'').map(|(name, _)| name.to_lowercase()))
            .collect();
        assert!(called.len() > 5, "{called:?}");
        let missing: Vec<&String> =
            called.iter().filter(|name| !SERVICE.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "{missing:?} is called in library.lua but missing in acl.rs");
        // Commands sent without a function.
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let mut needed = called;
        needed.extend(["fcall", "fcall_ro", "subscribe"].map(str::to_owned));
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let sent = text.split("redis::cmd(\"").skip(1);
            let names = sent.filter_map(|rest| rest.split_once('"'));
            needed.extend(names.map(|(name, _)| name.to_lowercase()));
        }
        let elsewhere = ["function", "info"];
        let missing: Vec<&String> = needed
            .iter()
            .filter(|name| !SERVICE.contains(&name.as_str()))
            .filter(|name| !elsewhere.contains(&name.as_str()) && !name.is_empty())
            .filter(|name| name.chars().all(|letter| letter.is_ascii_lowercase()))
            .collect();
        assert!(missing.is_empty(), "{missing:?} is sent in src/store but missing in acl.rs");
        let unused: Vec<_> = SERVICE.iter().filter(|right| !needed.contains(**right)).collect();
        assert!(unused.is_empty(), "{unused:?} is a right that no command needs");
    }
}
