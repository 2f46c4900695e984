//! Authorization: every route is declared here, and protected routes reject all other roles.

use crate::harness::{TestServer, reference, wait_until};
use adjacent::config::keys::{ApiKeys, Role};
use adjacent::http;
use secrecy::ExposeSecret;
use std::collections::BTreeSet;

/// Routes without authorization.
const OPEN: [&str; 29] = [
    "/v1/decisions",
    "/v1/unit",
    "/embed/pictures/{file}",
    "/embed/{file:.*}",
    "/e/{token}",
    "/c/{token}",
    "/w/{id}",
    "/",
    "/demo",
    "/demo/explain/{id}",
    "/docs",
    "/docs/search",
    "/docs/{guide}",
    "/openapi.json",
    "/v1/limits",
    "/v1/privacy",
    "/livez",
    "/favicon.ico",
    "/robots.txt",
    "/.well-known/security.txt",
    // Adapters for other clients' protocols, each disabled by default.
    "/api/v1/decision/",
    "/api/v2",
    "/openrtb2/2.6/bids",
    // On the operations listener, which binds to loopback.
    "/readyz",
    "/version",
    "/metrics",
    "/console",
    // Require a signed link or the party's key; tested below and with the pages.
    "/reports/{id}",
    "/reports/publishers/{id}",
];

const OPERATOR: &str = "operator";
const PUBLISHER: &str = "publisher:eu-tech-news";
const ADVERTISER: &str = "advertiser:zahid-host";
const OTHERS: [&str; 3] = ["publisher:kitchen-journal", "advertiser:gitlift", "advertiser:house"];

/// Routes that require a key, and the roles whose keys they accept.
const PROTECTED: [(&str, &[&str]); 6] = [
    (
        "/v1/decisions/{id}/explain",
        &[OPERATOR, PUBLISHER, ADVERTISER, "advertiser:gitlift", "advertiser:house"],
    ),
    ("/v1/decisions/{id}/events", &[OPERATOR, PUBLISHER]),
    ("/v1/flights/{id}/funnel#zahid-ai-europe", &[OPERATOR, ADVERTISER]),
    ("/v1/flights/{id}/rotation#zahid-ai-europe", &[OPERATOR, ADVERTISER]),
    ("/v1/reports/{party}/{id}#advertisers/zahid-host", &[OPERATOR, ADVERTISER]),
    ("/v1/reports/{party}/{id}#publishers/eu-tech-news", &[OPERATOR, PUBLISHER]),
];

/// Every route with this prefix requires the operator role, for every method; tested below.
const ADMIN: &str = "/v1/admin/";
/// Changes that a publisher makes itself; tested below and in `publisher_changes`.
const PUBLISHER_CHANGES: [&str; 2] = ["/v1/publishers/{id}/pauses", "/v1/publishers/{id}/blocks"];

#[test]
fn every_route_is_declared_open_or_protected() {
    let public = http::public::table().into_iter().chain(http::openapi::reference::table());
    let table = public.chain(adjacent::adapters::table()).chain(http::ops::table());
    let routes: BTreeSet<&str> = table.map(|row| row.path()).collect();

    let protected = PROTECTED.map(|(route, _)| route.split('#').next().unwrap());
    let declared = |route: &str| {
        OPEN.contains(&route)
            || protected.contains(&route)
            || route.starts_with(ADMIN)
            || PUBLISHER_CHANGES.contains(&route)
    };
    let undeclared: Vec<&str> = routes.into_iter().filter(|route| !declared(route)).collect();

    assert!(undeclared.is_empty(), "declare who may use {undeclared:?}");
}

#[tokio::test]
async fn every_admin_route_requires_the_operator_role_for_every_method() {
    let server = TestServer::start().await;
    let rows = http::ops::table();
    let rows: Vec<_> = rows.iter().filter(|row| row.path().starts_with(ADMIN)).collect();
    assert!(rows.len() >= 9, "{}", rows.len());

    for row in rows {
        let path = row.path().replace("{list}", "flights").replace("{id}", "zahid-ai-europe");
        for method in row.methods() {
            let method = reqwest::Method::from_bytes(method.as_str().as_bytes()).unwrap();
            let send = |key: Option<&str>| {
                let call = server.reader.request(method.clone(), &format!("{}{path}", server.ops));
                let call = call.header("content-type", "application/json").body("{}");
                key.map_or(call.try_clone().unwrap(), |key| call.bearer_auth(key)).send()
            };
            assert_eq!(send(None).await.unwrap().status(), 401, "{method} {path}");
            for role in [PUBLISHER, ADVERTISER].into_iter().chain(OTHERS) {
                let status = send(Some(server.key(role))).await.unwrap().status();
                assert_eq!(status, 403, "{method} {path} for {role}");
            }
        }
    }
    let number = server.inner.publishing.head().unwrap().unwrap().number;
    assert!(number <= 3, "no request changed the catalog");
}

#[tokio::test]
async fn a_publisher_can_pause_only_its_own_pages() {
    let server = TestServer::start().await;
    let url = format!("{}/v1/publishers/eu-tech-news/pauses", server.public);
    let pause = |key: Option<&str>, body: &'static str| {
        let call = server.reader.post(&url).body(body);
        key.map_or(call.try_clone().unwrap(), |key| call.bearer_auth(key)).send()
    };
    let whole_site = r#"{"site": true, "paused": true}"#;
    assert_eq!(pause(None, whole_site).await.unwrap().status(), 401);
    for role in [ADVERTISER].into_iter().chain(OTHERS) {
        assert_eq!(
            pause(Some(server.key(role)), whole_site).await.unwrap().status(),
            403,
            "{role}"
        );
    }
    assert_eq!(server.decide(&reference()).await.advertiser(), "zahid-host");
    let long =
        server.reader.post(&url).body("x".repeat(140_000)).bearer_auth(server.key(PUBLISHER));
    assert_eq!(long.send().await.unwrap().status(), 413);

    let topic = r#"{"topic": "ai-infrastructure", "paused": true}"#;
    assert_eq!(pause(Some(server.key(PUBLISHER)), topic).await.unwrap().status(), 200);
    assert_eq!(server.decide(&reference()).await.reason(), "paused");

    // The operator applies files without the pause.
    let wanted = adjacent::publishing::apply::CatalogUpdate {
        inventory: Some(adjacent::catalog::files::example()),
        ..Default::default()
    };
    let by = adjacent::catalog::AuditContext {
        who: "test".into(),
        what: "apply".into(),
        at: server.state.clock.now(),
        request: None,
    };
    let anything = adjacent::catalog::change::ExpectedVersion::Any;
    server.inner.publishing.apply(wanted, anything, &by).await.unwrap();
    assert_eq!(server.decide(&reference()).await.reason(), "paused");
    let topic = r#"{"topic": "ai-infrastructure", "paused": false}"#;
    assert_eq!(pause(Some(server.key(PUBLISHER)), topic).await.unwrap().status(), 200);
    assert_eq!(server.decide(&reference()).await.advertiser(), "zahid-host");
}

/// URL of a protected route for its object, or else for a decision for the reference advertiser.
fn url_of(server: &TestServer, route: &str, decision: &str) -> String {
    let (path, object) = route.split_once('#').unwrap_or((route, ""));
    let id = if object.is_empty() { decision } else { object };
    let path = path.replace("{party}/{id}", object).replace("{id}", id);
    format!("{}{path}", server.public)
}

/// The status for a key; asserts that a rejection contains nothing of the object. An empty list of
/// events counts as 404.
async fn status(server: &TestServer, url: &str, key: Option<&str>) -> u16 {
    let call = server.reader.get(url);
    let call = key.map(|key| call.try_clone().unwrap().bearer_auth(key)).unwrap_or(call);
    let reply = call.send().await.unwrap();
    let status = reply.status().as_u16();
    let text = reply.text().await.unwrap();
    if status != 200 {
        assert!(
            !text.contains("slots") && !text.contains("rows") && !text.contains("events\""),
            "{text}"
        );
    }
    if text.contains("\"events\":[]") { 404 } else { status }
}

#[tokio::test]
async fn every_protected_route_is_accessible_to_its_parties_only() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;
    let roles = [OPERATOR, PUBLISHER, ADVERTISER].into_iter().chain(OTHERS);

    for role in roles {
        for (route, allowed) in PROTECTED {
            for base in [&server.public, &server.ops] {
                let url = url_of(&server, route, unit.id()).replace(&server.public, base);
                if base == &server.ops && route.contains("reports") {
                    continue;
                }
                let found = status(&server, &url, Some(server.key(role))).await;
                let expected: &[u16] =
                    if allowed.contains(&role) { &[200] } else { &[401, 403, 404] };
                assert!(expected.contains(&found), "{role} at {route}: {found}");
            }
        }
    }
}

#[tokio::test]
async fn a_publisher_cannot_read_events_of_another_publisher() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;

    let path = format!("/v1/decisions/{}/events", unit.id());
    let (_, foreign) = server.get_as("publisher:kitchen-journal", &path).await;
    let (_, own) = server.get_as(PUBLISHER, &path).await;

    assert!(!foreign.to_string().contains("impression"), "{foreign}");
    assert_eq!(own["events"][0]["kind"], "impression");
}

#[tokio::test]
async fn missing_wrong_expired_and_revoked_keys_are_rejected() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let now = server.state.clock.now();
    let mut keys = ApiKeys::open(&server.data()).unwrap();
    let past = now - jiff::SignedDuration::from_secs(1);
    let expired = keys.create(Role::Operator, "ops", (Some(past), None), now).unwrap().1;
    let (id, revoked) = keys.create(Role::Operator, "ops", (None, None), now).unwrap();
    let (_, valid) = keys.create(Role::Operator, "ops", (None, None), now).unwrap();
    keys.revoke(&id, now).unwrap();
    let url = url_of(&server, PROTECTED[0].0, unit.id());
    wait_until("the new key", async || {
        (status(&server, &url, Some(valid.expose_secret())).await == 200).then_some(())
    })
    .await;

    let real = server.key(OPERATOR);
    let wrong = [
        None,
        Some(expired.expose_secret().to_owned()),
        Some(revoked.expose_secret().to_owned()),
        Some("nonsense".to_owned()),
        Some(format!("{real}x")),
        Some(real.replace("adj_o_", "adj_p_")),
        Some(real.to_ascii_uppercase()),
        Some(String::new()),
    ];

    for key in &wrong {
        for (route, _) in PROTECTED {
            let found = status(&server, &url_of(&server, route, unit.id()), key.as_deref()).await;
            assert_eq!(found, 401, "{route} with {key:?}");
        }
        let call =
            server.reader.post(&format!("{}/v1/decisions", server.public)).json(&reference());
        if let Some(key) = key.as_deref().filter(|key| !key.is_empty()) {
            assert_eq!(call.bearer_auth(key).send().await.unwrap().status(), 401, "{key}");
        }
    }
}

#[tokio::test]
async fn a_key_in_the_query_string_gives_no_access() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    for name in ["key", "api_key", "token", "access_token", "authorization"] {
        let url = url_of(&server, PROTECTED[0].0, unit.id());
        let found = status(&server, &format!("{url}?{name}={}", server.key(OPERATOR)), None).await;
        // Such a parameter does not exist.
        assert_eq!(found, 400, "{name}");
    }
}

#[tokio::test]
async fn a_report_link_opens_the_page_of_its_advertiser_until_it_expires() {
    let server = crate::harness::Setup::default().manual_clock().start().await;
    let link = server.link("zahid-host", 60_000);
    let page = |id: &str, link: &str| format!("{}/reports/{id}?link={link}", server.public);

    assert_eq!(status(&server, &page("zahid-host", &link), None).await, 200);
    assert_eq!(status(&server, &page("gitlift", &link), None).await, 401);
    assert_eq!(status(&server, &page("zahid-host", &format!("{link}A")), None).await, 401);
    assert_eq!(status(&server, &page("zahid-host", ""), None).await, 401);
    server.advance_ms(60_001);
    assert_eq!(status(&server, &page("zahid-host", &link), None).await, 401);
}
