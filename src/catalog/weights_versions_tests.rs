use super::*;

fn version(name: &str, hash: &str) -> WeightsVersion {
    WeightsVersion {
        name: name.into(),
        hash: hash.into(),
        author: "k1".into(),
        owner: Some("alice".into()),
        note: "a note".into(),
        created: jiff::Timestamp::UNIX_EPOCH,
        compared_with: Some("before".into()),
        difference: vec![FieldChange {
            path: "sharpness".into(),
            old: Some(1.0.into()),
            new: Some(2.0.into()),
        }],
        replay: None,
    }
}

fn add(name: &str, hash: &str) -> VersionsChange {
    VersionsChange::Add(Box::new(version(name, hash)))
}

#[test]
fn the_stored_form_of_versions_is_frozen_and_a_newer_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    assert_eq!(catalog.weights_versions().unwrap(), WeightsVersions::default());
    catalog.change_weights_versions(&add("spring", "h1")).unwrap();
    let stored = std::fs::read_to_string(folder.path().join("weights.json")).unwrap();
    let compact: serde_json::Value = serde_json::from_str(&stored).unwrap();
    let expected = "{\"format\":1,\"revision\":1,\"versions\":[{\"author\":\"k1\",\"compared_with\":\"before\",\
        \"created\":\"1970-01-01T00:00:00Z\",\"difference\":[{\"new\":2.0,\"old\":1.0,\"path\":\"sharpness\"}],\
        \"hash\":\"h1\",\"name\":\"spring\",\"note\":\"a note\",\"owner\":\"alice\"}]}";
    assert_eq!(compact, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    assert_eq!(catalog.weights_versions().unwrap().versions, [version("spring", "h1")]);

    std::fs::write(folder.path().join("weights.json"), "{\"format\":2,\"other\":[]}").unwrap();
    let error = catalog.change_weights_versions(&add("summer", "h2")).unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
}

#[test]
fn a_name_belongs_to_one_version_and_weights_have_one_name() {
    let mut versions = WeightsVersions::default();
    assert!(versions.apply(&add("spring", "h1")).unwrap());
    assert!(!versions.apply(&add("spring", "h1")).unwrap(), "repeated");
    let says = |versions: &mut WeightsVersions, change: VersionsChange| {
        versions.apply(&change).unwrap_err().to_string()
    };
    assert!(says(&mut versions, add("spring", "h2")).contains("another version `spring`"));
    assert!(says(&mut versions, add("summer", "h1")).contains("are version `spring`"));
    let removed = VersionsChange::Remove { name: "sprung".into() };
    assert!(says(&mut versions, removed).ends_with("did you mean `spring`?"));
    for name in ["", "Spring", "a b", "ä", "../x", &"x".repeat(61)] {
        assert!(says(&mut versions, add(name, "h3")).contains("a name has"), "{name}");
    }
    let mut long = version("long", "h3");
    long.note = "ü".repeat(501);
    assert!(says(&mut versions, VersionsChange::Add(Box::new(long))).contains("a note has"));
    assert_eq!((versions.revision, versions.versions.len()), (1, 1));
    for number in 1..500 {
        versions.apply(&add(&format!("v{number}"), &format!("x{number}"))).unwrap();
    }
    assert!(says(&mut versions, add("more", "h4")).contains("drop some"));
}
