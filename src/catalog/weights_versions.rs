//! Named versions of the weights: drafts, what a replay said of them, and who made them. When one was served is in the
//! audit log.
//!
//! One file, `weights.json`, has all of them; the weights themselves are versions like all others, by their hash. In
//! a fleet the store has the same content, and the higher revision is the newer one.

use crate::catalog::difference::FieldChange;
use crate::catalog::error::CatalogError;
use crate::catalog::store::Catalog;
use crate::catalog::version_error::{MAX_NAME_CHARS, MAX_NOTE_CHARS, MAX_VERSIONS, VersionError};
use crate::catalog::versions;
use crate::domain::weights::Weights;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// The format that this version writes, and the newest one it can read.
const FORMAT: u32 = 1;

/// What a replay predicted of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct ReplaySummary {
    /// When it was done.
    #[schemars(with = "String")]
    pub(crate) at: jiff::Timestamp,
    /// The key that asked for it.
    pub(crate) who: String,
    /// Replayed decisions.
    pub(crate) decisions: u64,
    /// The part of the slots that would have another flight, from 0 to 1.
    pub(crate) changed: f64,
    /// Filled slots as a part of all, with what was served.
    pub(crate) fill_before: f64,
    /// The same with these weights.
    pub(crate) fill_after: f64,
    /// The advertiser whose share moves most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) largest_move: Option<ShareMove>,
    /// What needs confirmation by the limits under `[guard]` in the settings.
    #[serde(default)]
    pub(crate) needs_confirmation: Vec<String>,
}

/// An advertiser's part of the filled slots, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct ShareMove {
    /// The advertiser's id.
    pub(crate) advertiser: String,
    /// From 0 to 1, with what was served.
    pub(crate) before: f64,
    /// The same with these weights.
    pub(crate) after: f64,
}

/// A named version. Only its replay is ever set later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WeightsVersion {
    /// Its name.
    pub(crate) name: String,
    /// The hash of the weights.
    pub(crate) hash: String,
    /// The key that made it, or `file`.
    pub(crate) author: String,
    /// The owner of that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// What it is for.
    pub(crate) note: String,
    /// When it was made.
    pub(crate) created: jiff::Timestamp,
    /// The hash of the weights that were served then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compared_with: Option<String>,
    /// How it differs from those.
    #[serde(default)]
    pub(crate) difference: Vec<FieldChange>,
    /// What the last replay predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replay: Option<ReplaySummary>,
}

/// The weights that are compared with those being served, on all instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShadowChoice {
    /// The name of the version, else its hash.
    pub(crate) version: String,
    /// The hash of the weights.
    pub(crate) hash: String,
    /// Since when.
    pub(crate) since: jiff::Timestamp,
}

/// A change of the named versions.
#[derive(Clone, Debug)]
pub(crate) enum VersionsChange {
    /// A new version. Repeating it changes nothing.
    Add(Box<WeightsVersion>),
    /// A version is removed.
    Remove {
        /// Its name.
        name: String,
    },
    /// Other weights are in the shadow, or none.
    Shadow(Option<ShadowChoice>),
    /// A replay of a version is done.
    Replayed {
        /// The version's name.
        name: String,
        /// What it predicts.
        replay: ReplaySummary,
    },
}

/// All named versions, in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WeightsVersions {
    format: u32,
    /// Counts changes.
    pub(crate) revision: u64,
    pub(crate) versions: Vec<WeightsVersion>,
    /// The weights in the shadow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shadow: Option<ShadowChoice>,
}

impl Default for WeightsVersions {
    fn default() -> WeightsVersions {
        WeightsVersions { format: FORMAT, revision: 0, versions: Vec::new(), shadow: None }
    }
}

impl WeightsVersions {
    /// The version with this name.
    pub(crate) fn find(&self, name: &str) -> Result<&WeightsVersion, VersionError> {
        let found = self.versions.iter().find(|one| one.name == name);
        found.ok_or_else(|| {
            VersionError::unknown(name, self.versions.iter().map(|one| one.name.as_str()))
        })
    }

    /// The hashes of all weights that are named here.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = &str> {
        let shadow = self.shadow.iter().map(|choice| choice.hash.as_str());
        self.versions.iter().map(|version| version.hash.as_str()).chain(shadow)
    }

    /// Makes a change; whether there was anything to change.
    pub(crate) fn apply(&mut self, change: &VersionsChange) -> Result<bool, VersionError> {
        match change {
            VersionsChange::Add(new) => {
                if let Ok(known) = self.find(&new.name) {
                    let is_same = known.hash == new.hash && known.note == new.note;
                    return if is_same {
                        Ok(false)
                    } else {
                        Err(VersionError::Exists(new.name.clone()))
                    };
                }
                if let Some(same) = self.versions.iter().find(|one| one.hash == new.hash) {
                    return Err(VersionError::SameWeights(same.name.clone()));
                }
                check(new)?;
                if self.versions.len() >= MAX_VERSIONS {
                    return Err(VersionError::TooMany);
                }
                self.versions.push(WeightsVersion::clone(new));
            }
            VersionsChange::Remove { name } => {
                self.find(name)?;
                self.versions.retain(|one| one.name != *name);
                self.shadow = self.shadow.take().filter(|shadow| shadow.version != *name);
            }
            VersionsChange::Shadow(choice) if self.shadow == *choice => return Ok(false),
            VersionsChange::Shadow(choice) => self.shadow.clone_from(choice),
            VersionsChange::Replayed { name, replay } => {
                self.find(name)?;
                let mut versions = self.versions.iter_mut();
                if let Some(version) = versions.find(|one| one.name == *name) {
                    version.replay = Some(replay.clone());
                }
            }
        }
        self.revision += 1;
        Ok(true)
    }

    /// As stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("versions are plain data");
        bytes.push(b'\n');
        bytes
    }
}

/// Checks the name and the note of a new version.
fn check(new: &WeightsVersion) -> Result<(), VersionError> {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=MAX_NAME_CHARS).contains(&new.name.len()) || !new.name.bytes().all(is_allowed) {
        return Err(VersionError::Name);
    }
    if new.note.chars().count() > MAX_NOTE_CHARS {
        return Err(VersionError::Note);
    }
    Ok(())
}

impl Catalog {
    /// The named versions of the weights; reads a file.
    pub(crate) fn weights_versions(&self) -> Result<WeightsVersions, CatalogError> {
        let path = self.weights_versions_path();
        match std::fs::read(&path) {
            Ok(bytes) => self.read_weights_versions(&bytes),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(WeightsVersions::default()),
            Err(cause) => Err(CatalogError::io(&path, cause)),
        }
    }

    /// Named versions as they are stored here or in the store of a fleet.
    pub(crate) fn read_weights_versions(
        &self,
        bytes: &[u8],
    ) -> Result<WeightsVersions, CatalogError> {
        /// Parsed first, because a newer format may have different fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let path = self.weights_versions_path();
        let corrupt = |error: serde_json::Error| CatalogError::Corrupt {
            path: path.clone(),
            reason: error.to_string(),
        };
        let Format { format } = serde_json::from_slice(bytes).map_err(corrupt)?;
        if format > FORMAT {
            return Err(CatalogError::Newer { path, format, newest: FORMAT });
        }
        serde_json::from_slice(bytes).map_err(corrupt)
    }

    /// Changes the named versions of this catalog.
    pub(crate) fn change_weights_versions(
        &self,
        change: &VersionsChange,
    ) -> Result<(), CatalogError> {
        let _lock = self.lock()?;
        let mut versions = self.weights_versions()?;
        if versions.apply(change)? {
            self.write_weights_versions(&versions)?;
        }
        Ok(())
    }

    /// Takes over the named versions of another instance; every version must be stored.
    pub(crate) fn adopt_weights_versions(
        &self,
        versions: &WeightsVersions,
    ) -> Result<(), CatalogError> {
        let _lock = self.lock()?;
        self.write_weights_versions(versions)
    }

    /// Stores weights that no head refers to yet; returns their hash.
    pub(crate) fn store_weights(&self, weights: &Weights) -> Result<String, CatalogError> {
        let _lock = self.lock()?;
        self.weights.put(weights)
    }

    /// Stores weights that another instance made.
    pub(crate) fn store_weights_bytes(&self, hash: &str, bytes: &[u8]) -> Result<(), CatalogError> {
        let _lock = self.lock()?;
        self.weights.put_bytes(hash, bytes)
    }

    /// The caller must hold the lock.
    fn write_weights_versions(&self, versions: &WeightsVersions) -> Result<(), CatalogError> {
        let path = self.weights_versions_path();
        versions::replace(&path, &versions.to_bytes())
            .map_err(|cause| CatalogError::io(&path, cause))
    }

    fn weights_versions_path(&self) -> PathBuf {
        self.folder.join("weights.json")
    }
}

#[cfg(test)]
#[path = "weights_versions_tests.rs"]
mod tests;
