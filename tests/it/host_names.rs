//! Requests for other host names (DNS rebinding) are rejected, and the trial ends when readers may reach
//! the server.

use crate::harness::raw_http::{Response, send};
use crate::harness::{Setup, TestServer};
use adjacent::config::load::parse_settings;
use std::net::SocketAddr;

const URL: &str = "https://units.example";

fn server(hosts: &str) -> TestServer {
    let text = format!("[server]\nhosts = {hosts}\npublic_url = \"{URL}\"\n");
    let read = parse_settings("hosts", &text).unwrap();
    Setup::default()
        .settings(|settings| {
            let (listen, ops_listen) = (settings.server.listen, settings.server.ops_listen);
            settings.server = read.server;
            (settings.server.listen, settings.server.ops_listen) = (listen, ops_listen);
        })
        .start_blocking()
}

fn get(at: SocketAddr, path: &str, host: &str) -> Response {
    let text = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    send(at, text.as_bytes())
}

#[test]
fn a_rebound_host_name_reads_nothing_on_either_listener() {
    let server = server("[]");
    let (public, ops) = (server.address(), server.ops_address());
    for (at, path) in [
        (public, "/"),
        (public, "/v1/limits"),
        (public, "/livez"),
        (public, "/v1/decisions?publisher=eu-tech-news&placement=article-end"),
        (public, "/embed/v1/adjacent.js"),
        (public, "/nowhere"),
        (ops, "/metrics"),
        (ops, "/version"),
        (ops, "/readyz"),
        (ops, "/console"),
        (ops, "/v1/admin/inventory"),
    ] {
        for host in [
            "rebound.example:8081",
            "adjacent",
            "127.0.0.1.rebound.example",
            "units.example.rebound.example",
        ] {
            let answer = get(at, path, host);
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (421, "unknown_host"),
                "{path} {host}"
            );
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("server.hosts") && !answer.body.contains(host), "{detail}");
        }
    }
}

#[test]
fn the_public_host_configured_names_and_probes_by_address_are_answered() {
    let server = server("[\"adjacent\", \"adjacent.shop.svc.cluster.local\"]");
    for at in [server.address(), server.ops_address()] {
        for host in [
            "units.example",
            "UNITS.example:443",
            "localhost",
            "10.244.1.7:8080",
            "[fd00::7]:8081",
            "adjacent:8081",
            "adjacent.shop.svc.cluster.local",
        ] {
            assert_eq!(get(at, "/livez", host).status, 200, "{host}");
        }
        // HAProxy's health checks have no `Host`.
        assert_eq!(send(at, b"GET /livez HTTP/1.0\r\n\r\n").status, 200);
    }
    let error = parse_settings("hosts", "[server]\nhosts = [\"https://units.example\"]\n");
    let message = format!("{:?}", error.unwrap_err());
    assert!(message.contains("must be a host name without scheme"), "{message}");
}

#[test]
fn the_trial_explains_decisions_to_everyone_until_readers_may_reach_the_server() {
    let explain = |server: &TestServer, headers: &[&str]| {
        let request = r#"{"publisher": "eu-tech-news", "placements": [{"name": "article-end"}]}"#;
        let decision = server.post("/v1/decisions", request).json();
        let id = decision["decisions"]["article-end"]["decision_id"].as_str().unwrap().to_owned();
        let path = format!("/demo/explain/{id}");
        (server.send_request("GET", &path, headers, "").status, server.get("/demo").status)
    };
    let trial = Setup::default().start_blocking();
    assert_eq!(explain(&trial, &[]), (200, 200));
    for header in [
        "x-forwarded-for: 192.0.2.7",
        "forwarded: for=192.0.2.7",
        "via: 1.1 proxy",
        "x-real-ip: 192.0.2.7",
    ] {
        assert_eq!(explain(&trial, &[header]).0, 404, "a proxy that no setting names: {header}");
    }
    let ended = [
        "trial = false",
        "trusted_proxies = [\"127.0.0.1/32\"]",
        "public_url = \"https://units.example\"",
    ];
    for line in ended {
        let read = parse_settings("trial", &format!("[server]\n{line}\n")).unwrap();
        let server = Setup::default().settings(|settings| {
            settings.server.trial = read.server.trial;
            settings.server.trusted_proxies = read.server.trusted_proxies;
        });
        let server = if line.starts_with("public_url") {
            self::server("[]")
        } else {
            server.start_blocking()
        };
        assert_eq!(explain(&server, &[]), (404, 404), "{line}");
    }
}
