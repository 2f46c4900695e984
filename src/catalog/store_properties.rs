use super::*;
use crate::catalog::change::Hashes;
use crate::catalog::files;
use crate::domain::weights::Weights;
use crate::selection::compile::content_hash;
use proptest::prelude::*;
use std::path::Path;

fn by(what: &str) -> AuditContext {
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    AuditContext { who: "operator".into(), what: what.into(), at, request: None }
}

fn keyed(key: &str, body: &str) -> AuditContext {
    AuditContext { request: Some((key.into(), body.into())), ..by("change") }
}

fn new() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog")).unwrap();
    (folder, catalog)
}

fn sharper(sharpness: f64) -> Weights {
    Weights { sharpness, ..Weights::default() }
}

fn put_weights(
    catalog: &Catalog,
    weights: &Weights,
    expected: Option<&str>,
    by: &AuditContext,
) -> Result<Head, CatalogError> {
    let parts = HeadUpdate { weights: Some(weights), ..HeadUpdate::default() };
    catalog.put(&parts, expected.map_or(ExpectedVersion::Any, ExpectedVersion::Weights), by)
}

#[test]
fn a_stored_version_becomes_the_head_and_survives_a_restart() {
    let (folder, catalog) = new();
    assert_eq!(catalog.head().unwrap(), None);
    let inventory = files::example();

    let head = catalog.put_inventory(&inventory, None, &by("apply")).unwrap();
    assert_eq!(head.hashes.inventory, Some(content_hash(&inventory)));
    let head = put_weights(&catalog, &Weights::default(), None, &by("weights")).unwrap();

    let again = Catalog::open(&folder.path().join("catalog")).unwrap();
    assert_eq!(again.head().unwrap(), Some(head.clone()));
    let hash = head.hashes.inventory.unwrap();
    assert_eq!(again.inventory(&hash).unwrap(), inventory);
    let prefix = versions::prefix_of(&hash).unwrap();
    assert_eq!(prefix.to_be_bytes()[0], u8::from_str_radix(&hash[..2], 16).unwrap());
    assert_eq!(again.inventory(&again.hash_by_prefix(prefix).unwrap()).unwrap(), inventory);
    assert_eq!(again.hash_by_prefix(prefix).unwrap(), hash);
}

#[test]
fn the_order_of_lists_does_not_affect_the_hash() {
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
fn old_versions_stay_readable() {
    let (_folder, catalog) = new();
    let hashes: Vec<String> = [1.0, 2.0, 3.0]
        .iter()
        .map(|value| put_weights(&catalog, &sharper(*value), None, &by("tune")).unwrap())
        .map(|head| head.hashes.weights.unwrap())
        .collect();
    assert_eq!(catalog.weights(&hashes[0]).unwrap(), sharper(1.0));
    let history = catalog.history().unwrap();
    let after: Vec<_> = history.iter().map(|entry| entry.after.weights.clone().unwrap()).collect();
    assert_eq!(after, hashes);
    assert_eq!(history[2].before, history[1].after);
}

#[test]
fn a_change_based_on_an_old_version_is_rejected() {
    let (_folder, catalog) = new();
    let first = put_weights(&catalog, &sharper(1.0), None, &by("one")).unwrap();
    let old = first.hashes.weights.clone().unwrap();
    put_weights(&catalog, &sharper(2.0), Some(&old), &by("two")).unwrap();

    let error = put_weights(&catalog, &sharper(3.0), Some(&old), &by("three")).unwrap_err();

    assert!(matches!(&error, CatalogError::Conflict { expected, .. } if *expected == old));
    let parts = HeadUpdate::default();
    assert!(catalog.put(&parts, ExpectedVersion::Number(1), &by("four")).is_err());
    assert_eq!(catalog.head().unwrap().unwrap().number, 2);
}

#[test]
fn a_change_without_effect_is_not_recorded() {
    let (_folder, catalog) = new();
    let once = put_weights(&catalog, &sharper(1.0), None, &by("one")).unwrap();
    let twice = put_weights(&catalog, &sharper(1.0), None, &by("again")).unwrap();
    assert_eq!(once, twice);
    assert_eq!(catalog.history().unwrap().len(), 1);
}

#[test]
fn a_repeated_request_returns_the_first_result_and_a_reused_key_is_rejected() {
    let (_folder, catalog) = new();
    assert_eq!(catalog.audited("k1", "body").unwrap(), None);
    let first = put_weights(&catalog, &sharper(2.0), None, &keyed("k1", "body")).unwrap();
    put_weights(&catalog, &sharper(4.0), None, &by("later")).unwrap();

    let again = put_weights(&catalog, &sharper(2.0), None, &keyed("k1", "body")).unwrap();

    assert_eq!(again, first);
    assert_eq!(catalog.head().unwrap().unwrap().number, 2);
    let other = put_weights(&catalog, &sharper(2.0), None, &keyed("k1", "other")).unwrap_err();
    assert!(matches!(other, CatalogError::KeyReused(_)), "{other}");
}

#[test]
fn a_corrupt_version_is_detected_and_repaired_by_storing_it_again() {
    let (folder, catalog) = new();
    let head = put_weights(&catalog, &sharper(1.0), None, &by("one")).unwrap();
    let hash = head.hashes.weights.unwrap();
    let path = folder.path().join(format!("catalog/weights/{hash}.json"));
    let text =
        std::fs::read_to_string(&path).unwrap().replace("\"sharpness\":1.0", "\"sharpness\":9.0");
    std::fs::write(&path, text).unwrap();

    let error = catalog.weights(&hash).unwrap_err();
    assert!(error.to_string().contains(&format!("{hash}.json is corrupt")), "{error}");

    put_weights(&catalog, &sharper(1.0), None, &by("again")).unwrap();
    assert_eq!(catalog.weights(&hash).unwrap(), sharper(1.0), "storing it again repairs it");
}

#[test]
fn only_a_hash_becomes_part_of_a_path() {
    let (_folder, catalog) = new();
    for text in
        ["../head", "", "0123456789ABCDEF0123456789ABCDEF", "../../../../../etc/passwd0000000"]
    {
        assert!(matches!(catalog.inventory(text), Err(CatalogError::NoVersion { .. })), "{text}");
    }
}

#[test]
fn a_catalog_in_a_newer_format_is_rejected() {
    let (folder, catalog) = new();
    put_weights(&catalog, &sharper(1.0), None, &by("one")).unwrap();
    let path = folder.path().join("catalog/head.json");
    std::fs::write(&path, "{\"format\": 2, \"serial\": \"x\"}").unwrap();
    assert!(matches!(catalog.head(), Err(CatalogError::Newer { format: 2, .. })));
    assert!(Catalog::open(&folder.path().join("catalog")).is_err());
}

#[test]
fn concurrent_changes_are_all_recorded_in_one_history() {
    let (_folder, catalog) = new();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let catalog = &catalog;
            scope.spawn(move || {
                for step in 0..5u32 {
                    let value = 1.0 + f64::from(thread * 5 + step) / 10.0;
                    put_weights(catalog, &sharper(value), None, &by("tune")).unwrap();
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

    /// A crash leaves a prefix of the line in the audit log, and the old head.
    #[test]
    fn a_change_interrupted_by_a_crash_is_complete_or_absent(written in prop_oneof![Just(1.0), 0.0f64..1.0], value in 1.5f64..16.0) {
        let (folder, catalog) = new();
        let root = folder.path().join("catalog");
        let before = put_weights(&catalog, &sharper(1.0), None, &by("one")).unwrap();
        let length = std::fs::metadata(root.join("audit.log")).unwrap().len();
        let after = put_weights(&catalog, &sharper(value), None, &by("two")).unwrap();
        let text = std::fs::read(root.join("audit.log")).unwrap();
        let end = usize::try_from(length).unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let end = end + ((text.len() - end) as f64 * written) as usize;
        std::fs::write(root.join("audit.log"), &text[..end]).unwrap();
        std::fs::write(root.join("head.json"), serde_json::to_vec(&before).unwrap()).unwrap();

        let catalog = Catalog::open(&root).unwrap();

        let expected = if end == text.len() { after } else { before };
        prop_assert_eq!(catalog.head().unwrap(), Some(expected.clone()));
        let next = put_weights(&catalog, &sharper(1.25), None, &by("three")).unwrap();
        prop_assert_eq!(next.number, expected.number + 1);
        let history = catalog.history().unwrap();
        prop_assert_eq!(&history.last().unwrap().before, &expected.hashes);
    }

    #[test]
    fn a_stored_number_is_read_back_bit_for_bit(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let (_folder, catalog) = new();
        let hash = put_weights(&catalog, &sharper(number), None, &by("x")).unwrap().hashes.weights.unwrap();
        let stored = catalog.weights(&hash).unwrap();
        prop_assert_eq!(stored.sharpness.to_bits(), bits);
        prop_assert_eq!(content_hash(&stored), hash);
    }
}

#[test]
fn absent_hashes_are_not_serialized() {
    assert_eq!(serde_json::to_string(&Hashes::default()).unwrap(), "{}");
}

/// When this fails, the form of versions has changed: raise `FORMAT`, so that older programs refuse the
/// catalog, and add a golden catalog.
#[test]
fn a_catalog_of_the_written_format_is_read_and_its_versions_keep_their_hashes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stored/catalog");
    if std::env::var_os("ADJACENT_BLESS").is_some() && !golden.exists() {
        let catalog = Catalog::open(&golden).unwrap();
        catalog.put_inventory(&files::example(), None, &by("apply")).unwrap();
        let labels = LabelTable::default();
        let parts = HeadUpdate { labels: Some(&labels), ..HeadUpdate::default() };
        catalog.put(&parts, ExpectedVersion::Any, &by("labels")).unwrap();
        put_weights(&catalog, &sharper(2.0), None, &keyed("key", "body")).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("catalog");
    for kind in ["inventory", "weights", "labels", ""] {
        std::fs::create_dir_all(copy.join(kind)).unwrap();
        for entry in std::fs::read_dir(golden.join(kind)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                std::fs::copy(entry.path(), copy.join(kind).join(entry.file_name())).unwrap();
            }
        }
    }
    let catalog = Catalog::open(&copy).unwrap();
    let head = catalog.head().unwrap().unwrap();
    assert_eq!((head.format, head.number), (FORMAT, 3));
    let history = catalog.history().unwrap();
    assert_eq!(history.len(), 3);
    assert_eq!(Head::from(&history[2]), head);

    let hashes = head.hashes.clone();
    let (inventory, weights, labels) =
        (hashes.inventory.unwrap(), hashes.weights.unwrap(), hashes.labels.unwrap());
    assert_eq!(content_hash(&catalog.inventory(&inventory).unwrap()), inventory);
    assert_eq!(content_hash(&catalog.weights(&weights).unwrap()), weights);
    assert_eq!(content_hash(&catalog.labels(&labels).unwrap()), labels);
    catalog.snapshot(&inventory, &weights, &labels).unwrap();
}

#[test]
fn an_intact_version_in_another_form_is_not_called_corrupt() {
    let (folder, catalog) = new();
    let text = b"{\"sharpness\": 2.0, \"a_newer_field\": 1}";
    let hash = blake3::hash(text).to_hex()[..32].to_owned();
    std::fs::write(folder.path().join(format!("catalog/weights/{hash}.json")), text).unwrap();
    let error = catalog.weights(&hash).unwrap_err();
    assert!(matches!(error, CatalogError::OtherForm { .. }), "{error}");
    assert!(error.to_string().contains("a_newer_field"), "{error}");
}
