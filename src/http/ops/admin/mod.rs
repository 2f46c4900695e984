//! The admin API: documents, stops, weights, history. Operators only; every change is audited.

pub mod catalog;
pub mod credits;
pub mod documents;
pub mod images;
pub mod overview;
pub mod review;
pub mod stops;
pub mod weights;

use crate::catalog::By;
use crate::catalog::CatalogError;
use crate::catalog::change::Expected;
use crate::catalog::edit::Refused;
use crate::config::keys::Identity;
use crate::http::Face;
use crate::http::body;
use crate::http::caller;
use crate::http::caller::header;
use crate::http::problem::ApiError;
use crate::http::problem::FieldProblem;
use crate::http::routes::At;
use crate::http::routes::at;
use crate::server::apply::Applied;
use crate::server::apply::ApplyError;
use crate::store::StoreError;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::ETAG;
use actix_web::web::Bytes;
use actix_web::web::Data;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The longest document, in bytes: an inventory of a hundred thousand flights fits.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// How long a document may take to arrive.
const WITHIN: Duration = Duration::from_secs(120);

/// The longest idempotency key, in characters.
const KEY_CHARS: usize = 128;

/// Every route of the admin API, with who uses it.
pub fn table() -> Vec<At> {
    vec![
        // What is served, and how it came to be.
        at("/v1/admin/head").reads(catalog::head),
        at("/v1/admin/history").reads(catalog::history),
        at("/v1/admin/overview").reads(overview::overview),
        at("/v1/admin/audit").reads(catalog::audit),
        at("/v1/admin/review").reads(review::review),
        at("/v1/admin/inventory").reads(catalog::inventory).on(Method::PUT, catalog::apply),
        at("/v1/admin/weights").reads(weights::weights).on(Method::PUT, weights::replace),
        // Money.
        at("/v1/admin/credits").post(credits::credit),
        at("/v1/admin/refunds").post(credits::refund),
        // Emergencies.
        at("/v1/admin/rollback").post(catalog::rollback),
        at("/v1/admin/stops").post(stops::set),
        // Pictures, before documents name them.
        at("/v1/admin/images").reads(images::list).post(images::store),
        // Documents, one by one.
        at("/v1/admin/creatives/{id}/state").post(documents::state),
        at("/v1/admin/{list}").reads(documents::list).post(documents::create),
        at("/v1/admin/{list}/{id}")
            .reads(documents::read)
            .on(Method::PUT, documents::replace)
            .on(Method::DELETE, documents::delete),
    ]
}

/// A change that an operator asks for.
pub struct Change {
    /// For the audit log.
    pub by: By,
    /// The version that the caller has seen, from `If-Match`.
    pub seen: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Change {
    /// Reads who asks, what was seen, the idempotency key and the body.
    pub async fn read(
        face: &Face,
        http: &HttpRequest,
        payload: Payload,
        what: String,
    ) -> Result<Change, ApiError> {
        let identity = caller::operator(face, http)?;
        let body = body::read(payload, MOST_BYTES, WITHIN).await?;
        Change::of(face, http, body, what, &identity)
    }

    /// The same for somebody whose right was checked already, with a body that was read.
    pub fn of(
        face: &Face,
        http: &HttpRequest,
        body: Bytes,
        what: String,
        identity: &Identity,
    ) -> Result<Change, ApiError> {
        let request = match header(http, "idempotency-key") {
            None => None,
            Some(key) if key.is_empty() || key.chars().count() > KEY_CHARS => {
                let reason = format!("has 1 to {KEY_CHARS} characters");
                return Err(ApiError::refused("Idempotency-Key", reason));
            }
            Some(key) => {
                // The same key for another call is another request.
                let mut hash = blake3::Hasher::new();
                for part in [http.method().as_str(), http.path()] {
                    hash.update(part.as_bytes()).update(b"\n");
                }
                hash.update(&body);
                Some((key.to_owned(), hash.finalize().to_hex().to_string()))
            }
        };
        let seen = header(http, "if-match")
            .map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned())
            .filter(|tag| tag != "*");
        let at = face.server.clock.now();
        Ok(Change { by: By { who: identity.id.clone(), what, at, request }, seen, body })
    }

    /// The body as a `T`; unknown fields are refused by the types themselves.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        body::json(&self.body).map(|(value, _)| value)
    }

    /// What the catalog must be for the change to hold.
    pub fn expected(&self) -> Expected<'_> {
        self.seen.as_deref().map_or(Expected::Anything, Expected::Inventory)
    }
}

/// The answer to a change: the head, its inventory as the entity tag, and what differs.
pub fn applied(applied: &Applied) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    if let Some(inventory) = &applied.head.hashes.inventory {
        answer.insert_header((ETAG, format!("\"{inventory}\"")));
    }
    answer.insert_header(("Cache-Control", "no-store")).json(applied)
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> ApiError {
        match error {
            ApplyError::Invalid(findings) => ApiError::invalid(
                findings
                    .into_iter()
                    .map(|finding| FieldProblem {
                        field: format!("{}/{}/{}", finding.list, finding.id, finding.field),
                        reason: finding.reason,
                        help: finding.help,
                    })
                    .collect(),
            ),
            ApplyError::Refused(Refused::NotFound { .. } | Refused::NoList(_)) => {
                ApiError::missing("no_such_document", error.to_string())
            }
            ApplyError::Refused(_) => ApiError::conflict("document_exists", error.to_string()),
            ApplyError::Dangerous(_) => ApiError::conflict("needs_force", error.to_string()),
            ApplyError::Catalog(CatalogError::Conflict { .. }) => {
                ApiError::precondition(error.to_string())
            }
            ApplyError::Catalog(CatalogError::KeyReused(_)) => {
                ApiError::refused("Idempotency-Key", error.to_string())
            }
            ApplyError::Catalog(CatalogError::NoVersion { .. }) => {
                ApiError::missing("no_such_version", error.to_string())
            }
            ApplyError::Catalog(_) => ApiError::internal(error),
            ApplyError::Journal(_) | ApplyError::Store(StoreError::Away(_)) => {
                ApiError::unavailable(error)
            }
            ApplyError::Store(_) => ApiError::internal(error),
        }
    }
}

/// Any operator's reading call.
pub fn reads(face: &Data<Face>, http: &HttpRequest) -> Result<(), ApiError> {
    caller::operator(face, http).map(|_| ())
}
