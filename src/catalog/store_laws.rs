use super::*;
use crate::catalog::change::Hashes;
use crate::catalog::files;
use crate::domain::weights::Weights;
use crate::selection::compile::content_hash;
use proptest::prelude::*;

fn by(what: &str) -> By {
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    By { who: "operator".into(), what: what.into(), at, request: None }
}

fn keyed(key: &str, body: &str) -> By {
    By { request: Some((key.into(), body.into())), ..by("change") }
}

fn new() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog")).unwrap();
    (folder, catalog)
}

fn sharper(sharpness: f64) -> Weights {
    Weights { sharpness, ..Weights::default() }
}

#[test]
fn what_was_put_is_the_head_also_after_a_restart() {
    let (folder, catalog) = new();
    assert_eq!(catalog.head().unwrap(), None);
    let inventory = files::example();

    let head = catalog.put_inventory(&inventory, None, &by("apply")).unwrap();
    assert_eq!(head.hashes.inventory, Some(content_hash(&inventory)));
    let head = catalog.put_weights(&Weights::default(), None, &by("weights")).unwrap();

    let again = Catalog::open(&folder.path().join("catalog")).unwrap();
    assert_eq!(again.head().unwrap(), Some(head.clone()));
    let hash = head.hashes.inventory.unwrap();
    assert_eq!(again.inventory(&hash).unwrap(), inventory);
    let prefix = versions::prefix_of(&hash).unwrap();
    assert_eq!(prefix.to_be_bytes()[0], u8::from_str_radix(&hash[..2], 16).unwrap());
    assert_eq!(again.inventory_by_prefix(prefix).unwrap(), inventory);
    assert_eq!(again.hash_by_prefix(prefix).unwrap(), hash);
}

#[test]
fn the_order_of_lists_changes_no_hash() {
    let (_folder, catalog) = new();
    let inventory = files::example();
    let mut shuffled = inventory.clone();
    shuffled.flights.reverse();
    shuffled.topics.rotate_left(3);
    let head = catalog.put_inventory(&shuffled, None, &by("apply")).unwrap();
    assert_eq!(head.hashes.inventory, Some(content_hash(&inventory)));
    assert_eq!(catalog.inventory(&content_hash(&inventory)).unwrap(), inventory);
}

#[test]
fn every_version_is_kept() {
    let (_folder, catalog) = new();
    let hashes: Vec<String> = [1.0, 2.0, 3.0]
        .iter()
        .map(|value| catalog.put_weights(&sharper(*value), None, &by("tune")).unwrap())
        .map(|head| head.hashes.weights.unwrap())
        .collect();
    assert_eq!(catalog.weights(&hashes[0]).unwrap(), sharper(1.0));
    let history = catalog.history().unwrap();
    let after: Vec<_> = history.iter().map(|entry| entry.after.weights.clone().unwrap()).collect();
    assert_eq!(after, hashes);
    assert_eq!(history[2].before, history[1].after);
}

#[test]
fn who_has_not_seen_the_head_does_not_overwrite_it() {
    let (_folder, catalog) = new();
    let first = catalog.put_weights(&sharper(1.0), None, &by("one")).unwrap();
    let seen = first.hashes.weights.clone().unwrap();
    catalog.put_weights(&sharper(2.0), Some(&seen), &by("two")).unwrap();

    let refused = catalog.put_weights(&sharper(3.0), Some(&seen), &by("three")).unwrap_err();

    assert!(matches!(&refused, CatalogError::Conflict { expected, .. } if *expected == seen));
    let parts = Parts::default();
    assert!(catalog.put(&parts, Expected::Number(1), &by("four")).is_err());
    assert_eq!(catalog.head().unwrap().unwrap().number, 2);
}

#[test]
fn what_changes_nothing_is_no_change() {
    let (_folder, catalog) = new();
    let once = catalog.put_weights(&sharper(1.0), None, &by("one")).unwrap();
    let twice = catalog.put_weights(&sharper(1.0), None, &by("again")).unwrap();
    assert_eq!(once, twice);
    assert_eq!(catalog.history().unwrap().len(), 1);
}

#[test]
fn a_request_that_comes_again_is_answered_as_it_was_and_one_with_another_body_is_refused() {
    let (_folder, catalog) = new();
    assert_eq!(catalog.audited("k1", "body").unwrap(), None);
    let first = catalog.put_weights(&sharper(2.0), None, &keyed("k1", "body")).unwrap();
    catalog.put_weights(&sharper(4.0), None, &by("later")).unwrap();

    let again = catalog.put_weights(&sharper(2.0), None, &keyed("k1", "body")).unwrap();

    assert_eq!(again, first);
    assert_eq!(catalog.head().unwrap().unwrap().number, 2);
    let other = catalog.put_weights(&sharper(2.0), None, &keyed("k1", "other")).unwrap_err();
    assert!(matches!(other, CatalogError::KeyReused(_)), "{other}");
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_refused_and_named() {
    let (folder, catalog) = new();
    let head = catalog.put_weights(&sharper(1.0), None, &by("one")).unwrap();
    let hash = head.hashes.weights.unwrap();
    let path = folder.path().join(format!("catalog/weights/{hash}.json"));
    let text =
        std::fs::read_to_string(&path).unwrap().replace("\"sharpness\":1.0", "\"sharpness\":9.0");
    std::fs::write(&path, text).unwrap();

    let refused = catalog.weights(&hash).unwrap_err();
    assert!(refused.to_string().contains(&format!("{hash}.json is damaged")), "{refused}");

    catalog.put_weights(&sharper(1.0), None, &by("again")).unwrap();
    assert_eq!(catalog.weights(&hash).unwrap(), sharper(1.0), "writing it again mends it");
}

#[test]
fn nothing_but_a_hash_becomes_a_path() {
    let (_folder, catalog) = new();
    for text in
        ["../head", "", "0123456789ABCDEF0123456789ABCDEF", "../../../../../etc/passwd0000000"]
    {
        assert!(matches!(catalog.inventory(text), Err(CatalogError::NoVersion { .. })), "{text}");
    }
}

#[test]
fn a_catalog_of_a_version_to_come_is_refused_loudly() {
    let (folder, catalog) = new();
    catalog.put_weights(&sharper(1.0), None, &by("one")).unwrap();
    let path = folder.path().join("catalog/head.json");
    std::fs::write(&path, "{\"format\": 2, \"serial\": \"x\"}").unwrap();
    assert!(matches!(catalog.head(), Err(CatalogError::Newer { format: 2, .. })));
    assert!(Catalog::open(&folder.path().join("catalog")).is_err());
}

#[test]
fn many_threads_lose_no_change() {
    let (_folder, catalog) = new();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let catalog = &catalog;
            scope.spawn(move || {
                for step in 0..5u32 {
                    let value = 1.0 + f64::from(thread * 5 + step) / 10.0;
                    catalog.put_weights(&sharper(value), None, &by("tune")).unwrap();
                }
            });
        }
    });
    let history = catalog.history().unwrap();
    assert_eq!(
        history.iter().map(|entry| entry.number).collect::<Vec<_>>(),
        (1..=20).collect::<Vec<_>>()
    );
    assert!(history.windows(2).all(|pair| pair[0].after == pair[1].before));
    assert_eq!(Head::from(&history[19]), catalog.head().unwrap().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A crash leaves some first bytes of the line in the audit log, and the head of before.
    #[test]
    fn a_change_that_a_crash_cut_is_made_whole_or_not_at_all(kept in prop_oneof![Just(1.0), 0.0f64..1.0], value in 1.5f64..16.0) {
        let (folder, catalog) = new();
        let root = folder.path().join("catalog");
        let before = catalog.put_weights(&sharper(1.0), None, &by("one")).unwrap();
        let length = std::fs::metadata(root.join("audit.log")).unwrap().len();
        let after = catalog.put_weights(&sharper(value), None, &by("two")).unwrap();
        let text = std::fs::read(root.join("audit.log")).unwrap();
        let torn = usize::try_from(length).unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let torn = torn + ((text.len() - torn) as f64 * kept) as usize;
        std::fs::write(root.join("audit.log"), &text[..torn]).unwrap();
        std::fs::write(root.join("head.json"), serde_json::to_vec(&before).unwrap()).unwrap();

        let catalog = Catalog::open(&root).unwrap();

        let expected = if torn == text.len() { after } else { before };
        prop_assert_eq!(catalog.head().unwrap(), Some(expected.clone()));
        let next = catalog.put_weights(&sharper(1.25), None, &by("three")).unwrap();
        prop_assert_eq!(next.number, expected.number + 1);
        let history = catalog.history().unwrap();
        prop_assert_eq!(&history.last().unwrap().before, &expected.hashes);
    }

    #[test]
    fn a_number_that_is_kept_is_the_same_number_to_the_last_bit(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let (_folder, catalog) = new();
        let hash = catalog.put_weights(&sharper(number), None, &by("x")).unwrap().hashes.weights.unwrap();
        let kept = catalog.weights(&hash).unwrap();
        prop_assert_eq!(kept.sharpness.to_bits(), bits);
        prop_assert_eq!(content_hash(&kept), hash);
    }
}

#[test]
fn an_empty_head_has_no_hashes() {
    assert_eq!(serde_json::to_string(&Hashes::default()).unwrap(), "{}");
}
