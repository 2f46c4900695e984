//! API keys: `adj_<role letter>_<id>_<secret>`, stored as hashes.
//!
//! The secret has 256 random bits, so it cannot be guessed and a plain BLAKE3 hash of the key's text
//! is sufficient. The id is public and appears in logs.

use crate::config::keys::file;
use crate::config::load::ConfigError;
use crate::domain::id::PublisherId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

string_enum! {
    /// The role of a key, which determines its permissions.
    Role {
        /// Everything.
        Operator = "operator",
        /// The advertiser's own campaigns and their reports.
        Advertiser = "advertiser",
        /// The publisher's own site: reports, pauses, requests on behalf of its readers.
        Publisher = "publisher",
        /// An exchange: decisions for the pages of every publisher that does not insist on its own key.
        Exchange = "exchange",
    }
}

impl Role {
    /// The letter in a key's text.
    pub(crate) const fn letter(self) -> char {
        match self {
            Role::Operator => 'o',
            Role::Advertiser => 'a',
            Role::Publisher => 'p',
            Role::Exchange => 'x',
        }
    }
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The key's public id, as in logs.
    pub(crate) id: String,
    /// The id of the advertiser or publisher; for an operator or exchange, a name of the holder.
    pub(crate) owner: String,
    /// The key's role.
    pub(crate) role: Role,
    /// The agreed rate of its decision requests per second and instance; without one they are not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<u32>,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
    /// When it was revoked; this cannot be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<Timestamp>,
    /// The hash of the key's whole text.
    blake3: Hash,
}

impl Identity {
    /// Whether the key is neither revoked nor expired at `now`.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }

    /// Whether the holder speaks for the readers of a publisher's pages: with this key, the request says
    /// nothing about the reader but what it declares.
    pub(crate) fn speaks_for(&self, publisher: &str) -> bool {
        match self.role {
            Role::Publisher => self.owner == publisher,
            Role::Exchange => true,
            Role::Operator | Role::Advertiser => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hash([u8; 32]);

impl TryFrom<String> for Hash {
    type Error = String;
    fn try_from(hex: String) -> Result<Hash, String> {
        let hash = blake3::Hash::from_hex(&hex);
        hash.map(|hash| Hash(hash.into())).map_err(|_| "must be 64 hexadecimal digits".to_owned())
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        blake3::Hash::from(hash.0).to_hex().to_string()
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default)]
    keys: Vec<Identity>,
}

/// All API keys, by id.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    path: PathBuf,
    keys: BTreeMap<String, Identity>,
}

/// The hash to compare with when the id is unknown, so that the comparison takes the same time.
const UNKNOWN_KEY: Hash = Hash([0; 32]);

/// The characters of ids, without those that are easily confused.
const ID_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

const ID_CHARS: usize = 8;

impl ApiKeys {
    /// Reads the keys from `keys.toml` in a folder; there are none if the file does not exist.
    pub fn open(directory: &Path) -> Result<ApiKeys, ConfigError> {
        let path = directory.join("keys.toml");
        let stored: Stored = file::read(&path)?.unwrap_or_default();
        let mut keys = BTreeMap::new();
        for key in stored.keys {
            if let Some(duplicate) = keys.insert(key.id.clone(), key) {
                let reason = format!("key ids must be unique (got `{}` twice)", duplicate.id);
                return Err(file::invalid(&path, reason));
            }
        }
        Ok(ApiKeys { path, keys })
    }

    /// Authenticates a key; `None` if it is unknown, wrong, expired or revoked. The time that this
    /// takes does not depend on which.
    pub(crate) fn find(&self, presented: &str, now: Timestamp) -> Option<&Identity> {
        let key = parts(presented).and_then(|(_, id)| self.keys.get(id));
        let stored = key.map_or(UNKNOWN_KEY, |key| key.blake3);
        let same = blake3::hash(presented.as_bytes()).as_bytes().ct_eq(&stored.0);
        key.filter(|key| bool::from(same) && key.is_live(now))
    }

    /// Creates a key and stores its hash. Returns its id and its text, which is stored nowhere. The
    /// owner is an advertiser's or publisher's id, or for an operator or exchange a name in the same
    /// format. `per_second` is the agreed rate of decision requests.
    pub fn create(
        &mut self,
        role: Role,
        owner: &str,
        (expires, per_second): (Option<Timestamp>, Option<u32>),
        now: Timestamp,
    ) -> Result<(String, SecretString), ConfigError> {
        if per_second.is_some() && !matches!(role, Role::Exchange | Role::Publisher) {
            let reason = format!("--per-second: a key of role `{role}` requests no decisions");
            return Err(ConfigError::Usage(reason));
        }
        let (mut key, text) = self.generate(role, owner, expires, now)?;
        key.per_second = per_second;
        let id = key.id.clone();
        self.add([key])?;
        Ok((id, text))
    }

    /// Generates a key without storing it.
    pub(super) fn generate(
        &self,
        role: Role,
        owner: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Identity, SecretString), ConfigError> {
        let owner: PublisherId = owner
            .parse()
            .map_err(|problem| ConfigError::Usage(format!("owner of the key: {problem}")))?;
        let id = loop {
            let id = random_id();
            if !self.keys.contains_key(&id) {
                break id;
            }
        };
        let mut secret = [0_u8; 32];
        rand::fill(&mut secret);
        let text = format!("adj_{}_{id}_{}", role.letter(), URL_SAFE_NO_PAD.encode(secret));
        let blake3 = Hash(blake3::hash(text.as_bytes()).into());
        let owner = owner.as_str().to_owned();
        let key = Identity {
            id,
            owner,
            role,
            per_second: None,
            created: now,
            expires,
            revoked: None,
            blake3,
        };
        Ok((key, text.into()))
    }

    /// The identity of a key with this text, for `owner`; `None` if the text is not a key of that
    /// role.
    pub(super) fn identify(
        role: Role,
        owner: &str,
        text: &SecretString,
        now: Timestamp,
    ) -> Option<Identity> {
        let text = text.expose_secret();
        let (letter, id) = parts(text)?;
        (letter == role.letter()).then(|| Identity {
            id: id.to_owned(),
            owner: owner.to_owned(),
            role,
            per_second: None,
            created: now,
            expires: None,
            revoked: None,
            blake3: Hash(blake3::hash(text.as_bytes()).into()),
        })
    }

    /// Stores these keys, all or none.
    pub(super) fn add(
        &mut self,
        keys: impl IntoIterator<Item = Identity>,
    ) -> Result<(), ConfigError> {
        let mut all = self.keys.clone();
        all.extend(keys.into_iter().map(|key| (key.id.clone(), key)));
        self.save(all)
    }

    /// Revokes a key permanently. Revoking it again does not change the time.
    pub fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), ConfigError> {
        let mut all = self.keys.clone();
        let Some(key) = all.get_mut(id) else {
            let reason = format!("unknown key `{id}`: `adjacent keys` lists the keys");
            return Err(ConfigError::Usage(reason));
        };
        key.revoked.get_or_insert(now);
        self.save(all)
    }

    /// Every key in id order, including revoked and expired ones.
    pub(crate) fn list(&self) -> impl Iterator<Item = &Identity> {
        self.keys.values()
    }

    /// The owner of the key with this id, also of one that was revoked.
    pub(crate) fn owner(&self, id: &str) -> Option<&str> {
        self.keys.get(id).map(|key| key.owner.as_str())
    }

    /// Whether no key was ever created.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn save(&mut self, keys: BTreeMap<String, Identity>) -> Result<(), ConfigError> {
        let stored = Stored { keys: keys.values().cloned().collect() };
        let text = toml::to_string(&stored).expect("keys are plain tables");
        file::replace(&self.path, &text)?;
        self.keys = keys;
        Ok(())
    }
}

fn random_id() -> String {
    let mut random = [0_u8; ID_CHARS];
    rand::fill(&mut random);
    random.iter().map(|byte| char::from(ID_LETTERS[usize::from(byte % 32)])).collect()
}

/// The role's letter and the id in a key's text.
fn parts(text: &str) -> Option<(char, &str)> {
    let (letter, rest) = text.strip_prefix("adj_")?.split_once('_')?;
    let (id, _) = rest.split_once('_')?;
    let mut letters = letter.chars();
    let first = letters.next()?;
    letters.next().is_none().then_some((first, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOW: &str = "2026-08-01T12:00:00Z";

    fn with_one_key() -> (TempDir, ApiKeys, String, SecretString) {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = ApiKeys::open(folder.path()).unwrap();
        let end = Some(at("2026-09-01T00:00:00Z"));
        let (id, text) = keys.create(Role::Advertiser, "zahid-host", (end, None), at(NOW)).unwrap();
        (folder, keys, id, text)
    }

    #[test]
    fn a_key_is_authenticated_as_its_owner_and_role_also_after_a_restart() {
        let (folder, keys, id, text) = with_one_key();
        let again = ApiKeys::open(folder.path()).unwrap();
        for keys in [keys, again] {
            let found = keys.find(text.expose_secret(), at(NOW)).unwrap();
            assert_eq!(
                (&found.id, &*found.owner, found.role),
                (&id, "zahid-host", Role::Advertiser)
            );
        }
    }

    #[test]
    fn a_key_has_the_documented_format() {
        let (_folder, _, id, text) = with_one_key();
        let secret = text.expose_secret().strip_prefix(&format!("adj_a_{id}_")).unwrap();
        assert_eq!((id.len(), secret.len()), (8, 43));
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len(), 32);
    }

    #[test]
    fn neither_the_file_nor_debug_output_contains_the_secret() {
        let (folder, keys, id, text) = with_one_key();
        let content = std::fs::read_to_string(folder.path().join("keys.toml")).unwrap();
        let secret = text.expose_secret().rsplit_once(&format!("{id}_")).unwrap().1;
        assert!(content.contains(&id) && !content.contains(secret), "{content}");
        assert!(!format!("{keys:?} {text:?}").contains(secret));
    }

    #[test]
    fn a_key_with_any_change_is_rejected() {
        let (_folder, keys, id, text) = with_one_key();
        let text = text.expose_secret();
        for at_char in 0..text.len() {
            let mut other = text.to_owned().into_bytes();
            other[at_char] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert!(keys.find(&other, at(NOW)).is_none(), "{at_char}");
        }
        let wrong = [
            String::new(),
            "adj_".to_owned(),
            format!("adj_a_{id}_"),
            format!("adj_a_{id}"),
            format!(" {text}"),
            format!("{text}A"),
            text.replacen("adj_a", "adj_o", 1),
            text.replacen("adj_a", "adj_aa", 1),
        ];
        for other in wrong {
            assert!(keys.find(&other, at(NOW)).is_none(), "{other}");
        }
    }

    #[test]
    fn an_expired_or_revoked_key_is_rejected() {
        let (folder, mut keys, id, text) = with_one_key();
        let text = text.expose_secret();
        assert!(keys.find(text, at("2026-08-31T23:59:59Z")).is_some());
        assert!(keys.find(text, at("2026-09-01T00:00:00Z")).is_none());
        keys.revoke(&id, at(NOW)).unwrap();
        keys.revoke(&id, at("2026-08-02T00:00:00Z")).unwrap();
        assert!(keys.find(text, at(NOW)).is_none());
        let again = ApiKeys::open(folder.path()).unwrap();
        assert!(again.find(text, at(NOW)).is_none());
        assert_eq!(again.list().next().unwrap().revoked, Some(at(NOW)));
    }

    #[test]
    fn a_failed_operation_returns_an_error_and_changes_nothing() {
        let (folder, mut keys, _, _) = with_one_key();
        let message = keys.revoke("nope", at(NOW)).unwrap_err().to_string();
        assert!(message.contains("unknown key `nope`"), "{message}");
        assert!(keys.create(Role::Operator, "Not An Id", (None, None), at(NOW)).is_err());
        std::fs::remove_dir_all(folder.path()).unwrap();
        let message =
            keys.create(Role::Operator, "me", (None, None), at(NOW)).unwrap_err().to_string();
        assert!(message.contains("keys.toml: cannot be written"), "{message}");
        assert_eq!(keys.list().count(), 1);
    }
}
