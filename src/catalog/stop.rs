//! Stops: of what is sold, and of a publisher's own pages.
//!
//! Nothing but the stop itself is checked. An inventory that a newer version would refuse for
//! another reason must not keep an operator from stopping a flight at night.

use crate::catalog::check::Finding;
use crate::catalog::check::stopped_path;
use crate::catalog::edit::Refused;
use crate::catalog::listed::Listed;
use crate::domain::campaign::Campaign;
use crate::domain::campaign::Flight;
use crate::domain::id::TopicId;
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;
use crate::domain::party::Publisher;

closed! {
    /// What can be stopped as a whole.
    Stoppable {
        /// All campaigns of it.
        Advertiser = "advertiser",
        /// All flights of it.
        Campaign = "campaign",
        /// It alone.
        Flight = "flight",
        /// Its whole site.
        Publisher = "publisher",
    }
}

/// A part of a site on which nothing is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Site,
    /// Pages whose path, or whose whole address, begins like this.
    Path(String),
    /// Pages about a topic or one below it.
    Topic(TopicId),
}

/// Stops (`true`) or resumes (`false`) something. Twice is like once.
pub fn set(
    inventory: &Inventory,
    what: Stoppable,
    id: &str,
    stopped: bool,
) -> Result<Inventory, Refused> {
    let mut new = inventory.clone();
    let (held, written) = match what {
        Stoppable::Advertiser => {
            let found = find::<Advertiser>(&mut new, id)?;
            (&mut found.held, &mut found.stopped)
        }
        Stoppable::Campaign => {
            let found = find::<Campaign>(&mut new, id)?;
            (&mut found.held, &mut found.stopped)
        }
        Stoppable::Flight => {
            let found = find::<Flight>(&mut new, id)?;
            (&mut found.held, &mut found.stopped)
        }
        Stoppable::Publisher => {
            let found = find::<Publisher>(&mut new, id)?;
            (&mut found.held.site, &mut found.stopped)
        }
    };
    // What a file stopped is resumed, too; the file stops it again when it is applied again.
    *held = stopped;
    *written &= stopped;
    Ok(new)
}

/// Stops or resumes a part of a publisher's own site. Twice is like once.
pub fn set_part(
    inventory: &Inventory,
    publisher: &str,
    part: &Part,
    stopped: bool,
) -> Result<Inventory, Refused> {
    let mut new = inventory.clone();
    let refused = |field: &str, reason: String| {
        let (list, id, field) = (Publisher::LIST, publisher.to_owned(), field.to_owned());
        Refused::Invalid(vec![Finding { list, id, field, reason, help: None }])
    };
    let known =
        |topic: &TopicId| inventory.topics.iter().any(|one| one.id.as_str() == topic.as_str());
    let site = find::<Publisher>(&mut new, publisher)?;
    match part {
        Part::Site => {
            site.held.site = stopped;
            site.stopped &= stopped;
        }
        Part::Path(prefix) => {
            stopped_path(prefix).map_err(|reason| refused("stopped_paths", reason))?;
            entry(&mut site.held.paths, prefix, stopped);
            if !stopped {
                entry(&mut site.stopped_paths, prefix, false);
            }
        }
        Part::Topic(topic) => {
            if stopped && !known(topic) {
                return Err(refused("stopped_topics", format!("there is no topic `{topic}`")));
            }
            entry(&mut site.held.topics, topic, stopped);
            if !stopped {
                entry(&mut site.stopped_topics, topic, false);
            }
        }
    }
    Ok(new)
}

/// Takes what was stopped by hand over into an inventory that knows nothing of it: files and steps
/// back stop and resume only what they say themselves.
pub fn carry(from: &Inventory, into: &mut Inventory) {
    let held: Vec<(Stoppable, &str)> = from
        .advertisers
        .iter()
        .filter(|one| one.held)
        .map(|one| (Stoppable::Advertiser, one.id.as_str()))
        .chain(
            from.campaigns
                .iter()
                .filter(|one| one.held)
                .map(|one| (Stoppable::Campaign, one.id.as_str())),
        )
        .chain(
            from.flights
                .iter()
                .filter(|one| one.held)
                .map(|one| (Stoppable::Flight, one.id.as_str())),
        )
        .collect();
    for (what, id) in held {
        // What is gone needs no stop.
        match what {
            Stoppable::Advertiser => hold(find::<Advertiser>(into, id).map(|one| &mut one.held)),
            Stoppable::Campaign => hold(find::<Campaign>(into, id).map(|one| &mut one.held)),
            _ => hold(find::<Flight>(into, id).map(|one| &mut one.held)),
        }
    }
    for site in from.publishers.iter().filter(|site| !site.held.is_nothing()) {
        if let Ok(found) = find::<Publisher>(into, site.id.as_str()) {
            found.held = site.held.clone();
        }
    }
}

fn hold(found: Result<&mut bool, Refused>) {
    if let Ok(held) = found {
        *held = true;
    }
}

fn find<'a, T: Listed>(inventory: &'a mut Inventory, id: &str) -> Result<&'a mut T, Refused> {
    let missing = || Refused::NotFound { list: T::LIST, id: id.to_owned() };
    T::of_mut(inventory).iter_mut().find(|one| one.id() == id).ok_or_else(missing)
}

fn entry<T: PartialEq + Clone>(list: &mut Vec<T>, one: &T, there: bool) {
    list.retain(|other| other != one);
    if there {
        list.push(one.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::check;
    use crate::catalog::files;

    #[test]
    fn files_resume_nothing_that_was_stopped_by_hand_and_stops_of_files_are_the_files_own() {
        let example = files::example();
        let mut stopped = set(&example, Stoppable::Flight, "zahid-ai-europe", true).unwrap();
        let topic = Part::Topic("food".parse().unwrap());
        stopped = set_part(&stopped, "kitchen-journal", &topic, true).unwrap();
        stopped.advertisers[0].stopped = true;

        let mut applied = example.clone();
        carry(&stopped, &mut applied);

        stopped.advertisers[0].stopped = false;
        assert_eq!(applied, stopped);
        let mut gone = Inventory::default();
        carry(&stopped, &mut gone);
        assert_eq!(gone, Inventory::default());
    }

    #[test]
    fn whatever_is_stopped_is_as_before_once_it_is_resumed() {
        let example = files::example();
        for (what, id) in [
            (Stoppable::Advertiser, "zahid-host"),
            (Stoppable::Campaign, "zahid-launch"),
            (Stoppable::Flight, "zahid-ai-europe"),
            (Stoppable::Publisher, "eu-tech-news"),
        ] {
            let stopped = set(&example, what, id, true).unwrap();
            assert_ne!(stopped, example, "{what}");
            assert_eq!(set(&stopped, what, id, true).unwrap(), stopped, "twice is like once");
            assert_eq!(set(&stopped, what, id, false).unwrap(), example, "{what}");
            assert!(matches!(set(&example, what, "x", true), Err(Refused::NotFound { .. })));
        }
    }

    #[test]
    fn a_publisher_stops_a_path_a_topic_or_its_whole_site() {
        let example = files::example();
        for part in [
            Part::Site,
            Part::Path("/politics/".into()),
            Part::Path("https://news.example/live".into()),
            Part::Topic("rust".parse().unwrap()),
        ] {
            let stopped = set_part(&example, "eu-tech-news", &part, true).unwrap();
            assert_ne!(stopped, example);
            assert_eq!(check::inventory(&stopped), []);
            assert_eq!(set_part(&stopped, "eu-tech-news", &part, false).unwrap(), example);
        }
    }

    #[test]
    fn a_stop_that_would_not_stop_anything_is_refused() {
        let example = files::example();
        for part in [
            Part::Path("politics".into()),
            Part::Path("/a?b".into()),
            Part::Path(String::new()),
            Part::Topic("no-such-topic".parse().unwrap()),
        ] {
            let refused = set_part(&example, "eu-tech-news", &part, true).unwrap_err();
            assert!(matches!(&refused, Refused::Invalid(f) if f[0].field.starts_with("stopped_")));
        }
    }

    #[test]
    fn a_stop_holds_in_an_inventory_that_is_not_valid() {
        let mut broken = files::example();
        broken.campaigns[0].sectors = vec!["no-such-sector".parse().unwrap()];
        assert!(set(&broken, Stoppable::Flight, "zahid-ai-europe", true).is_ok());
    }
}
