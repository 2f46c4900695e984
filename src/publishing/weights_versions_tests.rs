use super::*;
use crate::catalog::change::Hashes;

fn entry(number: u64, before: Option<&str>, after: Option<&str>) -> Entry {
    let hashes =
        |weights: Option<&str>| Hashes { weights: weights.map(str::to_owned), ..Hashes::default() };
    Entry {
        number,
        at: jiff::Timestamp::from_second(number.cast_signed()).unwrap(),
        who: "k1".into(),
        what: "test".into(),
        before: hashes(before),
        after: hashes(after),
        key: None,
        body: None,
        detail: Box::default(),
    }
}

#[test]
fn weights_were_active_from_the_change_that_served_them_to_the_next_other_ones() {
    let entries = [
        entry(1, None, None),
        entry(2, None, Some("a")),
        entry(3, Some("a"), Some("a")),
        entry(4, Some("a"), Some("b")),
        entry(5, Some("b"), Some("a")),
    ];
    let found = times(&entries);
    let second = |time: jiff::Timestamp| time.as_second();
    let shown = found.iter().map(|(hash, first, times)| {
        let times = times.iter().map(|time| (second(time.from), time.to.map(second)));
        (*hash, first.number, times.collect::<Vec<_>>())
    });
    let shown: Vec<_> = shown.collect();
    assert_eq!(shown, [("a", 2, vec![(2, Some(4)), (5, None)]), ("b", 4, vec![(4, Some(5))])]);
}

#[test]
fn weights_are_found_by_name_then_hash_then_the_beginning_of_one_hash() {
    let view = |name: Option<&str>, hash: &str| WeightsView {
        name: name.map(str::to_owned),
        hash: hash.to_owned(),
        state: WeightsState::Checked,
        author: String::new(),
        owner: None,
        note: String::new(),
        created: jiff::Timestamp::UNIX_EPOCH,
        compared_with: None,
        difference: Vec::new(),
        replay: None,
        active: Vec::new(),
    };
    let views = vec![
        view(Some("spring"), "aaaaaaaa1111"),
        view(None, "aaaaaaaa2222"),
        view(Some("bbbbbbbb"), "cccccccc1111"),
        view(None, "bbbbbbbb1111"),
    ];
    let found = |wanted: &str| find(views.clone(), wanted).map(|view| view.hash);
    assert_eq!(found("spring").unwrap(), "aaaaaaaa1111");
    assert_eq!(found("aaaaaaaa2").unwrap(), "aaaaaaaa2222");
    assert_eq!(found("bbbbbbbb").unwrap(), "cccccccc1111", "a name comes first");
    assert!(matches!(found("aaaaaaaa"), Err(VersionError::Ambiguous(_))));
    let unknown = found("sprng").unwrap_err().to_string();
    assert!(unknown.ends_with("did you mean `spring`?"), "{unknown}");
    assert!(found("ccccccc").is_err(), "too short");
}
