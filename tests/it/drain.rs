//! Graceful shutdown: the server turns unready, finishes requests in flight and leaves all data on
//! disk.

use crate::harness::process::Installation;
use crate::harness::{PATIENCE, Reader, reference, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// An installation that readers reach through a load balancer.
fn behind_a_balancer() -> Installation {
    Installation::new().set("ADJACENT__SERVER__PUBLIC_URL", "https://units.example")
}

#[tokio::test]
async fn a_draining_server_is_unready_and_then_exits_with_0() {
    let installation = behind_a_balancer().set("ADJACENT__SERVER__DRAIN_DELAY_MS", "1500");
    let mut process = installation.serve();
    let reader = Reader::new();
    let ready = format!("{}/readyz", process.ops);
    assert_eq!(reader.fire(&ready).await.status, 200);

    process.signal("TERM");
    wait_until("status 503", async || (reader.fire(&ready).await.status == 503).then_some(()))
        .await;
    let request = reader.post(&format!("{}/v1/decisions", process.public)).json(&reference());
    let response = request.send().await.unwrap();

    assert_eq!(response.status(), 200, "requests during the delay are still served");
    assert_eq!(response.headers()["connection"], "close");
    drop(reader);
    assert_eq!(process.wait_for_exit().code(), Some(0), "{}", process.log());
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_exit() {
    let installation = Installation::new();
    let mut process = installation.serve();
    let address = process.public.strip_prefix("http://").unwrap().to_owned();
    let body = reference().to_string();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {}\r\nAccept: */*\r\nContent-Length: {}\r\n\r\n",
        crate::harness::reader::USER_AGENT,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    let open_files = process.scrape().await.value("process_open_fds");
    assert!(open_files > 0.0);

    process.signal("TERM");
    wait_until("the drain in the log", async || process.log().contains("draining").then_some(()))
        .await;
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok();

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("zahid-host"));
    assert_eq!(process.wait_for_exit().code(), Some(0), "{}", process.log());
}

#[test]
fn a_termination_signal_during_the_start_is_a_graceful_shutdown() {
    let installation = Installation::new();
    for _ in 0..8 {
        let mut process = installation.serve();

        process.signal("TERM");

        assert_eq!(process.wait_for_exit().code(), Some(0), "{}", process.log());
    }
}

#[tokio::test]
async fn by_default_a_load_balancer_that_probes_every_two_seconds_loses_no_request() {
    let mut process = behind_a_balancer().serve();
    let ready = format!("{}/readyz", process.ops);
    let decide = format!("{}/v1/decisions", process.public);
    process.signal("TERM");
    let signalled = Instant::now();
    let mut every = tokio::time::interval(Duration::from_secs(2));
    loop {
        every.tick().await;
        if Reader::new().fire(&ready).await.status == 503 {
            break;
        }
    }
    // A new connection, opened before the balancer takes the instance out.
    let response = Reader::new().post(&decide).json(&reference()).send().await.unwrap();
    assert_eq!(response.status(), 200);

    assert_eq!(process.wait_for_exit().code(), Some(0), "{}", process.log());
    assert!(signalled.elapsed() >= Duration::from_secs(5), "{:?}", signalled.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_a_drain_and_ctrl_c_needs_none() {
    let long = || behind_a_balancer().set("ADJACENT__SERVER__DRAIN_DELAY_MS", "600000");
    for signals in [&["TERM", "TERM"][..], &["TERM", "INT"], &["INT"]] {
        let installation = long();
        let mut process = installation.serve();
        let reader = Reader::new();
        let answer = process.decide(&reader, &reference()).await.unwrap();
        let unit = crate::harness::Decision(answer["decisions"]["article-end"].clone());
        let (_, token) = unit.impression_url().split_once("/e/").unwrap();
        assert!(reader.fire(&format!("{}/e/{token}", process.public)).await.recorded);
        drop(reader);
        for (index, signal) in signals.iter().enumerate() {
            process.signal(signal);
            if index + 1 < signals.len() {
                process.wait_for_log("draining").await;
            }
        }
        assert_eq!(process.wait_for_exit().code(), Some(0), "{signals:?}: {}", process.log());

        let process = installation.serve();
        assert_eq!(process.scrape().await.events("impression", "counted"), 1);
        let why = format!("{}/w/{}", process.public, unit.id());
        assert_eq!(Reader::new().fire(&why).await.status, 200, "the decision was not flushed");
    }
}

#[tokio::test]
async fn decisions_and_events_survive_a_graceful_shutdown() {
    let installation = Installation::new();
    let mut process = installation.serve();
    let reader = Reader::new();
    let answer = process.decide(&reader, &reference()).await.unwrap();
    let unit = crate::harness::Decision(answer["decisions"]["article-end"].clone());
    assert!(reader.impression(&unit).await.recorded);
    drop(reader);

    process.signal("TERM");
    assert_eq!(process.wait_for_exit().code(), Some(0));
    let process = installation.serve();

    assert_eq!(process.scrape().await.events("impression", "counted"), 1);
    let why = format!("{}/w/{}", process.public, unit.id());
    assert_eq!(Reader::new().fire(&why).await.status, 200);
}

#[tokio::test]
async fn the_health_check_exits_with_0_while_serving_and_1_while_draining() {
    let installation = behind_a_balancer().set("ADJACENT__SERVER__DRAIN_DELAY_MS", "1500");
    let mut process = installation.serve();
    let ops = process.ops.strip_prefix("http://").unwrap().to_owned();
    let probe = || installation.command(&["health", "--ops", &ops]).output().unwrap();
    assert_eq!(probe().status.code(), Some(0), "{:?}", probe());

    process.signal("TERM");
    let draining = async || (probe().status.code() == Some(1)).then_some(());
    wait_until("a failing health check", draining).await;

    assert_eq!(process.wait_for_exit().code(), Some(0), "{}", process.log());
}
