//! A minimal HTTP client on one persistent connection, so that the client adds little to timings.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Request headers of a reader's browser.
const BROWSER: &str = "Accept: */*\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Serialises a decision request as HTTP/1.1, as a proxy forwards it.
pub fn on_wire(body: &serde_json::Value, reader: Ipv4Addr) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST /v1/decisions HTTP/1.1\r\nHost: news.example\r\nContent-Type: application/json\r\n\
         {BROWSER}\r\nX-Forwarded-For: {reader}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Serialises the report of an event as a proxy forwards it; `path` has the token.
pub fn report(path: &str, reader: Ipv4Addr) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: news.example\r\n{BROWSER}\r\nX-Forwarded-For: {reader}\r\n\r\n"
    )
    .into_bytes()
}

/// The `number`th reader of a few networks: of 198.18.0.0/15, which is reserved for benchmarks (RFC 2544).
pub fn reader_of_few_networks(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0xC612_0000 + number % (1 << 17))
}

/// The `number`th reader of many networks: the first 65,536 have a /24 each, whose limits they never reach.
pub fn reader_of_many_networks(number: u32) -> Ipv4Addr {
    let [_, host, high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, high, low, host)
}

impl Connection {
    pub fn connect(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream, buffer: vec![0; 65_536] }
    }

    /// Polls for responses without sleeping. Waking a sleeping client is no cost of the server, and
    /// in a VM it takes longer than a response.
    pub fn busy_polling(self) -> Connection {
        self.stream.set_nonblocking(true).unwrap();
        self
    }

    /// Reports an event and asserts that it was acknowledged as recorded.
    pub fn report(&mut self, event: &[u8]) {
        self.write(event);
        self.read_recorded();
    }

    /// Reads the response to an event and asserts that it was acknowledged as recorded.
    pub fn read_recorded(&mut self) {
        let response = self.read();
        let text = std::str::from_utf8(&self.buffer[..response.head]).unwrap();
        assert!(response.status == 204, "{text}");
        assert!(text.to_ascii_lowercase().contains("adjacent-recorded: 1"), "{text}");
    }

    /// Reads the response to a click, which may come before it is recorded.
    pub fn read_redirect(&mut self) {
        assert_eq!(self.read().status, 302);
    }

    /// Sends a request, reads the complete response and returns its body. Panics on a status other than 200
    /// or 204.
    pub fn send(&mut self, request: &[u8]) -> &[u8] {
        self.write(request);
        self.read_body()
    }

    /// Reads the complete response to a request that was written and returns its body. Panics on a status other
    /// than 200 or 204.
    pub fn read_body(&mut self) -> &[u8] {
        let (head, body) = self.read().expect_success(&self.buffer);
        &self.buffer[head..head + body]
    }

    /// Sends a request, reads the complete response and returns its status.
    pub fn status(&mut self, request: &[u8]) -> u16 {
        self.write(request);
        self.read().status
    }

    /// Sends a request.
    pub fn write(&mut self, request: &[u8]) {
        self.stream.write_all(request).unwrap();
    }

    /// Reads a response into the buffer.
    fn read(&mut self) -> Response {
        let mut filled = 0;
        let mut whole = None;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(2 * filled, 0);
            }
            let read = match self.stream.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::hint::spin_loop();
                    continue;
                }
                read => read.unwrap(),
            };
            assert!(read > 0, "the server closed the connection");
            filled += read;
            if whole.is_none() {
                whole = Response::of(&self.buffer[..filled]);
            }
            if let Some(response) = whole.take_if(|whole| filled >= whole.head + whole.body) {
                return response;
            }
        }
    }
}

/// Status and lengths of a response.
struct Response {
    status: u16,
    head: usize,
    body: usize,
}

impl Response {
    /// `None` until the head is complete.
    fn of(answer: &[u8]) -> Option<Response> {
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&answer[..head]).unwrap();
        let status = text[9..12].parse().unwrap();
        let lengths = text.lines().filter_map(|line| line.split_once(": "));
        let mut lengths = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let body = match lengths.next() {
            Some((_, length)) => length.trim().parse().unwrap(),
            None if status == 204 => 0,
            None => panic!("no length: {text}"),
        };
        Some(Response { status, head, body })
    }

    /// The lengths of head and body.
    fn expect_success(&self, answer: &[u8]) -> (usize, usize) {
        let whole = &answer[..self.head + self.body];
        assert!(matches!(self.status, 200 | 204), "{}", String::from_utf8_lossy(whole));
        (self.head, self.body)
    }
}
