//! The keys made on a first run, so that everything can be tried at once.

use crate::config::keys::api::ApiKeys;
use crate::config::keys::api::Identity;
use crate::config::keys::api::Role;
use crate::config::keys::file;
use crate::config::load::ConfigError;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What `local-keys.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalKeys {
    /// The operator's key.
    pub operator: SecretString,
    /// Each advertiser's.
    #[serde(default)]
    pub advertiser: BTreeMap<String, SecretString>,
    /// Each publisher's.
    #[serde(default)]
    pub publisher: BTreeMap<String, SecretString>,
}

/// Whose the operator's key is.
const OPERATOR: &str = "local";

const ABOVE: &str =
    "# Made on a first run. Who can read this file can do everything: keep it here.\n";

impl LocalKeys {
    /// The local keys of the data directory.
    ///
    /// On a first run, that is when there are no keys at all, makes one for the operator and one for
    /// each advertiser and publisher. `None` when there are keys and this file is not, because the
    /// operator removed it.
    pub fn open<'a>(
        directory: &Path,
        keys: &mut ApiKeys,
        advertisers: impl Iterator<Item = &'a str>,
        publishers: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Result<Option<LocalKeys>, ConfigError> {
        let path = directory.join("local-keys.toml");
        let local = match file::read(&path)? {
            Some(local) => local,
            None if !keys.is_empty() => return Ok(None),
            None => {
                let made = LocalKeys::make(keys, advertisers, publishers, now)?;
                file::replace(&path, &made.text())?;
                made
            }
        };
        // The texts are on disk before their hashes: after a crash in between, they are known here
        // and nowhere else, and the next start goes on from that.
        if keys.is_empty() {
            let known = local.identities(now).ok_or_else(|| {
                file::refused(&path, "holds what is not a key: remove it and start again")
            })?;
            keys.add(known)?;
        }
        Ok(Some(local))
    }

    fn make<'a>(
        keys: &ApiKeys,
        advertisers: impl Iterator<Item = &'a str>,
        publishers: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Result<LocalKeys, ConfigError> {
        let draw = |role: Role, owner: &str| {
            keys.draw(role, owner, None, now).map(|(_, text)| (owner.to_owned(), text))
        };
        Ok(LocalKeys {
            operator: draw(Role::Operator, OPERATOR)?.1,
            advertiser: advertisers
                .map(|id| draw(Role::Advertiser, id))
                .collect::<Result<_, _>>()?,
            publisher: publishers.map(|id| draw(Role::Publisher, id)).collect::<Result<_, _>>()?,
        })
    }

    fn identities(&self, now: Timestamp) -> Option<Vec<Identity>> {
        let advertisers = self.advertiser.iter().map(|(id, text)| (Role::Advertiser, &**id, text));
        let publishers = self.publisher.iter().map(|(id, text)| (Role::Publisher, &**id, text));
        std::iter::once((Role::Operator, OPERATOR, &self.operator))
            .chain(advertisers)
            .chain(publishers)
            .map(|(role, owner, text)| ApiKeys::identify(role, owner, text, now))
            .collect()
    }

    fn text(&self) -> String {
        let shown = |keys: &BTreeMap<String, SecretString>| {
            let lines =
                keys.iter().map(|(id, key)| format!("{id} = \"{}\"\n", key.expose_secret()));
            lines.collect::<String>()
        };
        format!(
            "{ABOVE}operator = \"{}\"\n\n[advertiser]\n{}\n[publisher]\n{}",
            self.operator.expose_secret(),
            shown(&self.advertiser),
            shown(&self.publisher),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn start(directory: &Path) -> (ApiKeys, Option<LocalKeys>) {
        let mut keys = ApiKeys::open(directory).unwrap();
        let (advertisers, publishers) = (["zahid-host", "7seas"], ["eu-tech-news"]);
        let local = LocalKeys::open(
            directory,
            &mut keys,
            advertisers.into_iter(),
            publishers.into_iter(),
            now(),
        );
        (keys, local.unwrap())
    }

    fn now() -> Timestamp {
        "2026-08-01T12:00:00Z".parse().unwrap()
    }

    fn owner(keys: &ApiKeys, text: &SecretString) -> Option<(Role, String)> {
        keys.find(text.expose_secret(), now()).map(|key| (key.role, key.owner.clone()))
    }

    #[test]
    fn a_first_run_makes_a_key_for_everyone_and_the_next_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let (keys, local) = start(folder.path());
            let local = local.unwrap();
            assert_eq!(owner(&keys, &local.operator), Some((Role::Operator, "local".into())));
            let advertiser = owner(&keys, &local.advertiser["zahid-host"]);
            assert_eq!(advertiser, Some((Role::Advertiser, "zahid-host".into())));
            let publisher = owner(&keys, &local.publisher["eu-tech-news"]);
            assert_eq!(publisher, Some((Role::Publisher, "eu-tech-news".into())));
            assert_eq!(keys.list().count(), 4);
        }
        let mode = std::fs::metadata(folder.path().join("local-keys.toml")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn a_crash_between_the_two_files_loses_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let (_, before) = start(folder.path());
        std::fs::remove_file(folder.path().join("keys.toml")).unwrap();
        let (keys, after) = start(folder.path());
        assert!(owner(&keys, &before.unwrap().operator).is_some());
        assert!(owner(&keys, &after.unwrap().publisher["eu-tech-news"]).is_some());
    }

    #[test]
    fn a_revoked_key_stays_revoked_and_a_removed_file_stays_away() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keys, local) = start(folder.path());
        let operator = local.unwrap().operator;
        let id = keys.find(operator.expose_secret(), now()).unwrap().id.clone();
        keys.revoke(&id, now()).unwrap();
        assert_eq!(owner(&start(folder.path()).0, &operator), None);
        std::fs::remove_file(folder.path().join("local-keys.toml")).unwrap();
        assert!(start(folder.path()).1.is_none());
    }

    #[test]
    fn nothing_shows_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let local = start(folder.path()).1.unwrap();
        assert!(!format!("{local:?}").contains("adj_"));
    }
}
