//! Pauses advertisers, campaigns, flights and publishers, and parts of a publisher's site.
//!
//! Only the pause itself is validated, not the whole inventory: an unrelated error, such as one that
//! only a newer version detects, must not prevent an operator from pausing a flight.

use crate::catalog::archive::Archive;
use crate::catalog::check::check_url_prefix;
use crate::catalog::edit;
use crate::catalog::edit::EditError;
use crate::domain::campaign::{Campaign, Flight, PausedBy, ServingStatus};
use crate::domain::id::TopicId;
use crate::domain::inventory::Inventory;
use crate::domain::lists::ListItem;
use crate::domain::page_address::Prefix;
use crate::domain::party::{Advertiser, Blocks, Publisher};

string_enum! {
    /// A kind of object that can be paused.
    Pausable {
        /// An advertiser with all its campaigns.
        Advertiser = "advertiser",
        /// A campaign with all its flights.
        Campaign = "campaign",
        /// A single flight.
        Flight = "flight",
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

/// Copies the operators' and publishers' pauses, and the publishers' own blocks, into a new inventory:
/// applying files or rolling back neither sets nor clears them, nor does taking something out of the files and adding it again.
pub(crate) fn carry(served: &Inventory, archive: &Archive, into: &mut Inventory) {
    carry_list::<Advertiser>(
        served,
        archive,
        into,
        |one| one.paused_by.is_some(),
        |last, one| {
            one.paused_by = last.paused_by;
        },
    );
    carry_list::<Campaign>(
        served,
        archive,
        into,
        |one| one.paused_by.is_some(),
        |last, one| {
            one.paused_by = last.paused_by;
        },
    );
    carry_list::<Flight>(
        served,
        archive,
        into,
        |one| one.paused_by.is_some(),
        |last, one| {
            one.paused_by = last.paused_by;
        },
    );
    carry_list::<Publisher>(
        served,
        archive,
        into,
        |one| !one.manual_pauses.is_empty(),
        |last, one| {
            one.manual_pauses = last.manual_pauses.clone();
        },
    );
    for site in &mut into.publishers {
        site.manual_blocks = Blocks::default();
    }
    carry_list::<Publisher>(
        served,
        archive,
        into,
        |one| !one.manual_blocks.is_empty(),
        |last, one| {
            one.manual_blocks = last.manual_blocks.clone();
        },
    );
}

/// Objects that the new inventory does not have are skipped.
fn carry_list<T: ListItem>(
    served: &Inventory,
    archive: &Archive,
    into: &mut Inventory,
    is_paused: fn(&T) -> bool,
    copy: fn(&T, &mut T),
) {
    let removed = archive.documents::<T>().iter().filter(|one| is_paused(one));
    let is_served = |id: &str| T::of(served).iter().any(|one| one.id() == id);
    let removed = removed.filter(|one| !is_served(one.id()));
    for last in T::of(served).iter().filter(|one| is_paused(one)).chain(removed) {
        if let Ok(found) = find::<T>(into, last.id()) {
            copy(last, found);
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
mod tests {
    use super::*;
    use crate::catalog::{check, files};

    #[test]
    fn applying_files_keeps_the_operators_pauses_and_replaces_the_files_own() {
        let example = files::example();
        let mut paused = set(&example, Pausable::Flight, "zahid-ai-europe", true).unwrap();
        let topic = SitePart::Topic("food".parse().unwrap());
        paused = set_site_part(&paused, "kitchen-journal", &topic, true).unwrap();
        paused.advertisers[0].status = ServingStatus::Paused;

        let mut applied = example.clone();
        carry(&paused, &Archive::default(), &mut applied);

        paused.advertisers[0].status = ServingStatus::Active;
        assert_eq!(applied, paused);
        let mut empty = Inventory::default();
        carry(&paused, &Archive::default(), &mut empty);
        assert_eq!(empty, Inventory::default());
    }

    #[test]
    fn resuming_restores_the_state_before_the_pause() {
        let example = files::example();
        for (what, id) in [
            (Pausable::Advertiser, "zahid-host"),
            (Pausable::Campaign, "zahid-launch"),
            (Pausable::Flight, "zahid-ai-europe"),
            (Pausable::Publisher, "eu-tech-news"),
        ] {
            let paused = set(&example, what, id, true).unwrap();
            assert_ne!(paused, example, "{what}");
            assert_eq!(set(&paused, what, id, true).unwrap(), paused, "idempotent");
            assert_eq!(set(&paused, what, id, false).unwrap(), example, "{what}");
            assert!(matches!(set(&example, what, "x", true), Err(EditError::NotFound { .. })));
        }
    }

    #[test]
    fn a_publisher_pauses_a_path_a_topic_or_its_whole_site() {
        let example = files::example();
        for part in [
            SitePart::Site,
            SitePart::Path("/politics/".into()),
            SitePart::Path("https://news.example/live".into()),
            SitePart::Topic("rust".parse().unwrap()),
        ] {
            let paused = set_site_part(&example, "eu-tech-news", &part, true).unwrap();
            assert_ne!(paused, example);
            assert_eq!(check::inventory(&paused), []);
            assert_eq!(set_site_part(&paused, "eu-tech-news", &part, false).unwrap(), example);
        }
    }

    #[test]
    fn a_path_is_resumed_in_any_spelling_of_it() {
        let example = files::example();
        let path = |text: &str| SitePart::Path(text.into());
        for (paused, resumed) in [
            ("/über/", "/%C3%BCber/"),
            ("https://news.example/war/", "https://NEWS.example:443/./war/"),
        ] {
            let mut inventory =
                set_site_part(&example, "eu-tech-news", &path(paused), true).unwrap();
            inventory.publishers[0].paused_paths = vec![resumed.to_owned()];
            let again = set_site_part(&inventory, "eu-tech-news", &path(resumed), true).unwrap();
            let site = |inventory: &Inventory| {
                inventory.publishers.iter().find(|one| one.id.as_str() == "eu-tech-news").cloned()
            };
            assert_eq!(site(&again).unwrap().manual_pauses.paths, [resumed]);
            let ended = set_site_part(&inventory, "eu-tech-news", &path(resumed), false).unwrap();
            assert_eq!(site(&ended).unwrap().all_paused_paths().count(), 0);
        }
    }

    #[test]
    fn a_publisher_has_a_bounded_number_of_pauses() {
        let mut inventory = files::example();
        let path = |number: usize| SitePart::Path(format!("/{number}/"));
        for number in 0..MAX_PAUSES {
            inventory = set_site_part(&inventory, "eu-tech-news", &path(number), true).unwrap();
        }
        let again = set_site_part(&inventory, "eu-tech-news", &path(7), true);
        assert!(again.is_ok(), "paused already");
        let error = set_site_part(&inventory, "eu-tech-news", &path(1_000), true).unwrap_err();
        assert!(matches!(&error, EditError::Invalid(f) if f[0].reason.contains("resume some")));
        assert!(set_site_part(&inventory, "eu-tech-news", &SitePart::Site, true).is_ok());
        assert!(set_site_part(&inventory, "kitchen-journal", &path(1_000), true).is_ok());
        assert!(set_site_part(&inventory, "eu-tech-news", &path(7), false).is_ok());
    }

    #[test]
    fn a_pause_that_would_have_no_effect_is_rejected() {
        let example = files::example();
        for part in [
            SitePart::Path("politics".into()),
            SitePart::Path("/a?b".into()),
            SitePart::Path("/a/*".into()),
            SitePart::Path("//a/".into()),
            SitePart::Path("ftp://news.example/a".into()),
            SitePart::Path("https://[news/a".into()),
            SitePart::Path(String::new()),
            SitePart::Topic("no-such-topic".parse().unwrap()),
        ] {
            let error = set_site_part(&example, "eu-tech-news", &part, true).unwrap_err();
            assert!(matches!(&error, EditError::Invalid(f) if f[0].field.starts_with("paused_")));
        }
    }

    #[test]
    fn a_flight_can_be_paused_in_an_invalid_inventory() {
        let mut broken = files::example();
        broken.campaigns[0].categories = vec!["no-such-category".parse().unwrap()];
        assert!(set(&broken, Pausable::Flight, "zahid-ai-europe", true).is_ok());
    }
}
