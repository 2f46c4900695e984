use super::*;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::selection::compile::compile;
use crate::selection::resolve;
use crate::selection::resolve::{PageInput, RegionSignals, SlotInput};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// An inventory with these topics, entities, publishers with placements, and targeted keywords and authors, each
/// with a flight and a creative of its own.
fn inventory(
    topics: &[&str],
    sites: &[(&str, &[&str])],
    words: &[&str],
    authors: &[&str],
) -> Value {
    let document = |id: &&str| json!({ "id": id, "name": format!("The {id}") });
    let entity =
        |id: &&str| json!({ "id": format!("maker-of-{id}"), "name": format!("Maker of {id}") });
    let site = |(id, placements): &(&str, &[&str])| {
        let placement = |id: &&str| json!({ "id": id, "styles": ["card", "line"] });
        json!({ "id": id, "name": id, "default_country": "DE", "language": "en",
            "placements": placements.iter().map(placement).collect::<Vec<_>>() })
    };
    let flight = |word: &&str| {
        json!({ "id": word, "campaign": "c", "tier": "standard", "pricing": "flat",
            "targeting": { "keywords": { "any": [word] }, "custom": { "author": { "any": authors } } } })
    };
    let creative = |word: &&str| {
        json!({ "id": format!("creative-{word}"), "flight": word, "state": "live", "styles": ["card"],
            "headline": "H", "body": "B",
            "ctas": [{ "id": "go", "text": "Go", "url": "https://a.example/" }] })
    };
    json!({
        "topics": topics.iter().map(document).collect::<Vec<_>>(),
        "entities": topics.iter().map(entity).collect::<Vec<_>>(),
        "context_keys": [{ "id": "author", "name": "Author", "max_characters": 40 }],
        "categories": [{ "id": "software", "name": "Software" }],
        "advertisers": [{ "id": "a", "name": "A", "currency": "EUR", "domains": ["a.example"] }],
        "campaigns": [{ "id": "c", "advertiser": "a", "name": "C", "political": false, "categories": ["software"] }],
        "flights": words.iter().map(flight).collect::<Vec<_>>(),
        "creatives": words.iter().map(creative).collect::<Vec<_>>(),
        "publishers": sites.iter().map(site).collect::<Vec<_>>(),
    })
}

fn snapshot(document: Value) -> Arc<Snapshot> {
    let inventory: Inventory = serde_json::from_value(document).unwrap();
    Arc::new(compile(inventory, &Weights::default(), &LabelTable::default()))
}

fn old() -> Arc<Snapshot> {
    let sites: &[(&str, &[&str])] = &[("b-site", &["top", "side"]), ("c-site", &["top"])];
    snapshot(inventory(&["b", "c", "d"], sites, &["w1", "w2", "w3"], &["ann", "bob"]))
}

/// The same with other positions: what begins with `a` is new, some is gone, placements have another order.
fn new(edit: impl Fn(&mut Value)) -> Arc<Snapshot> {
    let sites: &[(&str, &[&str])] = &[("a-site", &["x"]), ("b-site", &["side", "top"])];
    let mut document = inventory(&["a", "c", "d"], sites, &["w0", "w2", "w3"], &["aaron", "bob"]);
    edit(&mut document);
    snapshot(document)
}

fn resolved(on: &Snapshot, input: &PageInput<'_>) -> Page {
    let publisher = on.publisher_by_id["b-site"];
    let slot = |name: &'static str| SlotInput { name: name.into(), ..SlotInput::default() };
    let signals = RegionSignals { observed: None, declared: "FR".parse().ok() };
    let slots = [slot("top"), slot("side"), slot("nowhere")];
    resolve::page(on, publisher, input, signals, &slots)
}

/// In one order: what was unknown comes last where it was carried over.
fn in_order(mut page: Page) -> Page {
    page.topics.sort();
    page.entities.sort_by_key(|(entity, _)| entity.0);
    page.unknown.sort();
    page.keywords.sort_unstable();
    page
}

fn input(
    topics: &[&str],
    entities: &[&str],
    words: &[&str],
    authors: &[&str],
) -> PageInput<'static> {
    serde_json::from_value(json!({
        "topics": topics, "entities": entities, "keywords": words, "custom": { "author": authors },
        "region": "eu", "language": "de", "sentiment": "positive",
        "shown": words.iter().map(|word| format!("creative-{word}")).collect::<Vec<_>>(),
    }))
    .unwrap()
}

proptest! {
    #[test]
    fn a_page_is_carried_over_as_if_it_were_resolved_again(
        topics in prop::sample::subsequence(vec!["a", "b", "c", "d", "z"], 0..=5),
        makers in prop::sample::subsequence(vec!["Maker of a", "Maker of b", "Maker of c", "zed"], 0..=4),
        // New flights may ask about `w0` and `aaron`, which recorded pages do not have.
        words in prop::sample::subsequence(vec!["w1", "w2", "w3", "w9"], 0..=4),
        authors in prop::sample::subsequence(vec!["ann", "bob"], 0..=2),
    ) {
        let input = input(&topics, &makers, &words, &authors);
        static SNAPSHOTS: LazyLock<(Arc<Snapshot>, Arc<Snapshot>)> =
            LazyLock::new(|| (old(), new(|_| {})));
        let (old, new) = &*SNAPSHOTS;
        let translation = Translation::between(&Names::of(old), new);
        let carried = translation.page(&resolved(old, &input), None).unwrap();
        prop_assert_eq!(in_order(carried), in_order(resolved(new, &input)));
    }
}

#[test]
fn a_page_carried_over_to_its_own_snapshot_stays_the_same() {
    let old = old();
    let page = resolved(&old, &input(&["c", "nothing"], &["Maker of b"], &["w1", "w3"], &["ann"]));
    let same = Translation::between(&Names::of(&old), &old);
    assert_eq!(same.page(&page, None), Some(page));
    assert_eq!((same.flight(2), same.flight(3)), (Some(2), None));
}

#[test]
fn a_page_of_a_publisher_that_is_gone_has_no_place_and_what_is_gone_is_unknown() {
    let (old, new) = (old(), new(|_| {}));
    let translation = Translation::between(&Names::of(&old), &new);
    let page = resolved(&old, &input(&["b", "c"], &["Maker of b"], &["w1"], &["ann"]));
    let carried = translation.page(&page, None).unwrap();
    assert_eq!(carried.unknown.join(" "), "b maker-of-b");
    assert_eq!((carried.keywords.len(), carried.custom.len(), carried.shown.len()), (0, 0, 0));
    let gone = Page { publisher: old.publisher_by_id["c-site"], ..page };
    assert_eq!(translation.page(&gone, None), None);
}

#[test]
fn an_id_that_became_another_name_still_means_its_topic() {
    let renamed = new(|document| document["topics"][1]["aliases"] = json!(["b"]));
    let old = old();
    let page = resolved(&old, &input(&["b"], &[], &[], &[]));
    let carried = Translation::between(&Names::of(&old), &renamed).page(&page, None).unwrap();
    assert_eq!(*carried.topics, [renamed.taxonomy.resolve("c").unwrap()]);
}

#[test]
fn exclusions_follow_their_flights_and_creatives() {
    let (old, new) = (old(), new(|_| {}));
    let translation = Translation::between(&Names::of(&old), &new);
    let rank = |on: &Snapshot, id: &str| {
        let is_meant = |row: &crate::selection::compiled::FlightRow| {
            on.inventory.flights[row.doc].id.as_str() == id
        };
        on.flights.iter().position(is_meant).unwrap()
    };
    let (from, to) = (rank(&old, "w3"), rank(&new, "w3"));
    assert_eq!(translation.mask(Mask::rejected(from)), Some(Mask::rejected(to)));
    assert_eq!(translation.mask(Mask::reservation_lost(from)), Some(Mask::reservation_lost(to)));
    assert_eq!(translation.mask(Mask::rejected(rank(&old, "w1"))), None);
    let creative = |on: &Snapshot| Mask::creative(on.creative_by_id["creative-w2"]);
    assert_eq!(translation.mask(creative(&old)), Some(creative(&new)));
    let kinds =
        crate::domain::event_kinds::EventKinds::of(&[crate::domain::event::EventKind::Click]);
    assert_eq!(translation.mask(Mask::unreported(kinds)), Some(Mask::unreported(kinds)));
}

#[test]
fn names_that_no_flight_asked_about_are_missing() {
    let names = Names::of(&old());
    assert!(!names.has_keyword("W0") && names.has_keyword("W1"));
    assert!(!names.has_value("author", "aaron") && names.has_value("author", "Bob"));
}

#[test]
fn pauses_are_those_of_the_other_snapshot() {
    let old = old();
    let page = resolved(&old, &input(&["c"], &[], &[], &[]));
    let paused = |edit: &dyn Fn(&mut Value), url: Option<&str>| {
        let on = new(|document| edit(&mut document["publishers"][1]));
        Translation::between(&Names::of(&old), &on).page(&page, url).unwrap().paused
    };
    assert!(!paused(&|_| {}, None));
    assert!(paused(&|site| site["status"] = json!("paused"), None));
    let below = |site: &mut Value| site["paused_paths"] = json!(["https://b.example/old/"]);
    assert!(paused(&below, Some("https://b.example/old/x")) && paused(&below, None));
    assert!(!paused(&below, Some("https://b.example/new")));
    assert!(paused(&|site| site["paused_topics"] = json!(["c"]), None));
}
