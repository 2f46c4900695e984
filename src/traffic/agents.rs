//! What sent a request, by its `User-Agent`: a person's browser, an AI agent, or another program.
//!
//! A request is a person's only if its agent is of a kind in [`BROWSERS`] and names no program: one of
//! [`WORDS`], a pattern of `crawlers.txt`, or a name of `ai_agents.txt`. `GET /v1/limits` prints these lists.
//! The tests measure both errors with the agents of people and programs in `tests/data`.
//!
//! Browsers are recognised by their engine and not by their name: engines are few, and new browsers, phones
//! and in-app browsers keep their form. A parser such as `uap-core` names 1,000 applications and libraries
//! as well, takes 20 times as long, and still needs a list of which of them are browsers.

use hashbrown::DefaultHashBuilder;
use regex::bytes::{Captures, Regex, RegexBuilder};
use std::borrow::Cow;
use std::cell::RefCell;
use std::hash::BuildHasher;
use std::sync::LazyLock;

/// The longest plausible browser agent, in bytes; in-app browsers come near 400.
pub(crate) const MAX_AGENT_BYTES: usize = 512;

/// Kinds of browsers, with their patterns; case-insensitive. What is of none of them is a program.
pub(crate) static BROWSERS: &[(&str, &str)] = &[
    (
        "WebKit and Blink: Safari, Chrome, Edge, Samsung Internet, web views, televisions, consoles",
        r"mozilla[/ ]5\.0[^(]*\(.*apple ?webkit|^android [\d.]+;applewebkit/",
    ),
    ("Gecko: Firefox, Pale Moon", r"mozilla/5\.0[^(]*\(.*\) ?(?:gecko|goanna|servo)\b"),
    ("Internet Explorer", r"mozilla/\d\.\d[^(]*\(.*(?:\bmsie ?\d|trident/\d)"),
    ("Opera, Opera Mini", r"\bopera[/ ]*\d|\bopera mini\b|\bpresto/\d"),
    ("Konqueror", r"mozilla/5\.0 \(.*(?:konqueror|khtml)/\d"),
    ("televisions and consoles", r"mozilla/\d\.\d \((?:nintendo|playstation|psp)\b|^hbbtv/\d"),
    ("the Facebook application", r"^\[fban/"),
    (
        "phones before smartphones",
        r"\b(?:ucweb|uc ?browser|m?qqbrowser|netfront|up\.browser|obigo|teleca|openwave|onebrowser|semc-browser)|\b(?:dolfin|jasmine|polaris)[/ ]\d|browser/phantom|\bprofile/midp|\bmidp-\d|configuration/cldc",
    ),
    (
        "phones named by their maker",
        r"^(?:alcatel|amoi|blackberry|docomo|huawei|lenovo|lge?|mot|nokia|philips|samsung|sie|sonyericsson)[-/ ]?[a-z]*-?\w*\d",
    ),
    ("text browsers", r"^(?:lynx|e?links|w3m|dillo|netsurf)[/ ]"),
];

/// Words of programs, as patterns; case-insensitive. Names of devices and carriers are not searched.
pub(crate) static WORDS: &[&str] = &[
    r"(?:^u|^|[^u]|[^c]u)bots?(?:[^a-z]|$)", // not the phones of the brand Cubot
    "crawl",
    "spider",
    r"scrap(?:er|y|e\b)",
    r"archiv(?:er|e\.)",
    r"agent[/ ]\d",
    r"https?://",
    // Browsers without a person.
    "headless",
    "phantomjs",
    "slimerjs",
    "selenium",
    "playwright",
    "puppeteer",
    "cypress/",
    "webdriver",
    "jsdom",
    "htmlunit",
    "lighthouse",
    "synthetic",
    "screenshot",
    r"browser-use\b",
    "monitor",
    // Link scanners and previews.
    "preview",
    "scanner",
    r"\blink-?(?:scan|check|expand)",
    r"\burl ?(?:scan|check)",
    "safelinks",
    "barracuda",
    "proofpoint",
    "mimecast",
    "phish",
    "ms-office",
    "unfurl",
    "validator",
    r"checker\b",
    // Libraries that add their name to that of a browser.
    r"http-?(?:java-)?client",
    r"\bcurl/",
    r"\bpython",
    r"\bokhttp/",
];

/// Forms of the names of AI agents, as patterns; case-insensitive.
pub(crate) static AGENT_WORDS: &[&str] = &[r"\b\w+-user/\d", r"\bai[ -]?agent\b"];

/// Parts of an agent that name a device or a carrier: an Android agent's comment, and values of Facebook's
/// in-app browser. A phone may be called `M bot 60`, its network `BTC Botswana`.
const DEVICES: &str =
    r"\bAndroid(?: ?\([^()]*\)|[^()]*(?:\([^()]*\)[^()]*)*\))|\bFB(?:BD|CR|DV|MF)/[^;\]]*";

/// Says that such a part names a program all the same.
const DECLARED: &str = r"(?i)compatible|https?:|(?:bot|crawler|spider)[-\w]*/\d";

/// The regex's lazy DFA cache per thread, in bytes. With a warm cache a match takes 0.2 µs; if the cache
/// is too small for the day's agents, every match takes the 80 µs of an unseen one.
const DFA_CACHE_BYTES: usize = 8 * 1024 * 1024;

static KNOWN_BROWSERS: LazyLock<Regex> =
    LazyLock::new(|| compile(BROWSERS.iter().map(|(_, pattern)| format!("(?i:{pattern})"))));

static PROGRAMS: LazyLock<Regex> = LazyLock::new(|| {
    let words = WORDS.iter().map(|word| format!("(?i:{word})"));
    compile(words.chain(crawlers().map(|pattern| format!("(?:{pattern})"))))
});

static AI_AGENTS: LazyLock<Regex> = LazyLock::new(|| {
    let names: Vec<String> = ai_agents().map(regex::escape).collect();
    let words = AGENT_WORDS.iter().map(|word| format!("(?i:{word})"));
    compile(words.chain([format!(r"(?i:\b(?:{})\b)", names.join("|"))]))
});

static DEVICE_PARTS: LazyLock<Regex> = LazyLock::new(|| compile([DEVICES.to_owned()]));
static DECLARED_PARTS: LazyLock<Regex> = LazyLock::new(|| compile([DECLARED.to_owned()]));

/// One expression for all: a `RegexSet` would also report which pattern matched, which is not needed.
fn compile(patterns: impl IntoIterator<Item = String>) -> Regex {
    let patterns: Vec<String> = patterns.into_iter().collect();
    RegexBuilder::new(&patterns.join("|"))
        .unicode(false)
        .dfa_size_limit(DFA_CACHE_BYTES)
        .build()
        .expect("the patterns are valid: a test matches with them")
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The patterns of crawlers, monitors and libraries.
pub(crate) fn crawlers() -> impl Iterator<Item = &'static str> {
    lines(include_str!("crawlers.txt"))
}

/// The names of AI agents, in lower case.
pub(crate) fn ai_agents() -> impl Iterator<Item = &'static str> {
    lines(include_str!("ai_agents.txt"))
}

/// Compiles the expressions before the first request. Takes a few milliseconds.
pub(crate) fn warm() {
    for regex in [&KNOWN_BROWSERS, &PROGRAMS, &AI_AGENTS, &DEVICE_PARTS, &DECLARED_PARTS] {
        LazyLock::force(regex);
    }
}

/// What an agent says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Missing, or longer than [`MAX_AGENT_BYTES`].
    Missing,
    /// An AI agent, or a crawler for AI.
    AiAgent,
    /// Another program that says so: a crawler, monitor, link scanner, test tool or library.
    Program,
    /// None of [`BROWSERS`].
    Unknown,
    /// A browser.
    Browser,
}

/// Recent answers of a thread, by the hash of the agent: an answer is needed several times for a request, and
/// most readers share few agents. 64 KiB.
const RECENT: usize = 4096;

static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);

thread_local! {
    static ANSWERS: RefCell<Box<[(u64, Kind)]>> =
        RefCell::new(vec![(0, Kind::Missing); RECENT].into());
}

/// What the agent is.
pub(crate) fn kind(agent: Option<&str>) -> Kind {
    let Some(agent) = agent.map(str::trim).filter(|agent| !agent.is_empty()) else {
        return Kind::Missing;
    };
    if agent.len() > MAX_AGENT_BYTES {
        return Kind::Missing;
    }
    let hash = HASHER.hash_one(agent).max(1);
    ANSWERS.with_borrow_mut(|answers| {
        let answer = &mut answers[usize::try_from(hash % RECENT as u64).unwrap_or(0)];
        if answer.0 != hash {
            *answer = (hash, matched(agent.as_bytes()));
        }
        answer.1
    })
}

fn matched(agent: &[u8]) -> Kind {
    if AI_AGENTS.is_match(agent) {
        Kind::AiAgent
    } else if PROGRAMS.is_match(agent) && PROGRAMS.is_match(&without_devices(agent)) {
        Kind::Program
    } else if KNOWN_BROWSERS.is_match(agent) {
        Kind::Browser
    } else {
        Kind::Unknown
    }
}

fn without_devices(agent: &[u8]) -> Cow<'_, [u8]> {
    DEVICE_PARTS.replace_all(agent, |part: &Captures<'_>| {
        if DECLARED_PARTS.is_match(&part[0]) { part[0].to_vec() } else { Vec::new() }
    })
}

#[cfg(test)]
#[path = "agents_tests.rs"]
mod tests;
