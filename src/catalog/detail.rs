//! What an entry of the audit log says besides author, time and hashes: the kind of change, and what belongs to it.
//!
//! Entries of older versions have none of it; their kind follows from their description.

use serde::{Deserialize, Serialize};

string_enum! {
    /// The kind of a change.
    ChangeKind {
        /// Documents, weights or labels.
        Content = "content",
        /// A pause, a resumption or a publisher's own block: a book of its own, which no file and no rollback
        /// changes.
        Pause = "pause",
        /// The content of an earlier change again.
        Rollback = "rollback",
        /// Weights that a part of the requests gets, or their end; no part of the content.
        Canary = "canary",
    }
}

string_enum! {
    /// A part of the catalog that is read from files.
    FilePart {
        /// The inventory.
        Inventory = "inventory",
        /// The weights.
        Weights = "weights",
    }
}

/// The content of a file or folder at the time of a change: applied with it, or equal to what is served since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileVersion {
    /// What it contains.
    pub(crate) part: FilePart,
    /// Its absolute path.
    pub(crate) path: String,
    /// Hash of what was read from it, without pauses.
    pub(crate) hash: String,
}

/// What was paused or resumed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PauseDetail {
    /// The kind of object, such as `flight`.
    pub(crate) what: String,
    /// Its id.
    pub(crate) id: String,
    /// The URL prefix, of a part of a publisher's site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// The topic, of a part of a publisher's site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    /// Whether it was paused or resumed.
    pub(crate) paused: bool,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// The further fields of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Detail {
    /// The kind of change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<ChangeKind>,
    /// What a pause is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pause: Option<PauseDetail>,
    /// The number of the change whose content a rollback serves again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restores: Option<u64>,
    /// The files that the content was read from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<FileVersion>,
    /// The named version of the weights that the change serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

impl Detail {
    /// Of a kind without anything else.
    pub(crate) fn of(kind: ChangeKind) -> Detail {
        Detail { kind: Some(kind), ..Detail::default() }
    }
}

/// How older versions began the description of a rollback.
const ROLLBACK: &str = "roll back to number ";

/// The kind of an entry that states none, by its description.
pub(super) fn kind_of_older(what: &str) -> ChangeKind {
    let is_pause = ["pause ", "resume ", "pauses of publishers/", "blocks of publishers/"]
        .iter()
        .any(|start| what.starts_with(start));
    match (what.starts_with(ROLLBACK), is_pause) {
        (true, _) => ChangeKind::Rollback,
        (_, true) => ChangeKind::Pause,
        _ => ChangeKind::Content,
    }
}

/// The number that an older rollback served again.
pub(super) fn restored_by_older(what: &str) -> Option<u64> {
    what.strip_prefix(ROLLBACK)?.parse().ok()
}

/// What an older pause of a whole object was about.
pub(super) fn pause_of_older(what: &str) -> Option<PauseDetail> {
    let mut words = what.split(' ');
    let paused = match words.next()? {
        "pause" => true,
        "resume" => false,
        _ => return None,
    };
    let (kind, id) = (words.next()?.to_owned(), words.next()?.to_owned());
    words.next().is_none().then_some(PauseDetail {
        what: kind,
        id,
        path: None,
        topic: None,
        paused,
        reason: None,
    })
}
