//! The catalog of an instance and those of the others: a change of a fleet is published to the shared
//! store first, then every instance adopts it.

use crate::catalog::change::{ExpectedVersion, HeadUpdate};
use crate::catalog::replication::{CatalogChange, Prepared};
use crate::catalog::weights_versions::VersionsChange;
use crate::catalog::{AuditContext, Catalog, CatalogError, Head};
use crate::cluster::images::{SyncError, SyncMark};
use crate::cluster::versions::VersionsMark;
use crate::cluster::{images, versions};
use crate::domain::image::Address;
use crate::domain::inventory::Inventory;
use crate::store::changes::PublishOutcome;
use crate::store::{Client, changes};
use futures_util::future::BoxFuture;
use std::future::ready;
use std::sync::Arc;

/// The outcome of a call, once the other instances have answered.
pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, SyncError>>;

/// Keeps a catalog the same on all instances. Calls that change it must not overlap: the caller has a
/// lock. An error leaves the catalog as it was, or with whole changes of other instances adopted.
pub(crate) trait CatalogSync: Send + Sync {
    /// Changes the catalog of all instances; in the catalog here when it returns. A concurrent change of
    /// another instance is a conflict, and nothing is changed.
    fn put<'a>(
        &'a self,
        catalog: &'a Catalog,
        update: HeadUpdate<'a>,
        expected: ExpectedVersion<'a>,
        by: &'a AuditContext,
    ) -> Answer<'a, Head>;

    /// Changes the named versions of the weights of all instances.
    fn change_versions<'a>(
        &'a self,
        catalog: &'a Catalog,
        change: &'a VersionsChange,
    ) -> Answer<'a, ()>;

    /// Changes whenever other instances may have changed the named versions; from a pull.
    fn versions_revision(&self) -> u64;

    /// Adopts changes of other instances, in their order. Returns whether there were any.
    fn pull<'a>(&'a self, catalog: &'a Catalog) -> Answer<'a, bool>;

    /// Whether this catalog is the only one, hence the newest also without a pull.
    fn is_only(&self) -> bool;

    /// Gives other instances an image of this catalog. After an error, [`CatalogSync::replicate_images`]
    /// does so.
    fn share_image<'a>(&'a self, catalog: &'a Catalog, image: Address) -> Answer<'a, ()>;

    /// Fetches images that this catalog lacks, as far as other instances have them.
    fn fetch_images<'a>(&'a self, catalog: &'a Catalog, images: &'a [Address]) -> Answer<'a, ()>;

    /// Exchanges images in both directions, at most `most`. Returns whether images may have come. Costs
    /// one request while nothing was added on either side.
    fn replicate_images<'a>(&'a self, catalog: &'a Catalog, most: usize) -> Answer<'a, bool>;
}

/// The catalog of a single instance.
pub(crate) struct OnlyCatalog;

impl CatalogSync for OnlyCatalog {
    fn put<'a>(
        &'a self,
        catalog: &'a Catalog,
        update: HeadUpdate<'a>,
        expected: ExpectedVersion<'a>,
        by: &'a AuditContext,
    ) -> Answer<'a, Head> {
        Box::pin(ready(catalog.put(&update, expected, by).map_err(SyncError::from)))
    }

    fn change_versions<'a>(
        &'a self,
        catalog: &'a Catalog,
        change: &'a VersionsChange,
    ) -> Answer<'a, ()> {
        Box::pin(ready(catalog.change_weights_versions(change).map_err(SyncError::from)))
    }

    fn versions_revision(&self) -> u64 {
        0
    }

    fn pull<'a>(&'a self, _: &'a Catalog) -> Answer<'a, bool> {
        Box::pin(ready(Ok(false)))
    }

    fn is_only(&self) -> bool {
        true
    }

    fn share_image<'a>(&'a self, _: &'a Catalog, _: Address) -> Answer<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn fetch_images<'a>(&'a self, _: &'a Catalog, _: &'a [Address]) -> Answer<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn replicate_images<'a>(&'a self, _: &'a Catalog, _: usize) -> Answer<'a, bool> {
        Box::pin(ready(Ok(false)))
    }
}

/// A catalog of a fleet.
pub(crate) struct SharedCatalog {
    client: Arc<Client>,
    /// Whether images have changed since the last replication.
    mark: SyncMark,
    /// The same of the named versions of the weights.
    versions: VersionsMark,
}

impl SharedCatalog {
    /// Shares a catalog through a store.
    pub(crate) fn new(client: Arc<Client>) -> SharedCatalog {
        SharedCatalog { client, mark: SyncMark::default(), versions: VersionsMark::default() }
    }

    async fn publish(
        &self,
        catalog: &Catalog,
        update: HeadUpdate<'_>,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
    ) -> Result<Head, SyncError> {
        let client = &*self.client;
        let prepared = catalog.prepare(&update, expected, by)?;
        // Images first, so that no instance serves a change before its images are available.
        let named = update.inventory.into_iter().flat_map(Inventory::images);
        images::upload(catalog, client, named).await?;
        match prepared {
            Prepared::Unchanged(head) => Ok(head),
            Prepared::Changed(change) => match changes::publish(client, &change).await? {
                PublishOutcome::Published => Ok(catalog.adopt(&change)?),
                PublishOutcome::Conflict(number) => {
                    Err(SyncError::Catalog(CatalogError::Conflict {
                        expected: format!("number {}", change.entry.number - 1),
                        found: format!("number {number}"),
                    }))
                }
            },
        }
    }
}

impl CatalogSync for SharedCatalog {
    fn put<'a>(
        &'a self,
        catalog: &'a Catalog,
        update: HeadUpdate<'a>,
        expected: ExpectedVersion<'a>,
        by: &'a AuditContext,
    ) -> Answer<'a, Head> {
        Box::pin(self.publish(catalog, update, expected, by))
    }

    fn change_versions<'a>(
        &'a self,
        catalog: &'a Catalog,
        change: &'a VersionsChange,
    ) -> Answer<'a, ()> {
        Box::pin(versions::change(catalog, &self.client, change))
    }

    fn versions_revision(&self) -> u64 {
        self.versions.revision()
    }

    /// Changes that the store lacks, because it was emptied or restored, are published again.
    fn pull<'a>(&'a self, catalog: &'a Catalog) -> Answer<'a, bool> {
        Box::pin(async move {
            let has_changed = pull(catalog, &self.client).await?;
            versions::follow(catalog, &self.client, &self.versions).await?;
            Ok(has_changed)
        })
    }

    fn is_only(&self) -> bool {
        false
    }

    fn share_image<'a>(&'a self, catalog: &'a Catalog, image: Address) -> Answer<'a, ()> {
        Box::pin(async move {
            let uploaded = images::upload(catalog, &self.client, std::iter::once(image)).await;
            uploaded.inspect_err(|_| self.mark.reset())
        })
    }

    fn fetch_images<'a>(&'a self, catalog: &'a Catalog, images: &'a [Address]) -> Answer<'a, ()> {
        Box::pin(images::download(catalog, &self.client, images.iter().copied()))
    }

    fn replicate_images<'a>(&'a self, catalog: &'a Catalog, most: usize) -> Answer<'a, bool> {
        Box::pin(async move {
            images::replicate(catalog, &self.client, &self.mark, most).await.map(|()| true)
        })
    }
}

/// Applies changes that other instances published. Changes that the store lacks, because it was
/// emptied or restored, are published again. Returns whether anything was applied.
pub(crate) async fn pull(catalog: &Catalog, client: &Client) -> Result<bool, SyncError> {
    let served = changes::number(client).await?;
    let known = catalog.head()?.map_or(0, |head| head.number);
    let last = known.min(served);
    if last > 0 {
        let theirs = changes::change(client, last, |_| true).await?.entry;
        let ours = catalog.history()?.into_iter().find(|entry| entry.number == last);
        if !ours.is_some_and(|ours| ours.is_same_change(&theirs)) {
            return Err(SyncError::Catalog(CatalogError::Conflict {
                expected: format!(
                    "the store to have the same catalog version {last} as this instance"
                ),
                found: "a different history; start with an empty data directory".to_owned(),
            }));
        }
    }
    for change in catalog.changes_after(served)? {
        images::upload(catalog, client, images_of(catalog, &change)?.into_iter()).await?;
        changes::publish(client, &change).await?;
    }
    for number in known + 1..=served {
        let change = changes::change(client, number, |name| catalog.has(name)).await?;
        images::download(catalog, client, images_of(catalog, &change)?.into_iter()).await?;
        catalog.adopt(&change)?;
    }
    Ok(served > known)
}

/// Migrates the catalog of one store to another, with the versions that its changes refer to. The
/// target must be empty or contain a prefix of the same history.
pub(crate) async fn copy(from: &Client, to: &Client) -> Result<(), SyncError> {
    let (theirs, known) = (changes::number(from).await?, changes::number(to).await?);
    let last = known.min(theirs);
    let entry = async |client| changes::change(client, last, |_| true).await.map(|one| one.entry);
    if known > theirs || last > 0 && !entry(from).await?.is_same_change(&entry(to).await?) {
        return Err(SyncError::Catalog(CatalogError::Conflict {
            expected: format!("a target catalog that is a prefix of the source's {theirs} changes"),
            found: format!("{known} changes of a different history; use an empty target store"),
        }));
    }
    for number in known + 1..=theirs {
        let change = changes::change(from, number, |_| false).await?;
        changes::publish(to, &change).await?;
    }
    versions::copy(from, to).await?;
    images::copy(from, to).await
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
