//! The API keys that a first run creates, so that every endpoint can be tried at once.

use crate::config::keys::api::{ApiKeys, Identity, Role};
use crate::config::keys::file;
use crate::config::load::ConfigError;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The content of `local-keys.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalKeys {
    /// The operator's key.
    pub operator: SecretString,
    /// The advertisers' keys by advertiser id.
    #[serde(default)]
    pub advertiser: BTreeMap<String, SecretString>,
    /// The publishers' keys by publisher id.
    #[serde(default)]
    pub publisher: BTreeMap<String, SecretString>,
}

/// The owner of the operator's key.
const OPERATOR: &str = "local";

/// The name of the file.
const FILE: &str = "local-keys.toml";

const HEADER: &str = "# Created on a first run. Anyone who can read this file has full access: \
                      do not copy it elsewhere.\n";

impl LocalKeys {
    /// Reads the local keys from a folder and creates none; `None` if there is no such file.
    pub(crate) fn read(directory: &Path) -> Result<Option<LocalKeys>, ConfigError> {
        file::read(&directory.join(FILE))
    }

    /// Reads the local keys from a folder.
    ///
    /// On a first run (there are no API keys at all), creates one for the operator and one for each
    /// advertiser and publisher. `None` if there are API keys but no such file, because the operator
    /// removed it.
    pub(crate) fn open<'a>(
        directory: &Path,
        keys: &mut ApiKeys,
        advertisers: impl Iterator<Item = &'a str>,
        publishers: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Result<Option<LocalKeys>, ConfigError> {
        let path = directory.join(FILE);
        let local = match file::read(&path)? {
            Some(local) => local,
            None if !keys.is_empty() => return Ok(None),
            None => {
                let local = LocalKeys::generate(keys, advertisers, publishers, now)?;
                file::replace(&path, &local.text())?;
                local
            }
        };
        // The keys are written before their hashes, so that a crash in between loses nothing: the
        // next start adds the hashes.
        if keys.is_empty() {
            let identities = local.identities(now).ok_or_else(|| {
                file::invalid(&path, "contains an invalid key: remove the file and start again")
            })?;
            keys.add(identities)?;
        }
        Ok(Some(local))
    }

    fn generate<'a>(
        keys: &ApiKeys,
        advertisers: impl Iterator<Item = &'a str>,
        publishers: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Result<LocalKeys, ConfigError> {
        let generate = |role: Role, owner: &str| {
            keys.generate(role, owner, None, now).map(|(_, text)| (owner.to_owned(), text))
        };
        Ok(LocalKeys {
            operator: generate(Role::Operator, OPERATOR)?.1,
            advertiser: advertisers
                .map(|id| generate(Role::Advertiser, id))
                .collect::<Result<_, _>>()?,
            publisher: publishers
                .map(|id| generate(Role::Publisher, id))
                .collect::<Result<_, _>>()?,
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
        let lines = |keys: &BTreeMap<String, SecretString>| {
            let lines =
                keys.iter().map(|(id, key)| format!("{id} = \"{}\"\n", key.expose_secret()));
            lines.collect::<String>()
        };
        format!(
            "{HEADER}operator = \"{}\"\n\n[advertiser]\n{}\n[publisher]\n{}",
            self.operator.expose_secret(),
            lines(&self.advertiser),
            lines(&self.publisher),
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
    fn the_first_run_creates_keys_for_every_party_and_the_next_run_reads_them() {
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
    fn a_crash_between_writing_the_two_files_loses_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let (_, before) = start(folder.path());
        std::fs::remove_file(folder.path().join("keys.toml")).unwrap();
        let (keys, after) = start(folder.path());
        assert!(owner(&keys, &before.unwrap().operator).is_some());
        assert!(owner(&keys, &after.unwrap().publisher["eu-tech-news"]).is_some());
    }

    #[test]
    fn a_revoked_key_stays_revoked_and_a_removed_file_is_not_created_again() {
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
    fn debug_output_contains_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let local = start(folder.path()).1.unwrap();
        assert!(!format!("{local:?}").contains("adj_"));
    }
}
