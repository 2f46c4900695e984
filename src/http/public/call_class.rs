//! Who calls for a decision, whether it may, and whether the call counts.

use crate::config::keys::{Identity, Role};
use crate::domain::origin;
use crate::domain::party::{DecisionAccess, Publisher};
use crate::http::AppState;
use crate::http::caller::Caller;
use crate::http::problem::ApiError;
use crate::traffic::signals;
use crate::traffic::signals::{AllowedOrigins, Signals};

/// What a decision's caller is identified as, by its key.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    /// The publisher's own server.
    Publisher(&'a Identity),
    /// An exchange.
    Exchange(&'a Identity),
    /// An operator.
    Operator,
    /// No key, or one that says nothing about this publisher.
    None,
}

impl<'a> Key<'a> {
    pub(super) fn of(identity: Option<&'a Identity>, publisher: &str) -> Key<'a> {
        match identity {
            Some(own) if own.role == Role::Publisher && own.owner == publisher => {
                Key::Publisher(own)
            }
            Some(own) if own.role == Role::Exchange => Key::Exchange(own),
            Some(own) if own.role == Role::Operator => Key::Operator,
            _ => Key::None,
        }
    }
}

/// Rejects callers that may not request decisions for a publisher's pages.
pub(super) fn require_access(
    publisher: &Publisher,
    key: Key<'_>,
    is_known_origin: bool,
) -> Result<(), ApiError> {
    let (may, needed) = match publisher.decide {
        DecisionAccess::Open => return Ok(()),
        DecisionAccess::Origin => (
            is_known_origin || !matches!(key, Key::None),
            "from one of its origins, or with its secret key",
        ),
        DecisionAccess::Key => {
            (matches!(key, Key::Publisher(_) | Key::Operator), "with its secret key")
        }
    };
    match may {
        true => Ok(()),
        false => Err(ApiError::forbidden(format!(
            "publisher `{}` takes decision requests only {needed} (its setting `decide` is `{}`)",
            publisher.id, publisher.decide
        ))),
    }
}

pub(super) fn site<'a>(app: &'a AppState, publisher: &'a Publisher) -> AllowedOrigins<'a> {
    AllowedOrigins {
        origins: &publisher.origins,
        staging_origins: &publisher.staging_origins,
        own: Some(&app.own_origin),
    }
}

/// Whether a call is a test or idle (unbillable), judged by its origin and signals.
#[derive(Default)]
pub(super) struct CallClass {
    pub(crate) test: bool,
    pub(crate) idle: bool,
    /// If it is idle, only because the reader may not open the page; the events of a reader who does count.
    pub(crate) prefetched: bool,
    /// It names no origin, although the publisher lists its own.
    pub(crate) unrecognised: bool,
}

impl CallClass {
    pub(super) fn of(
        app: &AppState,
        publisher: &Publisher,
        seen: &Caller<'_>,
        trusted: bool,
    ) -> CallClass {
        if trusted {
            // A server's own headers say nothing about the reader that it declares.
            let declared =
                Signals { accepts: true, agent: seen.declared_agent, ..Signals::default() };
            let idle = seen.declared_agent.is_some() && declared.is_automated();
            return CallClass { idle, ..CallClass::default() };
        }
        // `GET /v1/unit` is loaded as the document of an iframe.
        let fetch_dest = seen.signals.fetch_dest.filter(|dest| *dest != "iframe");
        let signals = &Signals { fetch_dest, ..seen.signals };
        let named = signals.origin.or_else(|| signals.referer.and_then(signals::origin_of));
        let canonical = named.and_then(origin::canonical);
        let is_listed = |list: &[String]| {
            canonical.as_deref().is_some_and(|origin| origin::any_matches(list, origin))
        };
        // An app has the origin `https://localhost`; a listed one is production.
        let is_unlisted_loopback =
            named.is_some_and(origin::is_loopback) && !is_listed(&publisher.origins);
        let site = site(app, publisher);
        CallClass {
            test: is_listed(&publisher.staging_origins)
                || (!app.is_trial() && is_unlisted_loopback),
            idle: signals.is_automated()
                || signals.is_prefetch()
                || signals.is_foreign_origin(&site),
            prefetched: !signals.is_automated() && !signals.is_foreign_origin(&site),
            unrecognised: !publisher.origins.is_empty() && !signals.is_known_origin(&site),
        }
    }
}
