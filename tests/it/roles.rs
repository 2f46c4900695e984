//! Who may what: every route is declared here, and every protected one denies everybody else.

use crate::harness::TestServer;
use crate::harness::reference;
use crate::harness::until;
use adjacent::config::keys::ApiKeys;
use adjacent::config::keys::Role;
use secrecy::ExposeSecret;
use std::collections::BTreeSet;

/// Routes that anybody may ask.
const OPEN: [&str; 18] = [
    "/v1/decisions",
    "/v1/unit",
    "/embed/{file:.*}",
    "/e/{token}",
    "/c/{token}",
    "/w/{id}",
    "/",
    "/demo",
    "/demo/explain/{id}",
    "/docs",
    "/openapi.json",
    "/v1/limits",
    "/v1/privacy",
    "/livez",
    // The operations listener is on loopback.
    "/readyz",
    "/version",
    "/metrics",
    // By a signed link, tested below.
    "/advertisers/{id}",
];

const OPERATOR: &str = "operator";
const SITE: &str = "publisher:eu-tech-news";
const SPONSOR: &str = "advertiser:zahid-host";
const OTHERS: [&str; 3] = ["publisher:kitchen-journal", "advertiser:gitlift", "advertiser:house"];

/// Routes that need a key, and whose.
const PROTECTED: [(&str, &[&str]); 4] = [
    (
        "/v1/decisions/{id}/explain",
        &[OPERATOR, SITE, SPONSOR, "advertiser:gitlift", "advertiser:house"],
    ),
    ("/v1/decisions/{id}/events", &[OPERATOR, SITE]),
    ("/v1/reports/{party}/{id}#advertisers/zahid-host", &[OPERATOR, SPONSOR]),
    ("/v1/reports/{party}/{id}#publishers/eu-tech-news", &[OPERATOR, SITE]),
];

#[test]
fn every_route_is_declared_open_or_protected() {
    let mut routes = BTreeSet::new();
    for face in ["public", "ops"] {
        let text = std::fs::read_to_string(format!("src/http/{face}/mod.rs")).unwrap();
        for call in ["route(\"", "resource(\""] {
            let found =
                text.split(call).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            routes.extend(found);
        }
    }

    let protected = PROTECTED.map(|(route, _)| route.split('#').next().unwrap());
    let declared =
        |route: &&String| OPEN.contains(&route.as_str()) || protected.contains(&route.as_str());
    let undeclared: Vec<&String> = routes.iter().filter(|route| !declared(route)).collect();

    assert!(undeclared.is_empty(), "say here who may use {undeclared:?}");
    assert!(routes.len() > 15);
}

/// The address of a protected route for one decision of the reference sponsor.
fn address(server: &TestServer, route: &str, decision: &str) -> String {
    let (path, object) = route.split_once('#').unwrap_or((route, ""));
    let path = path.replace("{party}/{id}", object).replace("{id}", decision);
    format!("{}{path}", server.public)
}

/// The status for a key, with nothing of the object in a refusal. An empty list says as much as that
/// there is no such object.
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
async fn every_protected_route_opens_to_its_parties_and_to_nobody_else() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;
    let everybody = [OPERATOR, SITE, SPONSOR].into_iter().chain(OTHERS);

    for who in everybody {
        for (route, allowed) in PROTECTED {
            for base in [&server.public, &server.ops] {
                let url = address(&server, route, unit.id()).replace(&server.public, base);
                if base == &server.ops && route.contains("reports") {
                    continue;
                }
                let told = status(&server, &url, Some(server.key(who))).await;
                let expected: &[u16] =
                    if allowed.contains(&who) { &[200] } else { &[401, 403, 404] };
                assert!(expected.contains(&told), "{who} at {route}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn a_publisher_reads_no_events_of_another_site() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;

    let path = format!("/v1/decisions/{}/events", unit.id());
    let (_, foreign) = server.get_as("publisher:kitchen-journal", &path).await;
    let (_, own) = server.get_as(SITE, &path).await;

    assert!(!foreign.to_string().contains("impression"), "{foreign}");
    assert_eq!(own["events"][0]["kind"], "impression");
}

#[tokio::test]
async fn missing_wrong_expired_and_revoked_keys_open_nothing() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let now = server.inner.clock.now();
    let mut keys = ApiKeys::open(&server.data()).unwrap();
    let past = now - jiff::SignedDuration::from_secs(1);
    let expired = keys.create(Role::Operator, "ops", Some(past), now).unwrap().1;
    let (id, revoked) = keys.create(Role::Operator, "ops", None, now).unwrap();
    let (_, good) = keys.create(Role::Operator, "ops", None, now).unwrap();
    keys.revoke(&id, now).unwrap();
    let url = address(&server, PROTECTED[0].0, unit.id());
    until("the new key", async || {
        (status(&server, &url, Some(good.expose_secret())).await == 200).then_some(())
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
            let told = status(&server, &address(&server, route, unit.id()), key.as_deref()).await;
            assert_eq!(told, 401, "{route} with {key:?}");
        }
        let call =
            server.reader.post(&format!("{}/v1/decisions", server.public)).json(&reference());
        if let Some(key) = key.as_deref().filter(|key| !key.is_empty()) {
            assert_eq!(call.bearer_auth(key).send().await.unwrap().status(), 401, "{key}");
        }
    }
}

#[tokio::test]
async fn a_key_in_the_address_is_no_key() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    for name in ["key", "api_key", "token", "access_token", "authorization"] {
        let url = address(&server, PROTECTED[0].0, unit.id());
        let told = status(&server, &format!("{url}?{name}={}", server.key(OPERATOR)), None).await;
        assert_eq!(told, 401, "{name}");
    }
}

#[tokio::test]
async fn a_link_to_an_advertisers_page_opens_that_page_until_it_expires() {
    let server = crate::harness::Setup::default().clock().start().await;
    let keys =
        adjacent::config::keys::TokenKeys::open(&server.data(), server.inner.clock.now()).unwrap();
    let until_ms = server.inner.clock.now_ms() + 60_000;
    let link = keys.links().sign(&"zahid-host".parse().unwrap(), until_ms);
    let page = |id: &str, link: &str| format!("{}/advertisers/{id}?link={link}", server.public);

    assert_eq!(status(&server, &page("zahid-host", &link), None).await, 200);
    assert_eq!(status(&server, &page("gitlift", &link), None).await, 401);
    assert_eq!(status(&server, &page("zahid-host", &format!("{link}A")), None).await, 401);
    assert_eq!(status(&server, &page("zahid-host", ""), None).await, 401);
    server.advance_ms(60_001);
    assert_eq!(status(&server, &page("zahid-host", &link), None).await, 401);
}
