//! Pauses advertisers, campaigns, flights, creatives and publishers, and parts of a publisher's site.
//!
//! Only the pause itself is validated, not the whole inventory: an unrelated error, such as one that
//! only a newer version detects, must not prevent an operator from pausing a flight.

use crate::catalog::archive::Archive;
use crate::catalog::check::check_url_prefix;
use crate::catalog::edit;
use crate::catalog::edit::EditError;
use crate::domain::campaign::{Campaign, Flight, PausedBy, ServingStatus};
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::id::TopicId;
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::ListItem;
use crate::domain::page_address::Prefix;
use crate::domain::party::{Advertiser, Blocks, ManualPauses, Publisher};
use crate::selection::compile;

string_enum! {
    /// A kind of object that can be paused.
    Pausable {
        /// An advertiser with all its campaigns.
        Advertiser = "advertiser",
        /// A campaign with all its flights.
        Campaign = "campaign",
        /// A single flight.
        Flight = "flight",
        /// A single creative.
        Creative = "creative",
        /// A publisher with its whole site.
        Publisher = "publisher",
    }
}

/// A part of a site that can be paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SitePart {
    /// The whole site.
    Site,
    /// Pages whose path or whose whole URL starts with this prefix.
    Path(String),
    /// Pages about this topic or one of its descendants.
    Topic(TopicId),
}

/// Pauses (`true`) or resumes (`false`) an object. Idempotent.
pub(crate) fn set(
    inventory: &Inventory,
    what: Pausable,
    id: &str,
    paused: bool,
) -> Result<Inventory, EditError> {
    let mut new = inventory.clone();
    let paused_by = paused.then_some(PausedBy::Operator);
    let status = match what {
        Pausable::Creative => {
            let found = find::<Creative>(&mut new, id)?;
            found.paused_by = paused_by;
            if !paused && found.state == CreativeState::Paused {
                found.state = CreativeState::Live;
            }
            return Ok(new);
        }
        Pausable::Advertiser => {
            let found = find::<Advertiser>(&mut new, id)?;
            found.paused_by = paused_by;
            &mut found.status
        }
        Pausable::Campaign => {
            let found = find::<Campaign>(&mut new, id)?;
            found.paused_by = paused_by;
            &mut found.status
        }
        Pausable::Flight => {
            let found = find::<Flight>(&mut new, id)?;
            found.paused_by = paused_by;
            &mut found.status
        }
        Pausable::Publisher => {
            let found = find::<Publisher>(&mut new, id)?;
            found.manual_pauses.site = paused;
            &mut found.status
        }
    };
    resume(status, paused);
    Ok(new)
}

/// Resuming also clears a pause from a file; the file sets it again when it is applied again.
fn resume(status: &mut ServingStatus, paused: bool) {
    if !paused {
        *status = ServingStatus::Active;
    }
}

/// Most paths, and most topics, that a publisher may have paused: each decision looks at all of them.
const MAX_PAUSES: usize = 200;

/// Pauses or resumes a part of a publisher's site. Idempotent.
pub(crate) fn set_site_part(
    inventory: &Inventory,
    publisher: &str,
    part: &SitePart,
    paused: bool,
) -> Result<Inventory, EditError> {
    let mut new = inventory.clone();
    let invalid =
        |field: &str, reason: String| edit::invalid::<Publisher>(publisher, field, reason);
    let known =
        |topic: &TopicId| inventory.topics.iter().any(|one| one.id.as_str() == topic.as_str());
    let site = find::<Publisher>(&mut new, publisher)?;
    match part {
        SitePart::Site => {
            site.manual_pauses.site = paused;
            resume(&mut site.status, paused);
        }
        SitePart::Path(prefix) => {
            let meant =
                check_url_prefix(prefix).map_err(|reason| invalid("paused_paths", reason))?;
            let other = |path: &String| Prefix::parse(path).as_ref() != Ok(&meant);
            site.manual_pauses.paths.retain(other);
            if paused {
                site.manual_pauses.paths.push(prefix.clone());
            }
            if paused && site.manual_pauses.paths.len() > MAX_PAUSES {
                let reason = format!(
                    "{MAX_PAUSES} paths are paused already: resume some, or pause a shorter prefix or \
                     the whole site"
                );
                return Err(invalid("paused_paths", reason));
            }
            if !paused {
                site.paused_paths.retain(other);
            }
        }
        SitePart::Topic(topic) => {
            if paused && !known(topic) {
                return Err(invalid("paused_topics", format!("unknown topic `{topic}`")));
            }
            set_entry(&mut site.manual_pauses.topics, topic, paused);
            if paused && site.manual_pauses.topics.len() > MAX_PAUSES {
                let reason = format!(
                    "{MAX_PAUSES} topics are paused already: resume some, or pause a topic above them \
                     or the whole site"
                );
                return Err(invalid("paused_topics", reason));
            }
            if !paused {
                set_entry(&mut site.paused_topics, topic, false);
            }
        }
    }
    Ok(new)
}

/// What an operator or a publisher sets by hand, and inventory files neither set nor clear.
trait ByHand: ListItem {
    /// Whether anything is set.
    fn is_set(&self) -> bool;
    /// Sets what `from` has set, and nothing else.
    fn copy(&mut self, from: &Self);
    /// Clears it.
    fn clear(&mut self);
}

macro_rules! paused_by {
    ($($type:ident),*) => {
        $(impl ByHand for $type {
            fn is_set(&self) -> bool {
                self.paused_by.is_some()
            }
            fn copy(&mut self, from: &Self) {
                self.paused_by = from.paused_by;
            }
            fn clear(&mut self) {
                self.paused_by = None;
            }
        })*
    };
}

paused_by!(Advertiser, Campaign, Flight, Creative);

impl ByHand for Publisher {
    fn is_set(&self) -> bool {
        !self.manual_pauses.is_empty() || !self.manual_blocks.is_empty()
    }
    fn copy(&mut self, from: &Self) {
        self.manual_pauses = from.manual_pauses.clone();
        self.manual_blocks = from.manual_blocks.clone();
    }
    fn clear(&mut self) {
        self.manual_pauses = ManualPauses::default();
        self.manual_blocks = Blocks::default();
    }
}

/// Gives a new inventory the pauses of the operators and publishers, and the publishers' own blocks, and no others:
/// applying files or rolling back neither sets nor clears them, nor does taking something out of the files and
/// adding it again.
pub(crate) fn carry(served: &Inventory, archive: &Archive, into: &mut Inventory) {
    clear(into);
    carry_list::<Advertiser>(served, archive, into);
    carry_list::<Campaign>(served, archive, into);
    carry_list::<Flight>(served, archive, into);
    carry_list::<Creative>(served, archive, into);
    carry_list::<Publisher>(served, archive, into);
}

/// The inventory without what is set by hand: the content, which files have.
pub(crate) fn content(inventory: &Inventory) -> Inventory {
    let mut content = inventory.clone();
    clear(&mut content);
    content
}

/// The hash of [`content`], whatever the order of the lists.
pub(crate) fn content_hash(inventory: &Inventory) -> String {
    if !is_set(inventory) && lists::are_sorted(inventory) {
        return compile::content_hash(inventory);
    }
    let mut content = content(inventory);
    content.sort();
    compile::content_hash(&content)
}

/// Whether anything is set by hand.
fn is_set(inventory: &Inventory) -> bool {
    fn of<T: ByHand>(inventory: &Inventory) -> bool {
        T::of(inventory).iter().any(T::is_set)
    }
    of::<Advertiser>(inventory)
        || of::<Campaign>(inventory)
        || of::<Flight>(inventory)
        || of::<Creative>(inventory)
        || of::<Publisher>(inventory)
}

fn clear(inventory: &mut Inventory) {
    fn of<T: ByHand>(inventory: &mut Inventory) {
        T::of_mut(inventory).iter_mut().for_each(T::clear);
    }
    of::<Advertiser>(inventory);
    of::<Campaign>(inventory);
    of::<Flight>(inventory);
    of::<Creative>(inventory);
    of::<Publisher>(inventory);
}

/// Objects that the new inventory does not have are skipped.
fn carry_list<T: ByHand>(served: &Inventory, archive: &Archive, into: &mut Inventory) {
    let removed = archive.documents::<T>().iter().filter(|one| one.is_set());
    let is_served = |id: &str| T::of(served).iter().any(|one| one.id() == id);
    let removed = removed.filter(|one| !is_served(one.id()));
    for last in T::of(served).iter().filter(|one| one.is_set()).chain(removed) {
        if let Ok(found) = find::<T>(into, last.id()) {
            found.copy(last);
        }
    }
}

pub(super) fn find<'a, T: ListItem>(
    inventory: &'a mut Inventory,
    id: &str,
) -> Result<&'a mut T, EditError> {
    let missing = || EditError::NotFound { list: T::LIST, id: id.to_owned() };
    T::of_mut(inventory).iter_mut().find(|one| one.id() == id).ok_or_else(missing)
}

/// Adds an entry to a list, at most once, or removes it.
fn set_entry<T: PartialEq + Clone>(list: &mut Vec<T>, entry: &T, present: bool) {
    list.retain(|other| other != entry);
    if present {
        list.push(entry.clone());
    }
}

#[cfg(test)]
#[path = "pause_tests.rs"]
mod tests;
