//! Reports on impressions, clicks and spend.

use crate::domain::attribution::Dimension;
use crate::domain::breakdown::Breakdown;
use crate::http::openapi::operation::{Key, Operation, operation};
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::{query, text};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::reports::ReportReply;
use crate::web;
use serde_json::{Value, json};

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let reply = schemas.output::<ReportReply>();
    let date = || json!({ "type": "string", "format": "date" });
    let party = json!({ "type": "string", "enum": ["advertisers", "publishers"] });
    let dimensions = Dimension::ALL.iter().map(Dimension::to_string).collect::<Vec<_>>();
    let one_of = Breakdown::pattern();
    let list = json!({ "type": "string", "pattern": format!("^({one_of})(,({one_of}))*$") });
    let by = format!(
        "Dimensions, separated by commas: {}, and `custom:KEY` for a reported context key. A parameter \
         `custom:KEY` restricts the report to one value of such a key.",
        dimensions.join(", ")
    );
    let from = "First day. Without both dates, the last 30 days including today.";
    let to = "The day after the last one (exclusive); required with `from`.";
    let format = json!({ "type": "string", "enum": ["json", "csv"] });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 10_000 });
    let filter = |by: &Dimension| {
        let example = match by {
            Dimension::Creative => "zahid-git-push",
            _ => "zahid-ai-europe",
        };
        query(by.as_str(), &format!("Only this {by}."), text(), example)
    };
    vec![
        operation("get", "/v1/reports/{party}/{id}", "report")
            .describe(
                "Report on impressions, clicks and spend",
                "For the party itself and operators, also with the link to the party's page. Every breakdown adds up to the same total, including `unknown`; amounts of \
                 different currencies are never added.",
            )
            .tag("report")
            .key(Key::Required)
            .parameters([
                parameter::path("party", "Kind of party.", party, "advertisers"),
                parameter::path("id", "The party's id.", text(), "zahid-host"),
                query("from", from, date(), "2026-11-01"),
                query("to", to, date(), "2026-12-01"),
                query("by", &by, list, "day,topic"),
                query("tz", "Time zone of the days; the party's by default.", text(), "Europe/Berlin"),
            ])
            .parameters(Dimension::FILTERS.iter().map(filter))
            .parameters([
                query("limit", "Rows of a page of JSON, 1,000 by default; CSV has all rows without it.", limit, 100),
                query("cursor", "Place of the page: follow `next` instead of setting it.", text(), "example"),
                query("format", "Format; overrides `Accept`.", format, "json"),
                query("link", "Token of the link to the party's page, instead of a key.", text(), "example"),
            ])
            .response(
                Response::json(200, &reply, "The report; CSV if `format` or `Accept` requests it.")
                    .in_format("text/csv", json!({ "type": "string" }))
                    .header("Link"),
            )
            .response(Response::problem(400, &["unknown_parameter"]))
            .response(Response::problem(403, &["forbidden"]).when("Another party's key."))
            .response(Response::problem(404, &["unknown_party", "not_found"]).when("No such party."))
            .response(Response::problem(422, &["invalid_field"]))
            .response(too_many())
            .response(busy()),
        report_page("/reports/{id}", "advertiserPage", [from, to])
            .describe(
                "Advertiser report page",
                "For advertisers, with a key or an expiring link, which the start banner of a local trial \
                 prints or the operator provides. Errors are HTML pages if `Accept` contains `text/html`.",
            )
            .parameters([parameter::path("id", "The advertiser's id.", text(), "zahid-host")])
            .response(page(Response::problem(404, &["unknown_party"]).when("No such advertiser."))),
        report_page("/reports/publishers/{id}", "publisherPage", [from, to])
            .describe(
                "Publisher report page",
                "For publishers, with a key or an expiring link, as for advertisers: revenue, fill, requests \
                 without a unit by reason, sponsors by placement and topic, and what no sponsor wanted.",
            )
            .parameters([parameter::path("id", "The publisher's id.", text(), "eu-tech-news")])
            .response(page(Response::problem(404, &["unknown_party"]).when("No such publisher."))),
    ]
}

/// The page of a party: everything but its id.
fn report_page(path: &str, id: &str, [from, to]: [&str; 2]) -> Operation {
    operation("get", path, id)
        .tag("report")
        .key(Key::Optional)
        .parameters([
            query("link", "Token of a link, instead of a key.", text(), "example"),
            query("from", from, or_empty(), "2026-11-01"),
            query("to", to, or_empty(), "2026-12-01"),
        ])
        .response(Response::text(200, web::HTML, "The page."))
        .response(page(Response::problem(400, &["unknown_parameter"])))
        .response(page(
            Response::problem(401, &["unauthorized"])
                .when("The link has expired or is for another page."),
        ))
        .response(page(Response::problem(403, &["forbidden"]).when("Another party's key.")))
        .response(page(Response::problem(422, &["invalid_field"])))
        .response(page(too_many()))
        .response(page(busy()))
}

/// 429: the caller has too many reports in progress.
fn too_many() -> Response {
    Response::problem(429, &["too_many_requests"])
        .header("Retry-After")
        .when("Four reports of this key, or of links to this page, are in progress.")
}

/// 503: all callers together have.
fn busy() -> Response {
    Response::problem(503, &["unavailable"])
}

/// A date, or what an empty field of a form sends.
fn or_empty() -> Value {
    json!({ "anyOf": [{ "type": "string", "format": "date" }, { "const": "" }] })
}

/// Problem details, which browsers get as an HTML page.
pub(super) fn page(response: Response) -> Response {
    response.in_format(web::HTML, json!({ "type": "string" }))
}
