//! Every key in a store. Keys that must change together share a hash slot.
//!
//! | key | type | content | expires |
//! |---|---|---|---|
//! | `adj:{p00}:log` … `adj:{p63}:log` | stream | a partition's batches; the n-th has the id `n-0` | entries, by `store.log_hours` |
//! | `adj:{p00}:head` … `adj:{p63}:head` | hash | log length, hash chain, last journal number of each process start | never |
//! | `adj:{p00}:base` … `adj:{p63}:base` | hash | base snapshots: the first (start of the log), the last (where reading starts) | never |
//! | `adj:{all}:instances` | sorted set | instances, scored by the second of their last heartbeat | members after 10 seconds |
//! | `adj:{all}:reached` | hash | by process start, a stamp, and its last record up to that in each log | when it ends |
//! | `adj:{all}:starts` | hash | each process start: host, operations listener, data directory | never |
//! | `adj:{all}:requests:DATA` | sorted set | requested decision records, scored by request time | within a minute |
//! | `adj:{all}:replies:DATA:DECISION` | string | a decision's record, in reply to a request | within a minute |
//! | `adj:{all}:salt:DAY` | string | the day's salt for visitor keys | within a day |
//! | `adj:{p00}:visitor:DAY:KIND:GROUP` … `adj:{p63}:…` | sorted set | a network's or publisher's events of one kind, scored by time | within a day |
//! | `adj:{p00}:visitors` … `adj:{p63}:visitors` | sorted set | visitors to check, scored by when they are due | within a day |
//! | `adj:{all}:catalog` | hash | the catalog's head, every version of its documents, and the named versions of the weights | never |
//! | `adj:{all}:pictures` | hash | every uploaded image, by its content address | never |
//!
//! Beside the keys there is one pub/sub channel, `adj:{all}:wakeups`.

/// The keys of a function call, and whether the call is read-only.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<String>,
    /// Whether the call is read-only (`FCALL_RO`).
    pub(crate) read_only: bool,
}

/// A partition's log and its head.
pub(crate) fn partition(number: u8) -> Keys {
    let key = |what: &str| format!("adj:{{p{number:02}}}:{what}");
    Keys { keys: vec![key("log"), key("head")], read_only: false }
}

/// A partition's log, its head and its base snapshots.
pub(crate) fn bases(number: u8) -> Keys {
    let mut slot = partition(number);
    slot.keys.push(format!("adj:{{p{number:02}}}:base"));
    slot
}

/// The live instances, and how far the records of each are in the logs.
pub(crate) fn instances() -> Keys {
    let keys = ["adj:{all}:instances", "adj:{all}:reached"].map(str::to_owned).to_vec();
    Keys { keys, read_only: false }
}

/// All process starts.
pub(crate) fn starts() -> Keys {
    Keys { keys: vec!["adj:{all}:starts".to_owned()], read_only: false }
}

/// The decision records requested from a data directory.
pub(crate) fn record_requests(data: u64) -> Keys {
    Keys { keys: vec![format!("adj:{{all}}:requests:{data:016x}")], read_only: false }
}

/// A data directory's reply with a decision's record.
pub(crate) fn record_reply(data: u64, decision: u128) -> Keys {
    Keys {
        keys: vec![format!("adj:{{all}}:replies:{data:016x}:{decision:032x}")],
        read_only: false,
    }
}

pub(crate) fn salt(day: i64) -> Keys {
    Keys { keys: vec![format!("adj:{{all}}:salt:{day}")], read_only: false }
}

/// The events of one group of visitors.
pub(crate) fn visitor(list: u8, name: &str) -> Keys {
    Keys { keys: vec![format!("adj:{{p{list:02}}}:visitor:{name}")], read_only: false }
}

/// A list of groups of visitors to check, followed by the events of each named group.
pub(crate) fn visitors<'a>(list: u8, names: impl IntoIterator<Item = &'a str>) -> Keys {
    let visitor_keys = names.into_iter().flat_map(|name| visitor(list, name).keys);
    let visitors = std::iter::once(format!("adj:{{p{list:02}}}:visitors"));
    Keys { keys: visitors.chain(visitor_keys).collect(), read_only: false }
}

pub(crate) fn catalog() -> Keys {
    Keys { keys: vec!["adj:{all}:catalog".to_owned()], read_only: false }
}

/// Logos and images.
pub(crate) fn images() -> Keys {
    Keys { keys: vec!["adj:{all}:pictures".to_owned()], read_only: false }
}

impl Keys {
    /// The same keys for a read-only call.
    pub(crate) fn read_only(self) -> Keys {
        Keys { read_only: true, ..self }
    }
}
