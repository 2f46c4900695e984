//! A reader's browser: it names itself, accepts things, and follows no redirect by itself.

use super::Decision;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;

/// What a browser of a person sends as `User-Agent`.
pub const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A browser.
#[derive(Clone)]
pub struct Reader {
    http: reqwest::Client,
}

/// The answer to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub status: u16,
    /// The event is on disk.
    pub recorded: bool,
    /// Where a click leads.
    pub location: Option<String>,
}

impl Reader {
    /// A browser like any other.
    pub fn new() -> Reader {
        Reader::with([("user-agent", AGENT), ("accept", "*/*")])
    }

    /// One that sends these headers and no others; reqwest adds an `Accept` of its own unless one
    /// is given here.
    pub fn with<const N: usize>(headers: [(&'static str, &str); N]) -> Reader {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let http = reqwest::Client::builder()
            .default_headers(all)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        Reader { http: http.unwrap() }
    }

    /// A browser that also sends this.
    pub fn sending(name: &'static str, value: &str) -> Reader {
        Reader::with([("user-agent", AGENT), ("accept", "*/*"), (name, value)])
    }

    pub fn get(&self, url: &str) -> RequestBuilder {
        self.http.get(url)
    }

    pub fn post(&self, url: &str) -> RequestBuilder {
        self.http.post(url)
    }

    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Reports an event, or follows a click as far as its redirect.
    pub async fn fire(&self, url: &str) -> Ack {
        Ack::of(self.get(url).send().await.unwrap())
    }

    /// The same, where the server may be gone.
    pub async fn try_fire(&self, url: &str) -> Option<Ack> {
        self.get(url).send().await.ok().map(Ack::of)
    }

    pub async fn impression(&self, decision: &Decision) -> Ack {
        self.fire(decision.impression_url()).await
    }

    pub async fn viewable(&self, decision: &Decision) -> Ack {
        self.fire(decision.viewable_url()).await
    }

    pub async fn copy(&self, decision: &Decision) -> Ack {
        self.fire(decision.copy_url()).await
    }
}

impl Ack {
    pub fn of(reply: reqwest::Response) -> Ack {
        let header = |name: &str| reply.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        Ack {
            status: reply.status().as_u16(),
            recorded: header("adjacent-recorded").as_deref() == Some("1"),
            location: header("location"),
        }
    }
}
