//! A proxy in front of a real Redis that can replace the replies to batches of records with scripted
//! ones. With two nodes it acts as a cluster whose slots are all on the first node.

use super::redis::{Redis, Store};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A scripted reply to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchReply {
    /// An error; the batch does not reach Redis.
    ErrorReply(&'static str),
    /// A redirection to the other node, `MOVED` or `ASK`.
    Redirect(&'static str),
    /// Bytes that are not valid RESP; the batch does not reach Redis.
    InvalidReply,
    /// No reply, although Redis has executed the batch.
    NoReply,
    /// Half a reply and a closed connection, although Redis has executed the batch.
    TruncatedReply,
}

/// The proxy.
pub struct ScriptedRedis {
    ports: [u16; 2],
    is_cluster: bool,
    keys: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    redis_port: u16,
    script: Mutex<Option<BatchReply>>,
    batches: AtomicUsize,
}

impl ScriptedRedis {
    /// Starts a proxy in front of a Redis.
    pub fn in_front_of(redis: &Redis) -> ScriptedRedis {
        ScriptedRedis::start(redis, false)
    }

    /// Starts a proxy that acts as a cluster of two nodes.
    pub fn cluster_in_front_of(redis: &Redis) -> ScriptedRedis {
        ScriptedRedis::start(redis, true)
    }

    fn start(redis: &Redis, is_cluster: bool) -> ScriptedRedis {
        let shared =
            Shared { redis_port: redis.port(), script: Mutex::default(), batches: 0.into() };
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
        ScriptedRedis { ports, is_cluster, keys: redis.keys(), shared }
    }

    /// Sets the reply to further batches; `None`: the reply of Redis.
    pub fn set_reply(&self, reply: Option<BatchReply>) {
        *self.shared.script.lock().unwrap() = reply;
    }

    /// Number of batches received so far.
    pub fn batch_count(&self) -> usize {
        self.shared.batches.load(Ordering::Acquire)
    }
}

impl Store for ScriptedRedis {
    fn url(&self) -> String {
        let kind = if self.is_cluster { "redis+cluster" } else { "redis" };
        format!("{kind}://127.0.0.1:{}", self.ports[0])
    }

    fn keys(&self) -> PathBuf {
        self.keys.clone()
    }
}

impl Shared {
    /// Serves one client of node `at`, one command after another.
    fn serve(&self, mut client: TcpStream, ports: [u16; 2], at: usize) -> Option<()> {
        let mut redis = TcpStream::connect(("127.0.0.1", self.redis_port)).ok()?;
        let mut commands = BufReader::new(client.try_clone().ok()?);
        let mut replies = BufReader::new(redis.try_clone().ok()?);
        loop {
            let (words, raw) = read_command(&mut commands)?;
            let word = |at: usize| words.get(at).map_or("", String::as_str);
            if word(0) == "CLUSTER" {
                let (slots, port) = ("*1\r\n*3\r\n:0\r\n:16383\r\n", ports[0].to_string());
                let node = format!("*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$2\r\nid\r\n");
                client.write_all(format!("{slots}{node}").as_bytes()).ok()?;
                continue;
            }
            if word(0) == "ASKING" {
                client.write_all(b"+OK\r\n").ok()?;
                continue;
            }
            let is_batch = word(0) == "FCALL" && word(1).ends_with("_APPEND");
            let script = self.script.lock().unwrap().filter(|_| is_batch);
            self.batches.fetch_add(usize::from(is_batch), Ordering::AcqRel);
            match script {
                Some(BatchReply::ErrorReply(error)) => {
                    client.write_all(format!("-{error}\r\n").as_bytes()).ok()?;
                    continue;
                }
                Some(BatchReply::Redirect(how)) if at == 0 => {
                    let redirection = format!("-{how} 1 127.0.0.1:{}\r\n", ports[1]);
                    client.write_all(redirection.as_bytes()).ok()?;
                    continue;
                }
                Some(BatchReply::InvalidReply) => {
                    client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
                    continue;
                }
                _ => {}
            }
            redis.write_all(&raw).ok()?;
            let mut reply = Vec::new();
            read_reply(&mut replies, &mut reply)?;
            match script {
                Some(BatchReply::NoReply) => {
                    std::io::copy(&mut commands, &mut std::io::sink()).ok();
                    return None;
                }
                Some(BatchReply::TruncatedReply) => {
                    client.write_all(&reply[..reply.len() / 2]).ok()?;
                    return None;
                }
                _ => client.write_all(&reply).ok()?,
            }
        }
    }
}

/// Reads a command: its first two words in upper case, and all its bytes.
fn read_command(from: &mut impl BufRead) -> Option<(Vec<String>, Vec<u8>)> {
    let mut raw = Vec::new();
    let count = read_number(from, &mut raw)?;
    let mut words = Vec::new();
    for at in 0..count {
        let length = read_number(from, &mut raw)?;
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

/// Reads a RESP header line: a type byte and a number.
fn read_number(from: &mut impl BufRead, raw: &mut Vec<u8>) -> Option<usize> {
    let begin = raw.len();
    from.read_until(b'\n', raw).ok().filter(|read| *read > 0)?;
    std::str::from_utf8(&raw[begin + 1..]).ok()?.trim_end().parse().ok()
}

/// Reads a reply of any type.
fn read_reply(from: &mut impl BufRead, raw: &mut Vec<u8>) -> Option<()> {
    let begin = raw.len();
    from.read_until(b'\n', raw).ok().filter(|read| *read > 0)?;
    let count: i64 =
        String::from_utf8_lossy(&raw[begin + 1..]).trim_end().parse().unwrap_or_default();
    match raw[begin] {
        b'$' if count >= 0 => {
            let begin = raw.len();
            raw.resize(begin + usize::try_from(count).unwrap() + 2, 0);
            from.read_exact(&mut raw[begin..]).ok()?;
        }
        b'*' => {
            for _ in 0..count {
                read_reply(from, raw)?;
            }
        }
        _ => {}
    }
    Some(())
}
