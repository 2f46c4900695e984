//! Requests that were made before: a page sends the same body for each of its readers. What it asks for is kept, so
//! that it is parsed, brought within its limits and resolved once.
//!
//! Kept is what depends on the body and the inventory alone, never anything of a reader but the country.

use crate::config::settings::RequestLimits;
use crate::delivery::decide::PageDecision;
use crate::delivery::known_page::KnownPage;
use crate::http::problem::ApiError;
use crate::http::public::request;
use crate::http::public::request::DecisionRequest;
use crate::http::{AppState, body};
use crate::selection::repeats::Repeats;
use crate::selection::resolve::RegionSignals;
use crate::selection::snapshot::Snapshot;
use arc_swap::ArcSwap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use smallvec::SmallVec;
use std::sync::Arc;

/// What the requests that are kept may take, in bytes.
const CAPACITY: u64 = 16 * 1024 * 1024;

/// What one takes, in multiples of its body, and what its page and its places in tables take.
const TIMES_BODY: u64 = 4;
const FIXED: u64 = 2_048;

/// A decision request and what is known of it.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a DecisionRequest<'a>,
    /// What was left out of it to bring it within its limits, or why that is not possible.
    pub(crate) limited: Result<Vec<String>, ApiError>,
    /// The same request, if it was made before.
    pub(crate) known: Option<&'a KnownRequest>,
}

impl<'a> Asked<'a> {
    /// Brings a request within its limits. `ignored` are the names of unknown fields.
    pub(crate) fn limit(
        app: &AppState,
        request: &'a mut DecisionRequest<'_>,
        ignored: &[String],
    ) -> Asked<'a> {
        let limited = request::apply_limits(request, &app.settings.get().request);
        let ignored = ignored.iter().map(|path| format!("{path}: unknown field, ignored"));
        let limited = limited.map(|warnings| warnings.into_iter().chain(ignored).collect());
        Asked { request, limited, known: None }
    }

    pub(crate) fn again(known: &'a KnownRequest) -> Asked<'a> {
        let limited = Ok(known.warnings.clone());
        Asked { request: &known.request, limited, known: Some(known) }
    }
}

/// The most countries for whose readers a page is kept.
const COUNTRIES: usize = 8;

/// A request that was made before.
pub(crate) struct KnownRequest {
    /// The request, within its limits.
    pub(crate) request: DecisionRequest<'static>,
    /// What was left out of it.
    pub(crate) warnings: Vec<String>,
    limits: RequestLimits,
    /// As readers of different countries see it, the newest first.
    pages: ArcSwap<SmallVec<[Arc<ServedPage>; 1]>>,
}

/// The page of a request, as the snapshot being served sees it.
pub(crate) struct ServedPage {
    pub(crate) page: KnownPage,
    /// About its values that match nothing.
    pub(crate) warnings: Vec<String>,
}

impl KnownRequest {
    /// The page, if it was decided on this snapshot with these signals about the reader's region.
    pub(crate) fn page(
        &self,
        snapshot: &Arc<Snapshot>,
        region: RegionSignals,
    ) -> Option<Arc<ServedPage>> {
        let pages = self.pages.load();
        pages.iter().find(|served| served.page.on(snapshot, region).is_some()).cloned()
    }

    /// Keeps the page of a decision that was made with these signals, and what was said about it.
    pub(crate) fn keep(&self, decided: &PageDecision, region: RegionSignals, warnings: &[String]) {
        let page = decided.known_page(region);
        let served = Arc::new(ServedPage { page, warnings: warnings.to_vec() });
        let earlier = self.pages.load();
        let is_current = |earlier: &&Arc<ServedPage>| earlier.page.is_like(&served.page);
        let earlier = earlier.iter().filter(is_current).take(COUNTRIES - 1).cloned();
        let pages = std::iter::once(served.clone()).chain(earlier).collect();
        self.pages.store(Arc::new(pages));
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<[u8]>, Arc<KnownRequest>> for Bytes {
    fn weight(&self, body: &Box<[u8]>, _: &Arc<KnownRequest>) -> u64 {
        body.len() as u64 * TIMES_BODY + FIXED
    }
}

/// The requests that were made before, by their bodies.
pub(crate) struct KnownRequests {
    known: Cache<Box<[u8]>, Arc<KnownRequest>, Bytes>,
    repeats: Repeats,
}

impl Default for KnownRequests {
    fn default() -> KnownRequests {
        let requests = usize::try_from(CAPACITY / (2 * FIXED)).unwrap_or_default();
        KnownRequests {
            known: Cache::with_weighter(requests, CAPACITY, Bytes),
            repeats: Repeats::default(),
        }
    }
}

impl KnownRequests {
    /// The request in a body that was sent before. `None` also if something in it is wrong or ignored, or if it is an
    /// operator's own.
    pub(crate) fn find(&self, body: &[u8], limits: &RequestLimits) -> Option<Arc<KnownRequest>> {
        self.repeats.has(body).then(|| self.find_repeated(body, limits)).flatten()
    }

    fn find_repeated(&self, body: &[u8], limits: &RequestLimits) -> Option<Arc<KnownRequest>> {
        if let Some(known) = self.known.get(body).filter(|known| known.limits == *limits) {
            return Some(known);
        }
        let (mut request, ignored) = body::json::<DecisionRequest<'static>>(body).ok()?;
        if !ignored.is_empty() || request.explain || request.force_creative.is_some() {
            return None;
        }
        let warnings = request::apply_limits(&mut request, limits).ok()?;
        let pages = ArcSwap::default();
        let known = Arc::new(KnownRequest { request, warnings, limits: *limits, pages });
        self.known.insert(body.into(), known.clone());
        Some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::public::plain_request;
    use crate::http::public::plain_request::tests::requests;
    use proptest::prelude::*;

    fn limits(topics: usize) -> RequestLimits {
        RequestLimits { topics, ..crate::config::load::parse_settings("test", "").unwrap().request }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        #[test]
        fn a_known_request_is_the_one_that_is_read_from_its_body(request in requests(), topics in 1usize..4) {
            let (body, limits) = (serde_json::to_vec(&request).unwrap(), limits(topics));
            let known = KnownRequests::default();
            prop_assert!(known.find(&body, &limits).is_none(), "the first time");
            let again = [known.find(&body, &limits), known.find(&body, &limits)];
            let parsed = plain_request::from_body(&body).ok().and_then(|(mut request, ignored)| {
                let warnings = request::apply_limits(&mut request, &limits).ok()?;
                let is_kept = ignored.is_empty() && !request.explain && request.force_creative.is_none();
                is_kept.then_some((request, warnings))
            });
            for again in again {
                let again = again.map(|own| format!("{:?} {:?}", own.request, own.warnings));
                let parsed = parsed.as_ref().map(|(request, warnings)| format!("{request:?} {warnings:?}"));
                prop_assert_eq!(again, parsed);
            }
        }
    }

    #[test]
    fn other_limits_make_another_request_of_a_known_body() {
        let body =
            br#"{"publisher":"a","page":{"topics":["b","c","d"]},"placements":[{"name":"e"}]}"#;
        let known = KnownRequests::default();
        let topics =
            |most| known.find(body, &limits(most)).map(|own| own.request.page.topics.len());
        assert_eq!(
            [topics(3), topics(3), topics(2), topics(1), topics(3)],
            [None, Some(3), Some(2), Some(1), Some(3)]
        );
    }
}
