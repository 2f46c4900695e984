//! The catalog where machines share a store: a change is made there first, and taken over by all.

use crate::catalog::By;
use crate::catalog::Catalog;
use crate::catalog::CatalogError;
use crate::catalog::Head;
use crate::catalog::change::Expected;
use crate::catalog::change::Parts;
use crate::catalog::exchange::Change;
use crate::catalog::exchange::Prepared;
use crate::domain::inventory::Inventory;
use crate::domain::picture::Address;
use crate::selection::compile::compile;
use crate::server::Server;
use crate::server::apply::ApplyError;
use crate::server::apply::away;
use crate::server::gallery::Gallery;
use crate::server::picture_exchange;
use crate::store::Client;
use crate::store::StoreError;
use crate::store::changes;
use crate::store::changes::Published;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Why a shared catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AgreedError {
    /// The files here.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes a catalog; where there is a store, there first. What somebody else has changed since is a
/// conflict, and nothing is changed.
pub async fn put(
    catalog: &Catalog,
    client: Option<&Client>,
    parts: &Parts<'_>,
    expected: Expected<'_>,
    by: &By,
) -> Result<Head, AgreedError> {
    let Some(client) = client else { return Ok(catalog.put(parts, expected, by)?) };
    let prepared = catalog.prepare(parts, expected, by)?;
    // Pictures first: nobody serves what names them before they can be had.
    let named = parts.inventory.into_iter().flat_map(Inventory::pictures);
    picture_exchange::give(catalog, client, named).await?;
    match prepared {
        Prepared::Same(head) => Ok(head),
        Prepared::Changes(change) => match changes::publish(client, &change).await? {
            Published::Next => Ok(catalog.adopt(&change)?),
            Published::Conflict(number) => Err(AgreedError::Catalog(CatalogError::Conflict {
                expected: format!("number {}", change.entry.number - 1),
                found: format!("number {number}"),
            })),
        },
    }
}

/// Takes over what others have changed; a store that has less than is known here, because it was
/// emptied or restored, is told. Says whether anything was taken over.
pub async fn pull(catalog: &Catalog, client: &Client) -> Result<bool, AgreedError> {
    let served = changes::number(client).await?;
    let known = catalog.head()?.map_or(0, |head| head.number);
    let last = known.min(served);
    if last > 0 {
        let theirs = changes::change(client, last, |_| true).await?.entry;
        let ours = catalog.history()?.into_iter().find(|entry| entry.number == last);
        if ours.as_ref() != Some(&theirs) {
            return Err(AgreedError::Catalog(CatalogError::Conflict {
                expected: format!("the store to know number {last} as it is here"),
                found: "another history: start on an empty data directory".to_owned(),
            }));
        }
    }
    for change in catalog.changes_after(served)? {
        picture_exchange::give(catalog, client, named(catalog, &change)?.into_iter()).await?;
        changes::publish(client, &change).await?;
    }
    for number in known + 1..=served {
        let change = changes::change(client, number, |name| catalog.has(name)).await?;
        picture_exchange::take(catalog, client, named(catalog, &change)?.into_iter()).await?;
        catalog.adopt(&change)?;
    }
    Ok(served > known)
}

/// Copies the changes of one store's catalog behind what another has of them; refused when that is
/// no beginning of them. The versions that changes served come along.
pub async fn copy(from: &Client, to: &Client) -> Result<(), AgreedError> {
    let (theirs, known) = (changes::number(from).await?, changes::number(to).await?);
    let last = known.min(theirs);
    let entry = async |client| changes::change(client, last, |_| true).await.map(|one| one.entry);
    if known > theirs || last > 0 && entry(from).await? != entry(to).await? {
        return Err(AgreedError::Catalog(CatalogError::Conflict {
            expected: format!("a catalog that begins as the one with {theirs} changes"),
            found: format!("one with {known} of another history: name an empty store"),
        }));
    }
    for number in known + 1..=theirs {
        let change = changes::change(from, number, |_| false).await?;
        changes::publish(to, &change).await?;
    }
    picture_exchange::copy(from, to).await
}

/// The pictures of the inventory that a change brings.
fn named(catalog: &Catalog, change: &Change) -> Result<Vec<Address>, CatalogError> {
    let Some(hash) = &change.entry.after.inventory else { return Ok(Vec::new()) };
    let name = format!("inventory:{hash}");
    let brought = change.documents.iter().find(|document| document.name == name);
    let inventory = match brought {
        // Whether it can be read is found when it is adopted.
        Some(document) => serde_json::from_slice(&document.bytes).unwrap_or_default(),
        None => catalog.inventory(hash)?,
    };
    Ok(Inventory::pictures(&inventory).collect())
}

impl Server {
    /// Serves what other machines have changed since the last look.
    pub async fn catch_up(&self) -> Result<(), ApplyError> {
        let _one_at_a_time = self.changing.lock().await;
        self.catch_up_alone(picture_exchange::BETWEEN_LOOKS).await
    }

    /// The same for a caller that holds the lock, with so many of the pictures that others have.
    pub(super) async fn catch_up_alone(&self, most: usize) -> Result<(), ApplyError> {
        self.follow_alone().await?;
        self.lend_alone(most).await
    }

    async fn follow_alone(&self) -> Result<(), ApplyError> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        let moved = pull(&self.catalog, shared.client()).await?;
        let now_ms = self.clock.now_ms();
        self.reached_ms.store(now_ms, Ordering::Relaxed);
        if !moved {
            return Ok(());
        }
        let Some(head) = self.catalog.head()? else { return Ok(()) };
        let hash = |hash: Option<String>| hash.unwrap_or_default();
        let inventory = self.catalog.inventory(&hash(head.hashes.inventory))?;
        let weights = self.catalog.weights(&hash(head.hashes.weights))?;
        let labels = self.catalog.labels(&hash(head.hashes.labels))?;
        let live = self.live();
        let (stored, base) = (self.catalog.pictures().clone(), self.public_url.clone());
        let (snapshot, gallery) = away(move || {
            let snapshot = compile(inventory, &weights, &labels);
            let known = &live.fixtures.gallery;
            let gallery = Gallery::open(&snapshot.inventory, &stored, &base, known);
            (Arc::new(snapshot), gallery)
        })
        .await;
        self.serve(snapshot, gallery).await?;
        self.note_pictures();
        let lag_ms = self.clock.now_ms() - head.at.as_millisecond();
        self.metrics.snapshot_lag.set(lag_ms.max(0) as f64 / 1_000.0);
        tracing::info!(
            number = head.number,
            who = head.who,
            lag_ms,
            "another machine's change is served"
        );
        Ok(())
    }
}
