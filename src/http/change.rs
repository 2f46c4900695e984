//! A change of the catalog as a request: author, expected version, body, and the response.

use crate::catalog::change::ExpectedVersion;
use crate::catalog::edit::EditError;
use crate::catalog::guard;
use crate::catalog::guard::Concern;
use crate::catalog::version_error::VersionError;
use crate::catalog::{AuditContext, CatalogError};
use crate::config::keys::Identity;
use crate::http::caller::header;
use crate::http::problem::{ApiError, FieldProblem};
use crate::http::{AppState, body, caller};
use crate::publishing::apply::{AppliedChange, Edit};
use crate::publishing::error::ApplyError;
use crate::store::StoreError;
use actix_web::http::header::ETAG;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Maximum body size in bytes; enough for an inventory of 100,000 flights.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// Deadline for receiving a body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// Maximum length of an idempotency key, in characters.
const MAX_KEY_CHARS: usize = 128;

/// Maximum length of a reason, in characters.
const MAX_REASON_CHARS: usize = 500;

/// Checks the length of a reason.
pub(crate) fn check_reason(reason: Option<&String>) -> Result<(), ApiError> {
    if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON_CHARS) {
        let detail = format!("must have at most {MAX_REASON_CHARS} characters");
        return Err(ApiError::invalid_field("reason", detail));
    }
    Ok(())
}

/// An authenticated change request.
pub(crate) struct Change {
    /// Author, description, time and idempotency key, for the audit log.
    pub(crate) by: AuditContext,
    /// The owner of the author's key.
    pub(crate) owner: String,
    /// The version that the caller last read, from `If-Match`.
    pub(crate) seen: Option<String>,
    /// The request body.
    pub(crate) body: Bytes,
}

impl Change {
    /// Authenticates the operator and reads the headers and the body. `what` describes the change in the
    /// audit log.
    pub(crate) async fn read(
        app: &AppState,
        http: &HttpRequest,
        payload: Payload,
        what: String,
    ) -> Result<Change, ApiError> {
        let identity = caller::require_operator(app, http)?;
        let body = body::read(payload, MAX_BODY_BYTES, BODY_TIMEOUT).await?;
        Change::new(app, http, body, what, &identity)
    }

    /// The same for an identity that is already authorized and a body that is already read.
    pub(crate) fn new(
        app: &AppState,
        http: &HttpRequest,
        body: Bytes,
        what: String,
        identity: &Identity,
    ) -> Result<Change, ApiError> {
        let request = match header(http, "idempotency-key") {
            None => None,
            Some(key) if key.is_empty() || key.chars().count() > MAX_KEY_CHARS => {
                let reason = format!("must have 1 to {MAX_KEY_CHARS} characters");
                return Err(ApiError::invalid_field("Idempotency-Key", reason));
            }
            Some(key) => {
                // The hash detects the same key with a different request.
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
        let at = app.clock.now();
        let by = AuditContext { who: identity.id.clone(), what, at, request };
        Ok(Change { by, owner: identity.owner.clone(), seen, body })
    }

    /// The body as a `T`; the types themselves reject unknown fields.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        body::json(&self.body).map(|(value, _)| value)
    }

    /// The catalog version that the change requires.
    pub(crate) fn expected(&self) -> ExpectedVersion<'_> {
        self.seen.as_deref().map_or(ExpectedVersion::Any, ExpectedVersion::Inventory)
    }
}

/// The response to a change: the new head with the inventory's hash as its `ETag`, and the diff.
pub(crate) fn apply_response(applied: &AppliedChange) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(inventory) = &applied.head.hashes.inventory {
        response.insert_header((ETAG, format!("\"{inventory}\"")));
    }
    response.insert_header(("Cache-Control", "no-store")).json(applied)
}

/// `?confirm=true` of a change of one document or of the weights.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmQuery {
    #[serde(default)]
    confirm: bool,
}

impl ConfirmQuery {
    /// Whether it confirms what the guard would stop.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.confirm
    }

    /// How a document is edited.
    pub(crate) fn edit(&self) -> Edit {
        Edit::Content { confirm: self.confirm }
    }
}

fn concern_problem(concern: Concern) -> FieldProblem {
    let parts = [concern.list, concern.id, concern.field];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    FieldProblem { field: parts.join("/"), reason: concern.text, help: None }
}

fn version_error(error: &VersionError) -> ApiError {
    let reason = error.to_string();
    match error {
        VersionError::Unknown { .. } => ApiError::not_found("not_found", reason),
        VersionError::Name | VersionError::Ambiguous(_) => ApiError::invalid_field("name", reason),
        VersionError::Note => ApiError::invalid_field("note", reason),
        VersionError::Exists(_) | VersionError::SameWeights(_) => {
            ApiError::conflict("version_exists", reason)
        }
        VersionError::Served(_) => ApiError::conflict("version_served", reason),
        VersionError::TooMany => ApiError::conflict("too_many_versions", reason),
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> ApiError {
        match error {
            ApplyError::Invalid(findings) => ApiError::invalid_document(
                findings
                    .into_iter()
                    .map(|finding| FieldProblem {
                        field: format!("{}/{}/{}", finding.list, finding.id, finding.field),
                        reason: finding.reason,
                        help: finding.help,
                    })
                    .collect(),
            ),
            ApplyError::NoChange(_)
            | ApplyError::Refused(EditError::NotFound { .. } | EditError::NoList(_))
            | ApplyError::Catalog(CatalogError::NoVersion { .. }) => {
                ApiError::not_found("not_found", error.to_string())
            }
            ApplyError::Refused(_) => ApiError::conflict("document_exists", error.to_string()),
            ApplyError::Catalog(CatalogError::Version(error)) => version_error(&error),
            ApplyError::ConfirmationRequired(concerns) => ApiError::confirmation_required(
                format!("{}; repeat with `confirm`", guard::summary(&concerns)),
                concerns.into_iter().map(concern_problem).collect(),
            ),
            ApplyError::CannotRollBack(_) => {
                ApiError::conflict("cannot_roll_back", error.to_string())
            }
            ApplyError::NothingPending(_) => ApiError::not_found("not_found", error.to_string()),
            ApplyError::PendingChanged(_) => ApiError::precondition_failed(error.to_string()),
            ApplyError::Catalog(CatalogError::Conflict { .. }) => {
                ApiError::precondition_failed(error.to_string())
            }
            ApplyError::Catalog(CatalogError::KeyReused(_)) => {
                ApiError::invalid_field("Idempotency-Key", error.to_string())
            }
            ApplyError::Catalog(_) => ApiError::internal(error),
            ApplyError::Journal(_) | ApplyError::Store(StoreError::Unavailable(_)) => {
                ApiError::unavailable(error)
            }
            ApplyError::Store(_) => ApiError::internal(error),
        }
    }
}
