//! Readers report units with the form of the page behind "why this": what is stored, refused, listed and removed.

use crate::harness::process::Installation;
use crate::harness::{Decision, Reader, Setup, TestServer, reference, wait_until};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// A complete form, with markup in its text.
const FORM: [(&str, &str); 5] = [
    ("reason", "illegal_content"),
    ("explanation", "It says <script>alert(1)</script>\r\nand more"),
    ("name", "Jo Example"),
    ("email", "jo@reader.example"),
    ("good_faith", "yes"),
];

/// The form with another value of a field.
fn form_with(field: &'static str, value: &str) -> Vec<(&'static str, String)> {
    let other = FORM.iter().filter(|(name, _)| *name != field);
    let mut form: Vec<_> = other.map(|(name, value)| (*name, (*value).to_owned())).collect();
    form.push((field, value.to_owned()));
    form
}

fn form() -> Vec<(&'static str, String)> {
    form_with("good_faith", "yes")
}

/// A form as browsers send it.
fn send(request: RequestBuilder, form: &[(&str, String)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

impl TestServer {
    async fn report(&self, unit: &Decision, form: &[(&str, String)]) -> Response {
        let url = format!("{}/w/{}", self.public, unit.id());
        let request = self.reader.post(&url).header("accept", "text/html");
        send(request, form).send().await.unwrap()
    }

    async fn notices(&self) -> Value {
        let url = format!("{}/v1/admin/notices", self.ops);
        let reply = self.reader.get(&url).bearer_auth(self.key("operator")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.json().await.unwrap()
    }
}

#[tokio::test]
async fn a_notice_is_stored_listed_and_removed_and_survives_a_restart() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let why = format!("{}/w/{}", server.public, unit.id());
    let page = server.reader.get(&why).send().await.unwrap();
    assert_eq!(page.headers()["referrer-policy"], "same-origin");
    let page = page.text().await.unwrap();
    assert!(
        page.contains("<form method=\"post\">") && page.contains("name=\"good_faith\""),
        "{page}"
    );

    let answer = server.report(&unit, &form()).await;
    assert_eq!(answer.status(), 200);
    let confirmation = answer.text().await.unwrap();

    let server = server.restart().await;
    let listed = server.notices().await;
    let notice = &listed["notices"][0];
    let reference = notice["reference"].as_str().unwrap();
    assert!(confirmation.contains(reference) && reference.len() == 16, "{confirmation}");
    assert_eq!(notice["explanation"], "It says <script>alert(1)</script>\nand more");
    for (field, value) in [
        ("decision", unit.id()),
        ("advertiser", "zahid-host"),
        ("creative", "zahid-git-push"),
        ("publisher", "eu-tech-news"),
        ("reason", "illegal_content"),
        ("name", "Jo Example"),
        ("email", "jo@reader.example"),
    ] {
        assert_eq!(notice[field], value, "{listed:#}");
    }
    let file = server.data().join("notices.jsonl");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let remove = async |reference: &str| {
        let url = format!("{}/v1/admin/notices/{reference}", server.ops);
        let request = server.reader.request(Method::DELETE, &url);
        request.bearer_auth(server.key("operator")).send().await.unwrap()
    };
    assert_eq!(remove("0000000000000000").await.status(), 404);
    assert_eq!(remove(reference).await.status(), 200);
    assert_eq!(remove(reference).await.status(), 404);
    let left = server.notices().await;
    assert_eq!(left["notices"], json!([]));
    let removed = &left["removed"][0];
    assert_eq!(
        (&removed["reference"], &removed["decision"]),
        (&notice["reference"], &notice["decision"])
    );
    assert!(removed["by"].as_str().is_some_and(|by| !by.is_empty()), "{left:#}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("Jo") && !text.contains("alert"), "{text}");
}

#[tokio::test]
async fn a_form_with_missing_or_too_long_fields_comes_back_with_what_was_written() {
    let server = Setup::default().manual_clock().start().await;
    let unit = server.unit().await;
    let evil = "\"><script>alert(1)</script>";

    for (field, value) in [
        ("reason", ""),
        ("reason", evil),
        ("explanation", " \r\n "),
        ("explanation", &"ü".repeat(2_001)),
        ("name", ""),
        ("name", &"n".repeat(101)),
        ("email", ""),
        ("email", "jo"),
        ("email", &format!("{}@x.example", "e".repeat(254))),
        ("good_faith", "no"),
    ] {
        // One notice a minute is within the rate of an address.
        server.advance_ms(60_000);
        // A server on a busy machine refuses reads, and this with them.
        let answer = wait_until("a server that is not overloaded", async || {
            let answer = server.report(&unit, &form_with(field, value)).await;
            (answer.status() != 503).then_some(answer)
        })
        .await;
        assert_eq!(answer.status(), 422, "{field} {value}");
        let page = answer.text().await.unwrap();
        assert!(
            page.contains("role=\"alert\"") && page.contains("aria-invalid"),
            "{field}: {page}"
        );
        assert!(
            (field == "explanation" || page.contains("&#60;script&#62;"))
                && !page.contains("<script"),
            "{field}: {page}"
        );
    }
    assert_eq!(server.notices().await["notices"], json!([]));
}

#[tokio::test]
async fn a_notice_needs_no_name_unless_it_is_about_illegal_content() {
    let server = Setup::default().manual_clock().start().await;
    let unit = server.unit().await;
    for reason in ["child_abuse", "misleading", "not_labelled", "other"] {
        server.advance_ms(60_000);
        let mut form = form_with("reason", reason);
        form.retain(|(name, _)| !["name", "email"].contains(name));
        assert_eq!(server.report(&unit, &form).await.status(), 200, "{reason}");
    }
    let notices = server.notices().await;
    let notices = notices["notices"].as_array().unwrap();
    assert_eq!(notices.len(), 4);
    assert!(notices.iter().all(|one| one.get("name").is_none() && one.get("email").is_none()));
}

#[tokio::test]
async fn an_address_sends_five_notices_at_once_and_another_one_is_answered_that_it_must_wait() {
    let server = Setup::default().manual_clock().start().await;
    let unit = server.unit().await;
    for _ in 0..5 {
        assert_eq!(server.report(&unit, &form()).await.status(), 200);
    }
    let refused = server.report(&unit, &form()).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.text().await.unwrap().contains("Nothing was stored"));
    assert_eq!(server.notices().await["notices"].as_array().unwrap().len(), 5);
    server.advance_ms(60_000);
    assert_eq!(server.report(&unit, &form()).await.status(), 200);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_send_a_notice_in_its_readers_name() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let url = format!("{}/w/{}", server.public, unit.id());
    let host = server.public.trim_start_matches("http://");
    for (name, value, status) in [
        ("origin", "https://elsewhere.example", 403),
        ("origin", "null", 403),
        ("origin", &format!("http://{host}.elsewhere.example"), 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("origin", &*server.public, 200),
        ("sec-fetch-site", "same-origin", 200),
    ] {
        let request = send(server.reader.post(&url), &form()).header(name, value);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}: {value}");
        if status == 403 {
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "forbidden");
        }
    }
    assert_eq!(server.notices().await["notices"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_notice_is_about_a_unit_that_was_shown_and_within_its_limits() {
    let server = Setup::default().manual_clock().start().await;
    let unit = server.unit().await;
    let mut page = reference();
    page["page"]["commercial"] = json!("none");
    let answer = server.decision_response(&page).await;
    let empty = Decision(answer["decisions"]["article-end"].clone());
    assert_eq!(server.report(&empty, &form()).await.status(), 404);
    let url = |id: &str| format!("{}/w/{id}", server.public);
    let unknown = uuid::Uuid::now_v7().to_string();
    for id in [&*unknown, "x"] {
        let answer = send(server.reader.post(&url(id)), &form()).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "decision_not_recorded");
    }
    let long = server.reader.post(&url(unit.id())).body("x".repeat(40_000)).send().await.unwrap();
    assert_eq!(long.status(), 413);
    assert_eq!(server.notices().await["notices"], json!([]));
}

#[tokio::test]
async fn a_full_store_refuses_notices_until_one_is_removed() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    assert_eq!(server.report(&unit, &form()).await.status(), 200);
    let file = server.data().join("notices.jsonl");
    let line = std::fs::read_to_string(&file).unwrap();
    let max = server.notices().await["max_bytes"].as_u64().unwrap();
    let filler =
        line.replace("Jo Example", &"x".repeat(usize::try_from(max).unwrap() - 2 * line.len()));
    std::fs::write(&file, filler + &line.replace("\"reference\":\"", "\"reference\":\"a")).unwrap();

    let refused = server.report(&unit, &form()).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let reference = server.notices().await["notices"][0]["reference"].as_str().unwrap().to_owned();
    let url = format!("{}/v1/admin/notices/{reference}", server.ops);
    let request = server.reader.request(Method::DELETE, &url).bearer_auth(server.key("operator"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(server.report(&unit, &form()).await.status(), 200);
}

#[tokio::test]
async fn with_an_address_of_the_operator_the_page_links_there_and_takes_no_notice() {
    let server = Setup::default()
        .settings(|settings| settings.server.report_url = Some("https://report.example/x".into()))
        .start()
        .await;
    let unit = server.unit().await;
    let why = format!("{}/w/{}", server.public, unit.id());
    let page = server.reader.get(&why).send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("https://report.example/x?decision=") && !page.contains("<form"),
        "{page}"
    );
    assert_eq!(server.report(&unit, &form()).await.status(), 404);
}

#[tokio::test]
async fn no_log_has_what_a_reader_wrote() {
    let installation = Installation::new().set("ADJACENT__LOGS__LEVEL", "debug");
    let mut process = installation.serve();
    let reader = Reader::new();
    let answer = process.decide(&reader, &reference()).await.unwrap();
    let unit = Decision(answer["decisions"]["article-end"].clone());
    let url = format!("{}/w/{}", process.public, unit.id());
    let sent = send(reader.post(&url), &form()).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    // What is refused is not logged either.
    let refused = send(reader.post(&url), &form_with("reason", "canary")).send().await.unwrap();
    assert_eq!(refused.status(), 422);
    process.signal("TERM");
    assert!(process.wait_for_exit().success());

    let log = process.log();
    assert!(log.contains("notice of a reader stored") && log.contains("stopped"), "{log}");
    for text in ["Jo Example", "reader.example", "alert(1)", "canary"] {
        assert!(!log.contains(text), "{text} in {log}");
    }
}
