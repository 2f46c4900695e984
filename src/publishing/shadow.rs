//! Weights in the shadow: compared with those being served on live traffic, on every instance.

use crate::catalog::weights_versions::{ShadowChoice, VersionsChange};
use crate::catalog::{AuditContext, CatalogError};
use crate::publishing::Publishing;
use crate::publishing::error::ApplyError;
use crate::world::shadow::{ShadowReport, ShadowWeights};
use std::sync::atomic::Ordering;

impl Publishing {
    /// Compares the weights with this name or hash with those being served from now on, on all instances; `None`
    /// ends the comparison.
    pub(crate) async fn set_shadow(
        &self,
        wanted: Option<&str>,
        by: &AuditContext,
    ) -> Result<(), ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(0).await?;
        let choice = match wanted {
            Some(wanted) => {
                let (found, _) = self.weights_version(wanted).await?;
                let version = found.id().to_owned();
                Some(ShadowChoice { version, hash: found.hash, since: by.at })
            }
            None => None,
        };
        let shown = choice.as_ref().map_or("none", |choice| &choice.version).to_owned();
        let change = VersionsChange::Shadow(choice);
        self.parts.sync.change_versions(&self.parts.catalog, &change).await?;
        self.follow_shadow();
        tracing::info!(version = shown, by = by.who, "weights in the shadow changed");
        Ok(())
    }

    /// What the comparison found on this instance.
    pub(crate) fn shadow(&self) -> Option<ShadowReport> {
        self.parts.shadow.report()
    }

    /// Compares with what other instances chose.
    pub(super) fn follow_versions(&self) {
        let revision = self.parts.sync.versions_revision();
        if self.versions_seen.swap(revision, Ordering::Relaxed) != revision {
            self.follow_shadow();
        }
    }

    /// Compares with the weights that the catalog names. Reads files.
    pub(super) fn follow_shadow(&self) {
        if let Err(error) = self.try_follow_shadow() {
            tracing::error!(%error, "cannot read the weights in the shadow; nothing is compared");
            self.parts.shadow.set(None);
        }
    }

    fn try_follow_shadow(&self) -> Result<(), CatalogError> {
        let catalog = &self.parts.catalog;
        let choice = catalog.weights_versions()?.shadow;
        let now = self.parts.shadow.weights();
        let is_same = |choice: &ShadowChoice| {
            now.as_ref().is_some_and(|now| now.hash == choice.hash && now.since == choice.since)
        };
        match choice {
            Some(choice) if is_same(&choice) => {}
            Some(ShadowChoice { version, hash, since }) => {
                let weights = catalog.weights(&hash)?;
                self.parts.shadow.set(Some(ShadowWeights { version, hash, since, weights }));
            }
            None if now.is_none() => {}
            None => self.parts.shadow.set(None),
        }
        Ok(())
    }
}
