//! The keys that seal event tokens, in `token-keys.toml`: created at the first start, rotated by
//! command.
//!
//! A key is first current; then previous for one click window, during which its tokens still count;
//! then retired: its click links still redirect, but no longer count.

use crate::config::keys::file;
use crate::config::keys::links::Links;
use crate::config::load::ConfigError;
use crate::token::{InvalidKeyring, KeyAge, Keyring};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most keys in the file; a rotation beyond it removes the oldest retired key.
const MAX_KEYS: usize = 100;

const HEADER: &str =
    "# The keys that seal event tokens. Anyone who can read this file can forge billable events.\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    keys: Vec<StoredKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    kid: u8,
    state: KeyAge,
    created: Timestamp,
    replaced: Option<Timestamp>,
    secret: SecretString,
}

/// A token key. `Debug` does not print its secret.
#[derive(Clone, Debug)]
pub(crate) struct TokenKey {
    /// The key's id, contained in every token that it sealed.
    pub(crate) kid: u8,
    /// Whether it is current, previous or retired.
    pub(crate) state: KeyAge,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// When another key became current instead.
    pub(crate) replaced: Option<Timestamp>,
    secret: Arc<SecretBox<[u8; 32]>>,
}

/// All keys that are not revoked, oldest first.
#[derive(Debug)]
pub struct TokenKeys {
    path: PathBuf,
    keys: Vec<TokenKey>,
}

impl TokenKeys {
    /// Reads the keys from a folder; creates the first one if the file does not exist.
    pub fn open(directory: &Path, now: Timestamp) -> Result<TokenKeys, ConfigError> {
        let path = directory.join("token-keys.toml");
        let mut found = TokenKeys { path, keys: Vec::new() };
        match file::read::<Stored>(&found.path)? {
            None => {
                let first = TokenKey::generate(1, now);
                found.save(vec![first])?;
            }
            Some(stored) => {
                for key in stored.keys {
                    let kid = key.kid;
                    let key = TokenKey::from_stored(key).ok_or_else(|| {
                        let reason = format!("the secret of key {kid} must be 32 bytes in base64");
                        file::invalid(&found.path, reason)
                    })?;
                    found.keys.push(key);
                }
            }
        }
        ring(&found.keys).map_err(|error| file::invalid(&found.path, error))?;
        Ok(found)
    }

    /// Creates a new current key and returns its id. The old one becomes previous at `now`; keys
    /// that have been previous for `window_seconds` are retired.
    pub fn rotate(&mut self, window_seconds: u32, now: Timestamp) -> Result<u8, ConfigError> {
        let mut keys = self.keys.clone();
        retire(&mut keys, window_seconds, now);
        let last = keys.iter().find(|key| key.state == KeyAge::Current).map_or(0, |key| key.kid);
        let kid = (1..=u8::MAX)
            .map(|step| last.wrapping_add(step))
            .find(|kid| *kid != 0 && !keys.iter().any(|key| key.kid == *kid))
            .expect("there are more ids than `MAX_KEYS`");
        for key in keys.iter_mut().filter(|key| key.state == KeyAge::Current) {
            key.state = KeyAge::Previous;
            key.replaced = Some(now);
        }
        keys.push(TokenKey::generate(kid, now));
        while keys.len() > MAX_KEYS
            && let Some(oldest) = keys.iter().position(|key| key.state == KeyAge::Retired)
        {
            keys.remove(oldest);
        }
        if keys.len() > MAX_KEYS {
            return Err(ConfigError::Usage(format!(
                "token keys: must be at most {MAX_KEYS} within one click window; rotate again after it"
            )));
        }
        self.save(keys)?;
        Ok(kid)
    }

    /// Retires the keys that have been previous for `window_seconds`. Returns whether there were
    /// any.
    pub fn retire(&mut self, window_seconds: u32, now: Timestamp) -> Result<bool, ConfigError> {
        let mut keys = self.keys.clone();
        let changed = retire(&mut keys, window_seconds, now);
        if changed {
            self.save(keys)?;
        }
        Ok(changed)
    }

    /// Removes all keys but one: tokens that they sealed count as forged from now on.
    pub(crate) fn revoke_others(&mut self, kid: u8) -> Result<(), ConfigError> {
        self.save(self.keys.iter().filter(|key| key.kid == kid).cloned().collect())
    }

    /// The keyring that seals and opens tokens.
    pub fn keyring(&self) -> Keyring {
        ring(&self.keys).expect("`open` and `rotate` ensure one current key and unique ids")
    }

    /// The id of the key that seals new tokens.
    pub(crate) fn current(&self) -> Option<u8> {
        self.keys.iter().find(|key| key.state == KeyAge::Current).map(|key| key.kid)
    }

    /// Signs and verifies links to advertisers' pages with these keys.
    pub fn links(&self) -> Links {
        let (current, others): (Vec<_>, Vec<_>) =
            self.keys.iter().partition(|key| key.state == KeyAge::Current);
        let current = current.first().expect("exactly one key is current");
        Links::new(
            current.secret.expose_secret(),
            others.iter().map(|key| key.secret.expose_secret()),
        )
    }

    fn save(&mut self, keys: Vec<TokenKey>) -> Result<(), ConfigError> {
        let text: String = keys.iter().map(TokenKey::text).collect();
        file::replace(&self.path, &format!("{HEADER}{text}"))?;
        self.keys = keys;
        Ok(())
    }
}

fn ring(keys: &[TokenKey]) -> Result<Keyring, InvalidKeyring> {
    Keyring::new(keys.iter().map(|key| (key.kid, key.state, key.secret.expose_secret())))
}

fn retire(keys: &mut [TokenKey], window_seconds: u32, now: Timestamp) -> bool {
    let window = SignedDuration::from_secs(i64::from(window_seconds));
    let is_expired = |key: &TokenKey| {
        let replaced = key.replaced.unwrap_or(key.created);
        key.state == KeyAge::Previous && now.duration_since(replaced) >= window
    };
    let mut changed = false;
    for key in keys.iter_mut().filter(|key| is_expired(key)) {
        key.state = KeyAge::Retired;
        changed = true;
    }
    changed
}

impl TokenKey {
    fn generate(kid: u8, now: Timestamp) -> TokenKey {
        let secret = SecretBox::init_with_mut(|secret: &mut [u8; 32]| rand::fill(secret));
        let secret = Arc::new(secret);
        TokenKey { kid, state: KeyAge::Current, created: now, replaced: None, secret }
    }

    fn from_stored(stored: StoredKey) -> Option<TokenKey> {
        let StoredKey { kid, state, created, replaced, secret } = stored;
        let secret = STANDARD.decode(secret.expose_secret()).ok()?;
        let secret = SecretBox::new(Box::new(<[u8; 32]>::try_from(secret).ok()?)).into();
        Some(TokenKey { kid, state, created, replaced, secret })
    }

    fn text(&self) -> String {
        let replaced = self.replaced.map(|at| format!("replaced = \"{at}\"\n")).unwrap_or_default();
        format!(
            "\n[[keys]]\nkid = {}\nstate = \"{}\"\ncreated = \"{}\"\n{replaced}secret = \"{}\"\n",
            self.kid,
            self.state,
            self.created,
            STANDARD.encode(self.secret.expose_secret()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::links::ReportPage;
    use crate::domain::event::TokenRejection;
    use crate::token::Token;
    use crate::token::payload::PAYLOAD_BYTES;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    const WINDOW: u32 = 7_200;

    fn at(hours: i64) -> Timestamp {
        let start: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        start + SignedDuration::from_hours(hours)
    }

    fn first_start() -> (TempDir, TokenKeys) {
        let folder = tempfile::tempdir().unwrap();
        let keys = TokenKeys::open(folder.path(), at(0)).unwrap();
        (folder, keys)
    }

    fn sealed(keys: &TokenKeys) -> String {
        keys.keyring().seal(&Token::decode(&[0; PAYLOAD_BYTES]).unwrap())
    }

    fn age(keys: &TokenKeys, text: &str) -> Result<KeyAge, TokenRejection> {
        keys.keyring().open(text).map(|(_, age)| age)
    }

    #[test]
    fn the_first_start_creates_a_key_that_the_next_start_reads() {
        let (folder, keys) = first_start();
        let again = TokenKeys::open(folder.path(), at(1)).unwrap();
        assert_eq!(age(&again, &sealed(&keys)), Ok(KeyAge::Current));
        let file = std::fs::metadata(folder.path().join("token-keys.toml")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn two_installations_have_different_keys() {
        let (one, other) = (first_start(), first_start());
        assert_eq!(age(&other.1, &sealed(&one.1)), Err(TokenRejection::Forged));
    }

    #[test]
    fn a_rotated_key_is_previous_for_one_window_and_then_retired() {
        let (folder, mut keys) = first_start();
        let first = sealed(&keys);
        assert_eq!(keys.rotate(WINDOW, at(1)).unwrap(), 2);
        let second = sealed(&keys);
        assert_eq!(keys.rotate(WINDOW, at(2)).unwrap(), 3);
        let third = sealed(&keys);
        assert!(!keys.retire(WINDOW, at(2)).unwrap());
        let ages =
            |keys: &TokenKeys| [&first, &second, &third].map(|text| age(keys, text).unwrap());
        assert_eq!(ages(&keys), [KeyAge::Previous, KeyAge::Previous, KeyAge::Current]);
        assert!(keys.retire(WINDOW, at(3)).unwrap());
        let again = TokenKeys::open(folder.path(), at(3)).unwrap();
        for keys in [&keys, &again] {
            assert_eq!(ages(keys), [KeyAge::Retired, KeyAge::Previous, KeyAge::Current]);
        }
    }

    #[test]
    fn tokens_of_a_revoked_key_name_an_unknown_key() {
        let (folder, mut keys) = first_start();
        let text = sealed(&keys);
        let current = keys.rotate(WINDOW, at(1)).unwrap();
        assert_eq!(age(&keys, &text), Ok(KeyAge::Previous));
        keys.revoke_others(current).unwrap();
        assert_eq!(age(&keys, &sealed(&keys)), Ok(KeyAge::Current));
        assert_eq!(age(&keys, &text), Err(TokenRejection::UnknownKey));
        assert_eq!(
            age(&TokenKeys::open(folder.path(), at(1)).unwrap(), &text),
            Err(TokenRejection::UnknownKey)
        );
    }

    #[test]
    fn the_number_of_keys_is_bounded_and_rotation_never_runs_out_of_ids() {
        let (_folder, mut keys) = first_start();
        for round in 1..300 {
            keys.rotate(WINDOW, at(round * 3)).unwrap();
            assert_eq!(age(&keys, &sealed(&keys)), Ok(KeyAge::Current));
        }
        assert_eq!(keys.keys.len(), MAX_KEYS);
        let at_once = (0..200).map(|_| keys.rotate(WINDOW, at(1_000))).find(Result::is_err);
        assert!(at_once.is_some());
    }

    #[test]
    fn a_signed_link_stays_valid_after_a_rotation() {
        let (_folder, mut keys) = first_start();
        let zahid = ReportPage::Advertiser("zahid-host".parse().unwrap());
        let link = keys.links().sign(&zahid, 1_000);
        keys.rotate(WINDOW, at(1)).unwrap();
        assert!(keys.links().opens(&link, &zahid, 0));
    }

    #[test]
    fn secrets_are_neither_printed_nor_quoted_in_errors() {
        let (folder, keys) = first_start();
        let path = folder.path().join("token-keys.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let secret = text.rsplit_once("secret = ").unwrap().1.trim();
        assert!(!format!("{keys:?}").contains(secret.trim_matches('"')));
        for wrong in
            [text.replace("current", "previous"), text.replace("secret = \"", "secret = \"!")]
        {
            std::fs::write(&path, wrong).unwrap();
            let error = format!("{:?}", TokenKeys::open(folder.path(), at(0)).unwrap_err());
            assert!(error.contains("token-keys.toml") && !error.contains(&secret[2..]), "{error}");
        }
    }
}
