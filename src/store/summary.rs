//! A summary of a store's contents, checked before a migration into or out of it.

use crate::journal::PARTITIONS;
use crate::store::client::{Client, StoreError};
use crate::store::{changes, keys, log};
use std::collections::BTreeSet;

/// A store's contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreSummary {
    /// Batches in all partition logs.
    pub(crate) batches: u64,
    /// The process starts that have records in the logs.
    pub(crate) incarnations: BTreeSet<u64>,
    /// Instances with a heartbeat within the last 10 seconds.
    pub(crate) live_instances: Vec<u64>,
    /// The current catalog change number; 0 when there is none.
    pub(crate) change: u64,
}

/// Reads every partition, the catalog number and the live instances.
pub(crate) async fn summarize(client: &Client) -> Result<StoreSummary, StoreError> {
    let mut found = StoreSummary {
        live_instances: log::live_instances(client).await?,
        change: changes::number(client).await?,
        ..StoreSummary::default()
    };
    for partition in 0..PARTITIONS {
        found.batches += log::read(client, partition, 0).await?.length;
        let mut command = redis::cmd("HKEYS");
        command.arg(&keys::partition(partition).keys[1]);
        let fields: Vec<String> = client.query(&command).await?;
        let starts = fields.iter().filter_map(|field| field.strip_prefix("i:"));
        found.incarnations.extend(starts.filter_map(|number| u64::from_str_radix(number, 16).ok()));
    }
    Ok(found)
}
