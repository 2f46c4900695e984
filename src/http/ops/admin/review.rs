//! What a person should look at, with the hours to look at it in.

use crate::http::Face;
use crate::http::blocking;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::public::explain::json;
use crate::traffic::review::Finding;
use crate::traffic::review::HOUR_MS;
use crate::traffic::rules;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

/// What there is to look at.
#[derive(Serialize, JsonSchema)]
pub struct ReviewReply {
    /// Days of decisions that were looked at.
    pub days: u32,
    /// What was found. None of it changed a verdict: credit what was no audience.
    pub findings: Vec<FoundReply>,
}

/// One thing to look at.
#[derive(Serialize, JsonSchema)]
pub struct FoundReply {
    /// The sign's name, as in the rules of `GET /v1/limits`.
    pub sign: &'static str,
    /// In words.
    pub means: &'static str,
    /// On whose pages; absent where it is about a campaign on all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<Box<str>>,
    /// Which campaign's; absent where it is about all of a publisher's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Box<str>>,
    /// The rate, ratio or count that was found.
    pub found: f64,
    /// Where it is still usual.
    pub limit: f64,
    /// Impressions it is found in; clicks for a spike.
    pub events: u64,
    /// From this hour of decisions on.
    pub from: String,
    /// To the beginning of this hour.
    pub to: String,
}

fn hour(hour: i64) -> String {
    jiff::Timestamp::from_millisecond(hour * HOUR_MS).unwrap_or_default().to_string()
}

fn reply(finding: Finding) -> FoundReply {
    let Finding { sign, publisher, campaign, found, limit, events, from, to } = finding;
    let rule = rules::RULES.iter().find(|rule| rule.name == sign.as_str());
    let means = rule.map_or("", |rule| rule.signal);
    let (from, to) = (hour(from), hour(to));
    FoundReply { sign: sign.as_str(), means, publisher, campaign, found, limit, events, from, to }
}

/// `GET /v1/admin/review`: publishers and campaigns whose figures no audience makes.
pub async fn review(face: Data<Face>, http: HttpRequest) -> Result<HttpResponse, ApiError> {
    admin::reads(&face, &http)?;
    let server = face.server.clone();
    let found = blocking(move || Ok::<_, ApiError>(server.review())).await?;
    let days = face.server.settings().review.days;
    let findings = found.into_iter().map(reply).collect();
    Ok(json(&ReviewReply { days, findings }))
}
