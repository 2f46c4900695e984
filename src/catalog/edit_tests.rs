use super::*;
use crate::catalog::files;
use serde_json::json;

fn creative(inventory: &Inventory, id: &str) -> Value {
    let found = inventory.creatives.iter().find(|creative| creative.id.as_str() == id);
    serde_json::to_value(found.unwrap()).unwrap()
}

fn state_of(inventory: &Inventory, id: &str) -> CreativeState {
    inventory.creatives.iter().find(|creative| creative.id.as_str() == id).unwrap().serving_state()
}

fn findings(result: Result<Inventory, EditError>) -> Vec<(String, String)> {
    match result.unwrap_err() {
        EditError::Invalid(found) => found.into_iter().map(|f| (f.field, f.reason)).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_document_is_created_replaced_and_deleted() {
    let example = files::example();
    let topic = json!({"id": "gardening", "name": "gardening"});
    let with = create(&example, "topics", topic.clone()).unwrap();
    assert!(with.topics.windows(2).all(|pair| pair[0].id < pair[1].id), "in id order");
    assert!(matches!(create(&with, "topics", topic), Err(EditError::Exists { .. })));

    let renamed = replace(&with, "topics", "gardening", json!({"name": "gardens"})).unwrap();
    assert!(renamed.topics.iter().any(|topic| topic.name == "gardens"));

    assert_eq!(delete(&renamed, "topics", "gardening").unwrap(), example);
    assert!(matches!(delete(&example, "topics", "gardening"), Err(EditError::NotFound { .. })));
    assert!(matches!(delete(&example, "topicz", "x"), Err(EditError::NoList(_))));
}

#[test]
fn a_referenced_document_cannot_be_deleted() {
    let example = files::example();
    let found = findings(delete(&example, "flights", "zahid-ai-europe"));
    assert_eq!(found[0].0, "flight");
    assert!(found[0].1.contains("zahid-ai-europe"), "{found:?}");
}

#[test]
fn a_field_that_cannot_be_parsed_is_reported_with_its_path() {
    let example = files::example();
    let mut document = creative(&example, "zahid-git-push");
    document["price"]["currency"] = "EURO".into();
    let found = findings(replace(&example, "creatives", "zahid-git-push", document.clone()));
    assert_eq!(found[0].0, "price.currency");
    document["price"]["currency"] = "EUR".into();
    document["ctas"][1]["urll"] = "x".into();
    let error = replace(&example, "creatives", "zahid-git-push", document).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("ctas[1].urll"), "{message}");
    assert!(message.contains("did you mean `url`?"), "{message}");
}

#[test]
fn edits_are_checked_by_the_same_rules_as_files() {
    let example = files::example();
    let mut document = creative(&example, "zahid-git-push");
    document["headline"] = "x".repeat(91).into();
    let found = findings(replace(&example, "creatives", "zahid-git-push", document.clone()));
    assert_eq!(found[0].0, "headline");
    document["headline"] = "short".into();
    document["ctas"][0]["url"] = "https://evil.example/".into();
    let found = findings(replace(&example, "creatives", "zahid-git-push", document));
    assert_eq!(found[0].0, "ctas[0].url");
}

#[test]
fn a_creative_whose_content_changes_becomes_a_draft_whatever_state_it_declares() {
    let example = files::example();
    let id = "zahid-git-push";
    assert_eq!(state_of(&example, id), CreativeState::Live);
    let mut document = creative(&example, id);
    document["weight"] = 7.into();
    let same = replace(&example, "creatives", id, document.clone()).unwrap();
    assert_eq!(state_of(&same, id), CreativeState::Live, "the weight is not content");
    document["body"] = "Other words.".into();
    let changed = replace(&example, "creatives", id, document.clone()).unwrap();
    assert_eq!(state_of(&changed, id), CreativeState::Draft);
    document["id"] = "another".into();
    let added = create(&example, "creatives", document).unwrap();
    assert_eq!(state_of(&added, "another"), CreativeState::Draft);
}

#[test]
fn a_draft_must_be_approved_before_it_is_live() {
    use CreativeState::*;
    let id = "zahid-git-push";
    let mut inventory = set_state(&files::example(), id, Draft).unwrap();
    assert_eq!(
        findings(set_state(&inventory, id, Live))[0].1,
        "must be approved after draft (got live)"
    );
    let mut document = creative(&inventory, id);
    document["state"] = "live".into();
    assert_eq!(findings(replace(&inventory, "creatives", id, document))[0].0, "state");
    for next in [Approved, Live, Paused, Live, Live, Draft] {
        inventory = set_state(&inventory, id, next).unwrap();
        assert_eq!(state_of(&inventory, id), next);
    }
}
