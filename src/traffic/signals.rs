//! What one request says of itself, and the first rule that speaks against it.
//!
//! The rules, their order and their defaults are the table [`RULES`](crate::traffic::rules::RULES).
//! They mark an event with a reason and never refuse it. What needs history (too fast, orphan,
//! duplicate) is the ledger's; what needs people comes back as credits.

use crate::domain::event::InvalidReason;
use crate::traffic::rules;

/// What a request for an event says, as it came; and what the server knows about it already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals<'a> {
    /// `User-Agent`.
    pub agent: Option<&'a str>,
    /// There is an `Accept`.
    pub accepts: bool,
    /// The method is `HEAD`.
    pub head: bool,
    /// `Sec-Fetch-Dest`.
    pub fetch_dest: Option<&'a str>,
    /// `Sec-Purpose`.
    pub sec_purpose: Option<&'a str>,
    /// `Purpose`.
    pub purpose: Option<&'a str>,
    /// `X-Moz`.
    pub x_moz: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Referer`.
    pub referer: Option<&'a str>,
    /// The reader's address is in a datacenter's range.
    pub datacenter: bool,
    /// The decision is a test.
    pub test: bool,
    /// The flight or the publisher is stopped.
    pub stopped: bool,
    /// The observed country contradicts the one the unit was chosen for.
    pub out_of_region: bool,
}

/// From where a publisher's events may come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site<'a> {
    /// The origins of its pages; none: not checked.
    pub origins: &'a [String],
    /// The origins of its staging pages.
    pub staging_origins: &'a [String],
    /// Our own origin: units in a frame of ours report from it.
    pub own: Option<&'a str>,
}

impl Site<'_> {
    fn holds(&self, origin: &str) -> bool {
        let listed = self.origins.iter().chain(self.staging_origins).map(String::as_str);
        listed.chain(self.own).any(|known| known.eq_ignore_ascii_case(origin))
    }
}

impl Signals<'_> {
    /// The reason why the event must not be billed: that of the first rule that speaks.
    ///
    /// `within_quota` is asked only when no other does, so that a robot does not use up the quota
    /// of people behind the same address.
    pub fn claim(
        &self,
        site: &Site<'_>,
        within_quota: impl FnOnce() -> bool,
    ) -> Option<InvalidReason> {
        match rules::of_request().find(|(_, speaks)| speaks(self, site)) {
            Some((rule, _)) => rule.reason,
            None if within_quota() => None,
            None => Some(InvalidReason::RateLimited),
        }
    }

    /// Whether it comes from a robot.
    pub fn is_robot(&self) -> bool {
        let site = Site::default();
        rules::of_request()
            .filter(|(rule, _)| rule.reason == Some(InvalidReason::Bot))
            .any(|(_, speaks)| speaks(self, &site))
    }

    /// Whether a browser, or whoever looks at links before people do, asks ahead of the reader.
    pub fn is_ahead(&self) -> bool {
        self.head || self.is_announced()
    }

    /// Whether a header says that nobody has asked for it yet.
    pub(super) fn is_announced(&self) -> bool {
        let says = |value: &str| {
            value.split([';', ',', ' ']).any(|word| {
                ["prefetch", "prerender", "preview"]
                    .iter()
                    .any(|one| word.eq_ignore_ascii_case(one))
            })
        };
        [self.sec_purpose, self.purpose, self.x_moz].into_iter().flatten().any(says)
    }

    /// Whether the browser says that it fetches for what no unit is.
    pub(super) fn is_odd_destination(&self) -> bool {
        let usual = ["image", "empty", "script", "document"];
        self.fetch_dest.is_some_and(|given| !usual.contains(&given))
    }

    /// Whether it names an origin, and the site lists some, and this is none of them.
    ///
    /// `Origin: null` names none: a sandboxed frame sends it, and so can whoever would rather send
    /// nothing.
    pub fn is_elsewhere(&self, site: &Site<'_>) -> bool {
        let named = self.origin.filter(|origin| *origin != "null");
        let origin = named.or_else(|| self.referer.and_then(origin_of));
        !site.origins.is_empty() && origin.is_some_and(|origin| !site.holds(origin))
    }
}

/// The origin in a URL, as it is written there: `https://news.example` of
/// `https://news.example/a?b`. `None` where there is none.
pub fn origin_of(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..].find(['/', '?', '#', '\\']).map_or(url.len(), |at| host + at);
    (end > host).then_some(&url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use InvalidReason::*;

    const PERSON: Signals<'static> = Signals {
        agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        accepts: true,
        head: false,
        fetch_dest: Some("empty"),
        sec_purpose: None,
        purpose: None,
        x_moz: None,
        origin: None,
        referer: None,
        datacenter: false,
        test: false,
        stopped: false,
        out_of_region: false,
    };

    fn claim(signals: Signals<'_>) -> Option<InvalidReason> {
        signals.claim(&Site::default(), || true)
    }

    #[test]
    fn a_person_is_left_alone() {
        assert_eq!(claim(PERSON), None);
        for fetch_dest in [None, Some("image"), Some("script"), Some("document")] {
            assert_eq!(claim(Signals { fetch_dest, ..PERSON }), None);
        }
        let purpose = Some("prefetching-is-not-what-this-says");
        assert_eq!(claim(Signals { purpose, ..PERSON }), None);
    }

    #[test]
    fn each_sign_of_a_robot_is_enough() {
        for robot in [
            Signals { agent: None, ..PERSON },
            Signals { agent: Some("curl/8.5.0"), ..PERSON },
            Signals { accepts: false, ..PERSON },
            Signals { fetch_dest: Some("iframe"), ..PERSON },
            Signals { fetch_dest: Some(""), ..PERSON },
            Signals { datacenter: true, ..PERSON },
        ] {
            assert_eq!(claim(robot), Some(Bot), "{robot:?}");
        }
    }

    #[test]
    fn asking_ahead_of_the_reader_is_a_prefetch() {
        for ahead in [
            Signals { head: true, ..PERSON },
            Signals { sec_purpose: Some("prefetch"), ..PERSON },
            Signals { sec_purpose: Some("prefetch;prerender"), ..PERSON },
            Signals { sec_purpose: Some("Prefetch; anonymous-client-ip"), ..PERSON },
            Signals { purpose: Some("preview"), ..PERSON },
            Signals { x_moz: Some("prefetch"), ..PERSON },
        ] {
            assert_eq!(claim(ahead), Some(Prefetch), "{ahead:?}");
        }
    }

    #[test]
    fn an_origin_is_checked_where_the_publisher_lists_some_and_one_is_named() {
        let origins = ["https://news.example".to_owned()];
        let staging = ["http://localhost:3000".to_owned()];
        let own = Some("https://units.example");
        let listed = Site { origins: &origins, staging_origins: &staging, own };
        let open = Site { origins: &[], ..listed };
        let asked = |site: &Site<'_>, origin, referer| {
            Signals { origin, referer, ..PERSON }.claim(site, || true)
        };
        let foreign = "https://news.example.evil.example";
        for good in ["https://news.example", "HTTPS://News.example", "http://localhost:3000"] {
            assert_eq!(asked(&listed, Some(good), None), None, "{good}");
        }
        assert_eq!(asked(&listed, own, None), None);
        for bad in [foreign, "http://news.example", "https://news.example:8443", "", "x"] {
            assert_eq!(asked(&listed, Some(bad), None), Some(WrongOrigin), "{bad}");
            assert_eq!(asked(&open, Some(bad), None), None, "{bad}");
        }
        assert_eq!(asked(&listed, None, Some("https://news.example/a?b#c")), None);
        assert_eq!(asked(&listed, None, Some("https://evil.example/news")), Some(WrongOrigin));
        assert_eq!(
            asked(&listed, None, Some("https://news.example@evil.example/")),
            Some(WrongOrigin)
        );
        assert_eq!(asked(&listed, Some("null"), Some("https://evil.example")), Some(WrongOrigin));
        assert_eq!(asked(&listed, Some("null"), None), None);
        assert_eq!(asked(&listed, None, None), None);
        assert_eq!(asked(&listed, None, Some("about:blank")), None);
    }

    #[test]
    fn the_first_rule_of_the_table_gives_the_reason() {
        let origins = ["https://news.example".to_owned()];
        let site = Site { origins: &origins, ..Site::default() };
        let mut all = Signals {
            test: true,
            agent: None,
            head: true,
            origin: Some("https://evil.example"),
            stopped: true,
            out_of_region: true,
            ..PERSON
        };
        let mut reasons = vec![all.claim(&site, || false)];
        all.test = false;
        reasons.push(all.claim(&site, || false));
        all.agent = PERSON.agent;
        reasons.push(all.claim(&site, || false));
        all.head = false;
        reasons.push(all.claim(&site, || false));
        all.origin = None;
        reasons.push(all.claim(&site, || false));
        all.stopped = false;
        reasons.push(all.claim(&site, || false));
        all.out_of_region = false;
        reasons.push(all.claim(&site, || false));
        let table = [Test, Bot, Prefetch, WrongOrigin, Stopped, OutOfRegion, RateLimited];
        assert_eq!(reasons, table.map(Some));
    }

    #[test]
    fn a_robot_uses_no_quota() {
        let robot = Signals { accepts: false, ..PERSON };
        let asked = robot.claim(&Site::default(), || panic!("the quota was asked"));
        assert_eq!(asked, Some(Bot));
    }
}
