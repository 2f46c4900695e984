//! Bot detection by `User-Agent`.
//!
//! The patterns of `crawlers.txt` and the keywords below form one regular expression, matched in a
//! single pass. A `RegexSet` would also report which pattern matched, which is not needed.

use regex::bytes::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// The longest plausible browser agent, in bytes; in-app browsers come near 400.
pub(crate) const MAX_AGENT_BYTES: usize = 512;

/// Keywords in bot names, case-insensitive. Excludes phones of the brand Cubot.
const KEYWORDS: &str = r"(?i:(?:^u|^|[^u]|[^c]u)bot|crawl|spider|headless|preview|monitor)";

/// The regex's lazy DFA cache per thread, in bytes. With a warm cache a match takes 0.2 µs; if the cache
/// is too small for the day's agents, every match takes the 80 µs of an unseen one.
const DFA_CACHE_BYTES: usize = 8 * 1024 * 1024;

static BOTS: LazyLock<Regex> = LazyLock::new(|| {
    let listed = include_str!("crawlers.txt").lines().filter(|line| !line.starts_with('#'));
    let patterns: Vec<String> =
        std::iter::once(KEYWORDS).chain(listed).map(|one| format!("(?:{one})")).collect();
    RegexBuilder::new(&patterns.join("|"))
        .unicode(false)
        .dfa_size_limit(DFA_CACHE_BYTES)
        .build()
        .expect("the patterns are valid: a test matches with them")
});

/// Compiles the expression before the first request. Takes a few milliseconds.
pub(crate) fn warm() {
    LazyLock::force(&BOTS);
}

/// Whether the agent is missing, longer than [`MAX_AGENT_BYTES`], or a known bot's.
pub(crate) fn is_bot(agent: Option<&str>) -> bool {
    match agent.map(str::trim) {
        None | Some("") => true,
        Some(agent) => agent.len() > MAX_AGENT_BYTES || BOTS.is_match(agent.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
    }

    #[test]
    fn at_least_99_percent_of_known_bots_are_recognised() {
        let known: Vec<&str> = lines(include_str!("../../tests/data/crawlers.txt")).collect();
        let missed: Vec<&&str> = known.iter().filter(|agent| !is_bot(Some(agent))).collect();
        assert!(known.len() > 2_000);
        assert!(missed.len() * 100 <= known.len(), "{missed:#?}");
    }

    #[test]
    fn no_browser_agent_is_classified_as_a_bot() {
        let browsers: Vec<&str> = lines(include_str!("../../tests/data/browsers.txt")).collect();
        let wrong: Vec<&&str> = browsers.iter().filter(|agent| is_bot(Some(agent))).collect();
        assert!(browsers.len() >= 30);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn a_missing_or_overlong_agent_is_a_bot() {
        let overlong = "Mozilla/5.0 ".repeat(43);
        assert!(overlong.len() > MAX_AGENT_BYTES && is_bot(Some(&overlong)));
        assert!(is_bot(None) && is_bot(Some("")) && is_bot(Some("  ")));
    }

    #[test]
    fn bot_keywords_match_in_any_case() {
        for agent in ["bot", "x BOT/1", "ubot 2", "MyCrawler", "A-Spider", "HeadlessChrome/120"] {
            assert!(is_bot(Some(agent)), "{agent}");
        }
        assert!(!is_bot(Some("Mozilla/5.0 (Linux; Android 13; CUBOT X70) Chrome/125.0.0.0")));
    }

    #[test]
    fn agents_crafted_for_slow_matching_do_not_match() {
        let agents = ["a", "bo", "(", " ", "Spide", "crawcraw"].map(|part| part.repeat(200));
        for agent in &agents {
            assert!(!BOTS.is_match(agent.as_bytes()), "{agent}");
        }
    }
}
