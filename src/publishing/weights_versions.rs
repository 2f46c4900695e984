//! The life of weights: drafts, what a replay predicts of them, activation, and everything that was ever served.

use crate::blocking::run_blocking;
use crate::catalog::audit::Entry;
use crate::catalog::change::ExpectedVersion;
use crate::catalog::check::Finding;
use crate::catalog::detail::Detail;
use crate::catalog::difference::FieldChange;
use crate::catalog::version_error::VersionError;
use crate::catalog::weights_versions::{ReplaySummary, VersionsChange, WeightsVersion};
use crate::catalog::{AuditContext, Catalog, CatalogError, check, difference, origin};
use crate::config::keys::ApiKeys;
use crate::domain::weights::Weights;
use crate::publishing::Publishing;
use crate::publishing::apply::{AppliedChange, CatalogUpdate};
use crate::publishing::error::ApplyError;
use crate::publishing::source::{BUILT_IN, SourceFile};
use crate::selection::snapshot::Snapshot;
use crate::world::live::Live;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shortest beginning of a hash that may stand for it.
const MIN_PREFIX: usize = 8;

/// Digits of the hash in the name of a draft that a file made.
const NAME_DIGITS: usize = 12;

string_enum! {
    /// How far weights are in their life.
    WeightsState {
        /// A draft that the inventory being served would make invalid.
        Draft = "draft",
        /// Valid with the inventory being served.
        Checked = "checked",
        /// A replay says what they would have changed.
        Replayed = "replayed",
        /// A part of the requests gets them.
        Canary = "canary",
        /// They are served.
        Active = "active",
        /// They were served.
        Retired = "retired",
    }
}

/// A time in which weights were served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ActiveTime {
    /// The change that began it.
    pub(crate) number: u64,
    #[schemars(with = "String")]
    pub(crate) from: jiff::Timestamp,
    /// Absent while they are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) to: Option<jiff::Timestamp>,
}

/// Weights with what is known of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WeightsView {
    /// The name; weights that were applied without one have only a hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The hash of the content.
    pub(crate) hash: String,
    pub(crate) state: WeightsState,
    /// The key that made the draft or applied the weights, or `file`.
    pub(crate) author: String,
    /// The owner of that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// What they are for; of weights without a name, how they were applied.
    pub(crate) note: String,
    #[schemars(with = "String")]
    pub(crate) created: jiff::Timestamp,
    /// The hash of the weights that were served when they were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compared_with: Option<String>,
    /// How they differ from those.
    pub(crate) difference: Vec<FieldChange>,
    /// What the last replay predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replay: Option<ReplaySummary>,
    /// When they were served, oldest first.
    pub(crate) active: Vec<ActiveTime>,
}

impl WeightsView {
    /// The name, else the hash.
    pub(crate) fn id(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.hash)
    }
}

/// A draft to store.
pub(crate) struct NewDraft {
    pub(crate) name: String,
    pub(crate) note: String,
    pub(crate) weights: Weights,
}

/// The times in which each of the weights in the history was served, with the first change that did; oldest first.
fn times(entries: &[Entry]) -> Vec<(&str, &Entry, Vec<ActiveTime>)> {
    let mut found: Vec<(&str, &Entry, Vec<ActiveTime>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut served: Option<&str> = None;
    for entry in entries {
        let new = entry.after.weights.as_deref();
        if new == served {
            continue;
        }
        if let Some(last) = served.and_then(|old| places.get(old)) {
            let last: &mut Vec<ActiveTime> = &mut found[*last].2;
            last.iter_mut().rev().take(1).for_each(|time| time.to = Some(entry.at));
        }
        if let Some(hash) = new {
            let place = *places.entry(hash).or_insert_with(|| {
                found.push((hash, entry, Vec::new()));
                found.len() - 1
            });
            found[place].2.push(ActiveTime { number: entry.number, from: entry.at, to: None });
        }
        served = new;
    }
    found
}

/// All weights, newest first. Reads the history and every draft.
fn list(
    catalog: &Catalog,
    live: &Live,
    keys: &ApiKeys,
    now_ms: i64,
) -> Result<Vec<WeightsView>, CatalogError> {
    let served = live.snapshot();
    let canary = live.canary.as_ref().map(|canary| canary.head.weights.as_str());
    let entries = catalog.history()?;
    let versions = catalog.weights_versions()?;
    let times = times(&entries);
    let mut views = Vec::new();
    let state = |active: &[ActiveTime], hash: &str| match active.is_empty() {
        _ if hash == served.weights_hash => Some(WeightsState::Active),
        _ if Some(hash) == canary => Some(WeightsState::Canary),
        false => Some(WeightsState::Retired),
        true => None,
    };
    for version in versions.versions {
        let WeightsVersion { name, hash, author, owner, note, .. } = version;
        let active = times.iter().find(|(known, _, _)| *known == hash);
        let active = active.map(|(_, _, active)| active.clone()).unwrap_or_default();
        let state = match state(&active, &hash) {
            Some(state) => state,
            None => match findings(served, &catalog.weights(&hash)?, now_ms).is_empty() {
                false => WeightsState::Draft,
                true if version.replay.is_some() => WeightsState::Replayed,
                true => WeightsState::Checked,
            },
        };
        views.push(WeightsView {
            name: Some(name),
            hash,
            state,
            author,
            owner,
            note,
            created: version.created,
            compared_with: version.compared_with,
            difference: version.difference,
            replay: version.replay,
            active,
        });
    }
    for (hash, entry, active) in times {
        if views.iter().any(|view| view.hash == hash) {
            continue;
        }
        views.push(WeightsView {
            name: None,
            hash: hash.to_owned(),
            state: state(&active, hash).unwrap_or(WeightsState::Retired),
            author: entry.who.clone(),
            owner: keys.owner(&entry.who).map(str::to_owned),
            note: entry.what.clone(),
            created: entry.at,
            compared_with: entry.before.weights.clone(),
            difference: difference_between(catalog, entry.before.weights.as_deref(), hash),
            replay: None,
            active,
        });
    }
    views.sort_by_key(|view| std::cmp::Reverse(view.created));
    Ok(views)
}

/// How stored weights differ; nothing where one cannot be read.
fn difference_between(catalog: &Catalog, old: Option<&str>, new: &str) -> Vec<FieldChange> {
    let old = old.and_then(|hash| catalog.weights(hash).ok());
    let new = catalog.weights(new).ok();
    difference::between(None, old.as_ref().zip(new.as_ref()), None).weights
}

/// What is wrong with weights on an inventory.
fn findings(served: &Snapshot, weights: &Weights, now_ms: i64) -> Vec<Finding> {
    let mut found: Vec<Finding> = check::weights(weights);
    found.extend(check::prices(&served.inventory, weights, now_ms));
    found
}

/// The weights with this name, this hash, or a hash that begins so.
fn find(views: Vec<WeightsView>, wanted: &str) -> Result<WeightsView, VersionError> {
    let is_meant = |view: &&WeightsView| view.name.as_deref() == Some(wanted);
    if let Some(found) = views.iter().find(is_meant) {
        return Ok(found.clone());
    }
    let with_hash: Vec<&WeightsView> = match wanted.len() >= MIN_PREFIX {
        true => views.iter().filter(|view| view.hash.starts_with(wanted)).collect(),
        false => Vec::new(),
    };
    match with_hash.as_slice() {
        [found] => Ok(WeightsView::clone(found)),
        [] => {
            let names = views.iter().filter_map(|view| view.name.as_deref());
            Err(VersionError::unknown(wanted, names))
        }
        _ => Err(VersionError::Ambiguous(wanted.to_owned())),
    }
}

impl Publishing {
    /// The hash of the weights being served.
    pub(crate) fn weights_hash(&self) -> String {
        self.parts.world.live().snapshot().weights_hash.clone()
    }

    /// All weights that have a name or were served, newest first.
    pub(crate) async fn weights_versions(&self) -> Result<Vec<WeightsView>, ApplyError> {
        let (catalog, live) = (self.parts.catalog.clone(), self.parts.world.live());
        let (keys, now_ms) = (self.parts.keys.load_full(), self.parts.clock.now_ms());
        Ok(run_blocking(move || list(&catalog, &live, &keys, now_ms)).await?)
    }

    /// The weights with this name, this hash, or a hash that begins so; and their content.
    pub(crate) async fn weights_version(
        &self,
        wanted: &str,
    ) -> Result<(WeightsView, Weights), ApplyError> {
        let found = find(self.weights_versions().await?, wanted).map_err(CatalogError::from)?;
        let weights = self.parts.catalog.weights(&found.hash)?;
        Ok((found, weights))
    }

    /// What is wrong with weights on the inventory being served.
    pub(crate) fn weights_findings(&self, weights: &Weights) -> Vec<Finding> {
        let live = self.parts.world.live();
        findings(live.snapshot(), weights, self.parts.clock.now_ms())
    }

    /// Checks weights and stores them as a draft on all instances. Repeating it changes nothing.
    pub(crate) async fn draft(
        &self,
        NewDraft { name, note, weights }: NewDraft,
        by: &AuditContext,
    ) -> Result<WeightsView, ApplyError> {
        let findings = self.weights_findings(&weights);
        if !findings.is_empty() {
            return Err(ApplyError::Invalid(findings));
        }
        {
            let _one_at_a_time = self.catalog_lock.lock().await;
            let catalog = &self.parts.catalog;
            let served = self.parts.world.live().snapshot().weights_hash.clone();
            let old = catalog.weights(&served)?;
            let hash = catalog.store_weights(&weights)?;
            let new = WeightsVersion {
                name: name.clone(),
                hash,
                author: by.who.clone(),
                owner: self.parts.keys.load().owner(&by.who).map(str::to_owned),
                note,
                created: by.at,
                compared_with: Some(served),
                difference: difference::between(None, Some((&old, &weights)), None).weights,
                replay: None,
            };
            let change = VersionsChange::Add(Box::new(new));
            self.parts.sync.change_versions(catalog, &change).await?;
        }
        tracing::info!(version = name, by = by.who, "draft of weights stored");
        Ok(self.weights_version(&name).await?.0)
    }

    /// Makes a draft of a file that was saved; `None` if its content is known.
    pub(crate) async fn draft_file(
        &self,
        file: SourceFile,
        by: &AuditContext,
    ) -> Result<Option<WeightsView>, ApplyError> {
        let Some(weights) = file.weights else { return Ok(None) };
        if file.version.path == BUILT_IN {
            return Ok(None);
        }
        let hash = file.version.hash;
        let known = self.weights_versions().await?;
        if known.iter().any(|view| view.hash == hash) {
            return Ok(None);
        }
        let name = format!("{}-{}", origin::SAVED, hash.get(..NAME_DIGITS).unwrap_or(&hash));
        let note = file.version.path;
        self.draft(NewDraft { name, note, weights }, by).await.map(Some)
    }

    /// Removes a draft on all instances.
    pub(crate) async fn drop_draft(
        &self,
        wanted: &str,
        by: &AuditContext,
    ) -> Result<(), ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(0).await?;
        let (found, _) = self.weights_version(wanted).await?;
        let name = match found.name {
            Some(name) if found.active.is_empty() && found.state != WeightsState::Canary => name,
            _ => {
                let served = VersionError::Served(wanted.to_owned());
                return Err(ApplyError::Catalog(served.into()));
            }
        };
        let change = VersionsChange::Remove { name };
        self.parts.sync.change_versions(&self.parts.catalog, &change).await?;
        self.follow_shadow();
        tracing::info!(version = wanted, by = by.who, "draft of weights dropped");
        Ok(())
    }

    /// Keeps what a replay predicts of a named version, unless there was nothing to replay.
    pub(crate) async fn keep_replay(
        &self,
        name: &str,
        replay: ReplaySummary,
    ) -> Result<(), ApplyError> {
        if replay.decisions == 0 {
            return Ok(());
        }
        let _one_at_a_time = self.catalog_lock.lock().await;
        let change = VersionsChange::Replayed { name: name.to_owned(), replay };
        Ok(self.parts.sync.change_versions(&self.parts.catalog, &change).await?)
    }

    /// Serves weights that are known; the guard judges them as any change.
    pub(crate) async fn activate(
        &self,
        wanted: &str,
        confirm: bool,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
    ) -> Result<AppliedChange, ApplyError> {
        self.catch_up().await?;
        let (found, weights) = self.weights_version(wanted).await?;
        let what = format!("activate weights {}", found.id());
        let by = AuditContext { what, ..by.clone() };
        let detail = Detail { version: found.name, ..Detail::default() };
        let wanted =
            CatalogUpdate { weights: Some(weights), confirm, detail, ..CatalogUpdate::default() };
        self.apply(wanted, expected, &by).await
    }
}

#[cfg(test)]
#[path = "weights_versions_tests.rs"]
mod tests;
