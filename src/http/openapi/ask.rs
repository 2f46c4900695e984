//! Why, and what became of it: for the three parties, on both listeners.

use crate::http::openapi::answer::Answer;
use crate::http::openapi::operation::Key;
use crate::http::openapi::operation::Listener;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::explain::EventsReply;
use crate::http::public::limits::LimitsReply;
use crate::http::public::limits::PrivacyReply;
use crate::server::explain::Explanation;

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let explanation = schemas.written::<Explanation>();
    let events = schemas.written::<EventsReply>();
    let limits = schemas.written::<LimitsReply<'_>>();
    let privacy = schemas.written::<PrivacyReply>();
    let want = "Why not this creative, and what would have made it win.";
    let want = parameter::query("want", want, parameter::text(), "zahid-git-push");
    let rows = vec![
        operation("get", "/v1/decisions/{id}/explain", "explain")
            .says(
                "Why a decision ended as it did",
                "With an operator's key the whole trace, made again from what was recorded and \
                 compared bit for bit. With an advertiser's or a publisher's key redacted: stages, \
                 counts and their own parts, never a rival's.",
            )
            .on(Listener::Both)
            .key(Key::Required)
            .takes([parameter::decision(), want])
            .answers(Answer::json(200, &explanation, "The trace."))
            .answers(not_recorded())
            .answers(Answer::problem(422, &["field_refused"], "`want` is given twice.")),
        operation("get", "/v1/decisions/{id}/events", "eventsOfDecision")
            .says(
                "Every event of a decision with its verdict",
                "With an operator's key, or its publisher's. A decision without events, or another \
                 publisher's, has an empty list.",
            )
            .on(Listener::Both)
            .key(Key::Required)
            .takes([parameter::decision()])
            .answers(Answer::json(200, &events, "The events, in the order of their arrival."))
            .answers(Answer::problem(403, &["not_yours"], "An advertiser's key does not open it."))
            .answers(not_recorded()),
        operation("get", "/v1/limits", "limits")
            .says(
                "What is cut, and what counts for how long",
                "For integrators: the settings in force.",
            )
            .answers(Answer::json(200, &limits, "The settings in force.")),
        operation("get", "/v1/privacy", "privacy")
            .says("The data map", "For everybody: what is used, what is kept, what never is.")
            .answers(Answer::json(200, &privacy, "The map.")),
    ];
    rows.into_iter().map(|row| row.tag("ask")).collect()
}

/// There is no such decision.
pub(super) fn not_recorded() -> Answer {
    let words = "There is no such decision, a crash took its record, or the machine that has it does not answer.";
    Answer::problem(404, &["decision_not_recorded", "decision_elsewhere"], words)
}
