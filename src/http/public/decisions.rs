//! `POST` and `GET /v1/decisions`: parse, decide, render. Only reading the body and `explain` await.

use crate::config::keys::{Identity, Role};
use crate::delivery::Delivery;
use crate::delivery::decide::{AcceptUnit, DecisionCall, PageDecision};
use crate::delivery::reader::Reader;
use crate::delivery::rendered_unit::RenderedUnit;
use crate::delivery::tokens::id_text;
use crate::domain::event::{EventKind, NoFill};
use crate::domain::event_kinds::EventKinds;
use crate::domain::region::Country;
use crate::explain::Explain;
use crate::http::caller::Caller;
use crate::http::overload::Overload;
use crate::http::problem::ApiError;
use crate::http::public::call_class::{CallClass, Key, require_access, site};
use crate::http::public::embed_reports::EmbedReports;
use crate::http::public::known_requests::{Asked, KnownRequest, KnownRequests};
use crate::http::public::reply::{Answer, Answers, DecisionReply, NoFillReply, SnapshotReply};
use crate::http::public::request::{DecisionRequest, Render};
use crate::http::public::{ignored, plain_request, request};
use crate::http::{AppState, blocking, body, caller};
use crate::selection::page_warnings;
use crate::selection::resolve::RegionSignals;
use crate::web;
use crate::world::Worlds;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, header};
use actix_web::web::{Data, Payload};
use actix_web::{Error, HttpRequest, HttpResponse};
use bumpalo::Bump;
use bumpalo::boxed::Box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// What a decision over HTTP needs: one argument of a handler, and so one look-up per request.
pub(crate) struct Decider {
    pub(crate) app: Data<AppState>,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) world: Arc<Worlds>,
    pub(crate) explain: Arc<Explain>,
    pub(crate) embed_reports: Arc<EmbedReports>,
    pub(crate) known: Arc<KnownRequests>,
}

/// The path of decisions.
pub(crate) const PATH: &str = "/v1/decisions";

/// `POST /v1/decisions`.
pub(crate) async fn create(
    decider: Data<Decider>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let limits = decider.app.settings.get().request;
    let bytes = body::read(payload, limits.body_bytes, decider.app.body_timeout).await?;
    let began = Instant::now();
    let known = decider.known.find(&bytes, &limits);
    decider.app.metrics.count_body(known.is_some());
    let (mut parsed, ignored);
    let asked = match &known {
        Some(known) => {
            ignored = Vec::new();
            Asked::again(known)
        }
        None => {
            (parsed, ignored) = plain_request::from_body(&bytes)?;
            Asked::limit(&decider.app, &mut parsed, &ignored)
        }
    };
    let response = handle(&decider, &http, asked, &ignored).await;
    decider.app.metrics.observe_decision(began.elapsed());
    response
}

/// Whether a request is `POST /v1/decisions`, which is answered without the router: matching the rows of the
/// route table and extracting the arguments of a handler take thousands of instructions.
pub(crate) fn is_create(request: &ServiceRequest) -> bool {
    *request.method() == Method::POST && request.path() == PATH
}

/// Answers a request that [`is_create`].
pub(crate) async fn create_unrouted(mut request: ServiceRequest) -> Result<ServiceResponse, Error> {
    let payload = request.extract::<Payload>().await?;
    let (http, _) = request.into_parts();
    let decider = http.app_data::<Data<Decider>>().cloned();
    let decider = decider.expect("`app::Services` registers it on every listener");
    let response = create(decider, http.clone(), payload).await;
    Ok(ServiceResponse::new(http, response.unwrap_or_else(HttpResponse::from_error)))
}

/// `GET /v1/decisions`.
pub(crate) async fn from_parameters(
    decider: Data<Decider>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    let (mut request, ignored) = request::from_query(http.query_string())?;
    let asked = Asked::limit(&decider.app, &mut request, &ignored);
    let response = handle(&decider, &http, asked, &ignored).await;
    decider.app.metrics.observe_decision(began.elapsed());
    response
}

async fn handle(
    decider: &Decider,
    http: &HttpRequest,
    asked: Asked<'_>,
    ignored: &[String],
) -> Result<HttpResponse, ApiError> {
    let request = asked.request;
    let identity = caller::identity(&decider.app, http)?;
    let is_operator = identity.as_ref().is_some_and(|own| own.role == Role::Operator);
    if (request.explain || request.force_creative.is_some()) && !is_operator {
        let field = if request.explain { "explain" } else { "force_creative" };
        return Err(ApiError::forbidden(format!("`{field}` requires an operator key")));
    }
    let caller = (identity.as_ref(), None);
    let (decided, warnings) = decide_page(decider, http, asked, caller)?;
    let Some(decided) = decided else {
        let mut response = overloaded(decider, request);
        ignored::list(response.headers_mut(), ignored);
        return Ok(response);
    };
    let explanation = if request.explain {
        let service = decider.explain.clone();
        let decided = decided.request;
        let reader = crate::explain::Audience::Operator;
        let explain = move || service.explain(decided, &reader, None);
        Some(blocking(explain).await?)
    } else {
        None
    };
    let mut response = respond(decider, &decided, warnings, request.render, explanation);
    ignored::list(response.headers_mut(), ignored);
    Ok(response)
}

/// Decides and passes the first placement's unit to `show`, for responses that are not JSON.
pub(crate) fn with_first<T>(
    decider: &Decider,
    http: &HttpRequest,
    mut request: DecisionRequest<'_>,
    show: impl FnOnce(Option<&RenderedUnit<'_>>) -> T,
) -> Result<T, ApiError> {
    let identity = caller::identity(&decider.app, http)?;
    // A unit without a script reports no viewable impression.
    let viewable = EventKinds::of(&[EventKind::Viewable]);
    request.placements.iter_mut().for_each(|slot| slot.unreported = viewable);
    let Some(decided) = decide(decider, http, &mut request, identity.as_ref())? else {
        return Ok(show(None));
    };
    let texts = Bump::new();
    let first = || decider.delivery.rendered(&decided, 0, &texts).ok();
    let unit = (!decided.slots.is_empty()).then(first).flatten();
    Ok(show(unit.as_ref()))
}

/// Truncates a request to its limits and decides it, for responses without room for warnings; `None`
/// if this caller floods the server or the worker is overloaded.
pub(crate) fn decide(
    decider: &Decider,
    http: &HttpRequest,
    request: &mut DecisionRequest<'_>,
    identity: Option<&Identity>,
) -> Result<Option<PageDecision>, ApiError> {
    decide_for(decider, http, request, identity, None)
}

/// The same for a caller with rules of its own about which units it accepts.
pub(crate) fn decide_for(
    decider: &Decider,
    http: &HttpRequest,
    request: &mut DecisionRequest<'_>,
    identity: Option<&Identity>,
    accepts: Option<&AcceptUnit<'_>>,
) -> Result<Option<PageDecision>, ApiError> {
    let asked = Asked::limit(&decider.app, request, &[]);
    decide_page(decider, http, asked, (identity, accepts)).map(|(decided, _)| decided)
}

/// Decides; returns the warnings, too. The publisher's page shows them.
fn decide_page(
    decider: &Decider,
    http: &HttpRequest,
    Asked { request, limited, known }: Asked<'_>,
    caller: (Option<&Identity>, Option<&AcceptUnit<'_>>),
) -> Result<(Option<PageDecision>, Vec<String>), ApiError> {
    let mut warnings = Vec::new();
    let decided = limited.and_then(|found| {
        warnings = found;
        decide_request(decider, http, (request, known), caller, &mut warnings)
    });
    let live = decider.world.live();
    let noted = match &decided {
        Ok(decided) => decided.as_ref().map(Ok),
        Err(error) => Some(Err(error)),
    };
    if let (Some(publisher), Some(noted)) = (live.publisher(&request.publisher), noted) {
        let now_ms = decider.app.clock.now_ms();
        let asked = (&request.page, &request.placements[..]);
        decider.embed_reports.note(publisher, asked, noted, (&warnings, now_ms));
    }
    Ok((decided?, warnings))
}

/// Decides; `None` if this caller floods the server or the worker is overloaded.
fn decide_request(
    decider: &Decider,
    http: &HttpRequest,
    (request, known): (&DecisionRequest<'_>, Option<&KnownRequest>),
    (identity, accepts): (Option<&Identity>, Option<&AcceptUnit<'_>>),
    warnings: &mut Vec<String>,
) -> Result<Option<PageDecision>, ApiError> {
    let Decider { app, delivery, world, .. } = decider;
    let key = Key::of(identity, &request.publisher);
    let trusted = matches!(key, Key::Publisher(_) | Key::Exchange(_));
    let seen = Caller::read(app, http, trusted);
    warnings.extend(seen.warnings());
    let now_ms = app.clock.now_ms();
    let within_rate = match key {
        Key::Publisher(own) | Key::Exchange(own) => own
            .per_second
            .is_none_or(|per_second| app.agreed_rates.admits(&own.id, per_second, now_ms)),
        _ => !seen.is_guarded || app.flood.admits(seen.own_address(), now_ms),
    };
    let overload = http.app_data::<Data<Rc<Overload>>>();
    if !within_rate || overload.is_some_and(|overload| overload.sheds_decision()) {
        app.metrics.count_rate_limited(if within_rate { "overload" } else { "flood" });
        let shed = |_| app.metrics.count_shed_slot(request.test);
        request.placements.iter().for_each(shed);
        return Ok(None);
    }
    let declared = request.viewer.region.as_deref().and_then(|text| {
        let country = text.parse::<Country>().ok();
        if country.is_none() {
            warnings
                .push(format!("viewer.region: `{text}` is not an ISO 3166 country code, ignored"));
        }
        country
    });
    let live = world.live();
    let publisher = live.publisher(&request.publisher);
    let region = RegionSignals { observed: seen.country, declared };
    let served = known.and_then(|known| known.page(&live.world.snapshot, region));
    let about_page = match (&served, live.snapshot().publisher_by_id.get(&*request.publisher)) {
        (Some(served), _) => served.warnings.clone(),
        (None, Some(number)) => page_warnings::of(live.snapshot(), *number, &request.page),
        (None, None) => Vec::new(),
    };
    warnings.extend_from_slice(&about_page);
    let class = match publisher {
        Some(publisher) => {
            let site = site(app, publisher);
            require_access(publisher, key, seen.signals.is_known_origin(&site))?;
            CallClass::of(app, publisher, &seen, trusted)
        }
        None => CallClass::default(),
    };
    let CallClass { test, idle, prefetched, unrecognised } = class;
    let call = DecisionCall {
        publisher: &request.publisher,
        page: &request.page,
        known: served.as_deref().map(|served| &served.page),
        region,
        slots: &request.placements,
        test: request.test || test,
        idle,
        prefetched,
        reader: (!trusted).then_some(Reader {
            address: seen.own_address(),
            agent: seen.signals.agent,
            unrecognised,
        }),
        basic: seen.gpc || request.basic,
        keyed: trusted,
        forced: request.force_creative.as_deref(),
        accepts,
    };
    let decided = delivery.decide(&call);
    let decided =
        decided.map_err(|error| ApiError::not_found("unknown_publisher", error.to_string()))?;
    if let Some(known) = known.filter(|_| served.is_none())
        && Arc::ptr_eq(&decided.live.world.snapshot, &live.world.snapshot)
    {
        known.keep(&decided, region, &about_page);
    }
    Ok(Some(decided))
}

fn respond(
    decider: &Decider,
    decided: &PageDecision,
    warnings: Vec<String>,
    render: Render,
    explanation: Option<crate::explain::Explanation>,
) -> HttpResponse {
    let snapshot = decided.live.snapshot();
    let age_ms = decider.world.age_ms(decided.at_ms);
    let texts = &Bump::with_capacity(BYTES_PER_UNIT * decided.slots.len());
    let answers = decided.slots.iter().enumerate().map(|(at, slot)| {
        let key: &str = &decided.page.slots[at].key;
        let is_json = render == Render::Json;
        let known = is_json.then(|| decider.delivery.known_unit(decided, at, texts)).flatten();
        if slot.result.is_ok() {
            decider.app.metrics.count_unit(known.is_some());
        }
        if let Some(json) = known {
            return (key, Answer::Written(json));
        }
        let answer = match decider.delivery.rendered(decided, at, texts) {
            Ok(mut unit) => {
                match render {
                    Render::Json => {}
                    Render::Html => unit.html = Some(web::unit::fragment(&unit)),
                    Render::Markdown => unit.markdown = Some(web::unit::text::markdown(&unit)),
                    Render::Text => unit.text = Some(web::unit::text::plain(&unit)),
                }
                Answer::Fill(Box::new_in(unit, texts))
            }
            Err(reason) => no_fill(slot.id, reason, texts),
        };
        (key, answer)
    });
    let reply = DecisionReply {
        request_id: id_text(decided.request, texts),
        snapshot: SnapshotReply {
            inventory: &snapshot.inventory_hash,
            weights: &snapshot.weights_hash,
            age_ms,
            stale: is_stale(&decider.app, age_ms),
        },
        warnings,
        decisions: Answers(answers.collect()),
        explanation,
    };
    no_store().body(reply.into_json())
}

/// A unit of usual length and its texts.
const BYTES_PER_UNIT: usize = 2_560;

fn no_fill(id: u128, reason: NoFill, texts: &Bump) -> Answer<'_> {
    Answer::NoFill(NoFillReply { fill: false, decision_id: id_text(id, texts), reason })
}

/// The response when load is shed, in the usual format. Nothing was decided or logged.
fn overloaded(decider: &Decider, request: &DecisionRequest<'_>) -> HttpResponse {
    let live = decider.world.live();
    let snapshot = live.snapshot();
    let age_ms = decider.world.age_ms(decider.app.clock.now_ms());
    let id = uuid::Uuid::now_v7().as_u128();
    let texts = &Bump::new();
    let answers = request
        .placements
        .iter()
        .map(|slot| (slot.reply_key(), no_fill(id, NoFill::Overloaded, texts)));
    let reply = DecisionReply {
        request_id: id_text(id, texts),
        snapshot: SnapshotReply {
            inventory: &snapshot.inventory_hash,
            weights: &snapshot.weights_hash,
            age_ms,
            stale: is_stale(&decider.app, age_ms),
        },
        warnings: Vec::new(),
        decisions: Answers(answers.collect()),
        explanation: None,
    };
    no_store().body(reply.into_json())
}

/// Whether responses must mark the inventory as stale.
fn is_stale(app: &AppState, age_ms: i64) -> bool {
    let after = app.settings.get().snapshot.stale_after_seconds;
    age_ms / 1_000 >= i64::try_from(after).unwrap_or(i64::MAX)
}

fn no_store() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    response
}
