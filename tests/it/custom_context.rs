//! Custom context keys: registered by the operator, stated by pages, targeted by flights, explained.

use crate::harness::decision::reference_with;
use crate::harness::process::Installation;
use crate::harness::{Decision, Setup, TestServer, inventory, reference};
use serde_json::{Value, json};

const KEYS: &str = r#"
[[context_keys]]
id = "paywall"
name = "Paywall"
values = ["Free", "metered", "premium"]

[[context_keys]]
id = "series"
max_characters = 20
"#;

/// The example with two context keys, and the reference flight targeting `custom`.
fn targeting(custom: &str) -> String {
    let topics = "topics = { any = [\"ai-infrastructure\", \"ai-agents\", \"cloud-computing\"] }";
    let targeted = format!("custom = {{ {custom} }}, {topics}");
    inventory::example_with(topics, &targeted) + KEYS
}

async fn on(server: &TestServer, custom: Value) -> Value {
    server.decision_response(&reference_with("/page/custom", custom)).await
}

fn unit(answer: &Value) -> Decision {
    Decision(answer["decisions"]["article-end"].clone())
}

#[tokio::test]
async fn a_flight_is_shown_on_pages_that_state_what_it_targets_for_every_key() {
    let custom = r#"paywall = { any = ["free", "metered"] }, series = { any = ["Łódź"], none = ["archive"] }"#;
    let server = Setup::default().inventory(targeting(custom)).start().await;

    for (stated, shown) in [
        (json!({ "paywall": "free", "series": "Lodz" }), true),
        (json!({ "paywall": ["premium", "METERED"], "series": ["other", "łódź"] }), true),
        (json!({ "paywall": "premium", "series": "Lodz" }), false),
        (json!({ "paywall": "free" }), false),
        (json!({ "series": "Lodz" }), false),
        (json!({ "paywall": "free", "series": ["Lodz", "Archive"] }), false),
        (json!({}), false),
        (json!(["paywall=free", "series = Lodz"]), true),
        (json!(["paywall=premium", "paywall=Metered", "series=other", "series=łódź"]), true),
        (json!(["paywall=free"]), false),
        (json!([]), false),
    ] {
        let answer = on(&server, stated.clone()).await;
        assert_eq!(unit(&answer).advertiser() == "zahid-host", shown, "{stated}: {answer:#}");
        assert_eq!(answer["warnings"], json!([]), "{stated}");
    }
    let by_get = format!(
        "{}/v1/decisions?publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure\
         &viewer_region=DE&language=en&url=https%3A%2F%2Fnews.example%2Fx&custom.paywall=free\
         &custom.series=other&custom.series=%C5%82%C3%B3d%C5%BA",
        server.public
    );
    let by_get: Value = server.reader.get(&by_get).send().await.unwrap().json().await.unwrap();
    assert_eq!(unit(&by_get).advertiser(), "zahid-host", "{by_get:#}");
    assert_eq!(by_get["warnings"], json!([]));
}

#[tokio::test]
async fn what_a_page_states_for_a_key_is_explained_after_a_restart_too() {
    let server =
        Setup::default().inventory(targeting("paywall = { any = [\"free\"] }")).start().await;
    let answer = on(&server, json!({ "paywall": ["premium"], "series": "unknown" })).await;
    let id = answer["request_id"].as_str().unwrap();

    let server = server.restart().await;
    let (status, trace) = server.explain("operator", id).await;

    assert_eq!(status, 200, "{trace:#}");
    assert_eq!(trace["page"]["custom"], json!({ "paywall": ["premium"] }));
    let text = trace.to_string();
    assert!(text.contains("\"custom\""), "the reason of the filtered flight: {trace:#}");
}

#[tokio::test]
async fn a_value_that_no_key_has_is_a_warning_and_what_identifies_a_person_is_rejected() {
    let server =
        Setup::default().inventory(targeting("paywall = { none = [\"premium\"] }")).start().await;

    for (custom, said) in [
        (json!({ "section": "politics" }), "page.custom.section: is not a context key"),
        (
            json!({ "paywall": "closed" }),
            "page.custom.paywall: must be one of Free, metered, premium",
        ),
        (
            json!({ "series": "x".repeat(21) }),
            "page.custom.series: must have at most 20 characters",
        ),
        (
            json!({ "series": "jo@example.com" }),
            "page.custom.series: must be a word about the page",
        ),
        (json!({ "series": vec!["a"; 9] }), "page.custom.series: 9 values exceed the limit of 8"),
        (json!(["paywall", "x"]), "page.custom.x: is not a context key"),
        (json!(["paywall"]), "page.custom.paywall: must be a word about the page"),
    ] {
        let answer = on(&server, custom).await;
        assert_eq!(unit(&answer).advertiser(), "zahid-host", "{answer:#}");
        assert!(answer["warnings"].to_string().contains(said), "{answer:#}");
    }
    for person in [json!({ "email": "x" }), json!(["paywall=free", "email=x"]), json!(["uid"])] {
        let person = reference_with("/page/custom", person);
        let refused = server.request_decisions(&person).await;
        assert_eq!(refused.status(), 422);
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "personal_data");
    }
    let by_get = "/v1/decisions?publisher=eu-tech-news&placement=article-end&custom.user_id=7";
    let refused = server.reader.get(&format!("{}{by_get}", server.public)).send().await.unwrap();
    assert_eq!(refused.status(), 422);
    assert!(unit(&server.decision_response(&reference()).await).is_filled());
}

#[test]
fn a_key_about_a_person_or_a_value_that_no_page_can_state_is_refused_by_check() {
    let installation = Installation::new();
    let file = installation.path("config/inventory/keys.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = installation.command(&["check"]).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };

    assert!(check(KEYS).0, "{}", check(KEYS).1);
    for id in
        ["user-id", "age", "gender", "email", "ip", "customer-segment", "visitor", "device-id"]
    {
        let (passes, said) =
            check(&format!("[[context_keys]]\nid = \"{id}\"\nmax_characters = 9\n"));
        assert!(!passes && said.contains("must not mean a person"), "{id}: {said}");
    }
    for (keys, message) in [
        ("[[context_keys]]\nid = \"a\"\n", "list its `values`, or allow free text"),
        (
            "[[context_keys]]\nid = \"a\"\nvalues = [\"x\"]\nmax_characters = 9\n",
            "must be left out for a key with `values`",
        ),
        ("[[context_keys]]\nid = \"a\"\nvalues = [\"ß\", \"SS\"]\n", "must differ from the other"),
    ] {
        let (passes, said) = check(keys);
        assert!(!passes && said.contains(message), "{keys}: {said}");
    }
    std::fs::remove_file(&file).unwrap();
    for (custom, message) in [
        ("section = { any = [\"x\"] }", "unknown context key `section`"),
        ("paywall = { any = [\"fre\"] }", "unknown value `fre`"),
        ("series = { any = [\"a name that is far too long\"] }", "no page can state it"),
        ("series = { any = [\"ß\"], none = [\"SS\"] }", "`none` excludes all of `any`"),
    ] {
        let text = targeting(custom);
        let lone = tempfile::tempdir().unwrap();
        std::fs::write(lone.path().join("all.toml"), &text).unwrap();
        inventory::copy_images_into(lone.path());
        let path = lone.path().display().to_string();
        let output = installation.command(&["check", &path]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(message), "{custom}: {said}");
    }
}
