//! Requests to the public listener of a local server, as a publisher's server sends them for its readers.

use crate::cli::simulate::plan::PageView;
use secrecy::{ExposeSecret, SecretString};
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer: status and body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// Whether the event is on disk.
    pub(super) is_recorded: bool,
}

/// Sends a request for the reader of a page; with a key, as the publisher's server.
pub(super) async fn send(
    address: SocketAddr,
    key: Option<&SecretString>,
    view: &PageView,
    (method, path): (&str, &str),
    body: &str,
) -> io::Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    // Writing to a string does not fail.
    let _ = write!(head, "User-Agent: {}\r\n", view.agent);
    if let Some(key) = key {
        let _ = write!(
            head,
            "Authorization: Bearer {}\r\nAdjacent-Reader-Address: {}\r\nAdjacent-Reader-Agent: {}\r\n",
            key.expose_secret(),
            view.address,
            view.agent
        );
    }
    if !body.is_empty() {
        let length = body.len();
        let _ = write!(head, "Content-Type: application/json\r\nContent-Length: {length}\r\n");
    }
    head.push_str("\r\n");
    head.push_str(body);
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        io::Result::Ok(bytes)
    };
    let bytes = tokio::time::timeout(TIMEOUT, exchange).await??;
    answer(&String::from_utf8_lossy(&bytes))
}

fn answer(text: &str) -> io::Result<Answer> {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("the answer is not HTTP"))?;
    let head = head.to_ascii_lowercase();
    let body = match head.contains("transfer-encoding: chunked") {
        true => unchunked(body),
        false => body.to_owned(),
    };
    Ok(Answer { status, body, is_recorded: head.contains("adjacent-recorded: 1") })
}

/// A body without the lengths of its chunks.
fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        let Some(chunk) = after.get(..length).filter(|_| length > 0) else { break };
        body.push_str(chunk);
        rest = after.get(length + 2..).unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_in_chunks() {
        let whole = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((whole.status, &*whole.body, whole.is_recorded), (200, "{}", false));
        let text = "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\nAdjacent-Recorded: 1\r\n\r\n\
                    3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let chunks = answer(text).unwrap();
        assert_eq!((chunks.status, &*chunks.body, chunks.is_recorded), (204, "abcde", true));
        assert!(answer("").is_err());
    }
}
