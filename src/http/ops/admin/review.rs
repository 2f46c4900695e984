//! Suspicious traffic patterns for an operator to review, with the hours in which they occurred.

use crate::http::json;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking};
use crate::reporting::Reporting;
use crate::traffic::review::{HOUR_MS, ReviewFinding};
use crate::traffic::rules;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

/// Findings of the traffic review.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReviewReply {
    /// Number of days of decisions that were examined.
    pub(crate) days: u32,
    /// The findings. None changes a verdict; credit traffic that turns out to be invalid.
    pub(crate) findings: Vec<FindingReply>,
}

/// One finding.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FindingReply {
    /// Name of the rule, as in `rules` of `GET /v1/limits`.
    pub(crate) sign: &'static str,
    /// Description of the rule.
    pub(crate) means: &'static str,
    /// Publisher of the pages; absent if the finding is about a campaign on all publishers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publisher: Option<Box<str>>,
    /// Campaign; absent if the finding is about all campaigns of a publisher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) campaign: Option<Box<str>>,
    /// The observed rate, ratio or count.
    pub(crate) found: f64,
    /// The threshold that it exceeds.
    pub(crate) limit: f64,
    /// Number of impressions that it is based on; clicks for a click spike.
    pub(crate) events: u64,
    /// First hour of the decisions (inclusive).
    pub(crate) from: String,
    /// End of the decisions (exclusive).
    pub(crate) to: String,
}

fn hour_text(hour: i64) -> String {
    jiff::Timestamp::from_millisecond(hour * HOUR_MS).unwrap_or_default().to_string()
}

fn reply(finding: ReviewFinding) -> FindingReply {
    let ReviewFinding { sign, publisher, campaign, found, limit, events, from, to } = finding;
    let rule = rules::RULES.iter().find(|rule| rule.name == sign.as_str());
    let means = rule.map_or("", |rule| rule.signal);
    let (from, to) = (hour_text(from), hour_text(to));
    FindingReply { sign: sign.as_str(), means, publisher, campaign, found, limit, events, from, to }
}

/// `GET /v1/admin/review`: publishers and campaigns with figures that human traffic does not produce.
pub(crate) async fn review(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let findings = blocking(move || Ok::<_, ApiError>(reporting.review())).await?;
    let days = app.settings.get().review.days;
    let findings = findings.into_iter().map(reply).collect();
    Ok(json(&ReviewReply { days, findings }))
}
