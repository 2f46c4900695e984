//! A server that speaks for a real Redis, and answers one thing by a script: the batches that a
//! machine sends. As two nodes it is a cluster whose slots are all on the first.

use super::redis::Redis;
use super::redis::Store;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// What a batch is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// By an error; the batch does not reach the store.
    Says(&'static str),
    /// By a redirection to the other node, `MOVED` or `ASK`.
    Leads(&'static str),
    /// By what no Redis says.
    Garbage,
    /// Never, though it is done.
    Silence,
    /// By half an answer and the end of the connection, though it is done.
    Cut,
}

/// The server.
pub struct Scripted {
    ports: [u16; 2],
    is_cluster: bool,
    keys: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    to: u16,
    script: Mutex<Option<Answer>>,
    asked: AtomicUsize,
}

impl Scripted {
    /// In front of a Redis.
    pub fn before(redis: &Redis) -> Scripted {
        Scripted::start(redis, false)
    }

    /// As a cluster of two nodes.
    pub fn cluster_before(redis: &Redis) -> Scripted {
        Scripted::start(redis, true)
    }

    fn start(redis: &Redis, is_cluster: bool) -> Scripted {
        let shared = Shared { to: redis.port(), script: Mutex::default(), asked: 0.into() };
        let shared = Arc::new(shared);
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = [0, 1].map(|at: usize| listeners[at].local_addr().unwrap().port());
        for (at, listener) in listeners.into_iter().enumerate() {
            let shared = shared.clone();
            std::thread::spawn(move || {
                for client in listener.incoming().map_while(Result::ok) {
                    let shared = shared.clone();
                    std::thread::spawn(move || shared.serve(client, ports, at));
                }
            });
        }
        Scripted { ports, is_cluster, keys: redis.keys(), shared }
    }

    /// From now on batches are answered so; `None`: by the store.
    pub fn answers(&self, answer: Option<Answer>) {
        *self.shared.script.lock().unwrap() = answer;
    }

    /// How many batches came.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Acquire)
    }
}

impl Store for Scripted {
    fn url(&self) -> String {
        let kind = if self.is_cluster { "redis+cluster" } else { "redis" };
        format!("{kind}://127.0.0.1:{}", self.ports[0])
    }

    fn keys(&self) -> PathBuf {
        self.keys.clone()
    }
}

impl Shared {
    /// One client of node `at`, one command after another.
    fn serve(&self, mut client: TcpStream, ports: [u16; 2], at: usize) -> Option<()> {
        let mut store = TcpStream::connect(("127.0.0.1", self.to)).ok()?;
        let mut questions = BufReader::new(client.try_clone().ok()?);
        let mut answers = BufReader::new(store.try_clone().ok()?);
        loop {
            let (words, raw) = command(&mut questions)?;
            let word = |at: usize| words.get(at).map_or("", String::as_str);
            if word(0) == "CLUSTER" {
                let (first, port) = ("*1\r\n*3\r\n:0\r\n:16383\r\n", ports[0].to_string());
                let node = format!("*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$2\r\nid\r\n");
                client.write_all(format!("{first}{node}").as_bytes()).ok()?;
                continue;
            }
            if word(0) == "ASKING" {
                client.write_all(b"+OK\r\n").ok()?;
                continue;
            }
            let is_batch = word(0) == "FCALL" && word(1).ends_with("_APPEND");
            let script = self.script.lock().unwrap().filter(|_| is_batch);
            self.asked.fetch_add(usize::from(is_batch), Ordering::AcqRel);
            match script {
                Some(Answer::Says(error)) => {
                    client.write_all(format!("-{error}\r\n").as_bytes()).ok()?;
                    continue;
                }
                Some(Answer::Leads(how)) if at == 0 => {
                    let to = format!("-{how} 1 127.0.0.1:{}\r\n", ports[1]);
                    client.write_all(to.as_bytes()).ok()?;
                    continue;
                }
                Some(Answer::Garbage) => {
                    client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
                    continue;
                }
                _ => {}
            }
            store.write_all(&raw).ok()?;
            let mut reply = Vec::new();
            answer(&mut answers, &mut reply)?;
            match script {
                Some(Answer::Silence) => {
                    std::io::copy(&mut questions, &mut std::io::sink()).ok();
                    return None;
                }
                Some(Answer::Cut) => {
                    client.write_all(&reply[..reply.len() / 2]).ok()?;
                    return None;
                }
                _ => client.write_all(&reply).ok()?,
            }
        }
    }
}

/// A command: its words, the first two in capitals, and its bytes.
fn command(from: &mut impl BufRead) -> Option<(Vec<String>, Vec<u8>)> {
    let mut raw = Vec::new();
    let count = number(from, &mut raw)?;
    let mut words = Vec::new();
    for at in 0..count {
        let length = number(from, &mut raw)?;
        let begin = raw.len();
        raw.resize(begin + length + 2, 0);
        from.read_exact(&mut raw[begin..]).ok()?;
        if at < 2 {
            let word = String::from_utf8_lossy(&raw[begin..begin + length]);
            words.push(word.to_uppercase());
        }
    }
    Some((words, raw))
}

/// A line that begins with a letter and goes on with a number.
fn number(from: &mut impl BufRead, raw: &mut Vec<u8>) -> Option<usize> {
    let begin = raw.len();
    from.read_until(b'\n', raw).ok().filter(|read| *read > 0)?;
    std::str::from_utf8(&raw[begin + 1..]).ok()?.trim_end().parse().ok()
}

/// An answer, whatever is in it.
fn answer(from: &mut impl BufRead, raw: &mut Vec<u8>) -> Option<()> {
    let begin = raw.len();
    from.read_until(b'\n', raw).ok().filter(|read| *read > 0)?;
    let count: i64 =
        String::from_utf8_lossy(&raw[begin + 1..]).trim_end().parse().unwrap_or_default();
    match raw[begin] {
        b'$' if count >= 0 => {
            let from_here = raw.len();
            raw.resize(from_here + usize::try_from(count).unwrap() + 2, 0);
            from.read_exact(&mut raw[from_here..]).ok()?;
        }
        b'*' => {
            for _ in 0..count {
                answer(from, raw)?;
            }
        }
        _ => {}
    }
    Some(())
}
