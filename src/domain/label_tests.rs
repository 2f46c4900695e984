//! Which label a reader sees, and what a table must have.

use super::*;

#[test]
fn a_table_of_an_earlier_version_shows_the_built_in_page_in_its_language_or_in_english() {
    let mut table = built_in::TABLE.clone();
    for words in &mut table.words {
        words.page = None;
    }
    table.words.push(Words { language: "cy".parse().unwrap(), ..table.words[0].clone() });
    let labels = Labels::build(&table, &Regions::build(&[]).unwrap());
    let page = |language: &str| {
        let words = labels.words(&language.parse().unwrap()).unwrap();
        let (language, page) = words.page().unwrap();
        (language.to_string(), page.paid_by.clone())
    };

    assert_eq!(page("de-AT"), ("de".into(), "Bezahlt von".into()));
    assert_eq!(page("cy"), ("en".into(), "Paid by".into()));
}

#[test]
fn a_table_has_its_own_page_and_every_built_in_language_has_one() {
    let mut table = built_in::TABLE.clone();
    assert!(table.words.iter().all(|words| words.page.is_some()));
    table.words[0].page.as_mut().unwrap().paid_by = "Funded by".into();
    let labels = Labels::build(&table, &Regions::build(&[]).unwrap());
    let words = labels.words(&"en".parse().unwrap()).unwrap();
    assert_eq!(words.page().unwrap().1.paid_by, "Funded by");
}

fn labels() -> Labels {
    let table: LabelTable = toml::from_str(include_str!("../../config/labels.toml")).unwrap();
    table.validate().unwrap();
    Labels::build(&table, &Regions::build(&[]).unwrap())
}

fn text(country: &str, language: &str) -> String {
    let country = (!country.is_empty()).then(|| country.parse().unwrap());
    labels().find(country, &language.parse().unwrap()).unwrap().text.to_owned()
}

#[test]
fn a_word_that_the_country_requires_stays_in_a_unit_that_is_in_the_pages_language() {
    let labels = labels();
    let find = |country: &str, language: &str| {
        let country = Some(country.parse().unwrap());
        let label = labels.find(country, &language.parse().unwrap()).unwrap();
        let (of_word, of_words) = (label.language.to_string(), label.words.to_string());
        (label.text.to_owned(), of_word, label.aria.into_owned(), of_words)
    };

    let (text, language, aria, words) = find("DE", "en-GB");
    assert_eq!((&*text, &*language, &*words), ("Anzeige", "de", "en"));
    assert_eq!(aria, "Anzeige, Advertisement, paid content");
    let (text, _, aria, words) = find("AT", "de");
    assert_eq!((&*text, &*aria, &*words), ("Werbung", "Werbung, entgeltliche Einschaltung", "de"));
    assert_eq!(find("FR", "de").0, "Publicité");
    assert_eq!(find("CN", "en").0, "广告");
}

#[test]
fn the_pages_language_decides_where_the_country_requires_no_word() {
    assert_eq!(text("BE", "fr"), "Publicité");
    assert_eq!(text("BE", "nl"), "Advertentie");
    assert_eq!(text("BE", "en"), "Advertisement");
    assert_eq!(text("GB", "de-AT"), "Anzeige");
    assert_eq!(text("US", "en"), "Advertisement");
    assert_eq!(text("US", "hi"), "विज्ञापन");
    assert_eq!(text("", "ar-EG"), "إعلان");
}

#[test]
fn a_language_that_the_table_does_not_have_gets_the_countrys_own_label() {
    assert_eq!(text("BE", "cy"), "Advertentie");
    assert_eq!(text("", "cy"), "Advertisement");
}

#[test]
fn every_label_has_its_source_its_texts_and_a_row_for_readers_anywhere() {
    let labels = labels();
    let guide = include_str!("../web/guides/publisher.md");
    for row in &labels.rows {
        let name = format!("{:?} {}", row.regions, row.language);
        let source = row.source.as_deref().expect(&name);
        assert!(guide.contains(source), "{name}: not in the guide");
        assert_eq!(labels.words(&row.language).unwrap().language, row.language, "{name}");
        let anywhere = labels.find(None, &row.language).unwrap();
        assert_eq!(anywhere.language, &row.language, "{name}: world");
    }
}

#[test]
fn every_country_and_an_unknown_country_have_a_label() {
    let labels = labels();
    let english = "en".parse().unwrap();
    for country in Regions::build(&[]).unwrap().countries().map(Some).chain([None]) {
        assert!(labels.find(country, &english).is_some(), "{country:?}");
    }
}
