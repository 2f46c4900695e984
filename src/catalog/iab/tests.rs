//! Tests of the import.

use super::*;
use crate::catalog::check;
use crate::domain::inventory::Inventory;

/// The structure of the real file with invented content.
const EXCERPT: &str = "Relational ID System\t\t\tOur own tiers v3.1 in short\t\t\t\tExtension\t\r\n\
    Unique ID\tParent\tName\tTier 1\tTier 2\tTier 3\tTier 4\t\t\r\n\
    1\t\tVehicles\tVehicles\t\t\t\t\t\r\n\
    2\t1\tBoats & Ships\tVehicles\tBoats & Ships\t\t\t\t\r\n\
    3\t1\tHistory\tVehicles\tHistory\t\t\t\t\r\n\
    4\t\tFood\tFood\t\t\t\t\t\r\n\
    5\t4\tHistory\tFood\tHistory\t\t\t\t\r\n\
    6\t4\tCrème brûlée\tFood\tCrème brûlée\t\t\t\t\r\n\
    X7QZ\t4\tHealth (special)\tFood\tHealth (special)\t\t\tSCD\t\r\n\
    8\t7A\t料理\tFood\t\t\t\t\t\r\n\
    7A\t4\tCooking\tFood\tCooking\t\t\t\t\r\n\
    10\t7A\tA name that is so very long that it does not fit into an id of sixty-four bytes\t\t\t\t\t\t\r\n\
    11\t2\tHistory\tVehicles\tBoats & Ships\tHistory\t\t\t\r\n\
    12\t3\tVehicles History\tVehicles\tHistory\t\t\t\t\r\n";

fn file(text: &str, version: &str) -> File {
    File { name: "t.tsv".into(), text: text.into(), version: version.into() }
}

fn of(id: &str) -> (String, Option<String>) {
    let topics = topics(&[file(EXCERPT, "3.1")]).unwrap();
    let alias = format!("iab-3.1-{id}");
    let topic = topics.into_iter().find(|topic| topic.aliases == [alias.as_str()]).unwrap();
    (topic.id.to_string(), topic.parent.map(String::from))
}

#[test]
fn every_row_becomes_a_topic_under_its_parent_with_the_iab_id_as_an_alias() {
    assert_eq!(topics(&[file(EXCERPT, "3.1")]).unwrap().len(), 12);
    assert_eq!(version_of("t.tsv", EXCERPT).as_deref(), Some("3.1"));
    assert_eq!(of("2"), ("boats-and-ships".into(), Some("vehicles".into())));
    assert_eq!(of("6"), ("creme-brulee".into(), Some("food".into())));
    assert_eq!(of("X7QZ"), ("health-special".into(), Some("food".into())));
}

#[test]
fn a_repeated_name_is_prefixed_with_the_parents_name() {
    assert_eq!(of("5"), ("food-history".into(), Some("food".into())));
    assert_eq!(of("11").0, "boats-and-ships-history");
    // `3` would be `vehicles-history`, and so would `12`, by its own name.
    assert_eq!(of("3").0, "vehicles-history");
    assert_eq!(of("12").0, "history-vehicles-history");
}

#[test]
fn a_name_that_is_not_a_valid_id_is_replaced_by_the_iab_id() {
    assert_eq!(of("8"), ("iab-3-1-8".into(), Some("cooking".into())));
    assert_eq!(of("10").0, "iab-3-1-10");
}

#[test]
fn imported_topics_are_valid() {
    let topics = topics(&[file(EXCERPT, "3.1")]).unwrap();
    let mut inventory = Inventory { topics, ..Inventory::default() };
    inventory.sort();
    assert_eq!(check::inventory(&inventory), []);
}

#[test]
fn a_line_that_cannot_be_parsed_is_reported_with_its_number() {
    let text = format!("{EXCERPT}broken\r\n13\tnowhere\tLost\t\r\n1\t\tAgain\t\r\n14\t\t \t\r\n");
    let problems = topics(&[file(&text, "3.1")]).unwrap_err();
    let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "t.tsv:15:1: must have the columns id, parent and name, separated by tabs",
            "t.tsv:16:1: unknown parent `nowhere`",
            "t.tsv:17:1: duplicate id `1`: first used in line 3",
            "t.tsv:18:1: the name must contain a letter or a digit",
        ]
    );
}

/// The structure of the published files of other versions, with few rows.
const FIRST: &str = "IAB Code\tTier\tIAB Category\nIAB7\tTier 1\tVehicles\nIAB7-39\tTier 2\tFerries\n\
    IAB25\tTier 1\tNon-Standard Content\nIAB25-3\tTier 2\tProfane Content\n";
const SECOND: &str = "Relational ID System\t\t\tContent Taxonomy v2.1 with Tiered Categories\t\t\t\tExtension\n\
    Unique ID\tParent\tName\tTier 1\tTier 2\tTier 3\tTier 4\t\n\
    1\t\tVehicles\tVehicles\t\t\t\t\n3\t1\tHistory\tVehicles\tHistory\t\t\t\n4\t3\tFood\t\t\t\t\t\n";
const PRODUCTS: &str = "Unique ID\tParent ID\tName\tTier 1\tTier 2\tTier 3\n\
    1000\t1000\tAd Safety Risk\tAd Safety Risk\t\t\n1002\t\tAlcohol \tAlcohol\t\t\n1004\t1002\tBeer\tAlcohol\tBeer\t\n";

#[test]
fn the_header_is_found_by_its_names_and_no_row_is_lost() {
    for (text, version, ids) in [
        (FIRST, "1.0", &["vehicles", "ferries", "non-standard-content", "profane-content"][..]),
        (SECOND, "2.2", &["vehicles", "history", "food"]),
        (PRODUCTS, "ad-product-2.0", &["ad-safety-risk", "alcohol", "beer"]),
    ] {
        let text = format!("\u{feff}{text}");
        let topics = topics(&[file(&text, version)]).unwrap();
        let found: Vec<&str> = topics.iter().map(|topic| topic.id.as_str()).collect();
        assert_eq!(found, ids, "{version}");
        let sensitive: Vec<&str> =
            topics.iter().filter(|topic| topic.sensitive).map(|topic| &*topic.name).collect();
        assert_eq!(sensitive.len(), usize::from(version != "2.2"), "{sensitive:?}");
    }
    let problems = topics(&[file("a\tb\n1\t2\n", "1.0")]).unwrap_err();
    assert!(problems[0].to_string().contains("has no header"), "{}", problems[0]);
}

#[test]
fn the_version_of_a_published_file_is_one_that_requests_name() {
    for (name, text, version) in [
        ("Content Taxonomies/Content Taxonomy 1.0.tsv", FIRST, Some("1.0")),
        ("first.tsv", FIRST, Some("1.0")),
        ("Content Taxonomy 2.2.tsv", SECOND, Some("2.2")),
        ("x.tsv", SECOND, Some("2.1")),
        ("Content_Taxonomy-2.0.tsv", "Content Taxonomy v2 with Tiered Categories", Some("2.0")),
        ("x.tsv", "Content Taxonomy v2 with Tiered Categories", Some("2.0")),
        ("Ad Product Taxonomy 2.0.tsv", PRODUCTS, Some("ad-product-2.0")),
        ("Content Taxonomy 9.9.tsv", "v9.9", None),
        ("topics.tsv", PRODUCTS, None),
    ] {
        assert_eq!(version_of(name, text).as_deref(), version, "{name}");
    }
}

#[test]
fn versions_lie_side_by_side_and_equal_categories_are_one_topic() {
    let topics = topics(&[
        file(FIRST, "1.0"),
        file(SECOND, "2.2"),
        file(EXCERPT, "3.1"),
        file(PRODUCTS, "ad-product-2.0"),
    ])
    .unwrap();
    let aliases = |id: &str| {
        topics.iter().find(|topic| topic.id.as_str() == id).map(|topic| topic.aliases.join(" "))
    };
    assert_eq!(aliases("vehicles").as_deref(), Some("iab-1.0-IAB7 iab-2.2-1 iab-3.1-1"));
    // Another `Food`: at the top of 3.1, below `History` in 2.2.
    assert_eq!(aliases("food").as_deref(), Some("iab-2.2-4"));
    assert_eq!(aliases("iab-3-1-4").as_deref(), Some("iab-3.1-4"));
    let mut inventory = Inventory { topics, ..Inventory::default() };
    inventory.sort();
    assert_eq!(check::inventory(&inventory), []);
}

#[test]
fn a_category_that_is_its_own_ancestor_is_reported() {
    let text = "Unique ID\tParent\tName\n1\t2\tA\n2\t1\tB\n3\t\tC\n";
    let problems = topics(&[file(text, "3.1")]).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
}
