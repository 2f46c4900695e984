//! Requests that were made before: a page sends the same body for each of its readers. What it asks for is kept, so
//! that it is parsed, brought within its limits and resolved once.
//!
//! Kept is what depends on the body and the inventory alone, never anything of a reader but the country. The body itself is
//! not kept, and of the page's URL neither query nor fragment.

use crate::config::settings::RequestLimits;
use crate::delivery::decide::PageDecision;
use crate::delivery::known_page::KnownPage;
use crate::domain::page_address::PageAddress;
use crate::domain::region::Country;
use crate::http::problem::ApiError;
use crate::http::public::request;
use crate::http::public::request::DecisionRequest;
use crate::http::{AppState, body};
use crate::selection::repeats::Repeats;
use crate::selection::resolve::RegionSignals;
use crate::selection::snapshot::Snapshot;
use arc_swap::ArcSwap;
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rand::Rng;
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
    body_bytes: u64,
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

impl Weighter<u128, Arc<KnownRequest>> for Bytes {
    fn weight(&self, _: &u128, known: &Arc<KnownRequest>) -> u64 {
        known.body_bytes * TIMES_BODY + FIXED
    }
}

/// Fingerprints of bodies: a universal hash under a random key of this process. A caller, who does not know the key, finds
/// two bodies of 1 MiB with one fingerprint with a probability below 2^-110 at each attempt: the bound of section 2 of
/// McGrew and Viega, "The Galois/Counter Mode of Operation" (2005).
struct Fingerprints(Polyval);

impl Default for Fingerprints {
    fn default() -> Fingerprints {
        let mut key = polyval::Key::default();
        rand::rng().fill_bytes(&mut key);
        Fingerprints(Polyval::new(&key))
    }
}

impl Fingerprints {
    fn of(&self, body: &[u8]) -> u128 {
        let mut length = polyval::Block::default();
        length[..8].copy_from_slice(&(body.len() as u64).to_le_bytes());
        let mut hash = self.0.clone();
        hash.update_padded(body);
        hash.update(&[length]);
        u128::from_le_bytes(hash.finalize().into())
    }
}

/// The requests that were made before, by the fingerprints of their bodies.
pub(crate) struct KnownRequests {
    known: Cache<u128, Arc<KnownRequest>, Bytes>,
    repeats: Repeats,
    fingerprints: Fingerprints,
}

impl Default for KnownRequests {
    fn default() -> KnownRequests {
        let requests = usize::try_from(CAPACITY / (2 * FIXED)).unwrap_or_default();
        KnownRequests {
            known: Cache::with_weighter(requests, CAPACITY, Bytes),
            repeats: Repeats::default(),
            fingerprints: Fingerprints::default(),
        }
    }
}

impl KnownRequests {
    /// The request in a body that was sent before. `None` also if something in it is wrong or ignored, if its reader's region
    /// is no country, or if it is an operator's own.
    pub(crate) fn find(&self, body: &[u8], limits: &RequestLimits) -> Option<Arc<KnownRequest>> {
        let fingerprint = self.fingerprints.of(body);
        let is_repeated = self.repeats.has(&fingerprint.to_ne_bytes());
        is_repeated.then(|| self.find_repeated(fingerprint, body, limits)).flatten()
    }

    fn find_repeated(
        &self,
        fingerprint: u128,
        body: &[u8],
        limits: &RequestLimits,
    ) -> Option<Arc<KnownRequest>> {
        if let Some(known) = self.known.get(&fingerprint).filter(|known| known.limits == *limits) {
            return Some(known);
        }
        let (mut request, ignored) = body::json::<DecisionRequest<'static>>(body).ok()?;
        if !ignored.is_empty() || request.explain || request.force_creative.is_some() {
            return None;
        }
        // What is no country may be anything of a reader.
        request
            .viewer
            .region
            .as_deref()
            .map_or(Ok(()), |text| text.parse::<Country>().map(drop))
            .ok()?;
        let warnings = request::apply_limits(&mut request, limits).ok()?;
        if let Some(url) = &mut request.page.url {
            *url = without_query(url)?.to_owned().into();
        }
        let known = Arc::new(KnownRequest {
            request,
            warnings,
            limits: *limits,
            body_bytes: body.len() as u64,
            pages: ArcSwap::default(),
        });
        self.known.insert(fingerprint, known.clone());
        Some(known)
    }
}

/// A URL without query and fragment, which no decision reads; `None` if it cannot be cut without a parser, or not be read.
fn without_query(url: &str) -> Option<&str> {
    let Some(end) = url.find(['?', '#']) else { return Some(url) };
    let is_usual = url.starts_with("https://") || url.starts_with("http://");
    let cut = &url[..end];
    (is_usual && PageAddress::parse(cut).is_ok()).then_some(cut)
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
                let url = request.page.url.take();
                let is_kept = ignored.is_empty()
                    && !request.explain
                    && request.force_creative.is_none()
                    && request.viewer.region.as_deref().is_none_or(|text| text.parse::<Country>().is_ok())
                    && url.as_deref().is_none_or(|url| without_query(url).is_some());
                request.page.url = url.map(|url| without_query(&url).unwrap_or_default().to_owned().into());
                is_kept.then_some((request, warnings))
            });
            for again in again {
                let again = again.map(|own| format!("{:?} {:?}", own.request, own.warnings));
                let parsed = parsed.as_ref().map(|(request, warnings)| format!("{request:?} {warnings:?}"));
                prop_assert_eq!(again, parsed);
            }
        }
    }

    proptest! {
        #[test]
        fn a_decision_reads_the_same_of_a_url_without_query_and_fragment(
            url in "(https?://|HTTPS://|//|http:/?|mailto:|)[a-zA-Z0-9.@:\\[\\]-]{0,12}(/[a-z.%0-9~\\\\]{0,6}){0,3}[?#]?[?#]\\PC{0,12}",
        ) {
            use crate::delivery::page_url::stored_part;
            use crate::domain::page_address::has_plain_host;
            use crate::domain::party::PageUrls;
            if let Some(short) = without_query(&url) {
                let read = |url| format!("{:?} {}", PageAddress::parse(url), has_plain_host(url));
                prop_assert_eq!(read(short), read(&url));
                for policy in [PageUrls::Host, PageUrls::Path] {
                    prop_assert_eq!(stored_part(short, policy), stored_part(&url, policy));
                }
            }
        }
    }

    #[test]
    fn other_bodies_have_other_fingerprints_also_if_only_their_length_differs() {
        let of = Fingerprints::default();
        let bodies = [&b""[..], b"\0", b"\0\0", &[0; 16], &[0; 17], b"a", b"a\0", b"b"];
        let found: std::collections::BTreeSet<u128> = bodies.map(|body| of.of(body)).into();
        assert_eq!(found.len(), bodies.len());
        assert_eq!(of.of(b"a"), of.of(b"a"));
        assert_ne!(of.of(b"a"), Fingerprints::default().of(b"a"), "another key");
    }

    #[test]
    fn a_request_is_not_kept_with_a_readers_region_that_is_no_country() {
        let body = |region: &str| {
            let page = r#"{"publisher":"a","placements":[{"name":"b"}],"viewer":{"region":""#;
            [page, region, r#""}}"#].concat()
        };
        let known = KnownRequests::default();
        let is_known = |region: &str| {
            let body = body(region);
            [(); 3].map(|()| known.find(body.as_bytes(), &limits(3)).is_some())
        };
        assert_eq!(is_known("DE"), [false, true, true]);
        assert_eq!(is_known("me@mail.example"), [false; 3]);
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
