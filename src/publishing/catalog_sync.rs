//! Catalog sync of a fleet: a change is published to the shared store first, then every instance
//! applies it.

use crate::catalog::change::{ExpectedVersion, HeadUpdate};
use crate::catalog::replication::{CatalogChange, Prepared};
use crate::catalog::{AuditContext, Catalog, CatalogError, Head};
use crate::domain::image::Address;
use crate::domain::inventory::Inventory;
use crate::publishing::error::SyncError;
use crate::publishing::image_replication;
use crate::store::changes::PublishOutcome;
use crate::store::{Client, changes};

/// Changes a catalog; with a shared store, publishes the change there first. A concurrent change is a
/// conflict, and nothing is changed.
pub async fn put(
    catalog: &Catalog,
    client: Option<&Client>,
    parts: &HeadUpdate<'_>,
    expected: ExpectedVersion<'_>,
    by: &AuditContext,
) -> Result<Head, SyncError> {
    let Some(client) = client else { return Ok(catalog.put(parts, expected, by)?) };
    let prepared = catalog.prepare(parts, expected, by)?;
    // Images first, so that no instance serves a change before its images are available.
    let named = parts.inventory.into_iter().flat_map(Inventory::images);
    image_replication::upload(catalog, client, named).await?;
    match prepared {
        Prepared::Unchanged(head) => Ok(head),
        Prepared::Changed(change) => match changes::publish(client, &change).await? {
            PublishOutcome::Published => Ok(catalog.adopt(&change)?),
            PublishOutcome::Conflict(number) => Err(SyncError::Catalog(CatalogError::Conflict {
                expected: format!("number {}", change.entry.number - 1),
                found: format!("number {number}"),
            })),
        },
    }
}

/// Applies changes that other instances published. Changes that the store lacks, because it was
/// emptied or restored, are published again. Returns whether anything was applied.
pub async fn pull(catalog: &Catalog, client: &Client) -> Result<bool, SyncError> {
    let served = changes::number(client).await?;
    let known = catalog.head()?.map_or(0, |head| head.number);
    let last = known.min(served);
    if last > 0 {
        let theirs = changes::change(client, last, |_| true).await?.entry;
        let ours = catalog.history()?.into_iter().find(|entry| entry.number == last);
        if ours.as_ref() != Some(&theirs) {
            return Err(SyncError::Catalog(CatalogError::Conflict {
                expected: format!(
                    "the store to have the same catalog version {last} as this instance"
                ),
                found: "a different history; start with an empty data directory".to_owned(),
            }));
        }
    }
    for change in catalog.changes_after(served)? {
        image_replication::upload(catalog, client, images_of(catalog, &change)?.into_iter())
            .await?;
        changes::publish(client, &change).await?;
    }
    for number in known + 1..=served {
        let change = changes::change(client, number, |name| catalog.has(name)).await?;
        image_replication::download(catalog, client, images_of(catalog, &change)?.into_iter())
            .await?;
        catalog.adopt(&change)?;
    }
    Ok(served > known)
}

/// Migrates the catalog of one store to another, with the versions that its changes refer to. The
/// target must be empty or contain a prefix of the same history.
pub async fn copy(from: &Client, to: &Client) -> Result<(), SyncError> {
    let (theirs, known) = (changes::number(from).await?, changes::number(to).await?);
    let last = known.min(theirs);
    let entry = async |client| changes::change(client, last, |_| true).await.map(|one| one.entry);
    if known > theirs || last > 0 && entry(from).await? != entry(to).await? {
        return Err(SyncError::Catalog(CatalogError::Conflict {
            expected: format!("a target catalog that is a prefix of the source's {theirs} changes"),
            found: format!("{known} changes of a different history; use an empty target store"),
        }));
    }
    for number in known + 1..=theirs {
        let change = changes::change(from, number, |_| false).await?;
        changes::publish(to, &change).await?;
    }
    image_replication::copy(from, to).await
}

/// The images that the inventory of a change refers to.
fn images_of(catalog: &Catalog, change: &CatalogChange) -> Result<Vec<Address>, CatalogError> {
    let Some(hash) = &change.entry.after.inventory else { return Ok(Vec::new()) };
    let name = format!("inventory:{hash}");
    let brought = change.documents.iter().find(|document| document.name == name);
    let inventory = match brought {
        // `adopt` reports an inventory that cannot be read.
        Some(document) => serde_json::from_slice(&document.bytes).unwrap_or_default(),
        None => catalog.inventory(hash)?,
    };
    Ok(Inventory::images(&inventory).collect())
}
