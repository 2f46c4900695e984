//! What a publisher pastes: the tag of each placement with a preview, and lines for ads.txt and sellers.json.

use crate::domain::attribution::Dimension;
use crate::domain::id::TopicId;
use crate::domain::party::{DecisionAccess, Placement, Publisher};
use crate::http::AppState;
use crate::http::public::party_page::ledger_snapshot::LedgerSnapshot;
use crate::selection::snapshot::Snapshot;
use crate::web::pages::embed_tag::embed_tag;
use crate::web::pages::publisher::{PlacementTag, SellerLines, Setup};
use serde_json::json;
use std::cmp::Reverse;
use url::{Url, form_urlencoded};

/// Most topics of a preview.
const PREVIEW_TOPICS: usize = 8;

/// The tags and the seller lines of a publisher.
pub(super) fn setup(
    app: &AppState,
    snapshot: &Snapshot,
    own: &Publisher,
    ledger: &LedgerSnapshot<'_>,
) -> Setup {
    let topics = preview_topics(snapshot, own, ledger);
    let tag = |placement: &Placement| PlacementTag {
        id: placement.id.to_string(),
        name: placement.name.clone(),
        styles: placement.styles.iter().map(|style| style.as_str()).collect::<Vec<_>>().join(", "),
        tag: embed_tag(
            &app.public_url,
            own.id.as_str(),
            vec![("placement", placement.id.as_str()), ("read", "page")],
        ),
        preview: preview(own, placement, &topics),
    };
    Setup {
        tags: own.placements.iter().map(tag).collect(),
        has_preview: own.decide != DecisionAccess::Key,
        sellers: seller_lines(app, own),
    }
}

/// The path of a page with a test unit; a test counts nothing.
fn preview(own: &Publisher, placement: &Placement, topics: &[String]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("publisher", own.id.as_str())
        .append_pair("placement", placement.id.as_str())
        .append_pair("test", "true")
        .append_pair("language", own.language.as_str())
        .extend_pairs(topics.iter().map(|topic| ("topic", topic)));
    format!("/v1/unit?{}", query.finish())
}

/// Topics for which a unit is likely: those that had units in the period, then those that flights target;
/// none that is sensitive or paused, so that it keeps no unit away.
fn preview_topics(
    snapshot: &Snapshot,
    own: &Publisher,
    ledger: &LedgerSnapshot<'_>,
) -> Vec<String> {
    let mut filled: Vec<(&str, u64)> = ledger
        .report(&[Dimension::Topic])
        .rows
        .iter()
        .filter(|row| row.figures.filled > 0)
        .map(|row| (row.keys[0].as_str(), row.figures.filled))
        .collect();
    filled.sort_by_key(|(_, filled)| Reverse(*filled));
    let filled = filled.into_iter().filter_map(|(topic, _)| topic.parse::<TopicId>().ok());
    let targeted = snapshot.inventory.flights.iter();
    let targeted = targeted.flat_map(|flight| flight.targeting.topics.any.iter().cloned());
    let paused: Vec<_> =
        own.all_paused_topics().filter_map(|topic| snapshot.taxonomy.of_id(topic)).collect();
    let is_allowed = |topic: &TopicId| {
        snapshot.taxonomy.of_id(topic).is_some_and(|topic| {
            !snapshot.taxonomy.sensitive(topic)
                && !paused.iter().any(|outer| snapshot.taxonomy.covers(*outer, topic))
        })
    };
    let mut topics: Vec<String> = Vec::new();
    for topic in filled.chain(targeted).filter(is_allowed) {
        if topics.len() < PREVIEW_TOPICS && !topics.iter().any(|known| known == topic.as_str()) {
            topics.push(topic.to_string());
        }
    }
    topics
}

/// The line of ads.txt (IAB Tech Lab, version 1.1) and the entry of sellers.json (version 1.0), if the
/// settings say under which domain.
fn seller_lines(app: &AppState, own: &Publisher) -> SellerLines {
    let settings = app.settings.get();
    let Some(domain) = &settings.server.seller_domain else {
        return SellerLines::NoSellerDomain;
    };
    let site = own.origins.iter().find_map(|origin| site_domain(origin));
    let mut seller = json!({ "seller_id": own.id, "name": own.name, "seller_type": "PUBLISHER" });
    if let Some(site) = &site {
        seller["domain"] = json!(site);
    }
    SellerLines::Lines {
        ads_txt: format!("{}, {}, DIRECT", domain.as_str(), own.id),
        sellers_json: serde_json::to_string_pretty(&seller).unwrap_or_default(),
        url: format!("https://{}/sellers.json", domain.as_str()),
        has_site: site.is_some(),
    }
}

/// The domain of a website's origin: without `www.`, wildcard and port. `None` for an app and for an address.
fn site_domain(origin: &str) -> Option<String> {
    let url = Url::parse(&origin.replacen("://*.", "://", 1)).ok()?;
    let host = url.domain().filter(|_| matches!(url.scheme(), "https" | "http"))?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    host.contains('.').then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_a_seller_is_that_of_its_website() {
        for (origin, domain) in [
            ("https://news.example", Some("news.example")),
            ("https://www.news.example:8443", Some("news.example")),
            ("https://*.news.example", Some("news.example")),
            ("capacitor://localhost", None),
            ("https://localhost", None),
            ("http://192.0.2.1", None),
        ] {
            assert_eq!(site_domain(origin).as_deref(), domain, "{origin}");
        }
    }
}
