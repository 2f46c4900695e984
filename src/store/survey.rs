//! What a store holds, before anything is moved into it or out of it.

use crate::journal::PARTITIONS;
use crate::store::changes;
use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;
use crate::store::log;
use std::collections::BTreeSet;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Batches in all logs.
    pub batches: u64,
    /// The process starts whose records are in them.
    pub incarnations: BTreeSet<u64>,
    /// Instances that said in the last ten seconds that they are here.
    pub here: Vec<String>,
    /// The number of the catalog's last change; 0 when there is none.
    pub change: u64,
}

/// Looks at every partition, at the catalog, and at who is here.
pub async fn survey(client: &Client) -> Result<Survey, StoreError> {
    let mut found = Survey {
        here: log::others(client).await?,
        change: changes::number(client).await?,
        ..Survey::default()
    };
    for partition in 0..PARTITIONS {
        found.batches += log::read(client, partition, 0).await?.length;
        let mut question = redis::cmd("HKEYS");
        question.arg(&keys::partition(partition).keys[1]);
        let fields: Vec<String> = client.ask(&question).await?;
        let of_starts = fields.iter().filter_map(|field| field.strip_prefix("i:"));
        found
            .incarnations
            .extend(of_starts.filter_map(|number| u64::from_str_radix(number, 16).ok()));
    }
    Ok(found)
}
