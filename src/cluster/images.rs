//! Image replication in a fleet: each instance uploads images that the shared store lacks and downloads
//! those that it lacks itself.

use crate::blocking::run_blocking;
use crate::catalog::image::ImageFile;
use crate::catalog::{Catalog, CatalogError};
use crate::domain::image::Address;
use crate::store::{Client, StoreError, images};
use hashbrown::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a shared catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncError {
    /// The local catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The shared store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The store's image count when it and this instance last had the same images.
pub(crate) struct SyncMark(AtomicU64);

impl Default for SyncMark {
    /// No replication has completed yet.
    fn default() -> SyncMark {
        SyncMark(AtomicU64::new(u64::MAX))
    }
}

impl SyncMark {
    /// Forces the next replication.
    pub(super) fn reset(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }
}

/// Uploads those of the `wanted` images that the store lacks.
pub(crate) async fn upload(
    catalog: &Catalog,
    client: &Client,
    wanted: impl Iterator<Item = Address>,
) -> Result<(), SyncError> {
    let wanted: Vec<Address> = wanted.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let remote: HashSet<String> = images::addresses(client).await?.into_iter().collect();
    for address in wanted {
        let name = address.to_string();
        // Images that are missing or altered here are skipped; `ImageSet` reports them.
        if !remote.contains(&name)
            && let Ok(bytes) = catalog.images().load(&address)
        {
            images::put(client, &name, &bytes).await?;
        }
    }
    Ok(())
}

/// Copies every image of one store to another.
pub(super) async fn copy(from: &Client, to: &Client) -> Result<(), SyncError> {
    let existing: HashSet<String> = images::addresses(to).await?.into_iter().collect();
    for name in images::addresses(from).await? {
        if !existing.contains(&name)
            && let Some(bytes) = images::get(from, &name).await?
        {
            images::put(to, &name, &bytes).await?;
        }
    }
    Ok(())
}

/// Downloads those of the `wanted` images that are missing or altered here. Images that the store
/// lacks, too, are no error: their units are served without them.
pub(crate) async fn download(
    catalog: &Catalog,
    client: &Client,
    wanted: impl Iterator<Item = Address>,
) -> Result<(), SyncError> {
    for address in wanted {
        if catalog.images().load(&address).is_ok() {
            continue;
        }
        let Some(bytes) = images::get(client, &address.to_string()).await? else { continue };
        let read = run_blocking(move || ImageFile::read(&bytes, None)).await;
        let fits = read.ok().filter(|image| image.address() == address);
        match fits.map(|image| catalog.put_image(&image)) {
            Some(Ok(())) => {
                tracing::info!(image = %address, "downloaded an image from the store");
            }
            Some(Err(error)) => {
                tracing::error!(image = %address, %error, "cannot store a downloaded image");
            }
            None => tracing::error!(
                image = %address,
                "image in the store does not match its hash; ignored"
            ),
        }
    }
    Ok(())
}

/// Replicates in both directions, at most `most` images per call. Costs one count query while nothing
/// was added on either side.
pub(crate) async fn replicate(
    catalog: &Catalog,
    client: &Client,
    mark: &SyncMark,
    most: usize,
) -> Result<(), SyncError> {
    let count = images::count(client).await?;
    if mark.0.load(Ordering::Relaxed) == count {
        return Ok(());
    }
    let named = images::addresses(client).await?;
    let remote: HashSet<Address> = named.iter().filter_map(|name| name.parse().ok()).collect();
    let local: HashSet<Address> =
        catalog.images().list()?.into_iter().map(|(address, _)| address).collect();
    let mut missing: Vec<Address> = remote.difference(&local).copied().collect();
    let mut unknown: Vec<Address> = local.difference(&remote).copied().collect();
    let is_all = missing.len() + unknown.len() <= most;
    missing.truncate(most);
    unknown.truncate(most - missing.len());
    download(catalog, client, missing.into_iter()).await?;
    upload(catalog, client, unknown.into_iter()).await?;
    if is_all {
        mark.0.store(images::count(client).await?, Ordering::Relaxed);
    }
    Ok(())
}
