//! The signals of one event request, which the [rules](crate::traffic::rules) evaluate.

use crate::domain::origin;

/// The raw headers of an event request, and what the server derived from it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signals<'a> {
    /// `User-Agent`.
    pub(crate) agent: Option<&'a str>,
    /// Whether `Accept` is present.
    pub(crate) accepts: bool,
    /// Whether the method is `HEAD`.
    pub(crate) head: bool,
    /// `Sec-Fetch-Dest`.
    pub(crate) fetch_dest: Option<&'a str>,
    /// `Sec-Purpose`.
    pub(crate) sec_purpose: Option<&'a str>,
    /// `Purpose`.
    pub(crate) purpose: Option<&'a str>,
    /// `X-Purpose`.
    pub(crate) x_purpose: Option<&'a str>,
    /// `X-Moz`.
    pub(crate) x_moz: Option<&'a str>,
    /// Whether an AI agent signed the request (HTTP Message Signatures, `Signature-Agent`).
    pub(crate) signed: bool,
    /// `Origin`.
    pub(crate) origin: Option<&'a str>,
    /// `Referer`.
    pub(crate) referer: Option<&'a str>,
    /// Whether the publisher's server speaks for the reader, whose agent may then be unknown.
    pub(crate) declared: bool,
    /// Whether the reader's address is in a datacenter network.
    pub(crate) datacenter: bool,
    /// Whether the decision is a test.
    pub(crate) test: bool,
    /// Whether the decision was idle: no money is reserved for it, and no report has it.
    pub(crate) idle: bool,
    /// Whether the flight or the publisher is paused.
    pub(crate) paused: bool,
    /// Whether the observed country contradicts the one the unit was chosen for.
    pub(crate) out_of_region: bool,
}

/// The origins that a publisher's events may come from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AllowedOrigins<'a> {
    /// The origins of its pages; empty turns the check off.
    pub(crate) origins: &'a [String],
    /// The origins of its staging pages.
    pub(crate) staging_origins: &'a [String],
    /// This server's origin, from which units in its own frames report.
    pub(crate) own: Option<&'a str>,
}

impl AllowedOrigins<'_> {
    fn allows(&self, origin: &str) -> bool {
        self.own.is_some_and(|own| own.eq_ignore_ascii_case(origin))
            || origin::canonical(origin).is_some_and(|origin| {
                origin::any_matches(self.origins, &origin)
                    || origin::any_matches(self.staging_origins, &origin)
            })
    }
}

impl Signals<'_> {
    /// Whether the agent is unknown, because a server speaks for the reader and does not name it.
    pub(super) fn is_agent_unknown(&self) -> bool {
        self.declared && self.agent.is_none()
    }

    /// Whether the request is a prefetch or preview, before any reader sees the unit.
    pub(crate) fn is_prefetch(&self) -> bool {
        self.head || self.announces_prefetch()
    }

    /// Whether a header announces a prefetch, prerender or preview.
    pub(super) fn announces_prefetch(&self) -> bool {
        let announces = |value: &str| {
            value.split([';', ',', ' ', ':', '=']).any(|word| {
                ["prefetch", "prerender", "preview"]
                    .iter()
                    .any(|one| word.eq_ignore_ascii_case(one))
            })
        };
        let purposes = [self.sec_purpose, self.purpose, self.x_purpose, self.x_moz];
        purposes.into_iter().flatten().any(announces)
    }

    /// Whether `Sec-Fetch-Dest` is one that units never use.
    pub(super) fn is_unexpected_destination(&self) -> bool {
        let expected = ["image", "empty", "script", "document"];
        self.fetch_dest.is_some_and(|destination| !expected.contains(&destination))
    }

    /// Whether the request has an origin that is not among the site's listed ones.
    ///
    /// `Origin: null` counts as no origin: sandboxed frames send it, and anyone could instead send none.
    pub(crate) fn is_foreign_origin(&self, site: &AllowedOrigins<'_>) -> bool {
        !site.origins.is_empty() && self.named_origin().is_some_and(|origin| !site.allows(origin))
    }

    /// Whether the request has an origin that is among the site's listed ones.
    pub(crate) fn is_known_origin(&self, site: &AllowedOrigins<'_>) -> bool {
        self.named_origin().is_some_and(|origin| site.allows(origin))
    }

    fn named_origin(&self) -> Option<&str> {
        let named = self.origin.filter(|origin| *origin != "null");
        named.or_else(|| self.referer.and_then(origin_of))
    }
}

/// The origin of a URL, unnormalised: `https://news.example` for `https://news.example/a?b`. `None`
/// without a scheme and host.
pub(crate) fn origin_of(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..].find(['/', '?', '#', '\\']).map_or(url.len(), |at| host + at);
    (end > host).then_some(&url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::InvalidReason;
    use crate::domain::event::InvalidReason::*;

    const READER: Signals<'static> = Signals {
        agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        accepts: true,
        head: false,
        fetch_dest: Some("empty"),
        sec_purpose: None,
        purpose: None,
        x_purpose: None,
        x_moz: None,
        signed: false,
        origin: None,
        referer: None,
        declared: false,
        datacenter: false,
        test: false,
        idle: false,
        paused: false,
        out_of_region: false,
    };

    fn claim(signals: Signals<'_>) -> Option<InvalidReason> {
        signals.claim(&AllowedOrigins::default(), || true)
    }

    #[test]
    fn a_readers_request_is_valid() {
        assert_eq!(claim(READER), None);
        for fetch_dest in [None, Some("image"), Some("script"), Some("document")] {
            assert_eq!(claim(Signals { fetch_dest, ..READER }), None);
        }
        let purpose = Some("prefetching-is-not-what-this-says");
        assert_eq!(claim(Signals { purpose, ..READER }), None);
    }

    #[test]
    fn each_bot_signal_is_sufficient() {
        for bot in [
            Signals { agent: None, ..READER },
            Signals { agent: Some("curl/8.5.0"), ..READER },
            Signals { agent: Some("Mozilla/5.0"), ..READER },
            Signals { accepts: false, ..READER },
            Signals { fetch_dest: Some("iframe"), ..READER },
            Signals { fetch_dest: Some(""), ..READER },
            Signals { datacenter: true, ..READER },
        ] {
            assert_eq!(claim(bot), Some(Bot), "{bot:?}");
        }
    }

    #[test]
    fn declared_and_signed_ai_agents_have_a_reason_of_their_own() {
        for agent in [
            Signals { signed: true, ..READER },
            Signals { agent: Some("Mozilla/5.0 (compatible; GPTBot/1.3)"), ..READER },
            Signals { agent: Some("Mozilla/5.0 (X11) AppleWebKit/1 (Q-User/1.0)"), ..READER },
        ] {
            assert_eq!(claim(agent), Some(Agent), "{agent:?}");
            assert!(agent.is_automated());
        }
    }

    #[test]
    fn prefetches_and_previews_are_detected() {
        for prefetch in [
            Signals { head: true, ..READER },
            Signals { sec_purpose: Some("prefetch"), ..READER },
            Signals { sec_purpose: Some("prefetch;prerender"), ..READER },
            Signals { sec_purpose: Some("Prefetch; anonymous-client-ip"), ..READER },
            Signals { sec_purpose: Some("prefetch;prerender;anonymous"), ..READER },
            Signals { purpose: Some("preview"), ..READER },
            Signals { x_purpose: Some("preview"), ..READER },
            Signals { x_purpose: Some(": preview"), ..READER },
            Signals { x_moz: Some("prefetch"), ..READER },
        ] {
            assert_eq!(claim(prefetch), Some(Prefetch), "{prefetch:?}");
        }
    }

    #[test]
    fn an_origin_is_checked_when_the_publisher_lists_origins_and_the_request_has_one() {
        let origins = ["https://news.example".to_owned()];
        let staging = ["http://localhost:3000".to_owned()];
        let own = Some("https://Units.example");
        let listed = AllowedOrigins { origins: &origins, staging_origins: &staging, own };
        let open = AllowedOrigins { origins: &[], ..listed };
        let claim_from = |site: &AllowedOrigins<'_>, origin, referer| {
            Signals { origin, referer, ..READER }.claim(site, || true)
        };
        let foreign = "https://news.example.evil.example";
        for good in [
            "https://news.example",
            "HTTPS://News.example",
            "https://news.example:443",
            "http://localhost:3000",
        ] {
            assert_eq!(claim_from(&listed, Some(good), None), None, "{good}");
        }
        let patterns =
            ["https://*.news.example", "capacitor://localhost", "https://xn--bcher-kva.example"]
                .map(str::to_owned);
        let wildcard = AllowedOrigins { origins: &patterns, ..AllowedOrigins::default() };
        for good in ["https://www.news.example", "capacitor://localhost", "https://bücher.example"]
        {
            assert_eq!(claim_from(&wildcard, Some(good), None), None, "{good}");
        }
        for bad in
            ["https://news.example", "ionic://localhost", "https://*.news.example.evil.example"]
        {
            assert_eq!(claim_from(&wildcard, Some(bad), None), Some(WrongOrigin), "{bad}");
        }
        assert_eq!(claim_from(&listed, own, None), None);
        for bad in [foreign, "http://news.example", "https://news.example:8443", "", "x"] {
            assert_eq!(claim_from(&listed, Some(bad), None), Some(WrongOrigin), "{bad}");
            assert_eq!(claim_from(&open, Some(bad), None), None, "{bad}");
        }
        assert_eq!(claim_from(&listed, None, Some("https://news.example/a?b#c")), None);
        assert_eq!(claim_from(&listed, None, Some("https://evil.example/news")), Some(WrongOrigin));
        assert_eq!(
            claim_from(&listed, None, Some("https://news.example@evil.example/")),
            Some(WrongOrigin)
        );
        assert_eq!(
            claim_from(&listed, Some("null"), Some("https://evil.example")),
            Some(WrongOrigin)
        );
        assert_eq!(claim_from(&listed, Some("null"), None), None);
        assert_eq!(claim_from(&listed, None, None), None);
        assert_eq!(claim_from(&listed, None, Some("about:blank")), None);
    }

    #[test]
    fn the_first_matching_rule_gives_the_reason() {
        let origins = ["https://news.example".to_owned()];
        let site = AllowedOrigins { origins: &origins, ..AllowedOrigins::default() };
        let mut all = Signals {
            test: true,
            idle: true,
            agent: None,
            head: true,
            origin: Some("https://evil.example"),
            paused: true,
            out_of_region: true,
            ..READER
        };
        let mut reasons = vec![all.claim(&site, || false)];
        all.test = false;
        reasons.push(all.claim(&site, || false));
        all.idle = false;
        reasons.push(all.claim(&site, || false));
        all.agent = READER.agent;
        reasons.push(all.claim(&site, || false));
        all.head = false;
        reasons.push(all.claim(&site, || false));
        all.origin = None;
        reasons.push(all.claim(&site, || false));
        all.paused = false;
        reasons.push(all.claim(&site, || false));
        all.out_of_region = false;
        reasons.push(all.claim(&site, || false));
        let table = [Test, Idle, Bot, Prefetch, WrongOrigin, Paused, OutOfRegion, RateLimited];
        assert_eq!(reasons, table.map(Some));
    }

    #[test]
    fn a_bot_uses_no_quota() {
        let bot = Signals { accepts: false, ..READER };
        let claimed = bot.claim(&AllowedOrigins::default(), || panic!("the quota was checked"));
        assert_eq!(claimed, Some(Bot));
    }
}
