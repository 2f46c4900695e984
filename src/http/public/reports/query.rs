//! A report as it was requested: its parameters, parsed, and the link to its next page.

use crate::domain::attribution::Dimension;
use crate::domain::breakdown::{Breakdown, CUSTOM_PREFIX};
use crate::domain::name_key;
use crate::domain::party::{Advertiser, Publisher, RevenueShare};
use crate::domain::reported_keys::ReportedKeys;
use crate::domain::zone::Zone;
use crate::http::problem::ApiError;
use crate::http::public::reports::period::Period;
use crate::http::{AppState, extract};
use crate::reporting::report::{Page, Party, Query, RowPlace};
use crate::world::Worlds;
use crate::world::directory::Directory;
use actix_web::dev::Payload;
use actix_web::web::Query as QueryString;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::future::{Ready, ready};
use url::form_urlencoded;

/// Rows of a page.
const DEFAULT_LIMIT: usize = 1_000;

/// The most rows of a page.
pub(super) const MAX_LIMIT: usize = 10_000;

/// Query parameters of a report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportQuery {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    tz: Option<String>,
    campaign: Option<String>,
    flight: Option<String>,
    creative: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    /// Token of a link to an advertiser's page.
    #[serde(default)]
    pub(super) link: String,
    pub(super) format: Option<String>,
    /// Parameters `custom:KEY`, with their values.
    #[serde(skip)]
    custom: Vec<(String, String)>,
}

impl FromRequest for ReportQuery {
    type Error = ApiError;
    type Future = Ready<Result<ReportQuery, ApiError>>;

    fn from_request(http: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(ReportQuery::read(http.query_string()))
    }
}

/// A report to make.
pub(super) struct ReportRequest {
    pub(super) query: Query,
    pub(super) period: Period,
    /// Whether the request is for one page, also in CSV.
    pub(super) is_paged: bool,
    /// URL of the same report, without a cursor.
    url: String,
}

impl ReportQuery {
    fn read(query: &str) -> Result<ReportQuery, ApiError> {
        let (custom, others): (Vec<_>, Vec<_>) = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .partition(|(name, _)| name.starts_with(CUSTOM_PREFIX));
        let others = form_urlencoded::Serializer::new(String::new()).extend_pairs(others).finish();
        let read = QueryString::<ReportQuery>::from_query(&others);
        let query = read.map_err(|error| extract::query(&error))?.into_inner();
        Ok(ReportQuery { custom, ..query })
    }

    /// The filters: one for each of [`Dimension::FILTERS`], and one for each context key.
    fn filters(&self, keys: &ReportedKeys) -> Result<Vec<(Breakdown, String)>, ApiError> {
        let given = [&self.campaign, &self.flight, &self.creative];
        let given = Dimension::FILTERS.into_iter().zip(given);
        let given = given.filter_map(|(of, wanted)| Some((of.into(), wanted.clone()?)));
        let mut filters: Vec<(Breakdown, String)> = given.collect();
        for (name, value) in &self.custom {
            let of = breakdown(name, name, keys)?;
            if filters.iter().any(|(other, _)| *other == of) {
                return Err(ApiError::invalid_field(name, format!("duplicate field `{name}`")));
            }
            let value = name_key::key(value).ok_or_else(|| {
                ApiError::invalid_field(name, "must be a value of the key, or `none`")
            })?;
            filters.push((of, value));
        }
        Ok(filters)
    }

    /// The report of a party; `kind` is its name in the path.
    ///
    /// # Errors
    /// 404 for an unknown party, 400 for a context key that is not reported, 422 for another invalid
    /// parameter.
    pub(super) fn parse(
        &self,
        app: &AppState,
        world: &Worlds,
        kind: &str,
        id: &str,
    ) -> Result<ReportRequest, ApiError> {
        let directory = world.directory();
        let (party, own_zone) = party(&directory, kind, id).ok_or_else(|| {
            ApiError::not_found("unknown_party", format!("no advertiser or publisher `{id}`"))
        })?;
        let zone = match &self.tz {
            None => own_zone,
            Some(name) => Zone::try_from(name.clone())
                .map_err(|error| ApiError::invalid_field("tz", error.to_string()))?,
        };
        let now = app.clock.now();
        let period = Period::parse(self.from.as_deref(), self.to.as_deref(), zone, now)?;
        let keys = directory.live().snapshot().context_keys.reported();
        let mut by: Vec<Breakdown> = Vec::new();
        let names = self.by.as_deref().unwrap_or("day").split(',');
        for name in names.filter(|name| !name.is_empty()) {
            let of = breakdown("by", name.trim(), keys)?;
            if !by.contains(&of) {
                by.push(of);
            }
        }
        let limit = match &self.limit {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                let why = || format!("must be from 1 to {MAX_LIMIT} (got `{text}`)");
                limit.ok_or_else(|| ApiError::invalid_field("limit", why()))?
            }
        };
        let mut query = Query {
            party,
            from_ms: period.from_ms,
            to_ms: period.to_ms,
            by,
            zone: period.zone.clone(),
            filters: self.filters(keys)?,
            page: Page { after: None, limit },
        };
        if let Some(cursor) = &self.cursor {
            query.page.after = Some(after(cursor, &query)?);
        }
        let is_paged = self.limit.is_some() || self.cursor.is_some();
        let url = self.url(&app.public_url, kind, id, &period, &query);
        Ok(ReportRequest { query, period, is_paged, url })
    }

    /// The URL of this report, with what the defaults were.
    fn url(&self, base: &str, kind: &str, id: &str, period: &Period, query: &Query) -> String {
        let by: Vec<String> = query.by.iter().map(ToString::to_string).collect();
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        parameters
            .append_pair("from", &period.from.to_string())
            .append_pair("to", &period.to.to_string())
            .append_pair("by", &by.join(","))
            .append_pair("tz", period.zone.name())
            .append_pair("limit", &query.page.limit.to_string())
            .extend_pairs(query.filters.iter().map(|(by, wanted)| (by.to_string(), wanted)))
            .extend_pairs(self.format.iter().map(|format| ("format", format)));
        if !self.link.is_empty() {
            parameters.append_pair("link", &self.link);
        }
        format!("{base}/v1/reports/{kind}/{id}?{}", parameters.finish())
    }
}

impl ReportRequest {
    /// The URL of the next page.
    pub(super) fn next(&self, last: &RowPlace) -> String {
        format!("{}&cursor={}", self.url, cursor(last, &self.query))
    }
}

/// What a name in the parameter `field` stands for.
fn breakdown(field: &str, name: &str, keys: &ReportedKeys) -> Result<Breakdown, ApiError> {
    let of = name.parse().map_err(|why: String| ApiError::invalid_field(field, why))?;
    match &of {
        Breakdown::Custom(key) if !keys.ids().any(|one| one == key) => {
            let reported: Vec<String> =
                keys.ids().map(|one| format!("`{CUSTOM_PREFIX}{one}`")).collect();
            let reported = if reported.is_empty() { "none".into() } else { reported.join(", ") };
            let detail = format!(
                "`{name}` is not reported: the operator must set `reported = true` on the context key \
                 `{key}`, which must have a list of `values`; reported are: {reported}"
            );
            Err(ApiError::unknown_parameter(field, detail))
        }
        _ => Ok(of),
    }
}

/// A party and the time zone of its reports, if there ever was such a party.
fn party(directory: &Directory, kind: &str, id: &str) -> Option<(Party, Zone)> {
    if kind == "advertisers" {
        let zone = directory.find::<Advertiser>(id)?.time_zone.clone();
        return Some((Party::Advertiser(id.to_owned()), zone));
    }
    let shares: Vec<RevenueShare> = directory.find::<Publisher>(id)?.revenue_share.clone();
    Some((Party::Publisher { id: id.to_owned(), shares }, Zone::utc()))
}

/// What a cursor belongs to: everything that the order and the values of the rows depend on.
fn fingerprint(query: &Query) -> [u8; 8] {
    let party = match &query.party {
        Party::Advertiser(id) => ("advertiser", id),
        Party::Publisher { id, .. } => ("publisher", id),
    };
    let Query { from_ms, to_ms, by, zone, filters, .. } = query;
    let text = format!("{party:?} {from_ms} {to_ms} {by:?} {} {filters:?}", zone.name());
    *blake3::hash(text.as_bytes()).as_bytes().first_chunk().expect("32 bytes")
}

/// The cursor of the rows after one: they are found by its keys, so new rows before them move nothing.
fn cursor(last: &RowPlace, query: &Query) -> String {
    let bytes = postcard::to_stdvec(&(fingerprint(query), last)).expect("texts are plain data");
    URL_SAFE_NO_PAD.encode(bytes)
}

fn after(cursor: &str, query: &Query) -> Result<RowPlace, ApiError> {
    let refuse = |why: &str| ApiError::invalid_field("cursor", why);
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let read = bytes.and_then(|bytes| postcard::from_bytes::<([u8; 8], RowPlace)>(&bytes).ok());
    let (of, place) =
        read.ok_or_else(|| refuse("is no cursor: use the link in `next` of a report as it is"))?;
    if of != fingerprint(query) || place.0.len() != query.by.len() {
        return Err(refuse(
            "is of another report: use the link in `next` as it is, or omit `cursor` for the first page",
        ));
    }
    Ok(place)
}
