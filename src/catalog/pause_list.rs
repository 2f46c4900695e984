//! What is paused, by whom, since when and why.

use crate::catalog::audit::Entry;
use crate::catalog::detail::PauseDetail;
use crate::domain::campaign::{Campaign, Flight, PausedBy, ServingStatus};
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::inventory::Inventory;
use crate::domain::lists::ListItem;
use crate::domain::party::Advertiser;
use serde::Serialize;

/// Something that is paused.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct PauseRow {
    /// The kind of object: `advertiser`, `campaign`, `flight`, `creative` or `publisher`.
    pub(crate) what: &'static str,
    /// Its id.
    pub(crate) id: String,
    /// The URL prefix, of a part of a publisher's site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// The topic, of a part of a publisher's site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    /// Whether the inventory itself says so, such as `status = "paused"` in a file; else it was paused by hand.
    pub(crate) in_inventory: bool,
    /// Who paused it by hand, such as a key's id; absent where that was not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) since: Option<jiff::Timestamp>,
    /// The reason that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The number of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<u64>,
}

/// Everything that is paused in an inventory, by kind and id. `entries`: the history.
pub(crate) fn list(inventory: &Inventory, entries: &[Entry]) -> Vec<PauseRow> {
    let mut rows = Rows { entries, found: Vec::new() };
    rows.objects::<Advertiser>(inventory, "advertiser", |one| (one.status, one.paused_by));
    rows.objects::<Campaign>(inventory, "campaign", |one| (one.status, one.paused_by));
    rows.objects::<Flight>(inventory, "flight", |one| (one.status, one.paused_by));
    rows.objects::<Creative>(inventory, "creative", |one| match one.state {
        CreativeState::Paused => (ServingStatus::Paused, one.paused_by),
        _ => (ServingStatus::Active, one.paused_by),
    });
    for site in &inventory.publishers {
        let (id, manual) = (site.id.as_str(), &site.manual_pauses);
        for (paused, by_hand) in
            [(site.status == ServingStatus::Paused, false), (manual.site, true)]
        {
            if paused {
                rows.add("publisher", id, (None, None), by_hand);
            }
        }
        for (paths, by_hand) in [(&site.paused_paths, false), (&manual.paths, true)] {
            paths.iter().for_each(|path| rows.add("publisher", id, (Some(path), None), by_hand));
        }
        for (topics, by_hand) in [(&site.paused_topics, false), (&manual.topics, true)] {
            let names = topics.iter().map(|topic| topic.as_str());
            names.for_each(|topic| rows.add("publisher", id, (None, Some(topic)), by_hand));
        }
    }
    rows.found
}

struct Rows<'a> {
    entries: &'a [Entry],
    found: Vec<PauseRow>,
}

impl Rows<'_> {
    fn objects<T: ListItem>(
        &mut self,
        inventory: &Inventory,
        what: &'static str,
        state: fn(&T) -> (ServingStatus, Option<PausedBy>),
    ) {
        for one in T::of(inventory) {
            let (status, by) = state(one);
            if status == ServingStatus::Paused {
                self.add(what, one.id(), (None, None), false);
            }
            if by.is_some() {
                self.add(what, one.id(), (None, None), true);
            }
        }
    }

    fn add(
        &mut self,
        what: &'static str,
        id: &str,
        (path, topic): (Option<&str>, Option<&str>),
        by_hand: bool,
    ) {
        let is_it = |pause: &PauseDetail| {
            (pause.what.as_str(), pause.id.as_str()) == (what, id)
                && (pause.path.as_deref(), pause.topic.as_deref()) == (path, topic)
        };
        let entry = self
            .entries
            .iter()
            .rev()
            .filter(|_| by_hand)
            .find_map(|entry| entry.pause().filter(is_it).map(|pause| (entry, pause)))
            .filter(|(_, pause)| pause.paused);
        self.found.push(PauseRow {
            what,
            id: id.to_owned(),
            path: path.map(str::to_owned),
            topic: topic.map(str::to_owned),
            in_inventory: !by_hand,
            by: entry.as_ref().map(|(entry, _)| entry.who.clone()),
            since: entry.as_ref().map(|(entry, _)| entry.at),
            reason: entry.as_ref().and_then(|(_, pause)| pause.reason.clone()),
            number: entry.as_ref().map(|(entry, _)| entry.number),
        });
    }
}
