//! `GET /v1/decisions/{id}/explain` and `/events`: why, and what became of it.

use crate::config::keys::Identity;
use crate::config::keys::Role;
use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::http::Face;
use crate::http::blocking;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::ledger::history::Since;
use crate::server::explain::Again;
use crate::server::explain::AnywhereError;
use crate::server::explain::ExplainError;
use crate::server::explain::Explanation;
use crate::server::explain::Reader;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::web::Path;
use actix_web::web::Query;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeSet;

impl From<ExplainError> for ApiError {
    fn from(error: ExplainError) -> ApiError {
        match error {
            ExplainError::NotRecorded(_) => {
                ApiError::missing("decision_not_recorded", error.to_string())
            }
            other => ApiError::internal(
                anyhow::Error::from(other)
                    .chain()
                    .map(|c| c.to_string())
                    .collect::<Vec<_>>()
                    .join(": "),
            ),
        }
    }
}

/// A decision's id as it stands in a path.
pub fn decision_id(text: &str) -> Result<u128, ApiError> {
    uuid::Uuid::parse_str(text)
        .map(|id| id.as_u128())
        .map_err(|_| ApiError::missing("decision_not_recorded", "this is not the id of a decision"))
}

/// Who asks, from whose key.
pub fn reader(identity: &Identity) -> Reader {
    match identity.role {
        Role::Operator => Reader::Operator,
        Role::Publisher => Reader::Publisher(identity.owner.clone()),
        Role::Advertiser => Reader::Advertiser(identity.owner.clone()),
    }
}

/// Parameters of an explanation.
#[derive(Deserialize)]
pub struct Wanted {
    want: Option<String>,
}

/// `GET /v1/decisions/{id}/explain`.
pub async fn explain(
    face: Data<Face>,
    http: HttpRequest,
    id: Path<String>,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::identity(&face, &http)?
        .ok_or_else(|| ApiError::unauthorized("this needs a key of one of the three parties"))?;
    let explanation = explanation(&face, &id, reader(&identity), wanted.into_inner().want).await?;
    Ok(json(&explanation))
}

/// An explanation, for one reader.
pub async fn explanation(
    face: &Data<Face>,
    id: &str,
    reader: Reader,
    want: Option<String>,
) -> Result<Explanation, ApiError> {
    let is_operator = matches!(reader, Reader::Operator);
    let again = again(face, decision_id(id)?, is_operator).await?;
    blocking(move || again.explained(&reader, want.as_deref()).map_err(ApiError::from)).await
}

/// A decision made again, whichever machine made it first. Addresses of machines are for operators.
pub async fn again(
    face: &Data<Face>,
    decision: u128,
    is_operator: bool,
) -> Result<Again, ApiError> {
    let id = uuid::Uuid::from_u128(decision);
    face.server.again_anywhere(decision).await.map_err(|error| match error {
        AnywhereError::Explain(error) => error.into(),
        AnywhereError::Store(error) => {
            tracing::warn!(%error, "another machine may have decided, and cannot be asked");
            ApiError::away(format!(
                "decision `{id}` is not on file here, and the shared store, by which other machines \
                 are asked, does not answer: ask again shortly"
            ))
        }
        AnywhereError::Busy => ApiError::away(format!(
            "decision `{id}` is not on file here, and other machines are asked for many now: ask \
             again shortly"
        )),
        AnywhereError::Silent(starts) if is_operator => {
            let places = starts.iter().map(|start| format!("{} ({})", start.ops, start.host));
            let places = places.collect::<Vec<_>>().join(" or ");
            let detail = format!(
                "another machine decided `{id}`, has its record and does not answer: start it again \
                 on its data, or read them there with `adjacent explain`; its operations listener \
                 was {places}"
            );
            ApiError::missing("decision_elsewhere", detail)
        }
        AnywhereError::Silent(_) => {
            let detail = format!(
                "another machine decided `{id}`, has its record and does not answer: ask again later"
            );
            ApiError::missing("decision_elsewhere", detail)
        }
    })
}

/// One event of a decision with its judgements.
#[derive(Serialize, schemars::JsonSchema)]
pub struct EventView {
    /// What happened.
    pub kind: EventKind,
    /// The call to action of a click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cta: Option<String>,
    /// When it was received.
    pub at: String,
    /// How it was judged.
    #[schemars(extend("enum" = Verdict::LABELS))]
    pub verdict: &'static str,
    /// Why it is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<InvalidReason>,
    /// What was billed for it, in micros.
    pub billed_micros: i64,
}

/// The events of a decision, in the order of their arrival.
#[derive(Serialize, schemars::JsonSchema)]
pub struct EventsReply {
    /// The decision.
    pub decision_id: String,
    /// Its events.
    pub events: Vec<EventView>,
}

/// `GET /v1/decisions/{id}/events`: publisher or operator.
pub async fn events(
    face: Data<Face>,
    http: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::identity(&face, &http)?
        .ok_or_else(|| ApiError::unauthorized("this needs a publisher's or an operator's key"))?;
    if identity.role == Role::Advertiser {
        return Err(ApiError::forbidden("this needs a publisher's or an operator's key"));
    }
    let (server, decision) = (face.server.clone(), decision_id(&id)?);
    let own = (identity.role == Role::Publisher).then_some(identity.owner);
    let wanted = BTreeSet::from([decision]);
    let found = blocking(move || {
        server.ledger.events_of(&wanted, Since::First).map_err(ApiError::internal)
    })
    .await?;
    let foreign = |publisher: &str| own.as_deref().is_some_and(|own| own != publisher);
    let events = found
        .iter()
        .filter(|judged| !foreign(&judged.event.attribution.publisher))
        .map(|judged| EventView {
            kind: judged.event.kind,
            cta: judged.event.cta.as_ref().map(|(_, id)| id.to_string()),
            at: jiff::Timestamp::from_millisecond(judged.event.at_ms)
                .unwrap_or_default()
                .to_string(),
            verdict: judged.verdict.as_str(),
            reason: judged.verdict.reason(),
            billed_micros: judged.billed.get(),
        })
        .collect();
    Ok(json(&EventsReply { decision_id: id.into_inner(), events }))
}

/// A document as an answer that is never cached.
pub fn json(document: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(document)
}
