//! Requests as bytes, for tests of the protocol itself: they see every header, and may send what no
//! client would.

use super::{Setup, TestServer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A response as received.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Response {
    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The code of a problem response; empty for other responses.
    pub fn code(&self) -> String {
        if self.header("content-type") != "application/problem+json" {
            return String::new();
        }
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Setup {
    /// Starts the server for tests that do not wait for anything else.
    pub fn start_blocking(self) -> TestServer {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(self.start())
    }
}

impl TestServer {
    /// Starts a server with the default settings, limits included.
    pub fn start_blocking() -> TestServer {
        Setup::default().default_limits().start_blocking()
    }

    /// Address of the public listener.
    pub fn address(&self) -> SocketAddr {
        self.public.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Address of the operations listener.
    pub fn ops_address(&self) -> SocketAddr {
        self.ops.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Sends the text verbatim and reads until the server closes the connection.
    pub fn raw(&self, text: &str) -> Response {
        send(self.address(), text.as_bytes())
    }

    /// Sends a request with these header lines to the public listener.
    pub fn send_request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
        send_request(self.address(), method, path, headers, body)
    }

    pub fn get(&self, path: &str) -> Response {
        self.send_request("GET", path, &[], "")
    }

    pub fn post(&self, path: &str, body: &str) -> Response {
        self.send_request("POST", path, &["content-type: application/json"], body)
    }
}

pub fn send_request(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Response {
    let more: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\
         content-length: {length}\r\n{more}\r\n{body}"
    );
    send(at, text.as_bytes())
}

pub fn send(at: SocketAddr, bytes: &[u8]) -> Response {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that rejects the head need not read the rest.
    stream.write_all(bytes).ok();
    read(&mut stream)
}

/// Reads until the server closes the connection.
pub fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..count]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Response { status, head: head.to_owned(), body: body.to_owned() }
}
