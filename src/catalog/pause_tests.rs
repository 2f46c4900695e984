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
        let mut inventory = set_site_part(&example, "eu-tech-news", &path(paused), true).unwrap();
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
