//! The named versions of the weights in a fleet: the store has the ones that count, every instance a copy.

use crate::catalog::replication::VersionBlob;
use crate::catalog::weights_versions::{VersionsChange, WeightsVersions};
use crate::catalog::{Catalog, CatalogError};
use crate::cluster::images::SyncError;
use crate::store::changes::PublishOutcome;
use crate::store::{Client, changes};
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a change is tried when other instances make changes at the same time.
const TRIES: usize = 20;

/// The revision that this instance and the store last had in common.
pub(super) struct VersionsMark(AtomicU64);

impl Default for VersionsMark {
    /// They were not compared yet.
    fn default() -> VersionsMark {
        VersionsMark(AtomicU64::new(u64::MAX))
    }
}

impl VersionsMark {
    pub(super) fn revision(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Makes a change on all instances.
pub(super) async fn change(
    catalog: &Catalog,
    client: &Client,
    change: &VersionsChange,
) -> Result<(), SyncError> {
    let mut found = 0;
    for _ in 0..TRIES {
        sync(catalog, client).await?;
        let mut versions = catalog.weights_versions()?;
        let base = versions.revision;
        if !versions.apply(change).map_err(CatalogError::from)? {
            return Ok(());
        }
        let documents = match change {
            VersionsChange::Add(new) => documents(catalog, std::iter::once(new.hash.as_str()))?,
            VersionsChange::Shadow(Some(choice)) => {
                documents(catalog, std::iter::once(choice.hash.as_str()))?
            }
            VersionsChange::Shadow(None)
            | VersionsChange::Remove { .. }
            | VersionsChange::Replayed { .. } => Vec::new(),
        };
        match publish(client, base, &versions, &documents).await? {
            PublishOutcome::Published => return Ok(catalog.adopt_weights_versions(&versions)?),
            PublishOutcome::Conflict(revision) => found = revision,
        }
    }
    let expected = "a moment without other changes of the versions".to_owned();
    let found = format!("revision {found}");
    Err(SyncError::Catalog(CatalogError::Conflict { expected, found }))
}

/// Takes over what others changed, once the store has another revision than at the last call.
pub(super) async fn follow(
    catalog: &Catalog,
    client: &Client,
    mark: &VersionsMark,
) -> Result<(), SyncError> {
    let revision = changes::versions_revision(client).await?;
    if mark.revision() == revision {
        return Ok(());
    }
    mark.0.store(sync(catalog, client).await?, Ordering::Relaxed);
    Ok(())
}

/// Makes catalog and store the same: the higher revision is the newer one. The store lacks it after it was emptied
/// or restored. Returns the revision.
pub(crate) async fn sync(catalog: &Catalog, client: &Client) -> Result<u64, SyncError> {
    let local = catalog.weights_versions()?;
    let remote = match changes::versions(client).await? {
        Some(bytes) => catalog.read_weights_versions(&bytes)?,
        None => WeightsVersions::default(),
    };
    if remote.revision > local.revision {
        for hash in remote.hashes() {
            let name = format!("weights:{hash}");
            if !catalog.has(&name)
                && let Some(bytes) = changes::document(client, &name).await?
            {
                catalog.store_weights_bytes(hash, &bytes)?;
            }
        }
        catalog.adopt_weights_versions(&remote)?;
    } else if local.revision > remote.revision {
        // After a conflict, the next call takes over what another instance published.
        publish(client, remote.revision, &local, &documents(catalog, local.hashes())?).await?;
    }
    Ok(remote.revision.max(local.revision))
}

async fn publish(
    client: &Client,
    base: u64,
    versions: &WeightsVersions,
    documents: &[VersionBlob],
) -> Result<PublishOutcome, SyncError> {
    let (revisions, bytes) = ((base, versions.revision), versions.to_bytes());
    Ok(changes::publish_versions(client, revisions, &bytes, documents).await?)
}

/// Copies the named versions of one store to another.
pub(super) async fn copy(from: &Client, to: &Client) -> Result<(), SyncError> {
    let Some(bytes) = changes::versions(from).await? else { return Ok(()) };
    let corrupt = |error: serde_json::Error| {
        SyncError::Store(crate::store::StoreError::UnexpectedData(error.to_string()))
    };
    let versions: WeightsVersions = serde_json::from_slice(&bytes).map_err(corrupt)?;
    let mut documents = Vec::new();
    for hash in versions.hashes() {
        let name = format!("weights:{hash}");
        if let Some(bytes) = changes::document(from, &name).await? {
            documents.push(VersionBlob { name, bytes });
        }
    }
    let base = changes::versions_revision(to).await?;
    if base < versions.revision {
        publish(to, base, &versions, &documents).await?;
    }
    Ok(())
}

/// The weights with these hashes, as far as they are stored here.
fn documents<'a>(
    catalog: &Catalog,
    hashes: impl Iterator<Item = &'a str>,
) -> Result<Vec<VersionBlob>, CatalogError> {
    let named = hashes.map(|hash| catalog.version_blob(format!("weights:{hash}")));
    named.filter(|one| !matches!(one, Err(CatalogError::NoVersion { .. }))).collect()
}
