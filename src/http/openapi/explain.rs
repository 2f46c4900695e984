//! Explanations and events of decisions, limits and the data map.

use crate::explain::Explanation;
use crate::http::openapi::operation::{Key, Listener, Operation, operation};
use crate::http::openapi::parameter;
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::explain::EventsReply;
use crate::http::public::limits::{LimitsReply, PrivacyReply};
use crate::publishing::flight_rotation::FlightRotation;
use crate::reporting::funnel::FlightFunnel;
use crate::web;
use serde_json::json;

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let explanation = schemas.output::<Explanation>();
    let events = schemas.output::<EventsReply>();
    let funnel = schemas.output::<FlightFunnel>();
    let rotation = schemas.output::<FlightRotation>();
    let limits = schemas.output::<LimitsReply<'_>>();
    let privacy = schemas.output::<PrivacyReply>();
    let want = "Id of a creative: why it was not chosen, and what would have made it win.";
    let want = parameter::query("want", want, parameter::text(), "zahid-git-push");
    let weights = "Operators only: decide it again with other weights of this name or hash, on the same inventory and \
                   state.";
    let weights = parameter::query("weights", weights, parameter::text(), "sharper-draw");
    let rows = vec![
        operation("get", "/v1/decisions/{id}/explain", "explain")
            .describe(
                "Explain a decision",
                "With an operator key: the full trace, recomputed from the record and compared bit for \
                 bit. With an advertiser or publisher key: redacted to stages, counts and their own \
                 parts, never a competitor's.",
            )
            .on(Listener::Both)
            .key(Key::Required)
            .parameters([parameter::decision(), want, weights])
            .response(Response::json(200, &explanation, "The trace."))
            .response(Response::problem(400, &["unknown_parameter"]))
            .response(Response::problem(403, &["forbidden"]).when("`weights` needs an operator key."))
            .response(Response::problem(404, &[&NOT_RECORDED[..], &["not_found"]].concat()))
            .response(Response::problem(422, &["invalid_field"]).when("A parameter is repeated, or a hash is ambiguous.")),
        operation("get", "/v1/decisions/{id}/events", "eventsOfDecision")
            .describe(
                "Events of a decision",
                "Every event with its verdict. Requires an operator key or the publisher's key. The \
                 list is empty for a decision without events or of another publisher.",
            )
            .on(Listener::Both)
            .key(Key::Required)
            .parameters([parameter::decision()])
            .response(Response::json(200, &events, "The events, in order of receipt."))
            .response(Response::problem(403, &["forbidden"]).when("An advertiser key does not give access."))
            .response(not_recorded()),
        operation("get", "/v1/flights/{id}/funnel", "funnel")
            .describe(
                "Why a flight is delivered as it is",
                "Its state in words, and of all slots that were asked for at which stage each was lost for it, \
                 which it won, and which of those were served, shown and viewable. Read from the decisions that \
                 the instance recorded; of many, from a sample. With an operator key: exact. With the key of \
                 its advertiser: counts of slots are rounded, below 100 to tens, else to two significant digits, \
                 and the periods are whole days, so that nothing about what others spend can be computed.",
            )
            .on(Listener::Both)
            .key(Key::Required)
            .parameters([
                parameter::path("id", "The flight's id.", parameter::text(), "zahid-ai-europe"),
                parameter::first_day("last seven days, in the time zone of the advertiser"),
                parameter::day_after(),
            ])
            .response(Response::json(200, &funnel, "The funnel."))
            .response(Response::problem(400, &["unknown_parameter"]))
            .response(Response::problem(403, &["forbidden"]).when("A key of another role."))
            .response(Response::problem(404, &["unknown_flight"]).when("No such flight, or another advertiser's."))
            .response(Response::problem(422, &["invalid_field"]))
            .response(over_rate())
            .response(Response::problem(503, &["unavailable"])),
        operation("get", "/v1/flights/{id}/rotation", "rotation")
            .describe(
                "How a flight's creatives take turns",
                "The probability of each live creative at present. A flight with rotation `optimise` has one for \
                 each topic and group of topics that its creatives were shown on, learned from the clicks that \
                 counted, with the counts and the click rate to expect. For operators and its advertiser.",
            )
            .on(Listener::Both)
            .key(Key::Required)
            .parameters([parameter::path("id", "The flight's id.", parameter::text(), "zahid-ai-europe")])
            .response(Response::json(200, &rotation, "The probabilities."))
            .response(Response::problem(403, &["forbidden"]).when("A key of another role."))
            .response(
                Response::problem(404, &["unknown_flight"])
                    .when("No such flight is served, or it is another advertiser's."),
            ),
        operation("get", "/v1/limits", "limits")
            .describe(
                "Limits",
                "For integrators: request limits, counting windows and traffic rules in force.",
            )
            .response(
                Response::json(200, &limits, "The limits in force; a page if `Accept` prefers HTML.")
                    .in_format(web::HTML, json!({ "type": "string" })),
            ),
        operation("get", "/v1/privacy", "privacy")
            .describe("Data map", "Which data is used and stored, and which never is.")
            .response(
                Response::json(200, &privacy, "The data map; a page if `Accept` prefers HTML.")
                    .in_format(web::HTML, json!({ "type": "string" })),
            ),
    ];
    rows.into_iter().map(|row| row.tag("explain")).collect()
}

/// 429: the caller is over its rate.
fn over_rate() -> Response {
    Response::problem(429, &["too_many_requests"])
        .header("Retry-After")
        .when("The advertiser asked too often; `/v1/limits` has the rates.")
}

/// 404: the decision's record is not available.
pub(super) fn not_recorded() -> Response {
    Response::problem(404, &NOT_RECORDED)
}

const NOT_RECORDED: [&str; 3] =
    ["decision_not_recorded", "decision_unreadable", "decision_elsewhere"];
