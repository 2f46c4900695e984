//! API keys: `adj_<role letter>_<id>_<secret>`, kept as hashes.
//!
//! The secret is 256 random bits, so a plain BLAKE3 hash of the key's text is enough to keep: there
//! is nothing to guess. The id is public; the log names it.

use crate::config::keys::file;
use crate::config::load::ConfigError;
use crate::domain::id::PublisherId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use subtle::ConstantTimeEq;

closed! {
    /// What a key may do.
    Role {
        /// Everything.
        Operator = "operator",
        /// Its own campaigns and their reports.
        Advertiser = "advertiser",
        /// Its own site: reports, stops, calls on behalf of its readers.
        Publisher = "publisher",
    }
}

impl Role {
    /// The letter in a key's text.
    pub const fn letter(self) -> char {
        match self {
            Role::Operator => 'o',
            Role::Advertiser => 'a',
            Role::Publisher => 'p',
        }
    }
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Names the key, in logs too.
    pub id: String,
    /// Which advertiser or publisher; for an operator, whoever holds it.
    pub owner: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was taken back, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// Of the whole text of the key.
    blake3: Hash,
}

impl Identity {
    /// Whether the key is good at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hash([u8; 32]);

impl TryFrom<String> for Hash {
    type Error = String;
    fn try_from(hex: String) -> Result<Hash, String> {
        let hash = blake3::Hash::from_hex(&hex);
        hash.map(|hash| Hash(hash.into())).map_err(|_| "not 64 hexadecimal digits".to_owned())
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

/// Of no text that is known: compared with when there is no such key, so that this takes as long.
const NOBODY: Hash = Hash([0; 32]);

/// Of letters that nobody reads for another.
const ID_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

const ID_CHARS: usize = 8;

impl ApiKeys {
    /// The keys in `keys.toml` of the data directory; none when there is no such file.
    pub fn open(directory: &Path) -> Result<ApiKeys, ConfigError> {
        let path = directory.join("keys.toml");
        let stored: Stored = file::read(&path)?.unwrap_or_default();
        let mut keys = BTreeMap::new();
        for key in stored.keys {
            if let Some(twice) = keys.insert(key.id.clone(), key) {
                return Err(file::refused(&path, format!("key `{}` is there twice", twice.id)));
            }
        }
        Ok(ApiKeys { path, keys })
    }

    /// Whose key this is; `None` for a key that is unknown, wrong, expired or revoked. Takes as long
    /// whatever is wrong with it.
    pub fn find(&self, presented: &str, now: Timestamp) -> Option<&Identity> {
        let key = parts(presented).and_then(|(_, id)| self.keys.get(id));
        let known = key.map_or(NOBODY, |key| key.blake3);
        let same = blake3::hash(presented.as_bytes()).as_bytes().ct_eq(&known.0);
        key.filter(|key| bool::from(same) && key.is_live(now))
    }

    /// Makes a key and keeps its hash: its id, and its text, which is nowhere else. The owner is an
    /// advertiser's or publisher's id; for an operator a name of the same form.
    pub fn create(
        &mut self,
        role: Role,
        owner: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(String, SecretString), ConfigError> {
        let (key, text) = self.draw(role, owner, expires, now)?;
        let id = key.id.clone();
        self.add([key])?;
        Ok((id, text))
    }

    /// A new key that is not kept yet.
    pub(super) fn draw(
        &self,
        role: Role,
        owner: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Identity, SecretString), ConfigError> {
        let owner: PublisherId = owner
            .parse()
            .map_err(|problem| ConfigError::Usage(format!("the owner of a key: {problem}")))?;
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
        let key = Identity { id, owner, role, created: now, expires, revoked: None, blake3 };
        Ok((key, text.into()))
    }

    /// The key with this text, as `owner`'s; `None` when the text is no key of that role.
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
            created: now,
            expires: None,
            revoked: None,
            blake3: Hash(blake3::hash(text.as_bytes()).into()),
        })
    }

    /// Keeps these keys, all or none.
    pub(super) fn add(
        &mut self,
        keys: impl IntoIterator<Item = Identity>,
    ) -> Result<(), ConfigError> {
        let mut all = self.keys.clone();
        all.extend(keys.into_iter().map(|key| (key.id.clone(), key)));
        self.save(all)
    }

    /// Takes a key back, for ever. Of one that is revoked already the time stays.
    pub fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), ConfigError> {
        let mut all = self.keys.clone();
        let Some(key) = all.get_mut(id) else {
            let reason = format!("there is no key `{id}`: `adjacent keys` lists them");
            return Err(ConfigError::Usage(reason));
        };
        key.revoked.get_or_insert(now);
        self.save(all)
    }

    /// Every key, revoked and expired ones too, by id.
    pub fn list(&self) -> impl Iterator<Item = &Identity> {
        self.keys.values()
    }

    /// Whether none was ever made.
    pub fn is_empty(&self) -> bool {
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
    let mut chance = [0_u8; ID_CHARS];
    rand::fill(&mut chance);
    chance.iter().map(|byte| char::from(ID_LETTERS[usize::from(byte % 32)])).collect()
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
        let (id, text) = keys.create(Role::Advertiser, "zahid-host", end, at(NOW)).unwrap();
        (folder, keys, id, text)
    }

    #[test]
    fn a_key_opens_what_it_was_made_for_also_after_a_restart() {
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
    fn a_key_has_the_form_that_is_promised() {
        let (_folder, _, id, text) = with_one_key();
        let secret = text.expose_secret().strip_prefix(&format!("adj_a_{id}_")).unwrap();
        assert_eq!((id.len(), secret.len()), (8, 43));
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len(), 32);
    }

    #[test]
    fn the_file_holds_no_secret_and_nothing_shows_one() {
        let (folder, keys, id, text) = with_one_key();
        let written = std::fs::read_to_string(folder.path().join("keys.toml")).unwrap();
        let secret = text.expose_secret().rsplit_once(&format!("{id}_")).unwrap().1;
        assert!(written.contains(&id) && !written.contains(secret), "{written}");
        assert!(!format!("{keys:?} {text:?}").contains(secret));
    }

    #[test]
    fn a_key_that_is_not_exactly_ours_opens_nothing() {
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
    fn a_key_ends_when_it_expires_or_is_revoked() {
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
    fn what_cannot_be_done_is_said_and_changes_nothing() {
        let (folder, mut keys, _, _) = with_one_key();
        let said = keys.revoke("nope", at(NOW)).unwrap_err().to_string();
        assert!(said.contains("there is no key `nope`"), "{said}");
        assert!(keys.create(Role::Operator, "Not An Id", None, at(NOW)).is_err());
        std::fs::remove_dir_all(folder.path()).unwrap();
        let said = keys.create(Role::Operator, "me", None, at(NOW)).unwrap_err().to_string();
        assert!(said.contains("keys.toml: cannot be written"), "{said}");
        assert_eq!(keys.list().count(), 1);
    }
}
