//! A reader's browser: sends `User-Agent` and `Accept`, and does not follow redirects.

use super::Decision;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};

/// `User-Agent` of a real browser.
pub const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// HTTP client that behaves like a browser.
#[derive(Clone)]
pub struct Reader {
    http: reqwest::Client,
}

/// The response to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub status: u16,
    /// Whether the server confirmed the event as recorded (`Adjacent-Recorded: 1`).
    pub recorded: bool,
    /// Redirect target of a click.
    pub location: Option<String>,
}

impl Reader {
    /// A browser with default headers.
    pub fn new() -> Reader {
        Reader::with_headers([("user-agent", USER_AGENT), ("accept", "*/*")])
    }

    /// A client that sends only these headers. reqwest adds its own `Accept` unless one is given.
    pub fn with_headers<const N: usize>(headers: [(&'static str, &str); N]) -> Reader {
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

    /// A browser with one additional header.
    pub fn with_header(name: &'static str, value: &str) -> Reader {
        Reader::with_headers([("user-agent", USER_AGENT), ("accept", "*/*"), (name, value)])
    }

    /// A browser whose connections come from this loopback address.
    pub fn at(address: [u8; 4]) -> Reader {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", HeaderValue::from_static(USER_AGENT));
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .local_address(std::net::IpAddr::from(address))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        Reader { http: http.unwrap() }
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

    /// Requests an event URL or click URL, without following the redirect.
    pub async fn fire(&self, url: &str) -> Ack {
        Ack::of(self.get(url).send().await.unwrap())
    }

    /// The same; `None` if the server does not reply.
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
