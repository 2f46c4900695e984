//! The functions of the store against a small model of them: generated histories, and aborts where
//! none can come from.

use crate::harness::Redis;
use crate::harness::Store;
use proptest::prelude::*;
use redis::Connection;
use redis::RedisResult;
use redis::Value;
use std::collections::BTreeMap;

const LIBRARY: &str = include_str!("../../src/store/library.lua");
const LOG: &str = "adj:{p07}:log";
const HEAD: &str = "adj:{p07}:head";

/// A batch: who sends it, its first and last number, what is in it.
type Batch = (u64, u64, u64, Vec<u8>);

/// What the log should be.
#[derive(Debug, Default)]
struct Model {
    applied: BTreeMap<u64, u64>,
    log: Vec<Batch>,
}

impl Model {
    /// What an append should answer; where it fits it is in.
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

/// What happens to a log.
#[derive(Clone, Debug)]
enum Step {
    /// A batch of a process start that begins so far before or behind what the log has.
    Batch { incarnation: u64, from: i64, count: u64, size: usize },
    /// The last batch once more.
    Again,
    /// The memory is full while a batch comes.
    Full,
    /// Numbers that are none, or run backwards.
    Numbers(&'static str, &'static str),
    /// Somebody else's type under one of the keys while a batch comes.
    Stranger { key: &'static str },
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
        2 => Just(Step::Again),
        1 => Just(Step::Full),
        1 => numbers.prop_map(|(first, last)| Step::Numbers(first, last)),
        1 => prop_oneof![Just(LOG), Just(HEAD)].prop_map(|key| Step::Stranger { key }),
    ]
}

fn run<T: redis::FromRedisValue>(to: &mut Connection, words: &[&[u8]]) -> RedisResult<T> {
    let mut question = redis::Cmd::new();
    for word in words {
        question.arg(*word);
    }
    question.query(to)
}

fn say(to: &mut Connection, words: &str) {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    run::<Value>(to, &words).unwrap();
}

fn load(to: &mut Connection, library: &str) {
    run::<Value>(to, &[b"FUNCTION", b"LOAD", b"REPLACE", library.as_bytes()]).unwrap();
}

fn call(to: &mut Connection, batch: &[&[u8]; 4]) -> RedisResult<(String, u64, u64)> {
    let function: [&[u8]; 5] =
        [b"FCALL", b"adjacent_1_append", b"2", LOG.as_bytes(), HEAD.as_bytes()];
    run(to, &[&function[..], &batch[..]].concat())
}

fn append(to: &mut Connection, batch: &Batch) -> RedisResult<(String, u64, u64)> {
    let (incarnation, first, last, payload) = batch;
    let (incarnation, first, last) =
        (format!("{incarnation:016x}"), first.to_string(), last.to_string());
    call(to, &[incarnation.as_bytes(), first.as_bytes(), last.as_bytes(), payload])
}

/// Both keys, to the byte.
fn bytes(to: &mut Connection) -> [Option<Vec<u8>>; 2] {
    [LOG, HEAD].map(|key| run(to, &[b"DUMP", key.as_bytes()]).unwrap())
}

/// What the log holds, each entry behind the one that it names.
fn read(to: &mut Connection) -> Vec<Batch> {
    type Found = Vec<(String, BTreeMap<String, Vec<u8>>)>;
    let found: Found = run(to, &[b"XRANGE", LOG.as_bytes(), b"-", b"+"]).unwrap();
    let mut chain = Vec::new();
    let mut batches = Vec::new();
    for (at, (id, fields)) in found.into_iter().enumerate() {
        assert_eq!(id, format!("{}-0", at + 1));
        assert_eq!(fields["p"], chain, "entry {id} names the one before it");
        assert_ne!(fields["c"], chain);
        chain = fields["c"].clone();
        let text = |name: &str| std::str::from_utf8(&fields[name]).unwrap();
        let number = |name: &str| text(name).parse().unwrap();
        let incarnation = u64::from_str_radix(text("i"), 16).unwrap();
        batches.push((incarnation, number("f"), number("l"), fields["b"].clone()));
    }
    if !batches.is_empty() {
        let head: Vec<Vec<u8>> = run(to, &[b"HMGET", HEAD.as_bytes(), b"n", b"c"]).unwrap();
        assert_eq!(head, [batches.len().to_string().into_bytes(), chain]);
    }
    batches
}

/// Takes one step on both sides, and compares.
fn take(to: &mut Connection, model: &mut Model, step: &Step) {
    let next = |model: &Model| -> Batch {
        (
            1,
            model.applied.get(&1).copied().unwrap_or(0) + 1,
            model.applied.get(&1).copied().unwrap_or(0) + 1,
            b"next".to_vec(),
        )
    };
    let before = bytes(to);
    match step {
        Step::Batch { incarnation, from, count, size } => {
            let applied = model.applied.get(incarnation).copied().unwrap_or(0);
            let first = applied.saturating_add_signed(*from).max(1);
            let batch = (*incarnation, first, first + count - 1, vec![b'\xff'; *size]);
            let expected = model.append(&batch);
            assert_eq!(append(to, &batch).unwrap(), expected, "{batch:?}");
            if expected.0 != "NEXT" {
                assert_eq!(bytes(to), before, "{expected:?} changed something");
            }
        }
        Step::Again => {
            let Some(batch) = model.log.last().cloned() else { return };
            assert_eq!(append(to, &batch).unwrap(), model.append(&batch));
            assert_eq!(bytes(to), before);
        }
        Step::Full => {
            say(to, "CONFIG SET maxmemory 1");
            let refused = append(to, &next(model));
            say(to, "CONFIG SET maxmemory 0");
            assert_eq!(refused.unwrap_err().code(), Some("OOM"));
            assert_eq!(bytes(to), before, "a full store changed something");
        }
        Step::Numbers(first, last) => {
            let refused = call(to, &[b"01", first.as_bytes(), last.as_bytes(), b"payload"]);
            assert_eq!(refused.unwrap_err().code(), Some("FOREIGN"));
            assert_eq!(bytes(to), before, "numbers {first} to {last} changed something");
        }
        Step::Stranger { key } => {
            say(to, &format!("SET {key} somebody's"));
            let strange = bytes(to);
            let refused = append(to, &next(model));
            assert_eq!(refused.unwrap_err().code(), Some("FOREIGN"));
            assert_eq!(bytes(to), strange, "a stranger's key changed something");
            say(to, &format!("DEL {key}"));
            let at = if *key == LOG { 0 } else { 1 };
            if let Some(own) = &before[at] {
                run::<Value>(to, &[b"RESTORE", key.as_bytes(), b"0", own]).unwrap();
            }
        }
    }
}

#[test]
fn the_log_is_what_the_model_says_and_a_refusal_leaves_every_byte() {
    let redis = Redis::start();
    let mut to = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    load(&mut to, LIBRARY);
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let to = std::cell::RefCell::new(to);
    let ran = runner.run(&prop::collection::vec(step(), 1..40), |steps| {
        let mut to = to.borrow_mut();
        say(&mut to, "CONFIG SET maxmemory 0");
        say(&mut to, "FLUSHALL");
        let mut model = Model::default();
        for step in &steps {
            take(&mut to, &mut model, step);
        }
        assert_eq!(read(&mut to), model.log);
        Ok(())
    });
    ran.unwrap();
}

/// The library with an error in place of its `number`th command, if it has so many.
fn aborting(number: usize) -> Option<String> {
    let (first, rest) = LIBRARY.split_once('\n').unwrap();
    let mut places = rest.match_indices("redis.").filter(|(at, _)| {
        ["redis.call(", "redis.pcall("].iter().any(|call| rest[*at..].starts_with(call))
    });
    let (at, _) = places.nth(number)?;
    let open = at + rest[at..].find('(').unwrap();
    let abort = "local function abort() error('an abort') end";
    Some(format!("{first}\n{abort}\n{}abort{}", &rest[..at], &rest[open..]))
}

#[test]
fn an_abort_before_any_command_loses_and_doubles_nothing() {
    let redis = Redis::start();
    let mut to = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let batches: [Batch; 3] =
        [(1, 1, 2, b"first".into()), (2, 1, 1, b"second".into()), (1, 3, 9, b"third".into())];
    let (mut aborted, mut written) = (0, 0);
    for number in 0.. {
        let Some(library) = aborting(number) else { break };
        // Another process start may come first to a log that an abort left.
        for comes_first in [2, 1] {
            say(&mut to, "FLUSHALL");
            load(&mut to, LIBRARY);
            for batch in &batches[..2] {
                append(&mut to, batch).unwrap();
            }
            let before = bytes(&mut to);
            load(&mut to, &library);
            let Err(_) = append(&mut to, &batches[2]) else { continue };
            aborted += 1;
            written += usize::from(bytes(&mut to) != before);

            load(&mut to, LIBRARY);
            let other: Batch = (2, 2, 2, b"of another".into());
            let mut expected = batches.to_vec();
            let at = if comes_first == 2 && bytes(&mut to) == before { 2 } else { 3 };
            expected.insert(at, other.clone());
            let retried =
                if comes_first == 2 { [&other, &batches[2]] } else { [&batches[2], &other] };
            for batch in retried {
                let (how, ..) = append(&mut to, batch).unwrap();
                assert!(how == "NEXT" || how == "AGAIN", "{number}: {how}");
                assert_eq!(append(&mut to, batch).unwrap().0, "AGAIN");
            }
            assert_eq!(read(&mut to), expected, "an abort before command {number}");
        }
    }
    assert!(aborted >= 8, "{aborted}");
    assert_eq!(written, 2, "one command alone comes behind a write");
}
