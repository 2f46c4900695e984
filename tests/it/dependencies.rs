//! What is built in: licences, crates, sources. The essential of `.deny.toml`, for machines without
//! the tool that reads it.

use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::Command;

/// Licences that ask for no more than to be named.
const LICENCES: &[&str] =
    &["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Those that one crate has for a reason of its own.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("notify", "CC0-1.0"),
    ("xxhash-rust", "BSL-1.0"),
    ("borrow-or-share", "MIT-0"),
    ("webpki-roots", "CDLA-Permissive-2.0"),
    ("tiny-keccak", "CC0-1.0"),
];

/// HTTP clients: what holds none cannot be made to call somewhere else. And second stacks of TLS: the
/// one there is, rustls with ring, speaks to the store that the operator names and to nobody else.
const BANNED: &[&str] = &[
    "attohttpc",
    "aws-lc-rs",
    "awc",
    "curl",
    "h2",
    "hyper",
    "hyper-util",
    "isahc",
    "minreq",
    "native-tls",
    "openssl",
    "openssl-sys",
    "reqwest",
    "surf",
    "ureq",
];

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The packages of this platform, as the lock file has them: nothing is fetched.
fn metadata() -> Value {
    let version = String::from_utf8(cargo(&["-vV"])).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let asked = [
        "--locked",
        "--offline",
        "--all-features",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ];
    serde_json::from_slice(&cargo(&[&["metadata"], &asked[..]].concat())).unwrap()
}

fn list<'a>(of: &'a Value, field: &str) -> &'a [Value] {
    of[field].as_array().unwrap()
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().unwrap_or_default()
}

/// Whether an SPDX expression leaves a choice of allowed licences alone. AND binds tighter than OR.
fn allows(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (holds, rest) = either(&words, allowed);
    holds && rest.is_empty()
}

fn either<'w>(words: &'w [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = all(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (other, left) = all(after, allowed);
        (holds, rest) = (holds || other, left);
    }
    (holds, rest)
}

fn all<'w>(words: &'w [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = one(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (other, left) = one(after, allowed);
        (holds, rest) = (holds && other, left);
    }
    (holds, rest)
}

fn one<'w>(words: &'w [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inner @ ..] => {
            let (holds, rest) = either(inner, allowed);
            match rest {
                [")", rest @ ..] => (holds, rest),
                _ => (false, rest),
            }
        }
        [_, "WITH", _, rest @ ..] => (false, rest),
        [licence, rest @ ..] => (allowed(licence), rest),
        [] => (false, words),
    }
}

#[test]
fn a_licence_expression_is_read_as_it_is_meant() {
    let mit = |licence: &str| licence == "MIT";
    for yes in
        ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND MIT", "X AND Y OR MIT"]
    {
        assert!(allows(yes, &mit), "{yes}");
    }
    for no in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR X) AND Y", "(MIT", "MIT WITH X"] {
        assert!(!allows(no, &mit), "{no}");
    }
}

#[test]
fn every_package_has_a_licence_that_is_allowed() {
    let metadata = metadata();
    let wrong: Vec<String> = list(&metadata, "packages")
        .iter()
        .filter(|package| {
            let name = text(package, "name");
            let allowed = |licence: &str| {
                LICENCES.contains(&licence) || EXCEPTIONS.contains(&(name, licence))
            };
            !allows(text(package, "license"), &allowed)
        })
        .map(|package| format!("{}: {}", text(package, "name"), package["license"]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_package_comes_from_the_registry() {
    let metadata = metadata();
    let own = text(&metadata["resolve"], "root");
    let others = list(&metadata, "packages").iter().filter(|package| text(package, "id") != own);
    let wrong: Vec<&str> = others
        .filter(|package| !text(package, "source").starts_with("registry+"))
        .map(|package| text(package, "name"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let sources: BTreeSet<&str> = list(&metadata, "packages")
        .iter()
        .filter_map(|package| package["source"].as_str())
        .collect();
    assert_eq!(sources.len(), 1, "one registry: {sources:?}");
}

#[test]
fn the_executable_holds_no_http_client_and_no_second_tls() {
    let metadata = metadata();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"], "nodes").iter().map(|node| (text(node, "id"), node)).collect();
    let names: BTreeMap<&str, &str> = list(&metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let mut found = BTreeSet::new();
    let mut open = vec![text(&metadata["resolve"], "root")];
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        // What only tests use is in no executable.
        let built = list(nodes[id], "deps")
            .iter()
            .filter(|needed| list(needed, "dep_kinds").iter().any(|kind| kind["kind"] != "dev"));
        open.extend(built.map(|needed| text(needed, "pkg")));
    }
    assert!(found.len() > 100, "the graph was not walked: {}", found.len());
    let built: Vec<&str> =
        found.iter().map(|id| names[id]).filter(|n| BANNED.contains(n)).collect();
    assert!(built.is_empty(), "{built:?}");
    assert!(names.values().any(|name| *name == "reqwest"), "tests do use one");
}

#[test]
fn tls_is_used_by_the_client_of_the_store_alone() {
    let metadata = metadata();
    let names: BTreeMap<&str, &str> = list(&metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let uses_tls = |node: &&Value| {
        let needs = list(node, "deps").iter();
        let built = needs
            .filter(|needed| list(needed, "dep_kinds").iter().any(|kind| kind["kind"] != "dev"));
        built.map(|needed| names[text(needed, "pkg")]).any(|name| name == "rustls")
    };
    let users: BTreeSet<&str> = list(&metadata["resolve"], "nodes")
        .iter()
        .filter(uses_tls)
        .map(|node| names[text(node, "id")])
        .collect();
    // Without the feature nobody does; metadata shows every feature that is asked for.
    let allowed = ["adjacent", "redis", "tokio-rustls"];
    assert!(users.iter().all(|user| allowed.contains(user)), "{users:?}");
}
