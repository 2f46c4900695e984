//! Applying a file that was read again: at once, or as a change that waits for confirmation.

use crate::blocking::run_blocking;
use crate::catalog::change::ExpectedVersion;
use crate::catalog::detail::{Detail, FilePart, FileVersion};
use crate::catalog::difference::Difference;
use crate::catalog::origin::Standing;
use crate::catalog::{AuditContext, Catalog, CatalogError, difference, origin, pause};
use crate::domain::inventory::Inventory;
use crate::publishing::Publishing;
use crate::publishing::apply::CatalogUpdate;
use crate::publishing::error::ApplyError;
use crate::publishing::pending::PendingChange;
use crate::publishing::source::SourceFile;
use std::path::Path;

/// What became of a file.
pub(crate) enum FileOutcome {
    /// It is served; these are the differences that it made.
    Served(Difference),
    /// It waits for confirmation, and did not before.
    Pending(PendingChange),
    /// Nothing new: it waits already, or is no file.
    Same,
}

/// How a file relates to the served `inventory` and the weights with the hash `weights`; reads the history.
pub(crate) fn standing(
    catalog: &Catalog,
    file: &FileVersion,
    inventory: &Inventory,
    weights: &str,
) -> Result<Standing, CatalogError> {
    let served = match file.part {
        FilePart::Inventory => pause::content_hash(inventory),
        FilePart::Weights => weights.to_owned(),
    };
    let content = |hash: &str| match file.part {
        FilePart::Inventory => catalog.inventory(hash).ok().map(|one| pause::content_hash(&one)),
        FilePart::Weights => Some(hash.to_owned()),
    };
    Ok(origin::standing(&catalog.history()?, file, &served, content))
}

impl Publishing {
    /// Applies a file that was read, unless it would undo a later change or needs confirmation: then it waits.
    pub(crate) async fn apply_file(
        &self,
        file: SourceFile,
        confirm: bool,
        by: &AuditContext,
    ) -> Result<FileOutcome, ApplyError> {
        let version = file.version.clone();
        let judged = {
            // Between two changes: during one, the history is ahead of what is served.
            let _one_at_a_time = self.catalog_lock.lock().await;
            let (catalog, live) = (self.parts.catalog.clone(), self.parts.world.live());
            let version = version.clone();
            run_blocking(move || {
                let snapshot = live.snapshot();
                standing(&catalog, &version, &snapshot.inventory, &snapshot.weights_hash)
            })
            .await?
        };
        if let Standing::Behind(entry) = &judged
            && !confirm
        {
            let difference = self.difference(&file)?;
            let waits = PendingChange::behind(version, by.at, entry.as_deref(), difference);
            return Ok(self.wait_for_confirmation(waits));
        }
        let wanted = CatalogUpdate {
            inventory: file.inventory.clone(),
            weights: file.weights.clone(),
            images: file.images.clone(),
            confirm: confirm || judged == Standing::OverExample,
            detail: Detail { files: vec![version.clone()], ..Detail::default() },
            ..CatalogUpdate::default()
        };
        match self.apply(wanted, ExpectedVersion::Any, by).await {
            Ok(applied) => {
                self.pending.clear(version.part);
                Ok(FileOutcome::Served(applied.difference))
            }
            Err(ApplyError::ConfirmationRequired(concerns)) => {
                let difference = self.difference(&file)?;
                let waits = PendingChange::guarded(version, by.at, concerns, difference);
                Ok(self.wait_for_confirmation(Some(waits)))
            }
            Err(error) => Err(error),
        }
    }

    /// Changes of files that wait for confirmation.
    pub(crate) fn pending(&self) -> Vec<PendingChange> {
        self.pending.list()
    }

    /// Applies the file of a pending change if it still has the content that was judged.
    pub(crate) async fn accept(
        &self,
        part: FilePart,
        hash: Option<&str>,
        by: &AuditContext,
    ) -> Result<Difference, ApplyError> {
        let waiting = self.pending.list().into_iter().find(|one| one.part == part);
        let waiting = waiting.ok_or(ApplyError::NothingPending(part))?;
        let moved = || ApplyError::PendingChanged(waiting.path.clone());
        if hash.is_some_and(|hash| hash != waiting.hash) {
            return Err(moved());
        }
        let path = Path::new(&waiting.path);
        let file = match part {
            FilePart::Inventory => {
                let commands = self.parts.settings.get().creatives.commands.clone();
                SourceFile::inventory(path, self.parts.catalog.images(), &commands)
            }
            FilePart::Weights => SourceFile::weights(Some(path)),
        };
        let file = file.map_err(|_| moved())?;
        if file.version.hash != waiting.hash {
            return Err(moved());
        }
        let what = format!("accept {}", waiting.path);
        let by = AuditContext { what, ..by.clone() };
        match self.apply_file(file, true, &by).await? {
            FileOutcome::Served(difference) => Ok(difference),
            FileOutcome::Pending(_) | FileOutcome::Same => Err(moved()),
        }
    }

    fn wait_for_confirmation(&self, waits: Option<PendingChange>) -> FileOutcome {
        match waits {
            Some(waits) if self.pending.add(waits.clone(), |part| self.served(part)) => {
                FileOutcome::Pending(waits)
            }
            _ => FileOutcome::Same,
        }
    }

    /// What a file would change.
    fn difference(&self, file: &SourceFile) -> Result<Difference, CatalogError> {
        let directory = self.parts.world.directory();
        let snapshot = directory.live().snapshot();
        let inventory = file.inventory.clone().map(|mut new| {
            pause::carry(&snapshot.inventory, directory.archive(), &mut new);
            new
        });
        let old = self.parts.catalog.weights(&snapshot.weights_hash)?;
        Ok(difference::between(
            inventory.as_ref().map(|new| (&snapshot.inventory, new)),
            file.weights.as_ref().map(|new| (&old, new)),
            None,
        ))
    }

    /// Removes changes that no longer wait because their content is served.
    pub(super) fn clear_served(&self) {
        self.pending.clear_served(|part| self.served(part));
    }

    /// The hash of the content of a part that is served.
    fn served(&self, part: FilePart) -> String {
        let live = self.parts.world.live();
        match part {
            FilePart::Inventory => pause::content_hash(&live.snapshot().inventory),
            FilePart::Weights => live.snapshot().weights_hash.clone(),
        }
    }
}
