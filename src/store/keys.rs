//! Every key there is in a store. All that must change together is in one slot.
//!
//! | key | type | holds | expires |
//! |---|---|---|---|
//! | `adj:{p00}:log` … `adj:{p63}:log` | stream | a partition's batches, its n-th under the id `n-0` | entries, by `store.log_hours` |
//! | `adj:{p00}:head` … `adj:{p63}:head` | hash | its length, its chain, the last journal number of each process start | never |
//! | `adj:{p00}:base` … `adj:{p63}:base` | hash | its sums where its log begins, and those from which a start reads on | never |
//! | `adj:{all}:here` | sorted set | instances, by the second they were last here | members after ten seconds |
//! | `adj:{all}:starts` | hash | each process start: where it runs, whose data it has | never |
//! | `adj:{all}:asked:DATA` | sorted set | decisions that others want the record of, by when they asked | within a minute |
//! | `adj:{all}:told:DATA:DECISION` | string | a decision's record, for whoever asked | within a minute |
//! | `adj:{all}:salt:DAY` | string | the salt of a day's visitors | within a day |
//! | `adj:{p00}:did:DAY:KIND:VISITOR` … `adj:{p63}:…` | sorted set | decisions of one visitor, by their time | within a day |
//! | `adj:{p00}:visitors` … `adj:{p63}:visitors` | sorted set | visitors to look at, by when | within a day |
//! | `adj:{all}:catalog` | hash | the catalog's head and every version of its parts | never |
//! | `adj:{all}:pictures` | hash | every picture that a machine was handed, under its address | never |

/// The keys that a function is called with, and whether it only looks.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The keys.
    pub keys: Vec<String>,
    /// Nothing is written.
    pub reads: bool,
}

/// A partition's log and its head.
pub fn partition(number: u8) -> Slot {
    let key = |what: &str| format!("adj:{{p{number:02}}}:{what}");
    Slot { keys: vec![key("log"), key("head")], reads: false }
}

/// A partition's log, its head and its bases.
pub fn bases(number: u8) -> Slot {
    let mut slot = partition(number);
    slot.keys.push(format!("adj:{{p{number:02}}}:base"));
    slot
}

/// Who is here.
pub fn here() -> Slot {
    Slot { keys: vec!["adj:{all}:here".to_owned()], reads: false }
}

/// Where each process start runs.
pub fn starts() -> Slot {
    Slot { keys: vec!["adj:{all}:starts".to_owned()], reads: false }
}

/// What a data directory is asked for.
pub fn asked(data: u64) -> Slot {
    Slot { keys: vec![format!("adj:{{all}}:asked:{data:016x}")], reads: false }
}

/// What a data directory has of a decision.
pub fn told(data: u64, decision: u128) -> Slot {
    Slot { keys: vec![format!("adj:{{all}}:told:{data:016x}:{decision:032x}")], reads: false }
}

/// The salt of a day.
pub fn salt(day: i64) -> Slot {
    Slot { keys: vec![format!("adj:{{all}}:salt:{day}")], reads: false }
}

/// What one visitor did.
pub fn visitor(list: u8, name: &str) -> Slot {
    Slot { keys: vec![format!("adj:{{p{list:02}}}:did:{name}")], reads: false }
}

/// A list of visitors to look at, and what each of some in it did.
pub fn visitors<'a>(list: u8, names: impl IntoIterator<Item = &'a str>) -> Slot {
    let did = names.into_iter().flat_map(|name| visitor(list, name).keys);
    let visitors = std::iter::once(format!("adj:{{p{list:02}}}:visitors"));
    Slot { keys: visitors.chain(did).collect(), reads: false }
}

/// What is sold.
pub fn catalog() -> Slot {
    Slot { keys: vec!["adj:{all}:catalog".to_owned()], reads: false }
}

/// Logos and images.
pub fn pictures() -> Slot {
    Slot { keys: vec!["adj:{all}:pictures".to_owned()], reads: false }
}

impl Slot {
    /// The same, only to look.
    pub fn reading(self) -> Slot {
        Slot { reads: true, ..self }
    }
}
