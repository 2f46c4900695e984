//! Files that programs look for at fixed addresses.

use crate::harness::{Setup, TestServer};

#[test]
fn crawlers_are_asked_to_leave_events_and_reports_alone() {
    let server = TestServer::start_blocking();
    let answer = server.get("/robots.txt");
    let text = &answer.body;
    assert_eq!(answer.status, 200);
    for path in ["/c/", "/e/", "/w/", "/v1/", "/reports/"] {
        assert!(text.contains(&format!("Disallow: {path}\n")), "{text}");
    }
}

#[test]
fn the_security_contact_is_the_setting_and_expires() {
    let without = Setup::default().settings(|settings| settings.server.security_contact = None);
    assert_eq!(without.start_blocking().get("/.well-known/security.txt").status, 404);

    let at = "2026-06-01T12:00:00Z".parse().unwrap();
    let server = Setup::default().manual_clock_at(at).start_blocking();
    let answer = server.get("/.well-known/security.txt");
    let text = &answer.body;
    assert!(
        text.starts_with("Contact: mailto:security@units.example\nExpires: 2026-08-30T12:00:00Z\n")
    );
}
