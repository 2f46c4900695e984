//! Asked to stop: it says so, ends what it began, and leaves with everything on disk.

use crate::harness::PATIENCE;
use crate::harness::Reader;
use crate::harness::process::Place;
use crate::harness::reference;
use crate::harness::until;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;

#[tokio::test]
async fn it_is_unready_while_draining_and_then_leaves_with_0() {
    let place = Place::new().set("ADJACENT__SERVER__DRAIN_DELAY_MS", "1500");
    let mut process = place.serve();
    let reader = Reader::new();
    let ready = format!("{}/readyz", process.ops);
    assert_eq!(reader.fire(&ready).await.status, 200);

    process.signal("TERM");
    until("unready", async || (reader.fire(&ready).await.status == 503).then_some(())).await;
    let call = reader.post(&format!("{}/v1/decisions", process.public)).json(&reference());
    let served = call.send().await.unwrap();

    assert_eq!(served.status(), 200, "whoever comes during the delay is still served");
    assert_eq!(served.headers()["connection"], "close");
    drop(reader);
    assert_eq!(process.ends().code(), Some(0), "{}", process.log());
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_it_leaves() {
    let place = Place::new();
    let mut process = place.serve();
    let address = process.public.strip_prefix("http://").unwrap().to_owned();
    let body = reference().to_string();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {}\r\nAccept: */*\r\nContent-Length: {}\r\n\r\n",
        crate::harness::reader::AGENT,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    let begun = async || process.scrape().await.value("process_open_fds") > 0.0;
    assert!(begun().await);

    process.signal("TERM");
    until("draining", async || process.log().contains("draining").then_some(())).await;
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok();

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("zahid-host"));
    assert_eq!(process.ends().code(), Some(0), "{}", process.log());
}

#[test]
fn a_stop_asked_for_in_the_moment_of_the_start_is_an_orderly_one() {
    let place = Place::new();
    for _ in 0..8 {
        let mut process = place.serve();

        process.signal("TERM");

        assert_eq!(process.ends().code(), Some(0), "{}", process.log());
    }
}

#[tokio::test]
async fn what_was_decided_and_seen_is_there_after_an_orderly_stop() {
    let place = Place::new();
    let mut process = place.serve();
    let reader = Reader::new();
    let answer = process.decide(&reader, &reference()).await.unwrap();
    let unit = crate::harness::Decision(answer["decisions"]["article-end"].clone());
    assert!(reader.impression(&unit).await.recorded);
    drop(reader);

    process.signal("TERM");
    assert_eq!(process.ends().code(), Some(0));
    let process = place.serve();

    assert_eq!(process.scrape().await.events("impression", "counted"), 1);
    let why = format!("{}/w/{}", process.public, unit.id());
    assert_eq!(Reader::new().fire(&why).await.status, 200);
}

#[tokio::test]
async fn a_probe_answers_0_while_it_takes_requests_and_1_while_it_drains() {
    let place = Place::new().set("ADJACENT__SERVER__DRAIN_DELAY_MS", "1500");
    let mut process = place.serve();
    let ops = process.ops.strip_prefix("http://").unwrap().to_owned();
    let probe = || place.command(&["health", "--ops", &ops]).output().unwrap();
    assert_eq!(probe().status.code(), Some(0), "{:?}", probe());

    process.signal("TERM");
    let draining = async || (probe().status.code() == Some(1)).then_some(());
    until("the probe says no", draining).await;

    assert_eq!(process.ends().code(), Some(0), "{}", process.log());
}
