//! The archive: documents that were taken out of the inventory, each as the last version had it, because
//! reports, refunds and events outlive what they are about.
//!
//! All of it is in the audit log and the stored versions too. `archive.json` only saves reading them
//! all at every start: when it is missing, unreadable or of another history, it is made anew.

use crate::catalog::change::Head;
use crate::catalog::error::CatalogError;
use crate::catalog::store::Catalog;
use crate::catalog::versions;
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::{ListItem, ListVisitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;

/// Changes after which the file is written even if they removed nothing: the most that a start reads.
const MAX_UNSAVED: u64 = 64;

/// What was removed up to a change. A document that was added again stays in it, as it was before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Archive {
    /// The last change that it includes.
    head: Option<Head>,
    /// The documents, in id order.
    removed: Inventory,
    /// Number of the last change that the file includes.
    #[serde(skip)]
    saved: u64,
}

impl Archive {
    /// The last form of a removed document.
    pub(crate) fn find<T: ListItem>(&self, id: &str) -> Option<&T> {
        lists::find(&self.removed, id)
    }

    /// All removed documents of a list.
    pub(crate) fn documents<T: ListItem>(&self) -> &[T] {
        T::of(&self.removed)
    }

    /// Adds what the inventory `after` lacks of `before`; returns whether that is anything.
    fn add(&mut self, before: &Inventory, after: &Inventory) -> bool {
        let found = lists::visit_all(&mut AddRemoved { archive: &mut self.removed, before, after });
        found.contains(&true)
    }

    fn number(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.number)
    }
}

struct AddRemoved<'a> {
    archive: &'a mut Inventory,
    before: &'a Inventory,
    after: &'a Inventory,
}

impl ListVisitor for AddRemoved<'_> {
    type Out = bool;

    fn visit<T: ListItem>(&mut self) -> bool {
        let kept: HashSet<&str> = T::of(self.after).iter().map(ListItem::id).collect();
        let removed = T::of(self.before).iter().filter(|one| !kept.contains(one.id()));
        let removed: Vec<T> = removed.cloned().collect();
        if removed.is_empty() {
            return false;
        }
        let list = T::of_mut(self.archive);
        let newer: HashSet<&str> = removed.iter().map(ListItem::id).collect();
        list.retain(|one| !newer.contains(one.id()));
        list.extend(removed);
        list.sort_by(|one, other| one.id().cmp(other.id()));
        true
    }
}

impl Catalog {
    /// The archive in the file, which may lack recent changes; empty if there is none to read.
    pub(crate) fn saved_archive(&self) -> Archive {
        let text = std::fs::read(self.archive_path()).unwrap_or_default();
        let mut archive: Archive = serde_json::from_slice(&text).unwrap_or_default();
        archive.saved = archive.number();
        archive
    }

    /// `archive` with what later changes removed. `known`: versions that are in memory, by hash; others
    /// are read from files. A version that cannot be read is left out, with a warning.
    pub(crate) fn archive_from(
        &self,
        archive: &Archive,
        known: &[(&str, &Inventory)],
    ) -> Result<Archive, CatalogError> {
        let entries = self.history()?;
        let included = archive.head.as_ref().and_then(|head| {
            entries
                .iter()
                .position(|entry| entry.number == head.number && Head::from(entry) == *head)
        });
        let mut archive = if included.is_some() { archive.clone() } else { Archive::default() };
        let version = |hash: &str| -> Option<Cow<'_, Inventory>> {
            if let Some((_, inventory)) = known.iter().find(|(name, _)| *name == hash) {
                return Some(Cow::Borrowed(inventory));
            }
            match self.inventory(hash) {
                Ok(inventory) => Some(Cow::Owned(inventory)),
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "inventory version unreadable; what only it had is missing in reports"
                    );
                    None
                }
            }
        };
        let mut is_changed = false;
        let mut previous: Option<Cow<'_, Inventory>> = None;
        for entry in &entries[included.map_or(0, |at| at + 1)..] {
            let (Some(before), Some(after)) = (&entry.before.inventory, &entry.after.inventory)
            else {
                continue;
            };
            if before == after {
                continue;
            }
            let before = previous.take().or_else(|| version(before));
            let after = version(after);
            if let (Some(before), Some(after)) = (&before, &after) {
                is_changed |= archive.add(before, after);
            }
            previous = after.or(before);
        }
        archive.head = entries.last().map(Head::from);
        if is_changed || archive.number() >= archive.saved + MAX_UNSAVED {
            self.save_archive(&mut archive);
        }
        Ok(archive)
    }

    /// Without it, such as on a full disk, the next start reads the versions again.
    fn save_archive(&self, archive: &mut Archive) {
        let path = self.archive_path();
        let text = serde_json::to_vec(archive).expect("an archive is plain data");
        let written = self.lock().and_then(|_lock| {
            versions::replace(&path, &text).map_err(|cause| CatalogError::io(&path, cause))
        });
        match written {
            Ok(()) => archive.saved = archive.number(),
            Err(error) => tracing::warn!(%error, "cannot save the archive of removed documents"),
        }
    }

    fn archive_path(&self) -> PathBuf {
        self.folder.join("archive.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{AuditContext, files};
    use crate::domain::campaign::Flight;
    use crate::domain::party::{Advertiser, Publisher};
    use std::path::Path;

    fn catalog(folder: &Path) -> Catalog {
        Catalog::open(&folder.join("catalog")).unwrap()
    }

    fn without(inventory: &Inventory, flight: &str) -> Inventory {
        let mut after = inventory.clone();
        after.flights.retain(|one| one.id.as_str() != flight);
        after.creatives.retain(|one| one.flight.as_str() != flight);
        after
    }

    fn serve(catalog: &Catalog, inventory: &Inventory) {
        let at = "2026-11-01T00:00:00Z".parse().unwrap();
        let by = AuditContext { who: "t".into(), what: "t".into(), at, request: None };
        catalog.put_inventory(inventory, None, &by).unwrap();
    }

    /// The example, then without one flight, then with it at another weight, then without two.
    fn history(catalog: &Catalog, each: &mut dyn FnMut(&Inventory)) {
        let example = files::example();
        let first = without(&example, "zahid-ai-europe");
        let mut again = example.clone();
        let flight = again.flights.iter_mut().find(|one| one.id.as_str() == "zahid-ai-europe");
        flight.unwrap().weight = 2.0;
        let last = without(&without(&again, "zahid-ai-europe"), "gitlift-devops-americas");
        for inventory in [&example, &first, &again, &last] {
            serve(catalog, inventory);
            each(inventory);
        }
    }

    #[test]
    fn an_archive_kept_up_to_date_equals_one_made_from_all_versions() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalog(folder.path());
        let mut kept = catalog.saved_archive();
        history(&catalog, &mut |_| kept = catalog.archive_from(&kept, &[]).unwrap());

        let fresh = catalog.archive_from(&Archive::default(), &[]).unwrap();

        assert_eq!((&fresh.head, &fresh.removed), (&kept.head, &kept.removed));
        assert_eq!(catalog.saved_archive(), kept);
        let ids: Vec<&str> = kept.documents::<Flight>().iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["gitlift-devops-americas", "zahid-ai-europe"]);
        let flight: &Flight = kept.find("zahid-ai-europe").unwrap();
        assert!((flight.weight - 2.0).abs() < f64::EPSILON, "as the last version had it");
        assert!(kept.find::<Advertiser>("zahid-host").is_none(), "it is still served");
        assert!(kept.documents::<Publisher>().is_empty());
    }

    #[test]
    fn an_unreadable_version_hides_nothing_that_another_one_has() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalog(folder.path());
        history(&catalog, &mut |_| {});
        let second = catalog.history().unwrap()[1].after.inventory.clone().unwrap();
        let path = folder.path().join(format!("catalog/inventory/{second}.json"));
        std::fs::write(path, "not a version").unwrap();

        let archive = catalog.archive_from(&Archive::default(), &[]).unwrap();

        assert_eq!(archive.documents::<Flight>().len(), 2);
    }

    #[test]
    fn a_file_of_another_history_unwritable_or_malformed_is_made_anew() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (catalog, other) = (catalog(folder.path()), self::catalog(other.path()));
        history(&catalog, &mut |_| {});
        let right = catalog.archive_from(&Archive::default(), &[]).unwrap();
        serve(&other, &files::example());
        serve(&other, &Inventory::default());
        let foreign = other.archive_from(&Archive::default(), &[]).unwrap();
        assert!(foreign.find::<Advertiser>("zahid-host").is_some());

        let found = catalog.archive_from(&foreign, &[]).unwrap();
        assert_eq!(found.removed, right.removed);
        std::fs::remove_file(catalog.archive_path()).unwrap();
        std::fs::create_dir(catalog.archive_path()).unwrap();
        let unsaved = catalog.archive_from(&Archive::default(), &[]).unwrap();
        assert_eq!((unsaved.removed, unsaved.saved), (right.removed, 0));
        std::fs::remove_dir(catalog.archive_path()).unwrap();
        std::fs::write(catalog.archive_path(), b"{\"format\": 9}").unwrap();
        assert_eq!(catalog.saved_archive(), Archive::default());
    }
}
