//! A server that holds the data directory, asked over its operations listener.
//!
//! One short request over loopback, HTTP/1.0, so that the executable holds no HTTP client: nothing
//! in it can be made to call somewhere else.

use crate::app::lock;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config::ConfigError;
use crate::config::keys::ApiKeys;
use crate::config::keys::LocalKeys;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde_json::Value;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a running server is found and how it is opened.
#[derive(Debug, clap::Args)]
pub(super) struct Access {
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub data: std::path::PathBuf,
    /// The operator's key; by default the one of the first run.
    #[arg(long, env = "ADJACENT_OPERATOR_KEY", hide_env_values = true)]
    pub key: Option<SecretString>,
}

/// A running server.
pub(super) struct Running {
    address: SocketAddr,
    key: SecretString,
}

impl Access {
    /// The server that holds the data directory, if one does.
    pub fn running(&self) -> Result<Option<Running>, ConfigError> {
        lock::holder(&self.data).map(|address| self.at(address)).transpose()
    }

    /// The server whose operations listener this is.
    pub fn at(&self, address: SocketAddr) -> Result<Running, ConfigError> {
        let key = match &self.key {
            Some(key) => key.clone(),
            None => local_key(&self.data)?,
        };
        Ok(Running { address, key })
    }
}

fn local_key(data: &Path) -> Result<SecretString, ConfigError> {
    let now = SystemClock::starting_at_least(0).now();
    let mut keys = ApiKeys::open(data)?;
    let local = LocalKeys::open(data, &mut keys, std::iter::empty(), std::iter::empty(), now)?;
    local.map(|keys| keys.operator).ok_or_else(|| {
        let reason = "a server holds the data directory: give an operator's key with --key";
        ConfigError::Usage(reason.into())
    })
}

impl Running {
    /// Reads a document.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask("GET", path, &[])
    }

    /// Sends a document and reads the answer.
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask("PUT", path, &serde_json::to_vec(body)?)
    }

    /// Sends bytes and reads the answer.
    pub fn send(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Value> {
        self.ask("POST", path, bytes)
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Value> {
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.key.expose_secret(),
            body.len()
        );
        let answer = exchange(self.address, PATIENCE, &head, body)?;
        let document: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        match answer.status {
            Some(200..=299) => Ok(document),
            Some(400..=499) => Err(ConfigError::Usage(said(&document)).into()),
            _ => anyhow::bail!("the server answered: {}", said(&document)),
        }
    }
}

/// What a server answered.
pub(super) struct Answer {
    /// `None` when its first line is not one of HTTP.
    pub status: Option<u16>,
    pub body: String,
}

/// Sends one request and reads the answer to its end.
pub(super) fn exchange(
    address: SocketAddr,
    patience: Duration,
    head: &str,
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer { status, body: body.to_owned() })
}

/// The detail of a problem document, and its problems one by one.
fn said(problem: &Value) -> String {
    let detail = problem["detail"].as_str().unwrap_or("nothing that can be read").to_owned();
    let problems = problem["problems"].as_array().into_iter().flatten().map(|one| {
        let text = |field: &str| one[field].as_str().unwrap_or_default();
        format!("\n{}: {}", text("field"), text("reason"))
    });
    detail + &problems.collect::<String>()
}
