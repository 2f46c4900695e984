use super::*;

const PEOPLE: &str = include_str!("../../tests/data/browsers.txt");
const CRAWLERS: &str = include_str!("../../tests/data/crawlers.txt");
const CLIENTS: &str = include_str!("../../tests/data/clients.txt");

fn of(agent: &str) -> Kind {
    kind(Some(agent))
}

/// The agents of a text that are, or are not, browsers.
fn found(text: &'static str, browser: bool) -> Vec<&'static str> {
    lines(text).filter(|agent| (of(agent) == Kind::Browser) == browser).collect()
}

#[test]
fn people_are_rarely_called_programs_and_programs_rarely_people() {
    // Own lines and those of `user-agents`, which are of this year, come before older ones.
    let (recent, older) = PEOPLE.split_once("# From random-useragent").unwrap();
    let (people, now) = (lines(PEOPLE).count(), lines(recent).count());
    let (wrong_now, wrong_older) = (found(recent, false), found(older, false));
    let programs = lines(CRAWLERS).count() + lines(CLIENTS).count();
    let unseen = [found(CRAWLERS, true), found(CLIENTS, true)].concat();
    let wrong = wrong_now.len() + wrong_older.len();
    eprintln!(
        "{people} agents of people ({now} of this year): {wrong} ({}) called programs",
        wrong_now.len()
    );
    eprintln!("{programs} agents of programs: {} called browsers", unseen.len());

    assert_eq!(wrong_now, [""; 0]);
    assert!(people > 2_500 && wrong * 100 <= 2 * people, "{wrong_older:#?}");
    assert!(programs > 2_200 && unseen.len() * 500 <= programs, "{unseen:#?}");
    let figures = format!(
        "Of {people} agents of people's browsers, {now} of them of this year, {wrong} and {} are called programs; \
         of {programs} agents of programs {} are called browsers.",
        wrong_now.len(),
        unseen.len()
    );
    let guide = include_str!("../web/guides/guarantees.md");
    let guide = guide.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(guide.contains(&figures), "guarantees.md must say: {figures}");
}

#[test]
fn no_pattern_of_the_list_of_crawlers_matches_an_agent_of_a_person() {
    let patterns = compile(crawlers().map(|pattern| format!("(?:{pattern})")));
    for agent in lines(PEOPLE) {
        let found = patterns.find(agent.as_bytes()).map(|part| &agent[part.range()]);
        assert_eq!(found, None, "{agent}: run tests/tools/agents.py, which leaves the pattern out");
    }
}

#[test]
fn http_clients_and_made_up_agents_are_no_browsers() {
    assert!(lines(CLIENTS).count() > 100);
    assert_eq!(found(CLIENTS, true), [""; 0]);
}

#[test]
fn the_name_of_a_phone_or_carrier_makes_no_program_of_its_reader() {
    let agents = |name: &str| {
        [
            format!(
                "(Linux; Android 13; {name} Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
            ),
            format!("(Linux; Android 13; {name}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/9"),
            format!("(Linux; Android 6; Moto (2) {name}) AppleWebKit/537.36 (KHTML, like Gecko)"),
            format!(
                "(iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) [FBAN/FBIOS;FBCR/{name};FBOP/5]"
            ),
            format!("(X11) AppleWebKit/605 Instagram 4 Android (35/15; {name}; {name}; qcom; en)"),
        ]
        .map(|rest| format!("Mozilla/5.0 {rest}"))
    };
    for name in ["M bot 60", "CUBOT X70", "Spider", "Talkbot Monitor", "Preview 2", "Crawler"] {
        for agent in agents(name) {
            assert_eq!(of(&agent), Kind::Browser, "{agent}");
        }
    }
    for name in ["Xbot/1.0", "compatible; Xbot 2", "Storebot-X/1.0", "Spider; +https://x.example"] {
        for agent in &agents(name)[..3] {
            assert_eq!(of(agent), Kind::Program, "{agent}");
        }
    }
}

#[test]
fn ai_agents_are_recognised_by_their_names_and_by_the_form_of_unknown_ones() {
    let webkit = "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko; compatible; ";
    for name in [
        "GPTBot/1.3",
        "ChatGPT-User/1.0",
        "Claude-User/1.0",
        "Perplexity-User/1.0",
        "Google-Agent",
        "Manus-User/1.0",
        "Unheard-User/0.1",
    ] {
        assert_eq!(of(&format!("{webkit}{name}; +https://x.example)")), Kind::AiAgent, "{name}");
        assert_eq!(of(&name.to_lowercase()), Kind::AiAgent, "{name}");
    }
    assert_eq!(of("Mozilla/5.0 (compatible; Googlebot/2.1)"), Kind::Program);
}

#[test]
fn a_missing_or_overlong_agent_is_a_kind_of_its_own() {
    let overlong = "Mozilla/5.0 ".repeat(43);
    assert!(overlong.trim().len() > MAX_AGENT_BYTES);
    for agent in [None, Some(""), Some("  "), Some(overlong.as_str())] {
        assert_eq!(kind(agent), Kind::Missing, "{agent:?}");
    }
}

#[test]
fn an_answer_is_the_same_when_it_is_remembered() {
    let agents: Vec<&str> = lines(PEOPLE).chain(lines(CRAWLERS)).step_by(25).collect();
    let first: Vec<Kind> = agents.iter().map(|agent| of(agent)).collect();
    let fresh: Vec<Kind> = agents.iter().map(|agent| matched(agent.trim().as_bytes())).collect();
    let again: Vec<Kind> = agents.iter().rev().map(|agent| of(agent)).collect();
    assert_eq!(first, fresh);
    assert_eq!(again.into_iter().rev().collect::<Vec<_>>(), fresh);
}

#[test]
fn agents_crafted_for_slow_matching_do_not_match() {
    let agents = ["a", "bo", "(", "( ", "Spide", "crawcraw", "Android (", "Android ("]
        .map(|part| part.repeat(50));
    for agent in &agents {
        assert_eq!(of(agent), Kind::Unknown, "{agent}");
    }
}
