//! Reports: what was shown, clicked and spent.

use crate::http::openapi::answer::Answer;
use crate::http::openapi::operation::Key;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::query;
use crate::http::openapi::parameter::text;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::render;
use crate::http::public::reports::ReportReply;
use crate::server::report::Dimension;
use serde_json::Value;
use serde_json::json;

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let reply = schemas.written::<ReportReply>();
    let date = || json!({ "type": "string", "format": "date" });
    let party = json!({ "type": "string", "enum": ["advertisers", "publishers"] });
    let dimensions = Dimension::ALL.iter().map(Dimension::to_string).collect::<Vec<_>>();
    let one_of = dimensions.join("|");
    let list = json!({ "type": "string", "pattern": format!("^({one_of})(,({one_of}))*$") });
    let by = format!("What it is broken down by, with commas between: {}.", dimensions.join(", "));
    let from = "The first day; 30 days with today if neither date is given.";
    let to = "The first day after the last; given with `from`, or not at all.";
    let format = json!({ "type": "string", "enum": ["json", "csv"] });
    let one = |what: &str| format!("Only this {what}.");
    vec![
        operation("get", "/v1/reports/{party}/{id}", "report")
            .says(
                "What was shown, clicked and spent",
                "For the party itself, or the operator; an advertiser's by the link to its page, too. Every breakdown of one query adds up to the \
                 same total, `unknown` included; amounts of two currencies are never added.",
            )
            .tag("report")
            .key(Key::Required)
            .takes([
                parameter::path("party", "Whose kind of report.", party, "advertisers"),
                parameter::path("id", "The party's id.", text(), "zahid-host"),
                query("from", from, date(), "2026-11-01"),
                query("to", to, date(), "2026-12-01"),
                query("by", &by, list, "day,topic"),
                query("tz", "Whose days they are; the party's by default.", text(), "Europe/Berlin"),
                query("campaign", &one("campaign"), text(), "zahid-ai-europe"),
                query("flight", &one("flight"), text(), "zahid-ai-europe"),
                query("creative", &one("creative"), text(), "zahid-git-push"),
                query("format", "Wins over `Accept`.", format, "json"),
                query("link", "An advertiser's link, in place of a key.", text(), "example"),
            ])
            .answers(
                Answer::json(200, &reply, "The rows; CSV where `format` or `Accept` says so.")
                    .in_format("text/csv", json!({ "type": "string" })),
            )
            .answers(Answer::problem(403, &["not_yours"], "Another party's key."))
            .answers(Answer::problem(404, &["unknown_party", "no_such_path"], "No such party."))
            .answers(Answer::problem(422, &["field_refused"], "`field` names the parameter.")),
        operation("get", "/reports/{id}", "advertiserPage")
            .says(
                "An advertiser's page",
                "For the advertiser, by its key or by a link that expires: the link stands in the \
                 banner of a trial, or comes from the operator. What goes wrong is a page where \
                 `Accept` has `text/html`.",
            )
            .tag("report")
            .key(Key::Optional)
            .takes([
                parameter::path("id", "The advertiser's id.", text(), "zahid-host"),
                query("link", "What opens it without a key.", text(), "example"),
                query("from", from, or_empty(), "2026-11-01"),
                query("to", to, or_empty(), "2026-12-01"),
            ])
            .answers(Answer::text(200, render::HTML, "The page."))
            .answers(page(Answer::problem(
                401,
                &["key_required"],
                "The link has expired or was not made for this page.",
            )))
            .answers(page(Answer::problem(403, &["not_yours"], "Another party's key.")))
            .answers(page(Answer::problem(404, &["unknown_party"], "There is no such advertiser.")))
            .answers(page(Answer::problem(422, &["field_refused"], "`field` names the parameter."))),
    ]
}

/// A date, or what an empty field of a form sends.
fn or_empty() -> Value {
    json!({ "anyOf": [{ "type": "string", "format": "date" }, { "const": "" }] })
}

/// A problem that a person reads as a page.
fn page(answer: Answer) -> Answer {
    answer.in_format(render::HTML, json!({ "type": "string" }))
}
