//! A report as it was requested: its parameters, parsed, and the link to its next page.

use crate::domain::attribution::Dimension;
use crate::domain::party::{Advertiser, Publisher, RevenueShare};
use crate::domain::zone::Zone;
use crate::http::AppState;
use crate::http::problem::ApiError;
use crate::http::public::reports::period::Period;
use crate::reporting::report::{Page, Party, Query, RowPlace};
use crate::world::Worlds;
use crate::world::directory::Directory;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
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
    /// The filters: one for each of [`Dimension::FILTERS`].
    fn filters(&self) -> Vec<(Dimension, String)> {
        let given = [&self.campaign, &self.flight, &self.creative];
        let filters = Dimension::FILTERS.into_iter().zip(given);
        filters.filter_map(|(of, wanted)| Some((of, wanted.clone()?))).collect()
    }

    /// The report of a party; `kind` is its name in the path.
    ///
    /// # Errors
    /// 404 for an unknown party, 422 for an invalid parameter.
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
        let mut by: Vec<Dimension> = Vec::new();
        let names = self.by.as_deref().unwrap_or("day").split(',');
        for name in names.filter(|name| !name.is_empty()) {
            let dimension =
                name.trim().parse().map_err(|why: String| ApiError::invalid_field("by", why))?;
            if !by.contains(&dimension) {
                by.push(dimension);
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
            filters: self.filters(),
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
        let by: Vec<&str> = query.by.iter().map(|by| by.as_str()).collect();
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        parameters
            .append_pair("from", &period.from.to_string())
            .append_pair("to", &period.to.to_string())
            .append_pair("by", &by.join(","))
            .append_pair("tz", period.zone.name())
            .append_pair("limit", &query.page.limit.to_string())
            .extend_pairs(query.filters.iter().map(|(by, wanted)| (by.as_str(), wanted)))
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
