//! An in-process server with the example inventory on free ports, for tests that need raw HTTP.

use adjacent::app::{App, Options};
use adjacent::config::load;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub struct TestServer {
    pub public: SocketAddr,
    pub ops: SocketAddr,
    data: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

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

impl TestServer {
    pub fn start() -> TestServer {
        TestServer::with([])
    }

    /// Starts a server with settings named as environment variables: `ADJACENT__SECTION__KEY`.
    pub fn with<const N: usize>(settings: [(&str, &str); N]) -> TestServer {
        let data = tempfile::tempdir().unwrap();
        let defaults = [
            ("ADJACENT__SERVER__LISTEN", "127.0.0.1:0"),
            ("ADJACENT__SERVER__OPS_LISTEN", "127.0.0.1:0"),
            ("ADJACENT__STORE__DATA", data.path().to_str().unwrap()),
        ];
        let settings: Vec<(String, String)> = defaults
            .into_iter()
            .chain(settings)
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let (stop, stopped) = oneshot::channel();
        let (address_sender, addresses) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let settings = load::settings(None, settings.into_iter()).unwrap();
                let app = App::build(settings, Options::default()).await.unwrap();
                address_sender.send((app.address, app.ops_address)).unwrap();
                app.run(async { drop(stopped.await) }).await.unwrap();
            });
        });
        let (public, ops) = addresses.recv().unwrap();
        TestServer { public, ops, data, stop: Some(stop), thread: Some(thread) }
    }

    /// The local API key of `operator`, `advertiser.NAME` or `publisher.NAME`.
    pub fn key(&self, holder: &str) -> String {
        let text = std::fs::read_to_string(self.data.path().join("local-keys.toml")).unwrap();
        let keys: toml::Table = text.parse().unwrap();
        let (kind, name) = holder.split_once('.').unwrap_or((holder, ""));
        let found = if name.is_empty() { &keys[kind] } else { &keys[kind][name] };
        found.as_str().unwrap().to_owned()
    }

    /// Sends the text verbatim and reads until the server closes the connection.
    pub fn raw(&self, text: &str) -> Response {
        send(self.public, text.as_bytes())
    }

    /// Sends a request with these header lines to the public listener.
    pub fn send_request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
        send_request(self.public, method, path, headers, body)
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

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If the server panicked, the test has already failed.
            thread.join().ok();
        }
    }
}
