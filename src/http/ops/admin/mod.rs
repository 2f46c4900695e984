//! The admin API: documents, pauses, weights, history. Operators only; every change goes to the audit
//! log.

pub(crate) mod canary;
pub(crate) mod catalog;
pub(crate) mod credits;
pub(crate) mod documents;
pub(crate) mod forecasts;
pub(crate) mod gaps;
pub(crate) mod images;
pub(crate) mod notices;
pub(crate) mod overview;
pub(crate) mod pauses;
pub(crate) mod pending;
pub(crate) mod recent;
pub(crate) mod replays;
pub(crate) mod review;
pub(crate) mod status;
pub(crate) mod topic_shares;
pub(crate) mod weights;
pub(crate) mod weights_versions;

use crate::http::problem::ApiError;
use crate::http::routes::{Route, route};
use crate::http::{AppState, caller};
use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::Data;

/// Every route of the admin API.
pub fn table() -> Vec<Route> {
    vec![
        // The catalog: what is served, its history and its checks.
        route("/v1/admin/head").get_and_head(catalog::head),
        route("/v1/admin/history").get_and_head(catalog::history),
        route("/v1/admin/status").get_and_head(status::status),
        route("/v1/admin/recent").get_and_head(recent::recent),
        route("/v1/admin/overview").get_and_head(overview::overview),
        route("/v1/admin/audit").get_and_head(catalog::audit),
        route("/v1/admin/gaps").get_and_head(gaps::gaps),
        route("/v1/admin/review").get_and_head(review::review),
        route("/v1/admin/inventory")
            .get_and_head(catalog::inventory)
            .on(Method::PUT, catalog::apply),
        route("/v1/admin/weights").get_and_head(weights::weights).on(Method::PUT, weights::replace),
        route("/v1/admin/weights/versions")
            .get_and_head(weights_versions::list)
            .post(weights_versions::draft),
        route("/v1/admin/weights/versions/{name}")
            .get_and_head(weights_versions::read)
            .on(Method::DELETE, weights_versions::drop_draft),
        route("/v1/admin/weights/versions/{name}/replay").post(weights_versions::replay),
        route("/v1/admin/weights/versions/{name}/activate").post(weights_versions::activate),
        route("/v1/admin/weights/versions/{name}/shadow").post(weights_versions::begin_shadow),
        route("/v1/admin/weights/versions/{name}/canary").post(canary::begin),
        route("/v1/admin/weights/canary")
            .get_and_head(canary::canary)
            .on(Method::DELETE, canary::end),
        route("/v1/admin/weights/shadow")
            .get_and_head(weights_versions::shadow)
            .on(Method::DELETE, weights_versions::end_shadow),
        route("/v1/admin/topic-shares").get_and_head(topic_shares::topic_shares),
        // Sales.
        route("/v1/admin/forecasts").post(forecasts::forecast),
        // Trying a change on what was decided.
        route("/v1/admin/replays").get_and_head(replays::list).post(replays::start),
        route("/v1/admin/replays/{id}")
            .get_and_head(replays::read)
            .on(Method::DELETE, replays::remove),
        // Money.
        route("/v1/admin/credits").post(credits::credit),
        route("/v1/admin/refunds").post(credits::refund),
        // Emergencies.
        route("/v1/admin/rollback").post(catalog::rollback),
        route("/v1/admin/pauses").get_and_head(pauses::list).post(pauses::set),
        // Files that wait for confirmation.
        route("/v1/admin/pending").get_and_head(pending::list),
        route("/v1/admin/pending/accept").post(pending::accept),
        // What readers report about units.
        route("/v1/admin/notices").get_and_head(notices::list),
        route("/v1/admin/notices/{id}").on(Method::DELETE, notices::remove),
        // Images, uploaded before documents refer to them.
        route("/v1/admin/images").get_and_head(images::list).post(images::store),
        // Individual documents.
        route("/v1/admin/creatives/{id}/state").post(documents::state),
        route("/v1/admin/{list}").get_and_head(documents::list).post(documents::create),
        route("/v1/admin/{list}/{id}")
            .get_and_head(documents::read)
            .on(Method::PUT, documents::replace)
            .on(Method::DELETE, documents::delete),
    ]
}

/// Requires an operator key, for requests that only read.
pub(crate) fn authorize(app: &Data<AppState>, http: &HttpRequest) -> Result<(), ApiError> {
    caller::require_operator(app, http).map(|_| ())
}
