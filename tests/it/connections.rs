//! Connections of clients that send or read too slowly, and too many of one address.

use crate::harness::raw_http::{Response, read};
use crate::harness::{Setup, TestServer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: u32 = 10;
/// The deadline of a request head, with time for a slow test host.
const HEAD_PATIENCE: Duration = Duration::from_secs(9);

fn limited() -> TestServer {
    Setup::default()
        .settings(|settings| settings.limits.connections_per_address = LIMIT)
        .start_blocking()
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(HEAD_PATIENCE)).unwrap();
    stream
}

/// A connection on which one request was answered and that stays open.
fn kept_alive(at: SocketAddr) -> TcpStream {
    let mut stream = connect(at);
    stream.write_all(format!("GET /livez HTTP/1.1\r\nhost: {at}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while !answer.ends_with(b"live\n") {
        let count = stream.read(&mut part).unwrap();
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..count]);
    }
    stream
}

/// Whether the server closes the connection within the patience of [`connect`].
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 1024];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// The status of a request on a connection of its own; 503 from a server that refuses it.
fn probe(at: SocketAddr) -> Response {
    let mut stream = connect(at);
    let text = format!("GET /livez HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).ok();
    read(&mut stream)
}

#[test]
fn half_a_request_head_is_given_up_within_seconds_on_a_new_and_on_a_kept_connection() {
    let server = TestServer::start_blocking();
    for at in [server.address(), server.ops_address()] {
        let mut idle = kept_alive(at);
        let began = Instant::now();
        let mut halves: Vec<TcpStream> = (0..20)
            .map(|number| {
                let mut stream = if number % 2 == 0 { kept_alive(at) } else { connect(at) };
                stream.write_all(b"GET /livez HTTP/1.1\r\nhos").unwrap();
                stream
            })
            .collect();
        // Bytes that never complete a head do not extend its deadline.
        while began.elapsed() < Duration::from_secs(4) {
            for stream in &mut halves {
                stream.write_all(b"t").ok();
            }
            thread::sleep(Duration::from_millis(200));
        }

        let open =
            halves.iter_mut().filter_map(|stream| (!is_closed(stream)).then_some(())).count();

        assert_eq!(open, 0, "of 20 after {:?} on {at}", began.elapsed());
        if at == server.address() {
            let text = format!("GET /livez HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
            idle.write_all(text.as_bytes()).unwrap();
            assert_eq!(read(&mut idle).status, 200, "an idle connection is kept");
        }
    }
}

#[test]
fn clients_that_read_no_response_lose_their_connections_and_make_room_for_others() {
    let server = limited();
    let at = server.address();
    let request = format!("GET /openapi.json HTTP/1.1\r\nhost: {at}\r\n\r\n");
    // More than the buffers of both ends hold, so that the server waits for the client.
    let readers: Vec<TcpStream> = (0..LIMIT)
        .map(|_| {
            let mut stream = connect(at);
            stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
            for _ in 0..2_000 {
                if stream.write_all(request.as_bytes()).is_err() {
                    break;
                }
            }
            stream
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(40);
    // A worker counts a connection when it takes it, and may still be busy with the responses of others.
    while probe(at).status != 503 {
        assert!(Instant::now() < end, "the address has more connections than allowed");
    }
    while probe(at).status != 200 {
        assert!(Instant::now() < end, "the connections are held");
        thread::sleep(Duration::from_millis(250));
    }
    drop(readers);
}

#[test]
fn an_address_has_a_limited_number_of_connections_and_the_answer_names_the_setting() {
    let server = limited();
    let at = server.address();
    let mut held: Vec<TcpStream> = (0..LIMIT).map(|_| kept_alive(at)).collect();
    for _ in 0..50 {
        let refused = probe(at);
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{refused:?}");
        assert!(refused.body.contains("limits.connections_per_address"), "{refused:?}");
    }
    let scrape =
        crate::harness::raw_http::send_request(server.ops_address(), "GET", "/metrics", &[], "");
    assert!(scrape.body.contains("\nadjacent_connections_refused_total 50\n"), "{}", scrape.body);
    held.pop();
    let end = Instant::now() + HEAD_PATIENCE;
    while probe(at).status != 200 {
        assert!(Instant::now() < end, "a closed connection makes room");
    }
}

#[test]
fn a_trusted_proxy_has_any_number_of_connections() {
    let server = Setup::default()
        .settings(|settings| {
            settings.limits.connections_per_address = LIMIT;
            settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .start_blocking();
    let held: Vec<TcpStream> = (0..5 * LIMIT).map(|_| kept_alive(server.address())).collect();
    assert_eq!(held.len(), 50);
}
