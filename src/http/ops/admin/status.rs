//! What runs and how it is going, in one document: what an operator looks at first.

use crate::catalog::audit::Entry;
use crate::catalog::{CatalogError, Head};
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::readiness::Readiness;
use crate::http::{AppState, blocking, json};
use crate::publishing::Publishing;
use crate::publishing::canary::CanaryStatus;
use crate::reporting::Reporting;
use crate::reporting::status::document::{PausedDocument, ServingStatus};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

/// What runs and how it is going.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StatusReply {
    /// Time of this answer.
    pub(crate) at: String,
    /// Version of the program.
    pub(crate) version: &'static str,
    /// Random id of this process start, in hexadecimal.
    pub(crate) incarnation: String,
    /// The public URL.
    pub(crate) public_url: String,
    /// Address of the public listener.
    pub(crate) public: String,
    /// Address of the operations listener.
    pub(crate) ops: String,
    /// When this process began to serve.
    pub(crate) started_at: String,
    /// How long ago that was.
    pub(crate) uptime_seconds: i64,
    /// Whether this instance should get requests.
    pub(crate) ready: bool,
    /// Why it should not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_ready: Option<&'static str>,
    /// Whether this is a trial: readers cannot reach it, and the demo page explains its decisions.
    pub(crate) trial: bool,
    /// The last change of the catalog; absent before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) catalog: Option<LastChange>,
    /// Weights that a part of the requests gets, and how the last ones ended if they did worse.
    pub(crate) canary: CanaryStatus,
    /// Settings whose saved value takes effect at the next start.
    pub(crate) waiting_for_restart: Vec<String>,
    /// How serving and delivery are going.
    #[serde(flatten)]
    pub(crate) serving: ServingStatus,
}

/// The last change of the catalog.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LastChange {
    /// The versions that are served.
    #[serde(flatten)]
    pub(crate) head: Head,
    /// The owner of the key that made the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// Description of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what: Option<String>,
}

/// `GET /v1/admin/status`.
pub(crate) async fn status(
    app: Data<AppState>,
    readiness: Data<Readiness>,
    reporting: Data<Reporting>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let not_ready = readiness.not_ready_reason();
    let read = move || {
        let (head, history) = (publishing.head()?, publishing.history()?);
        Ok::<_, CatalogError>((reporting.status(), publishing.canary(), head, history))
    };
    let (mut serving, canary, head, history) =
        blocking(move || read().map_err(ApiError::internal)).await?;
    let keys = app.keys.load();
    let owner = |who: &str| keys.owner(who).map(str::to_owned);
    for paused in serving.paused.iter_mut().filter(|one| one.by_hand) {
        if let Some(entry) = paused_by(&history, paused) {
            paused.owner = owner(&entry.who);
            paused.who = Some(entry.who.clone());
            paused.since = Some(entry.at.to_string());
        }
    }
    let now = app.clock.now();
    Ok(json(&StatusReply {
        at: now.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        incarnation: format!("{:016x}", app.incarnation),
        public_url: app.public_url.clone(),
        public: app.public.to_string(),
        ops: app.ops.to_string(),
        started_at: app.started.to_string(),
        uptime_seconds: (now.as_second() - app.started.as_second()).max(0),
        ready: not_ready.is_none(),
        not_ready,
        trial: app.is_trial(),
        catalog: head.map(|head| {
            let entry = history.iter().rev().find(|entry| entry.number == head.number);
            let what = entry.map(|entry| entry.what.clone());
            LastChange { owner: owner(&head.who), what, head }
        }),
        canary,
        waiting_for_restart: app.settings.waiting().to_vec(),
        serving,
    }))
}

/// The last change that paused this.
fn paused_by<'a>(history: &'a [Entry], paused: &PausedDocument) -> Option<&'a Entry> {
    let what = format!("pause {} {}", paused.what, paused.id);
    history.iter().rev().find(|entry| entry.what == what)
}
