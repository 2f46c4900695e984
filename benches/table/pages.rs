//! Deterministic page requests, as varied as the synthetic inventory.

use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};

const TOPICS: [&str; 4] = ["ai-infrastructure", "cloud", "software", "data-protection"];
const COUNTRIES: [&str; 12] =
    ["US", "DE", "GB", "FR", "NL", "ES", "IT", "PL", "SE", "CA", "AT", "CH"];
const LANGUAGES: [&str; 4] = ["en", "en", "de", "fr"];

/// `count` requests, shaped like the reference request of the API contract, for a synthetic
/// inventory of `flights` flights.
pub fn requests(count: usize, flights: usize) -> Vec<Value> {
    let mut rng = Pcg64::new(7, 0xA02B_DBF7_BB3C_0A7A);
    let mut below = move |end: usize| rng.random_range(0..end);
    let sponsors = (flights / 20).max(3);
    (0..count)
        .map(|number| {
            let popular = |end: usize, below: &mut dyn FnMut(usize) -> usize| {
                let first = below(end);
                below(first + 1)
            };
            let mut topics = vec![TOPICS[below(TOPICS.len())].to_owned()];
            for _ in 0..below(3) {
                topics.push(format!("topic-{}", popular(400, &mut below)));
            }
            let subject = format!("@Sponsor {}", popular(sponsors, &mut below));
            let mention = format!("sponsor-{}", popular(sponsors, &mut below));
            let words: Vec<String> =
                (0..below(4)).map(|_| format!("Word {}", popular(200, &mut below))).collect();
            json!({
                "publisher": "eu-tech-news",
                "page": {
                    "url": format!("https://news.example/ai-infrastructure/story-{number}?from=home"),
                    "language": LANGUAGES[below(LANGUAGES.len())],
                    "topics": topics,
                    "entities": [{ "name": subject, "role": "subject" }, mention, "european-commission"],
                    "keywords": words,
                    "region": "eu",
                    "commercial": "allow",
                    "sensitive": [],
                    "shown": [],
                },
                "viewer": { "region": COUNTRIES[popular(COUNTRIES.len(), &mut below)] },
                "placements": [
                    { "name": "article-end", "key": "article-end", "styles": ["terminal", "card"] },
                ],
                "render": "json",
                "test": false,
            })
        })
        .collect()
}
