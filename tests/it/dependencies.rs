//! Licences, banned crates and sources of the dependencies: the essential rules of `.deny.toml`, for
//! environments without cargo-deny.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Licences that require attribution at most.
const LICENCES: &[&str] =
    &["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Licences allowed for a single crate.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("notify", "CC0-1.0"),
    ("xxhash-rust", "BSL-1.0"),
    ("borrow-or-share", "MIT-0"),
    ("webpki-roots", "CDLA-Permissive-2.0"),
    ("tiny-keccak", "CC0-1.0"),
];

/// HTTP clients, because an executable without one cannot be made to call another server; and second
/// TLS stacks, because the existing one, rustls with ring, only connects to the configured Redis.
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

/// The packages of this platform from the lock file, without network access.
fn metadata() -> Value {
    let version = String::from_utf8(cargo(&["-vV"])).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let options = [
        "--locked",
        "--offline",
        "--all-features",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ];
    serde_json::from_slice(&cargo(&[&["metadata"], &options[..]].concat())).unwrap()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Whether an SPDX expression can be satisfied with allowed licences only. AND binds tighter than OR.
fn allows(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let (holds, rest) = any_of(&tokens, allowed);
    holds && rest.is_empty()
}

fn any_of<'w>(tokens: &'w [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = all_of(tokens, allowed);
    while let ["OR", after @ ..] = rest {
        let (other, left) = all_of(after, allowed);
        (holds, rest) = (holds || other, left);
    }
    (holds, rest)
}

fn all_of<'w>(tokens: &'w [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = term(tokens, allowed);
    while let ["AND", after @ ..] = rest {
        let (other, left) = term(after, allowed);
        (holds, rest) = (holds && other, left);
    }
    (holds, rest)
}

fn term<'w>(tokens: &'w [&'w str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'w [&'w str]) {
    match tokens {
        ["(", inner @ ..] => {
            let (holds, rest) = any_of(inner, allowed);
            match rest {
                [")", rest @ ..] => (holds, rest),
                _ => (false, rest),
            }
        }
        [_, "WITH", _, rest @ ..] => (false, rest),
        [licence, rest @ ..] => (allowed(licence), rest),
        [] => (false, tokens),
    }
}

#[test]
fn a_licence_expression_is_evaluated_with_the_precedence_of_spdx() {
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
fn every_package_has_an_allowed_licence() {
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
    let root = text(&metadata["resolve"], "root");
    let dependencies =
        list(&metadata, "packages").iter().filter(|package| text(package, "id") != root);
    let wrong: Vec<&str> = dependencies
        .filter(|package| !text(package, "source").starts_with("registry+"))
        .map(|package| text(package, "name"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let sources: BTreeSet<&str> = list(&metadata, "packages")
        .iter()
        .filter_map(|package| package["source"].as_str())
        .collect();
    assert_eq!(sources.len(), 1, "expected one registry: {sources:?}");
}

#[test]
fn the_executable_contains_no_http_client_and_no_second_tls_stack() {
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
        // Development dependencies are not part of the executable.
        let built = list(nodes[id], "deps").iter().filter(|dependency| {
            list(dependency, "dep_kinds").iter().any(|kind| kind["kind"] != "dev")
        });
        open.extend(built.map(|dependency| text(dependency, "pkg")));
    }
    assert!(found.len() > 100, "only {} packages in the dependency graph", found.len());
    let built: Vec<&str> =
        found.iter().map(|id| names[id]).filter(|n| BANNED.contains(n)).collect();
    assert!(built.is_empty(), "{built:?}");
    assert!(names.values().any(|name| *name == "reqwest"), "the tests use an HTTP client");
}

#[test]
fn only_the_redis_client_uses_tls() {
    let metadata = metadata();
    let names: BTreeMap<&str, &str> = list(&metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let uses_tls = |node: &&Value| {
        let built = list(node, "deps").iter().filter(|dependency| {
            list(dependency, "dep_kinds").iter().any(|kind| kind["kind"] != "dev")
        });
        built.map(|dependency| names[text(dependency, "pkg")]).any(|name| name == "rustls")
    };
    let users: BTreeSet<&str> = list(&metadata["resolve"], "nodes")
        .iter()
        .filter(uses_tls)
        .map(|node| names[text(node, "id")])
        .collect();
    // None without the feature; the metadata is requested with all features.
    let allowed = ["adjacent", "redis", "tokio-rustls"];
    assert!(users.iter().all(|user| allowed.contains(user)), "{users:?}");
}
