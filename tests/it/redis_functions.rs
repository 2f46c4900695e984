//! The Redis functions of the event store against a small model: generated histories, and aborts
//! injected before each Redis command.

use crate::harness::{Redis, Store};
use proptest::prelude::*;
use redis::{Connection, RedisResult, Value};
use std::collections::BTreeMap;

const LIBRARY: &str = include_str!("../../src/store/library.lua");
const LOG: &str = "adj:{p07}:log";
const HEAD: &str = "adj:{p07}:head";

/// A batch: incarnation of the sender, first and last LSN, payload.
type Batch = (u64, u64, u64, Vec<u8>);

/// The expected content of the log.
#[derive(Debug, Default)]
struct Model {
    applied: BTreeMap<u64, u64>,
    log: Vec<Batch>,
}

impl Model {
    /// The expected reply to an append. A batch that follows the log is added to the model.
    fn append(&mut self, batch: &Batch) -> (String, u64, u64) {
        let (incarnation, first, last, _) = batch;
        let applied = self.applied.get(incarnation).copied().unwrap_or(0);
        let how = match () {
            () if *first > applied + 1 => "GAP",
            () if *last <= applied => "AGAIN",
            () if *first <= applied => "CUT",
            () => {
                self.applied.insert(*incarnation, *last);
                self.log.push(batch.clone());
                "NEXT"
            }
        };
        let applied = self.applied.get(incarnation).copied().unwrap_or(0);
        (how.to_owned(), applied, u64::try_from(self.log.len()).unwrap())
    }
}

/// One operation on the log.
#[derive(Clone, Debug)]
enum Step {
    /// A batch of an incarnation that starts `from` records after the last one in the log.
    Batch { incarnation: u64, from: i64, count: u64, size: usize },
    /// The last batch again.
    Repeat,
    /// An append while Redis is out of memory.
    OutOfMemory,
    /// An append with LSNs that are not numbers or are in descending order.
    InvalidNumbers(&'static str, &'static str),
    /// An append while one of the keys has a value of a foreign type.
    ForeignValue { key: &'static str },
}

fn step() -> impl Strategy<Value = Step> {
    let from = prop_oneof![6 => Just(1i64), 1 => -3i64..=4];
    let batch =
        (0u64..3, from, 1u64..5, 0usize..40).prop_map(|(incarnation, from, count, size)| {
            Step::Batch { incarnation, from, count, size }
        });
    let numbers = prop_oneof![Just(("3", "2")), Just(("x", "1")), Just(("1", "")), Just(("", "9"))];
    prop_oneof![
        12 => batch,
        2 => Just(Step::Repeat),
        1 => Just(Step::OutOfMemory),
        1 => numbers.prop_map(|(first, last)| Step::InvalidNumbers(first, last)),
        1 => prop_oneof![Just(LOG), Just(HEAD)].prop_map(|key| Step::ForeignValue { key }),
    ]
}

fn run<T: redis::FromRedisValue>(redis: &mut Connection, words: &[&[u8]]) -> RedisResult<T> {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command.query(redis)
}

fn command(redis: &mut Connection, words: &str) {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    run::<Value>(redis, &words).unwrap();
}

fn load(redis: &mut Connection, library: &str) {
    run::<Value>(redis, &[b"FUNCTION", b"LOAD", b"REPLACE", library.as_bytes()]).unwrap();
}

fn call(redis: &mut Connection, batch: &[&[u8]; 4]) -> RedisResult<(String, u64, u64)> {
    let function: [&[u8]; 5] =
        [b"FCALL", b"adjacent_1_append", b"2", LOG.as_bytes(), HEAD.as_bytes()];
    run(redis, &[&function[..], &batch[..3], &[batch[3], b"7"]].concat())
}

fn append(redis: &mut Connection, batch: &Batch) -> RedisResult<(String, u64, u64)> {
    let (incarnation, first, last, payload) = batch;
    let (incarnation, first, last) =
        (format!("{incarnation:016x}"), first.to_string(), last.to_string());
    call(redis, &[incarnation.as_bytes(), first.as_bytes(), last.as_bytes(), payload])
}

/// The serialised values of both keys.
fn bytes(redis: &mut Connection) -> [Option<Vec<u8>>; 2] {
    [LOG, HEAD].map(|key| run(redis, &[b"DUMP", key.as_bytes()]).unwrap())
}

/// Reads the log and checks that each entry references its predecessor.
fn read(redis: &mut Connection) -> Vec<Batch> {
    type Entries = Vec<(String, BTreeMap<String, Vec<u8>>)>;
    let entries: Entries = run(redis, &[b"XRANGE", LOG.as_bytes(), b"-", b"+"]).unwrap();
    let mut chain = Vec::new();
    let mut batches = Vec::new();
    for (at, (id, fields)) in entries.into_iter().enumerate() {
        assert_eq!(id, format!("{}-0", at + 1));
        assert_eq!(fields["p"], chain, "entry {id} references its predecessor");
        assert_ne!(fields["c"], chain);
        chain = fields["c"].clone();
        let text = |name: &str| std::str::from_utf8(&fields[name]).unwrap();
        let number = |name: &str| text(name).parse().unwrap();
        let incarnation = u64::from_str_radix(text("i"), 16).unwrap();
        batches.push((incarnation, number("f"), number("l"), fields["b"].clone()));
    }
    if !batches.is_empty() {
        let head: Vec<Vec<u8>> = run(redis, &[b"HMGET", HEAD.as_bytes(), b"n", b"c"]).unwrap();
        assert_eq!(head, [batches.len().to_string().into_bytes(), chain]);
    }
    batches
}

/// Applies one step to Redis and to the model, and compares them.
fn apply(redis: &mut Connection, model: &mut Model, step: &Step) {
    let next = |model: &Model| -> Batch {
        (
            1,
            model.applied.get(&1).copied().unwrap_or(0) + 1,
            model.applied.get(&1).copied().unwrap_or(0) + 1,
            b"next".to_vec(),
        )
    };
    let before = bytes(redis);
    match step {
        Step::Batch { incarnation, from, count, size } => {
            let applied = model.applied.get(incarnation).copied().unwrap_or(0);
            let first = applied.saturating_add_signed(*from).max(1);
            let batch = (*incarnation, first, first + count - 1, vec![b'\xff'; *size]);
            let expected = model.append(&batch);
            assert_eq!(append(redis, &batch).unwrap(), expected, "{batch:?}");
            if expected.0 != "NEXT" {
                assert_eq!(bytes(redis), before, "{expected:?} changed something");
            }
        }
        Step::Repeat => {
            let Some(batch) = model.log.last().cloned() else { return };
            assert_eq!(append(redis, &batch).unwrap(), model.append(&batch));
            assert_eq!(bytes(redis), before);
        }
        Step::OutOfMemory => {
            command(redis, "CONFIG SET maxmemory 1");
            let result = append(redis, &next(model));
            command(redis, "CONFIG SET maxmemory 0");
            assert_eq!(result.unwrap_err().code(), Some("OOM"));
            assert_eq!(bytes(redis), before, "an append without memory changed something");
        }
        Step::InvalidNumbers(first, last) => {
            let result = call(redis, &[b"01", first.as_bytes(), last.as_bytes(), b"payload"]);
            assert_eq!(result.unwrap_err().code(), Some("FOREIGN"));
            assert_eq!(bytes(redis), before, "numbers {first} to {last} changed something");
        }
        Step::ForeignValue { key } => {
            command(redis, &format!("SET {key} foreign"));
            let foreign = bytes(redis);
            let result = append(redis, &next(model));
            assert_eq!(result.unwrap_err().code(), Some("FOREIGN"));
            assert_eq!(bytes(redis), foreign, "an append over a foreign value changed something");
            command(redis, &format!("DEL {key}"));
            let at = if *key == LOG { 0 } else { 1 };
            if let Some(own) = &before[at] {
                run::<Value>(redis, &[b"RESTORE", key.as_bytes(), b"0", own]).unwrap();
            }
        }
    }
}

#[test]
fn the_log_matches_the_model_and_a_rejected_batch_changes_no_byte() {
    let server = Redis::start();
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    load(&mut connection, LIBRARY);
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let connection = std::cell::RefCell::new(connection);
    let result = runner.run(&prop::collection::vec(step(), 1..40), |steps| {
        let mut connection = connection.borrow_mut();
        command(&mut connection, "CONFIG SET maxmemory 0");
        command(&mut connection, "FLUSHALL");
        let mut model = Model::default();
        for step in &steps {
            apply(&mut connection, &mut model, step);
        }
        assert_eq!(read(&mut connection), model.log);
        Ok(())
    });
    result.unwrap();
}

/// The library with its `number`th Redis command replaced by an error, if there are that many.
fn aborting(number: usize) -> Option<String> {
    let (first, rest) = LIBRARY.split_once('\n').unwrap();
    let mut places = rest.match_indices("redis.").filter(|(at, _)| {
        ["redis.call(", "redis.pcall("].iter().any(|call| rest[*at..].starts_with(call))
    });
    let (at, _) = places.nth(number)?;
    let open = at + rest[at..].find('(').unwrap();
    let abort = "local function abort() error('injected abort') end";
    Some(format!("{first}\n{abort}\n{}abort{}", &rest[..at], &rest[open..]))
}

#[test]
fn an_abort_before_any_redis_command_loses_and_duplicates_no_batch() {
    let server = Redis::start();
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let batches: [Batch; 3] =
        [(1, 1, 2, b"first".into()), (2, 1, 1, b"second".into()), (1, 3, 9, b"third".into())];
    let (mut aborted, mut written) = (0, 0);
    for number in 0.. {
        let Some(library) = aborting(number) else { break };
        // Another incarnation may be the first to append after the abort.
        for comes_first in [2, 1] {
            command(&mut connection, "FLUSHALL");
            load(&mut connection, LIBRARY);
            for batch in &batches[..2] {
                append(&mut connection, batch).unwrap();
            }
            let before = bytes(&mut connection);
            load(&mut connection, &library);
            let Err(_) = append(&mut connection, &batches[2]) else { continue };
            aborted += 1;
            written += usize::from(bytes(&mut connection) != before);

            load(&mut connection, LIBRARY);
            let other: Batch = (2, 2, 2, b"other incarnation".into());
            let mut expected = batches.to_vec();
            let at = if comes_first == 2 && bytes(&mut connection) == before { 2 } else { 3 };
            expected.insert(at, other.clone());
            let retried =
                if comes_first == 2 { [&other, &batches[2]] } else { [&batches[2], &other] };
            for batch in retried {
                let (how, ..) = append(&mut connection, batch).unwrap();
                assert!(how == "NEXT" || how == "AGAIN", "{number}: {how}");
                assert_eq!(append(&mut connection, batch).unwrap().0, "AGAIN");
            }
            assert_eq!(read(&mut connection), expected, "an abort before command {number}");
        }
    }
    assert!(aborted >= 8, "{aborted}");
    assert_eq!(written, 2, "only one Redis command runs after a write");
}
