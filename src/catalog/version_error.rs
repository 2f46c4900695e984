//! Errors of named versions of the weights.

use crate::config::suggestion::nearest;

/// Named versions that are kept at most.
pub(super) const MAX_VERSIONS: usize = 500;

/// The longest name, in characters.
pub(super) const MAX_NAME_CHARS: usize = 60;

/// The longest note, in characters.
pub(super) const MAX_NOTE_CHARS: usize = 500;

/// Why named versions were not changed.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The name has another form.
    #[error("a name has 1 to {MAX_NAME_CHARS} of the characters a-z, 0-9 and `-`")]
    Name,
    /// The note is too long.
    #[error("a note has at most {MAX_NOTE_CHARS} characters")]
    Note,
    /// The name belongs to other weights.
    #[error("there is another version `{0}`: choose another name")]
    Exists(String),
    /// The weights have a name.
    #[error("these weights are version `{0}`")]
    SameWeights(String),
    /// There is no such version.
    #[error("there is no version `{name}` of the weights{}", help(near.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar name.
        near: Option<String>,
    },
    /// More than one version has a hash that begins so.
    #[error("several versions have a hash that begins with `{0}`: give more of it")]
    Ambiguous(String),
    /// It is or was served.
    #[error("`{0}` was served: only a draft can be dropped")]
    Served(String),
    /// There are too many.
    #[error("there are {MAX_VERSIONS} named versions: drop some first")]
    TooMany,
}

impl VersionError {
    /// That there is no version with this name.
    pub(crate) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> VersionError {
        let near = nearest(name, known).map(str::to_owned);
        VersionError::Unknown { name: name.to_owned(), near }
    }
}

fn help(near: Option<&str>) -> String {
    near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default()
}
