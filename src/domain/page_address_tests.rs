//! Tests of the one form of addresses.

use super::*;
use proptest::prelude::*;

fn is_covered(prefix: &str, page: &str) -> bool {
    Prefix::parse(prefix).unwrap().covers(&PageAddress::parse(page).unwrap())
}

proptest! {
    #[test]
    fn an_address_with_a_plain_host_can_be_read(
        text in "https?://([a-z0-9-]{1,9}[.]){0,4}[a-z]{1,70}([/?#]\\PC{0,24})?|(https?:/?/?|//)?[a-zA-Z0-9.:@_%ü-]{0,12}[/?#]\\PC{0,9}",
    ) {
        prop_assert!(!has_plain_host(&text) || PageAddress::parse(&text).is_ok(), "{}", text);
    }
}

#[test]
fn every_spelling_of_an_address_is_below_its_prefix() {
    for (prefix, pages) in [
        (
            "/über/",
            &[
                "https://news.example/%C3%BCber/x",
                "https://news.example/%c3%bcber/",
                "https://news.example/über",
                "https://news.example/u\u{308}ber/x",
                "https://news.example/u%CC%88ber/x",
                "/über/x?y#z",
            ][..],
        ),
        ("/%C3%A9lections/", &["https://news.example/élections/a", "/e\u{301}lections/"]),
        ("/élections/", &["https://news.example/%C3%A9lections/a"]),
        (
            "/live/",
            &[
                "https://news.example//live/x",
                "//live/x",
                "///live//x",
                "https://news.example/./live/x",
                "https://news.example/a/../live/x",
                "https://news.example/%6Cive/x",
                "https://news.example/%6cive/x",
                "https://news.example/a/%2E%2e/live/x",
                "https:\\\\news.example\\live\\x",
                "\\live\\x",
                " https://news.example/live/ ",
                "//news.example/live/x",
                "capacitor://localhost/live/x",
            ],
        ),
        (
            "https://news.example/war/",
            &[
                "https://NEWS.example/war/a",
                "HTTPS://news.example:443/war/a",
                "https://reader:pw@news.example./war/a?b",
                "//news.example/war/",
                "/war/a",
            ],
        ),
        ("HTTPS://News.Example:443/war", &["https://news.example/war"]),
        ("https://bücher.example/x", &["https://xn--bcher-kva.example/x"]),
        ("https://xn--bcher-kva.example", &["https://BÜCHER.example/a"]),
        ("/tag/c++/", &["https://news.example/tag/c%2B%2B/"]),
        ("/a b/", &["https://news.example/a%20b/", "https://news.example/a b/"]),
        ("/100%/", &["https://news.example/100%25/"]),
    ] {
        for page in pages {
            assert!(is_covered(prefix, page), "{prefix} covers {page}");
        }
    }
}

#[test]
fn other_addresses_are_not_below_a_prefix_and_near_ones_are_named() {
    for (prefix, page, difference) in [
        ("/live/", "https://news.example/lives/", None),
        ("/live/", "https://news.example/x/live/", None),
        ("/live/", "https://news.example/a%2Flive/", None),
        ("/a/b", "https://news.example/a%2Fb", None),
        ("https://news.example/a", "https://news.example.evil.example/", None),
        ("https://news.example/", "https://other.example/", None),
        ("https://news.example/", "https://news.example:8443/", None),
        ("/live/", "https://news.example/Live/x", Some("in the letter case of the path")),
        ("/über/", "https://news.example/%C3%9Cber/x", Some("in the letter case of the path")),
        ("https://news.example/war/", "http://news.example/war/x", Some("in http and https")),
        ("https://www.news.example/war/", "https://news.example/war/x", Some("by `www.`")),
        (
            "https://news.example/War/",
            "http://www.news.example/war/x",
            Some("in http and https, by `www.`, in the letter case of the path"),
        ),
    ] {
        let (prefix, address) = (Prefix::parse(prefix).unwrap(), PageAddress::parse(page).unwrap());
        assert!(!prefix.covers(&address), "{prefix} {page}");
        let told = prefix.difference(&address).map(|difference| difference.to_string());
        assert_eq!(told.as_deref(), difference, "{prefix} {page}");
    }
}

#[test]
fn what_is_no_address_is_unreadable() {
    for text in
        ["", "x", "news.example/a", "about:blank", "data:text/html,x", "https://", "https://[x/"]
    {
        assert!(PageAddress::parse(text).is_err(), "{text}");
        assert!(Prefix::parse(text).is_err(), "{text}");
    }
    assert!(Prefix::parse("ftp://news.example/").is_err());
}

proptest! {
    #[test]
    fn the_canonical_form_of_a_prefix_is_its_own(
        text in "(/|https?://(NEWS|müsli)[.]example(:443|:81)?/)(\\PC|[%/.üßé\u{308}]|%[0-9a-fA-F]{2}){0,24}",
    ) {
        let once = Prefix::parse(&text).unwrap();
        let again = Prefix::parse(&once.to_string()).unwrap();
        prop_assert_eq!(&once, &again);
        prop_assert!(once.to_string().is_ascii());
    }

    #[test]
    fn two_addresses_are_each_below_the_other_only_if_they_are_equal(
        (site, one, other) in ("(https://a[.]example)?", path(), path()),
    ) {
        let (one, other) = (format!("{site}{one}"), format!("{site}{other}"));
        let below = |prefix: &str, page: &str| is_covered(prefix, page);
        let trimmed = |text: &str| {
            let path = Prefix::parse(text).unwrap().to_string();
            path.trim_end_matches('/').to_owned()
        };
        prop_assert!(below(&one, &one));
        if below(&one, &other) && below(&other, &one) {
            prop_assert_eq!(trimmed(&one), trimmed(&other));
        }
    }

    #[test]
    fn an_encoded_address_is_covered_like_the_plain_one(segments in prop::collection::vec("[a-zäß .,+=!']{1,6}", 1..4)) {
        let plain: String = segments.iter().map(|segment| format!("/{segment}")).collect();
        let encoded: String = segments
            .iter()
            .map(|segment| {
                let bytes: String = segment.bytes().map(|byte| format!("%{byte:02x}")).collect();
                format!("/{bytes}")
            })
            .collect();
        let path = |text: &str| Prefix::parse(text).unwrap();
        prop_assume!(!plain.ends_with(' '));
        prop_assert_eq!(path(&plain), path(&encoded));
    }
}

fn path() -> impl Strategy<Value = String> {
    "/(a|b|%61|/|[.]/|[.][.]/|ü|%C3%BC|%2[fF]){0,5}"
}
