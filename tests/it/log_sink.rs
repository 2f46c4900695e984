//! A log whose reader has stopped.

use crate::harness::process::Installation;
use crate::harness::raw_http::send_request;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_unread_log_delays_no_decision_and_its_dropped_lines_are_counted() {
    // At this level each connection writes lines.
    let installation = Installation::new().set("ADJACENT__LOGS__LEVEL", "trace");
    let arguments = ["--json", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    let mut command = installation.command(&arguments);
    // A pipe holds 64 KiB; this one is never read.
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut server = Ended(child);
    let mut printed = BufReader::new(server.0.stdout.take().unwrap());
    let mut text = String::new();
    while !text.ends_with("}\n") {
        assert_ne!(printed.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = |name: &str| addresses[name].as_str().unwrap().parse::<SocketAddr>().unwrap();
    let (public, ops) = (at("public"), at("ops"));
    let dropped = || {
        let scrape = send_request(ops, "GET", "/metrics", &[], "").body;
        let name = "adjacent_log_lines_dropped_total ";
        let line = scrape.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.parse::<u64>().unwrap()
    };

    let path = "/v1/decisions?publisher=eu-tech-news&placement=article-end";
    let end = Instant::now() + Duration::from_secs(60);
    while dropped() < 100 {
        assert!(Instant::now() < end, "the log is written to a pipe without a reader");
        for _ in 0..100 {
            let began = Instant::now();
            assert_eq!(send_request(public, "GET", path, &[], "").status, 200);
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        }
    }
}
