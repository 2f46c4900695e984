//! A minimal client of a running server's operations listener.
//!
//! It sends single HTTP/1.0 requests, so that the executable needs no HTTP client library that could be
//! made to call other hosts.

use crate::config::ConfigError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::io;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Response timeout.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A client of a running server.
pub(super) struct OpsClient {
    address: SocketAddr,
    key: SecretString,
}

impl OpsClient {
    pub(crate) fn new(address: SocketAddr, key: SecretString) -> OpsClient {
        OpsClient { address, key }
    }

    /// The address of the operations listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a GET request; returns the JSON response.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.request("GET", path, None, &[])
    }

    /// Sends a PUT request with a JSON body; returns the JSON response.
    pub(crate) fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.request("PUT", path, None, &serde_json::to_vec(body)?)
    }

    /// Sends a POST request with raw bytes; returns the JSON response.
    pub(crate) fn send(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Value> {
        self.request("POST", path, None, bytes)
    }

    /// Sends a POST request without a body, for a change of the version `seen`; returns the JSON response.
    pub(crate) fn post_to_version(&self, path: &str, seen: &str) -> anyhow::Result<Value> {
        self.request("POST", path, Some(seen), &[])
    }

    /// Sends a DELETE request; returns the JSON response.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.request("DELETE", path, None, &[])
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        seen: Option<&str>,
        body: &[u8],
    ) -> anyhow::Result<Value> {
        let seen = seen.map(|seen| format!("If-Match: \"{seen}\"\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{seen}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.key.expose_secret(),
            body.len()
        );
        let response = exchange(self.address, TIMEOUT, &head, body)?;
        let document: Value = serde_json::from_str(&response.body).unwrap_or(Value::Null);
        match response.status {
            Some(200..=299) => Ok(document),
            Some(400..=499) => Err(ConfigError::Usage(problem_text(&document)).into()),
            _ => anyhow::bail!("the server returned an error: {}", problem_text(&document)),
        }
    }
}

/// Timeout for asking what listens at an address.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether the operations listener of a server is at this address.
pub(super) fn is_server(address: SocketAddr) -> bool {
    let head = format!("GET /version HTTP/1.0\r\nHost: {address}\r\n\r\n");
    exchange(address, PROBE_TIMEOUT, &head, &[])
        .ok()
        .and_then(|response| serde_json::from_str::<Value>(&response.body).ok())
        .is_some_and(|version| version["incarnation"].is_string())
}

/// An HTTP response.
pub(super) struct Response {
    /// `None` when the status line is not valid HTTP.
    pub(crate) status: Option<u16>,
    pub(crate) body: String,
}

/// Sends one request and reads the response until the connection closes.
pub(super) fn exchange(
    address: SocketAddr,
    timeout: Duration,
    head: &str,
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Response { status, body: body.to_owned() })
}

/// The detail of a problem document, followed by its field problems, one per line.
fn problem_text(problem: &Value) -> String {
    let detail = problem["detail"].as_str().unwrap_or("unreadable response").to_owned();
    let problems = problem["problems"].as_array().into_iter().flatten().map(|one| {
        let text = |field: &str| one[field].as_str().unwrap_or_default();
        format!("\n{}: {}", text("field"), text("reason"))
    });
    if problem["code"] == "confirmation_required" {
        let reasons = problems.collect::<String>();
        return format!(
            "the change needs confirmation:{reasons}\nnothing was applied; use --force to apply it"
        );
    }
    detail + &problems.collect::<String>()
}
