//! What a reload of the API keys changed, for the log.

use crate::config::keys::api::{ApiKeys, Identity};
use std::collections::BTreeMap;

impl ApiKeys {
    /// What differs from an earlier state: keys that were created, revoked or removed, without secrets.
    pub(crate) fn changes_since(&self, before: &ApiKeys) -> Vec<String> {
        let by_id = |keys: &ApiKeys| -> BTreeMap<String, Identity> {
            keys.list().map(|key| (key.id.clone(), key.clone())).collect()
        };
        let (before, now) = (by_id(before), by_id(self));
        let line = |what: &str, key: &Identity| {
            format!("{what} {} ({} of {})", key.id, key.role, key.owner)
        };
        let changed = now.values().filter_map(|key| match before.get(&key.id) {
            None => Some(line("created", key)),
            Some(known) if known == key => None,
            Some(known) if known.revoked.is_none() && key.revoked.is_some() => {
                Some(line("revoked", key))
            }
            Some(_) => Some(line("changed", key)),
        });
        let removed = before.values().filter(|key| !now.contains_key(&key.id));
        changed.chain(removed.map(|key| line("removed", key))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::Role;

    #[test]
    fn created_revoked_and_removed_keys_are_named_with_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-08-01T12:00:00Z".parse().unwrap();
        let mut keys = ApiKeys::open(folder.path()).unwrap();
        let empty = keys.clone();
        let (id, text) = keys.create(Role::Operator, "alice", (None, None), now).unwrap();
        let created = keys.clone();
        assert_eq!(created.changes_since(&empty), [format!("created {id} (operator of alice)")]);
        keys.revoke(&id, now).unwrap();
        let revoked = [format!("revoked {id} (operator of alice)")];
        assert_eq!(keys.changes_since(&created), revoked);
        assert_eq!(empty.changes_since(&keys), [format!("removed {id} (operator of alice)")]);
        assert!(keys.changes_since(&keys).is_empty());
        let secret = secrecy::ExposeSecret::expose_secret(&text).to_owned();
        assert!(!created.changes_since(&empty)[0].contains(&secret));
    }
}
