//! What a publisher blocks and has paused, and what its pages reported.

use crate::domain::party::Publisher;
use crate::http::public::blocks::{BlockEntry, PublisherBlocks};
use crate::http::public::embed_reports::{EmbedReports, MAX_ENTRIES, Seen};
use crate::http::public::party_page::ledger_snapshot::LedgerSnapshot;
use crate::http::public::pauses::PublisherPauses;
use crate::http::public::publisher::tables::SPONSORS;
use crate::web::pages::publisher::{BlockRow, EmbedProblem, Embeds};
use crate::world::directory::Directory;
use jiff::Timestamp;

/// The block list.
pub(super) fn blocks(own: &Publisher, directory: &Directory) -> Vec<BlockRow> {
    let PublisherBlocks { advertisers, categories, entities } = PublisherBlocks::of(own, directory);
    let rows = |kind: &'static str, list: Vec<BlockEntry>| {
        list.into_iter().map(move |BlockEntry { id, name, own }| BlockRow {
            name: if name == id { String::new() } else { name },
            id,
            kind: kind.to_owned(),
            own,
        })
    };
    let sponsors = rows("Sponsor", advertisers);
    sponsors.chain(rows("Category", categories)).chain(rows("Entity", entities)).collect()
}

/// What is paused, each with its kind.
pub(super) fn pauses(own: &Publisher) -> Vec<(String, String)> {
    let PublisherPauses { site, paths, topics } = PublisherPauses::of(own);
    let row = |what: String, kind: &str| (what, kind.to_owned());
    let site = site.then(|| row("the whole site".to_owned(), "Site"));
    let paths = paths.into_iter().map(|path| row(path, "Path"));
    let topics = topics.into_iter().map(|topic| row(topic.to_string(), "Topic"));
    site.into_iter().chain(paths).chain(topics).collect()
}

/// The sponsors of the period, and all categories.
pub(super) fn blockable(ledger: &LedgerSnapshot<'_>) -> Vec<String> {
    let rows = ledger.report(&SPONSORS).rows.iter().filter(|row| row.figures.filled > 0);
    let mut ids: Vec<String> = rows.map(|row| row.keys[0].clone()).collect();
    ids.dedup();
    let categories = &ledger.directory.live().snapshot().inventory.categories;
    ids.extend(categories.iter().map(|category| category.id.to_string()));
    ids
}

/// Example calls that block a sponsor and pause a path.
pub(super) fn change_calls(base: &str, own: &Publisher, ledger: &LedgerSnapshot<'_>) -> String {
    let sponsors = &ledger.report(&SPONSORS).rows;
    let sponsor = sponsors.iter().find(|row| row.figures.filled > 0);
    let sponsor = sponsor.map_or("ID", |row| row.keys[0].as_str());
    let call = |what: &str, body: &str| {
        format!(
            "curl -H \"Authorization: Bearer $KEY\" {base}/v1/publishers/{}/{what} \\\n  -d '{body}'",
            own.id
        )
    };
    let block = call("blocks", &format!("{{\"advertiser\": \"{sponsor}\", \"blocked\": true}}"));
    let pause = call("pauses", "{\"path\": \"/live/\", \"paused\": true}");
    format!("{block}\n{pause}")
}

/// What the pages of a publisher reported since the start of this process.
pub(super) fn embeds(
    reports: &EmbedReports,
    own: &Publisher,
    time: impl Fn(Timestamp) -> String,
) -> Embeds {
    let found = reports.of(own.id.as_str());
    let at = |ms: i64| Timestamp::from_millisecond(ms).map(&time).unwrap_or_default();
    let entry = |page: &str, text: &str, seen: Seen| EmbedProblem {
        page: page.to_owned(),
        text: text.to_owned(),
        count: seen.count.to_string(),
        last: at(seen.last_ms),
    };
    Embeds {
        started: time(reports.started()),
        most: MAX_ENTRIES,
        calls: found.calls.to_string(),
        last: found.last_ms.map(at),
        problems: found
            .problems
            .iter()
            .map(|(found, seen)| entry(&found.page, &found.text, *seen))
            .collect(),
        unknown: found.unknown.iter().map(|(name, seen)| entry("", name, *seen)).collect(),
    }
}
