//! Reports by custom context keys that the operator has reported: every breakdown adds up to the same totals,
//! on every store, after a restart and when the state is made from the journal again.

use crate::harness::{Decision, Redis, Setup, TestServer, inventory, reference, wait_until};
use crate::removed::{apply, served};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KEYS: &str = r#"
[[context_keys]]
id = "author"
values = ["staff", "guest"]

[[context_keys]]
id = "paywall"
values = ["Für Alle", "metered", "premium"]
reported = true

[[context_keys]]
id = "section"
values = ["news", "sport"]
reported = true

[[context_keys]]
id = "series"
max_characters = 20
"#;

const ADVERTISER: (&str, &str) = ("advertiser:zahid-host", "/v1/reports/advertisers/zahid-host");
const PUBLISHER: (&str, &str) = ("publisher:eu-tech-news", "/v1/reports/publishers/eu-tech-news");
const BREAKDOWNS: [&str; 5] = [
    "custom:paywall",
    "custom:section",
    "custom:paywall,custom:section",
    "day,custom:section,topic",
    "custom:paywall,tier,creative,placement",
];
/// Fields of a row with sums.
const FIGURES: [&str; 8] = [
    "/requests",
    "/filled",
    "/impressions/net",
    "/impressions/gross",
    "/viewable/net",
    "/clicks/net",
    "/spend_micros",
    "/revenue_micros",
];

fn with_keys() -> String {
    inventory::paid_by_click(50_000) + KEYS
}

/// What the pages state, and how many of the visits to each click on the unit.
fn visits() -> [(Value, usize, usize); 5] {
    [
        (json!({}), 1, 1),
        (json!({ "paywall": "fur-alle", "author": "staff" }), 2, 1),
        (json!({ "paywall": ["premium", "METERED"], "section": "sport" }), 2, 2),
        (json!({ "section": ["sport", "News"], "series": "x" }), 1, 0),
        (json!({ "paywall": "closed", "section": "sport" }), 1, 0),
    ]
}

fn page(custom: &Value) -> Value {
    let mut page = reference();
    page["page"]["custom"] = custom.clone();
    page
}

/// The visits: each sees the unit, and two slots of the same pages stay empty.
async fn visit(server: &TestServer) {
    for (custom, times, clicks) in visits() {
        for time in 0..times {
            let unit = wait_until("the reference unit", async || {
                let unit = server.decide(&page(&custom)).await;
                (unit.advertiser() == "zahid-host").then_some(unit)
            })
            .await;
            server.reader.impression(&unit).await;
            server.advance_ms(1_000);
            server.reader.viewable(&unit).await;
            if time < clicks {
                server.click(&unit, "primary").await;
            }
        }
    }
    for custom in [json!({ "paywall": "metered" }), json!({})] {
        let mut page = page(&custom);
        page["page"]["commercial"] = json!("none");
        assert!(!server.decide(&page).await.is_filled());
    }
}

async fn report(server: &TestServer, (party, path): (&str, &str), query: &str) -> Value {
    let (status, report) = server.get_as(party, &format!("{path}?{query}")).await;
    assert_eq!(status, 200, "{path}?{query}: {report:#}");
    report
}

fn figures(row: &Value) -> Vec<i64> {
    FIGURES.iter().map(|field| row.pointer(field).and_then(Value::as_i64).unwrap_or(0)).collect()
}

fn rows(report: &Value) -> BTreeMap<Vec<String>, Vec<i64>> {
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| (serde_json::from_value(row["keys"].clone()).unwrap(), figures(row))).collect()
}

fn added<'a>(rows: impl Iterator<Item = &'a Vec<i64>>) -> Vec<i64> {
    let add = |sum: Vec<i64>, row: &Vec<i64>| sum.iter().zip(row).map(|(a, b)| a + b).collect();
    rows.fold(vec![0; FIGURES.len()], add)
}

/// Asserts that the reports of both parties add up under each breakdown; returns all rows.
async fn consistent(server: &TestServer) -> Vec<BTreeMap<Vec<String>, Vec<i64>>> {
    let mut all = Vec::new();
    for party in [ADVERTISER, PUBLISHER, ("operator", PUBLISHER.1)] {
        let total = figures(&report(server, party, "by=day").await["total"][0]);
        for by in BREAKDOWNS {
            let report = report(server, party, &format!("by={by}")).await;
            let names: Vec<&str> = by.split(',').collect();
            assert_eq!(report["by"], json!(names));
            let rows = rows(&report);
            assert_eq!(added(rows.values()), total, "{party:?} by {by}: {report:#}");
            assert_eq!(figures(&report["total"][0]), total, "{party:?} by {by}");
            all.push(rows);
        }
        for (key, values) in [
            ("paywall", &["Für Alle", "metered", "premium", "none", "other"][..]),
            ("section", &["NEWS", "sport", "none"]),
        ] {
            let by_key = rows(&self::report(server, party, &format!("by=custom:{key}")).await);
            let mut filtered = Vec::new();
            for value in values {
                let query = format!("by=day&custom:{key}={value}");
                let total = self::report(server, party, &query).await["total"][0].clone();
                let own = if total.is_null() { vec![0; FIGURES.len()] } else { figures(&total) };
                let compared = value.to_lowercase().replace("für alle", "fur-alle");
                assert_eq!(added(by_key.get(&vec![compared]).into_iter()), own, "{query}");
                filtered.push(own);
            }
            assert_eq!(added(filtered.iter()), total, "{party:?} filtered by {key}");
        }
    }
    all
}

/// Seals, packs rows and stores the state.
async fn reconcile(server: &TestServer) {
    let inner = server.inner.clone();
    tokio::task::spawn_blocking(move || inner.reporting.reconcile()).await.unwrap().unwrap();
}

pub async fn reports_by_a_reported_key_add_up_and_survive_a_restart(setup: Setup) {
    let server = setup.inventory(with_keys()).manual_clock().start().await;
    visit(&server).await;

    let before = consistent(&server).await;

    let count = |requests: i64, shown: i64, clicks: i64, revenue: i64| {
        vec![requests, shown, shown, shown, shown, clicks, clicks * 50_000, revenue]
    };
    let row =
        |keys: &[&str], figures| (keys.iter().map(|key| (*key).to_owned()).collect(), figures);
    let advertiser = [
        row(&["fur-alle", "none"], count(2, 2, 1, 0)),
        row(&["metered", "sport"], count(2, 2, 2, 0)),
        row(&["none", "news"], count(1, 1, 0, 0)),
        row(&["none", "none"], count(1, 1, 1, 0)),
        row(&["none", "sport"], count(1, 1, 0, 0)),
    ];
    assert_eq!(before[2], advertiser.into());
    let publisher = [
        row(&["fur-alle"], count(2, 2, 1, 35_000)),
        row(&["metered"], {
            let mut row = count(2, 2, 2, 70_000);
            row[0] += 1;
            row
        }),
        row(&["none"], {
            let mut row = count(3, 3, 1, 35_000);
            row[0] += 1;
            row
        }),
    ];
    assert_eq!(before[BREAKDOWNS.len()], publisher.into());
    server.assert_ledger_consistent().await;

    let server = server.restart().await;
    assert_eq!(consistent(&server).await, before, "after a restart");
    reconcile(&server).await;
    assert_eq!(consistent(&server).await, before, "with packed rows");
    let server = server.restart().await;
    assert_eq!(consistent(&server).await, before, "from the stored state");
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_state_made_from_the_journal_again_gives_the_same_reports_by_key() {
    let server = Setup::default().inventory(with_keys()).manual_clock().start().await;
    visit(&server).await;
    let before = consistent(&server).await;
    for value in ["fur-alle", "metered", "none"] {
        assert!(before[0].contains_key(&vec![value.to_owned()]), "{value}: {before:?}");
    }

    // A finished segment is what a checkpoint follows.
    let server = server.restart().await;
    reconcile(&server).await;
    let journal = server.data().join("journal");
    let folder = server.end();
    let mut checkpoints = 0;
    for file in std::fs::read_dir(&journal).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "ledger") {
            std::fs::remove_file(file).unwrap();
            checkpoints += 1;
        }
    }
    let server = Setup::default().in_folder(&folder).inventory(with_keys()).start().await;

    assert!(checkpoints > 0, "the state was stored");
    assert_eq!(consistent(&server).await, before);
    server.assert_ledger_consistent().await;
}

/// An event of a unit by way of a server that need not have decided it.
async fn shown_by(server: &TestServer, unit: &Decision) {
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();
    server.reader.fire(&format!("{}/e/{token}", server.public)).await;
}

#[tokio::test]
async fn every_instance_of_a_fleet_has_the_same_reports_by_key_of_what_any_of_them_decides_and_records()
 {
    let redis = Redis::start();
    let one = Setup::default().inventory(with_keys()).with_store(&redis).start().await;
    let other = Setup::default().with_store(&redis).start().await;
    let mut requests = 0;
    for (custom, times, _) in visits() {
        for time in 0..times {
            let unit = wait_until("a unit of the campaign", async || {
                let decider = if time == 0 { &one } else { &other };
                requests += 1;
                let unit = decider.decide(&page(&custom)).await;
                (unit.advertiser() == "zahid-host").then_some(unit)
            })
            .await;
            shown_by(if time == 0 { &other } else { &one }, &unit).await;
        }
    }
    let by = "by=custom:paywall,custom:section";
    let impressions = async |server: &TestServer| {
        let rows = report(server, ADVERTISER, by).await["rows"].clone();
        let row = |row: &Value| format!("{} {}", row["keys"], row["impressions"]["net"]);
        rows.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let expected = [
        r#"["fur-alle","none"] 2"#,
        r#"["metered","sport"] 2"#,
        r#"["none","news"] 1"#,
        r#"["none","none"] 1"#,
        r#"["none","sport"] 1"#,
    ];
    let fresh = Setup::default().with_store(&redis).start().await;
    for server in [&one, &other, &fresh] {
        wait_until("all impressions and requests by key", async || {
            let total = report(server, PUBLISHER, by).await["total"][0].clone();
            let is_complete = impressions(server).await == expected;
            (is_complete && total["requests"] == requests).then_some(())
        })
        .await;
        consistent(server).await;
    }
    one.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_unit_has_the_values_of_the_keys_that_were_reported_when_it_was_decided() {
    let unreported = with_keys().replace("reported = true\n", "");
    let server = Setup::default().inventory(unreported).manual_clock().start().await;
    let custom = json!({ "paywall": "premium", "section": "news" });
    let unit = async || {
        wait_until("a unit", async || {
            let unit = server.decide(&page(&custom)).await;
            (unit.advertiser() == "zahid-host").then_some(unit)
        })
        .await
    };
    let before = unit().await;
    let old = served(&server).await;
    let mut new = old.clone();
    for key in new["context_keys"].as_array_mut().unwrap() {
        if key["id"] == "paywall" || key["id"] == "section" {
            key["reported"] = json!(true);
        }
    }
    assert_eq!(apply(&server, &new).await.0, 200);
    let during = unit().await;
    assert_eq!(apply(&server, &old).await.0, 200);
    let after = unit().await;
    let path = format!("{}?by=custom:paywall", ADVERTISER.1);
    assert_eq!(server.get_as(ADVERTISER.0, &path).await.0, 400, "no longer reported");

    for unit in [&before, &during, &after] {
        server.reader.impression(unit).await;
    }

    assert_eq!(apply(&server, &new).await.0, 200);
    let by_key = rows(&report(&server, ADVERTISER, "by=custom:paywall,custom:section").await);
    let impressions: Vec<(String, i64)> =
        by_key.iter().map(|(keys, figures)| (keys.join(" "), figures[2])).collect();
    assert_eq!(impressions, [("none none".into(), 2), ("premium news".into(), 1)]);
    consistent(&server).await;
}

#[tokio::test]
async fn more_values_than_the_bound_are_reported_as_other_and_add_up() {
    let values = |letter: char| -> String {
        (0..36).map(|number| format!("\"{letter}{number}\",")).collect()
    };
    let key = |id: &str, letter| {
        format!(
            "\n[[context_keys]]\nid = \"{id}\"\nreported = true\nvalues = [{}]\n",
            values(letter)
        )
    };
    let keys = key("paywall", 'a') + &key("section", 'b');
    let server =
        Setup::default().inventory(inventory::example() + &keys).manual_clock().start().await;
    for a in 0..36 {
        for b in 0..30 {
            let mut page = page(&json!({ "paywall": format!("a{a}"), "section": format!("b{b}") }));
            page["page"]["commercial"] = json!("none");
            assert_eq!(server.decide(&page).await.reason(), "commercial_off");
        }
    }

    let query = "by=custom:paywall,custom:section&limit=10000";
    let report = report(&server, PUBLISHER, query).await;

    let rows = rows(&report);
    assert_eq!(rows.len(), 1_000 + 1, "{} rows", rows.len());
    assert_eq!(rows[&vec!["other".to_owned(); 2]][0], 36 * 30 - 1_000);
    assert_eq!(added(rows.values())[0], 36 * 30);
    assert_eq!(report["total"][0]["requests"], 36 * 30);
}

#[tokio::test]
async fn a_key_that_is_unknown_or_not_reported_is_refused_and_how_to_report_it_is_said() {
    let server = Setup::default().inventory(with_keys()).start().await;
    let refused = async |query: &str| {
        let (status, problem) =
            server.get_as(ADVERTISER.0, &format!("{}?{query}", ADVERTISER.1)).await;
        let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        (status, text("code"), text("field"), text("detail"))
    };
    for (query, field, key) in [
        ("by=day,custom:author", "by", "author"),
        ("by=custom:series", "by", "series"),
        ("by=custom:nothing", "by", "nothing"),
        ("custom:author=staff", "custom:author", "author"),
        ("custom%3Anothing=x", "custom:nothing", "nothing"),
    ] {
        let (status, code, at, detail) = refused(query).await;
        assert_eq!((status, &*code, &*at), (400, "unknown_parameter", field), "{query}");
        assert_eq!(
            detail,
            format!(
                "`custom:{key}` is not reported: the operator must set `reported = true` on the context key \
                 `{key}`, which must have a list of `values`; reported are: `custom:paywall`, \
                 `custom:section`"
            )
        );
    }
    for (query, at) in [
        ("by=custom:Not_An_Id", "by"),
        ("by=paywall", "by"),
        ("custom:paywall=--", "custom:paywall"),
        ("custom:paywall=a&custom:paywall=b", "custom:paywall"),
    ] {
        let (status, code, field, _) = refused(query).await;
        assert_eq!((status, &*code, &*field), (422, "invalid_field", at), "{query}");
    }
    let (status, code, field, _) = refused("custom.paywall=metered").await;
    assert_eq!((status, &*code, &*field), (400, "unknown_parameter", "custom.paywall"));
}

#[tokio::test]
async fn an_inventory_with_a_key_that_cannot_be_reported_is_refused_with_the_field_and_what_to_do()
{
    let server = Setup::default().inventory(with_keys()).start().await;
    let inventory = served(&server).await;
    let refused = async |key: usize, field: &str, value: Value| {
        let mut inventory = inventory.clone();
        inventory["context_keys"][key][field] = value;
        let (status, problem) = apply(&server, &inventory).await;
        assert_eq!(status, 422, "{problem:#}");
        problem["problems"].to_string()
    };

    let third = refused(0, "reported", json!(true)).await;
    let free_text = refused(3, "reported", json!(true)).await;
    let other = refused(1, "values", json!(["free", "Other"])).await;
    let none = refused(2, "values", json!(["none"])).await;

    assert!(
        third.contains(
            "must be true for at most 2 context keys (got `author`, `paywall`, `section`)"
        ) && third.contains("remove it from one of them"),
        "{third}"
    );
    assert!(
        free_text.contains("must be left out for a key with free text")
            && free_text.contains("list its `values`, or remove `reported`"),
        "{free_text}"
    );
    for (found, value) in [(other, "other"), (none, "none")] {
        assert!(found.contains(&format!("must not be `{value}` in a reported key")), "{found}");
        assert!(found.contains("rename the value, or remove `reported`"), "{found}");
        assert!(found.contains("values["), "{found}");
    }
}

#[tokio::test]
async fn csv_and_pages_of_a_report_by_key_have_the_rows_of_the_whole() {
    let server = Setup::default().inventory(with_keys()).manual_clock().start().await;
    visit(&server).await;
    let query = "by=custom:paywall,custom:section&custom:section=sport";
    let whole = report(&server, PUBLISHER, query).await;

    let request =
        server.reader.get(&format!("{}{}?{query}&format=csv", server.public, PUBLISHER.1));
    let csv = request.bearer_auth(server.key("operator")).send().await.unwrap();
    let csv = csv.text().await.unwrap();
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().starts_with("custom:paywall,custom:section,requests,"), "{csv}");
    let mut paged = Vec::new();
    let mut url = format!("{}?{query}&limit=1", PUBLISHER.1);
    loop {
        let (status, page) = server.get_as(PUBLISHER.0, &url).await;
        assert_eq!(status, 200, "{page:#}");
        paged.extend(page["rows"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        url = next[next.find("/v1/").unwrap()..].to_owned();
    }

    assert_eq!(json!(paged), whole["rows"]);
    assert_eq!(paged.len(), 2, "metered and none");
    for (line, row) in lines.zip(&paged) {
        let keys = row["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        let mut cells: Vec<String> = keys.map(str::to_owned).collect();
        let requests = row["requests"].as_u64().unwrap();
        cells.push(requests.to_string());
        assert!(line.starts_with(&(cells.join(",") + ",")), "{line}");
    }
}
