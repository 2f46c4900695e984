//! Every command that is sent to a store, and so every right that a user there needs. A function's
//! commands are checked against the rights of whoever calls it, so they are here, too.
//!
//! Loading the functions is another right: whoever has it can write any function, and so do anything
//! that functions may. It belongs to a user of its own, who is needed once a version. A service that
//! has the right loads them itself; one that has not says what to do.

/// What connections are made and looked after with.
const CONNECTION: &[&str] = &["hello", "ping", "select", "info", "cluster|slots", "asking"];

/// What questions are asked with, and what the functions call.
const SERVICE: &[&str] = &[
    "fcall",
    "fcall_ro",
    "expire",
    "get",
    "hget",
    "hgetall",
    "hkeys",
    "hlen",
    "hmget",
    "hset",
    "hsetnx",
    "set",
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

/// What the functions are loaded with.
const LOADER: &[&str] = &["function|load"];

/// The keys.
const KEYS: &str = "~adj:*";

/// A user of the service, as a line of an ACL file or the end of `ACL SETUSER`.
pub fn service(user: &str) -> String {
    line(user, KEYS, &[CONNECTION, SERVICE])
}

/// The user who loads the functions; it reads and writes no key.
pub fn loader(user: &str) -> String {
    line(user, "resetkeys", &[CONNECTION, LOADER])
}

fn line(user: &str, keys: &str, lists: &[&[&str]]) -> String {
    let rights: Vec<String> = lists.concat().into_iter().map(|right| format!("+{right}")).collect();
    format!("user {user} on >PASSWORD-OF-{user} {keys} resetchannels -@all {}", rights.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_functions_is_a_right_of_the_service() {
        let library = include_str!("library.lua");
        let called: std::collections::BTreeSet<String> = library
            .split("call('")
            .skip(1)
            .filter_map(|rest| rest.split_once('\'').map(|(name, _)| name.to_lowercase()))
            .collect();
        assert!(called.len() > 5, "{called:?}");
        let missing: Vec<&String> =
            called.iter().filter(|name| !SERVICE.contains(&name.as_str())).collect();
        assert!(
            missing.is_empty(),
            "{missing:?} is called in library.lua and no right in rights.rs"
        );
        // And every question that is asked without a function.
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let mut needed = called;
        needed.extend(["fcall".to_owned(), "fcall_ro".to_owned()]);
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let asked = text.split("redis::cmd(\"").skip(1);
            let names = asked.filter_map(|rest| rest.split_once('"'));
            needed.extend(names.map(|(name, _)| name.to_lowercase()));
        }
        let elsewhere = ["function", "info"];
        let missing: Vec<&String> = needed
            .iter()
            .filter(|name| !SERVICE.contains(&name.as_str()))
            .filter(|name| !elsewhere.contains(&name.as_str()) && !name.is_empty())
            .filter(|name| name.chars().all(|letter| letter.is_ascii_lowercase()))
            .collect();
        assert!(missing.is_empty(), "{missing:?} is asked in src/store and no right in rights.rs");
        let idle: Vec<_> = SERVICE.iter().filter(|right| !needed.contains(**right)).collect();
        assert!(idle.is_empty(), "{idle:?} is a right that nothing needs");
    }
}
