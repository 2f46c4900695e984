//! A client that keeps its connection and costs next to nothing.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;

/// One connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What a reader's browser says of itself.
const BROWSER: &str = "Accept: */*\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A request as it goes over the wire.
pub fn on_wire(body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST /v1/decisions HTTP/1.1\r\nHost: news.example\r\nContent-Type: application/json\r\n\
         {BROWSER}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The impression of a token, from a reader with an address of its own, as a proxy hands it on.
pub fn impression(token: &str, reader: u32) -> Vec<u8> {
    // The range that is set apart for benchmarks.
    let address = std::net::Ipv4Addr::from(0xC612_0000 + reader % (1 << 17));
    format!(
        "GET /e/{token} HTTP/1.1\r\nHost: news.example\r\n{BROWSER}\r\n\
         X-Forwarded-For: {address}\r\n\r\n"
    )
    .into_bytes()
}

impl Connection {
    /// Connects.
    pub fn to(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream, buffer: vec![0; 65_536] }
    }

    /// Waits without sleeping from here on: how long it takes to wake a client is not the server's
    /// doing, and on a machine that is a guest of another it takes longer than an answer.
    pub fn awake(self) -> Connection {
        self.stream.set_nonblocking(true).unwrap();
        self
    }

    /// Sends an event and waits until it is acknowledged.
    pub fn fire(&mut self, event: &[u8]) {
        let (head, _) = self.exchange(event);
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap();
        assert!(text.to_ascii_lowercase().contains("adjacent-recorded: 1"), "{text}");
    }

    /// Sends a request and reads the whole answer; its body.
    pub fn ask(&mut self, request: &[u8]) -> &[u8] {
        let (head, body) = self.exchange(request);
        &self.buffer[head..head + body]
    }

    /// Bytes of head and body of the answer in the buffer.
    fn exchange(&mut self, request: &[u8]) -> (usize, usize) {
        self.stream.write_all(request).unwrap();
        let mut filled = 0;
        let mut whole = None;
        loop {
            let read = match self.stream.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::hint::spin_loop();
                    continue;
                }
                read => read.unwrap(),
            };
            assert!(read > 0, "the server hung up");
            filled += read;
            if whole.is_none() {
                whole = extent(&self.buffer[..filled]);
            }
            if let Some((head, body)) = whole
                && filled >= head + body
            {
                return (head, body);
            }
        }
    }
}

/// Bytes of head and body, once the head is there. Anything but a 200 or a 204 ends the benchmark.
fn extent(answer: &[u8]) -> Option<(usize, usize)> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    if text.starts_with("HTTP/1.1 204") {
        return Some((head, 0));
    }
    assert!(text.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    let lengths = text.lines().filter_map(|line| line.split_once(": "));
    let length = lengths.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Some((head, length.unwrap().1.trim().parse().unwrap()))
}
