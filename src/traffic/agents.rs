//! Agents that are robots, or say so.
//!
//! The list is `crawlers.txt`, the words are below; together they are one expression, matched in a
//! single pass. A `RegexSet` would also tell which pattern it was, which nobody asks.

use regex::bytes::Regex;
use regex::bytes::RegexBuilder;
use std::sync::LazyLock;

/// The longest agent of a person's browser, in bytes; those of in-app browsers come near 400.
pub const MAX_AGENT_BYTES: usize = 512;

/// What robots call themselves, in any case. Phones of the make Cubot are not robots.
const WORDS: &str = r"(?i:(?:^u|^|[^u]|[^c]u)bot|crawl|spider|headless|preview|monitor)";

/// Memory that matching may use a thread, in bytes. An agent like those seen before takes 0.2 µs; with
/// too little memory for those of the day each takes the 80 µs of a new one.
const MATCHING_BYTES: usize = 8 * 1024 * 1024;

static ROBOTS: LazyLock<Regex> = LazyLock::new(|| {
    let listed = include_str!("crawlers.txt").lines().filter(|line| !line.starts_with('#'));
    let patterns: Vec<String> =
        std::iter::once(WORDS).chain(listed).map(|one| format!("(?:{one})")).collect();
    RegexBuilder::new(&patterns.join("|"))
        .unicode(false)
        .dfa_size_limit(MATCHING_BYTES)
        .build()
        .expect("a test matches with it")
});

/// Builds the expression, so that no reader waits for it. Takes some milliseconds.
pub fn warm() {
    LazyLock::force(&ROBOTS);
}

/// Whether the agent is none, is absurdly long, or is a robot's.
pub fn is_robot(agent: Option<&str>) -> bool {
    match agent.map(str::trim) {
        None | Some("") => true,
        Some(agent) => agent.len() > MAX_AGENT_BYTES || ROBOTS.is_match(agent.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
    }

    #[test]
    fn ninety_nine_of_a_hundred_known_robots_are_recognised() {
        let known: Vec<&str> = lines(include_str!("../../tests/data/crawlers.txt")).collect();
        let missed: Vec<&&str> = known.iter().filter(|agent| !is_robot(Some(agent))).collect();
        assert!(known.len() > 2_000);
        assert!(missed.len() * 100 <= known.len(), "{missed:#?}");
    }

    #[test]
    fn no_browser_of_a_person_is_taken_for_a_robot() {
        let people: Vec<&str> = lines(include_str!("../../tests/data/browsers.txt")).collect();
        let wrong: Vec<&&str> = people.iter().filter(|agent| is_robot(Some(agent))).collect();
        assert!(people.len() >= 30);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn an_agent_that_is_missing_or_endless_is_a_robot() {
        let endless = "Mozilla/5.0 ".repeat(43);
        assert!(endless.len() > MAX_AGENT_BYTES && is_robot(Some(&endless)));
        assert!(is_robot(None) && is_robot(Some("")) && is_robot(Some("  ")));
    }

    #[test]
    fn a_robot_may_write_its_name_as_it_likes() {
        for agent in ["bot", "x BOT/1", "ubot 2", "MyCrawler", "A-Spider", "HeadlessChrome/120"] {
            assert!(is_robot(Some(agent)), "{agent}");
        }
        assert!(!is_robot(Some("Mozilla/5.0 (Linux; Android 13; CUBOT X70) Chrome/125.0.0.0")));
    }

    #[test]
    fn an_agent_made_to_be_slow_is_not() {
        let agents = ["a", "bo", "(", " ", "Spide", "crawcraw"].map(|part| part.repeat(200));
        for agent in &agents {
            assert!(!ROBOTS.is_match(agent.as_bytes()), "{agent}");
        }
    }
}
