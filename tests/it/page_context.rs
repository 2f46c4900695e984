//! Page context as pages state it: addresses, names, languages and origins in any of their spellings,
//! and values that cannot be read.

use crate::harness::decision::reference_with;
use crate::harness::process::Installation;
use crate::harness::{Decision, Reader, Setup, TestServer, inventory, reference};
use serde_json::{Value, json};

/// The example in which `eu-tech-news` has these lines, too.
fn with_publisher_lines(lines: &str) -> String {
    let line = "page_urls = \"path\"";
    inventory::example_with(line, &format!("{line}\n{lines}"))
}

fn warnings(answer: &Value) -> String {
    answer["warnings"].to_string()
}

fn unit(answer: &Value) -> Decision {
    Decision(answer["decisions"]["article-end"].clone())
}

async fn on_page(server: &TestServer, field: &str, value: Value) -> Value {
    server.decision_response(&reference_with(&format!("/page/{field}"), value)).await
}

#[tokio::test]
async fn a_page_is_paused_in_every_spelling_of_its_address() {
    let paths = r#"paused_paths = ["/über/", "/%C3%A9lections/", "/live/", "https://news.example/war/", "https://bücher.example/x/"]"#;
    let server = Setup::default().inventory(with_publisher_lines(paths)).start().await;

    for url in [
        "https://news.example/%C3%BCber/x",
        "https://news.example/u%CC%88ber/x",
        "https://news.example/élections/x",
        "https://news.example//live/x",
        "//live/x",
        "https://news.example/./live/x",
        "https://news.example/a/../live/x",
        "https://news.example/%6Cive/x",
        "/live/x",
        "https://NEWS.example/war/x",
        "https://news.example:443/war/x",
        "https://news.example./war/x",
        "https://xn--bcher-kva.example/x/y",
    ] {
        let answer = on_page(&server, "url", json!(url)).await;
        assert_eq!(unit(&answer).reason(), "paused", "{url}: {answer:#}");
        assert_eq!(answer["warnings"], json!([]), "{url}");
    }
    let answer = on_page(&server, "url", json!("https://news.example/lives/x")).await;
    assert!(unit(&answer).is_filled() && answer["warnings"] == json!([]), "{answer:#}");
}

#[tokio::test]
async fn the_answer_says_what_keeps_a_page_from_being_paused_or_cannot_be_read() {
    let paths = "paused_paths = [\"https://www.news.example/war/\"]";
    let server = Setup::default().inventory(with_publisher_lines(paths)).start().await;
    let open = TestServer::start().await;

    for (url, said) in [
        ("http://www.news.example/war/x", "differs in http and https"),
        ("https://news.example/war/x", "differs by `www.`"),
        ("https://www.news.example/War/x", "differs in the letter case of the path"),
    ] {
        let answer = on_page(&server, "url", json!(url)).await;
        assert!(unit(&answer).is_filled(), "{url}: {answer:#}");
        assert!(warnings(&answer).contains(said), "{url}: {answer:#}");
    }
    for missing in [Value::Null, json!(""), json!(" ")] {
        let answer = on_page(&server, "url", missing.clone()).await;
        assert_eq!(unit(&answer).reason(), "paused", "{missing}: {answer:#}");
        assert!(warnings(&answer).contains("page.url: is missing"), "{answer:#}");
        assert!(warnings(&answer).contains("this page may be below one"), "{answer:#}");
        let answer = on_page(&open, "url", missing).await;
        assert!(unit(&answer).is_filled() && answer["warnings"] == json!([]), "{answer:#}");
    }
    let mut without = reference();
    without["page"].as_object_mut().unwrap().remove("url");
    let answer = server.decision_response(&without).await;
    let id = answer["request_id"].as_str().unwrap();
    let (_, explanation) = server.explain("operator", id).await;
    assert_eq!(explanation["slots"][0]["result"]["reason"], "paused", "{explanation:#}");
    for url in ["news.example/war/x", "about:srcdoc", "https://[news.example/war/"] {
        let answer = on_page(&server, "url", json!(url)).await;
        assert_eq!(unit(&answer).reason(), "paused", "{url}: {answer:#}");
        assert!(warnings(&answer).contains("this page may be below one"), "{answer:#}");
        let answer = on_page(&open, "url", json!(url)).await;
        assert!(unit(&answer).is_filled() && warnings(&answer).contains("page.url: is not"));
    }
}

#[tokio::test]
async fn a_publisher_learns_how_its_prefix_is_compared_and_resumes_it_in_another_spelling() {
    let server = TestServer::start().await;
    let pause = async |path: &str, paused: bool| {
        let url = format!("{}/v1/publishers/eu-tech-news/pauses", server.public);
        let request = server.reader.post(&url).bearer_auth(server.key("publisher:eu-tech-news"));
        let reply = request.json(&json!({ "path": path, "paused": paused })).send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };

    let (status, reply) = pause("HTTPS://NEWS.example:443/über//", true).await;
    assert_eq!((status, reply["path"].as_str()), (200, Some("https://news.example/%C3%BCber/")));
    let page = reference_with("/page/url", json!("https://news.example/%c3%bcber/a"));
    assert_eq!(server.decide(&page).await.reason(), "paused");
    assert_eq!(pause("https://news.example/%C3%BCber/", false).await.0, 200);
    assert!(server.decide(&page).await.is_filled());
    for unreadable in ["/live/*", "//live/", "live", "https://[news/"] {
        let (status, reply) = pause(unreadable, true).await;
        assert_eq!((status, reply["code"].as_str()), (422, Some("invalid_document")), "{reply:#}");
    }
}

#[tokio::test]
async fn a_sponsor_is_kept_off_a_page_about_it_in_every_spelling_of_its_name() {
    let file = inventory::example_with(
        "id = \"zahid-host\"\nname = \"zahid.host\"",
        "id = \"zahid-host\"\nname = \"zahid.host\"\naliases = [\"Fußball\", \"Diyarbakır\", \"Ελλάδας\", \"Łódź\", \"Ørsted\", \"Đà Nẵng\"]",
    );
    let server = Setup::default().inventory(file).start().await;

    for name in ["FUSSBALL", "DİYARBAKIR", "ΕΛΛΑΔΑΣ", "Lodz", "Orsted", "ĐÀ NẴNG", "da nang"]
    {
        for entities in [json!([{ "name": name, "role": "subject" }])] {
            let answer = on_page(&server, "entities", entities).await;
            assert_ne!(unit(&answer).advertiser(), "zahid-host", "{name}");
        }
        let mentioned = on_page(&server, "entities", json!([name])).await;
        assert_eq!(unit(&mentioned).advertiser(), "zahid-host", "{name}");
    }
}

#[tokio::test]
async fn a_page_whose_subject_cannot_be_read_gets_no_commercial_unit() {
    let server = TestServer::start().await;

    for entities in [
        json!([122, 97, 104, 105, 100]),
        json!(7),
        json!(true),
        json!([["zahid-host"]]),
        json!([{ "id": "zahid-host" }]),
        json!([{ "name": "zahid.host", "role": "about" }]),
        json!(["european-commission", null]),
    ] {
        for field in ["entities", "subject"] {
            let answer = on_page(&server, field, entities.clone()).await;
            assert_eq!(unit(&answer).advertiser(), "house", "{field} {entities}: {answer:#}");
            assert!(warnings(&answer).contains("subject cannot be read"), "{answer:#}");
        }
    }
    let mut strict = reference_with("/page/subject", json!([7]));
    strict["strict"] = json!(true);
    let refused = server.request_decisions(&strict).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(refused.json::<Value>().await.unwrap()["field"], "page.entities[0]");
}

#[tokio::test]
async fn one_subject_is_read_with_and_without_a_list_and_is_never_the_one_that_is_dropped() {
    let server = TestServer::start().await;
    let many: Vec<Value> = (0..40).map(|number| json!(format!("company {number}"))).collect();
    let mut with_many = reference_with("/page/subject", json!("zahid.host"));
    with_many["page"]["entities"] = json!(many);
    let mut last = reference();
    last["page"]["entities"] =
        json!([many, vec![json!({ "name": "zahid.host", "role": "subject" })]].concat());

    for page in [
        reference_with("/page/subject", json!("zahid.host")),
        reference_with("/page/subject", json!(["Rust", "zahid.host"])),
        reference_with("/page/entities", json!({ "name": "zahid.host", "role": "subject" })),
        with_many,
        last,
    ] {
        let answer = server.decision_response(&page).await;
        assert_ne!(unit(&answer).advertiser(), "zahid-host", "{page:#}");
        assert!(!warnings(&answer).contains("cannot be read"), "{answer:#}");
    }
    for empty in [json!(null), json!(""), json!([])] {
        let answer = on_page(&server, "subject", empty).await;
        assert_eq!(unit(&answer).advertiser(), "zahid-host");
    }
}

#[tokio::test]
async fn a_language_matches_in_every_spelling_and_what_is_none_is_a_warning() {
    let targeted = |languages: &str| {
        let topics =
            "topics = { any = [\"ai-infrastructure\", \"ai-agents\", \"cloud-computing\"] }";
        inventory::example_with(topics, &format!("languages = {{ any = [{languages}] }}, {topics}"))
    };
    for (languages, pages) in [
        ("\"de\"", &["de_DE", "de-AT", "DE", "de_DE.UTF-8", "de-Latn-DE"][..]),
        ("\"no\"", &["nb-NO", "nb", "no", "nn-NO"]),
        ("\"he\"", &["iw", "iw_IL", "he"]),
        ("\"iw\"", &["he-IL"]),
        ("\"zh-Hant\"", &["zh_TW", "zh-Hant-HK"]),
    ] {
        let server = Setup::default().inventory(targeted(languages)).start().await;
        for language in pages {
            let answer = on_page(&server, "language", json!(language)).await;
            assert_eq!(unit(&answer).advertiser(), "zahid-host", "{languages} {language}");
            assert_eq!(answer["warnings"], json!([]), "{language}");
        }
        let answer = on_page(&server, "language", json!("fr")).await;
        assert_ne!(unit(&answer).advertiser(), "zahid-host", "{languages}");
    }
    let server = TestServer::start().await;
    for language in ["deutsch", "de DE", "C", "[object Object]"] {
        let answer = on_page(&server, "language", json!(language)).await;
        let said = format!("page.language: `{language}` is not a BCP 47 tag");
        assert!(warnings(&answer).contains(&said), "{answer:#}");
    }
    let answer = on_page(&server, "region", json!("Atlantis!")).await;
    assert!(warnings(&answer).contains("page.region: `Atlantis!`"), "{answer:#}");
    let answer = on_page(&server, "region", json!("bavaria")).await;
    assert!(warnings(&answer).contains("page.region: `bavaria`"), "{answer:#}");
}

#[tokio::test]
async fn listed_origins_are_production_in_every_spelling_and_by_wildcard() {
    let listed = r#"origins = ["https://*.news.example", "HTTPS://News.example:443", "https://bücher.example", "https://localhost", "capacitor://localhost"]"#;
    let server = Setup::default()
        .inventory(with_publisher_lines(listed))
        .settings(|settings| settings.server.trial = false)
        .start()
        .await;

    for (origin, verdict) in [
        ("https://www.news.example", "impression counted"),
        ("https://news.example", "impression counted"),
        ("https://xn--bcher-kva.example", "impression counted"),
        ("https://localhost", "impression counted"),
        ("capacitor://localhost", "impression counted"),
        ("ionic://localhost", "impression invalid test"),
        ("http://localhost:3000", "impression invalid test"),
        ("https://evil.example", "impression invalid idle"),
    ] {
        let reader = Reader::with_header("origin", origin);
        let address = format!("{}/v1/decisions", server.public);
        let answer = reader.post(&address).json(&reference()).send().await.unwrap();
        let unit = unit(&answer.json().await.unwrap());
        assert!(unit.is_filled(), "{origin}: {:#}", unit.0);
        reader.impression(&unit).await;
        assert_eq!(server.verdicts(&unit).await, [verdict], "{origin}");
    }
}

#[tokio::test]
async fn as_many_names_as_the_limits_allow_fit_into_a_body_in_any_script() {
    let server = TestServer::start().await;
    for letter in ["ж", "広", "𝔞"] {
        let names = |count: usize| -> Vec<Value> {
            (0..count).map(|number| json!(format!("{number:03}{}", letter.repeat(125)))).collect()
        };
        let mut page = reference();
        page["page"]["keywords"] = json!(names(64));
        page["page"]["entities"] = json!(names(32));
        page["page"]["topics"] = json!(names(16));
        let answer = server.request_decisions(&page).await;
        assert_eq!(answer.status(), 200, "{letter}");
        assert_eq!(answer.json::<Value>().await.unwrap()["warnings"], json!([]), "{letter}");
    }
    let text = "[request]\nbody_bytes = 16384\n";
    let problems = adjacent::config::load::parse_settings("adjacent.toml", text).unwrap_err();
    assert!(problems[0].to_string().contains("request.body_bytes: must be at least 57344"));
}

#[test]
fn files_whose_names_begin_with_a_dot_are_not_read() {
    let installation = Installation::new();
    let folder = installation.path("config/inventory");
    for name in [".#publishers.toml", "._publishers.toml", ".hidden.toml"] {
        std::fs::write(folder.join(name), b"\x00\x05not TOML").unwrap();
    }

    let checked = installation.command(&["check"]).output().unwrap();
    let process = installation.serve();

    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    drop(process);
}

#[tokio::test]
async fn a_landing_address_leaves_as_an_ascii_uri() {
    let address = "https://zahid.host/signup";
    let written = inventory::example_with(address, "https://zahid.host/straße/広告?q=größe");
    let server = Setup::default().inventory(written).start().await;

    let unit = server.unit().await;
    let location = server.click(&unit, "primary").await.location.unwrap();

    assert!(
        location.starts_with("https://zahid.host/stra%C3%9Fe/%E5%BA%83%E5%91%8A?q=gr%C3%B6%C3%9Fe"),
        "{location}"
    );
}

#[tokio::test]
async fn a_name_over_the_limit_is_left_out_whole_and_an_unknown_subject_keeps_commercial_units_away()
 {
    let server = TestServer::start().await;
    let long = |start: &str| format!("{start}{}", " ".repeat(128 - start.len()) + "x");

    // The first 128 characters are a topic that the flight targets.
    let answer = on_page(&server, "topics", json!([long("ai-infrastructure")])).await;
    assert!(warnings(&answer).contains("page.topics[0]: has more than 128 characters: left out"));
    assert_ne!(unit(&answer).advertiser(), "zahid-host", "{answer:#}");
    let topics = json!([long("cooking"), "ai-infrastructure"]);
    let answer = on_page(&server, "topics", topics).await;
    assert_eq!(unit(&answer).advertiser(), "zahid-host", "{answer:#}");

    let answer = on_page(&server, "entities", json!([long("european-commission")])).await;
    assert!(warnings(&answer).contains("page.entities[0]: has more than 128 characters"));
    assert_eq!(unit(&answer).advertiser(), "zahid-host", "{answer:#}");
    let subjects: Vec<String> = (0..33).map(|number| format!("subject-{number}")).collect();
    for subject in [json!(long("european-commission")), json!(subjects)] {
        let answer = on_page(&server, "subject", subject).await;
        assert!(warnings(&answer).contains("has subjects over a limit: no commercial unit"));
        assert_ne!(unit(&answer).advertiser(), "zahid-host", "{answer:#}");
    }
}
