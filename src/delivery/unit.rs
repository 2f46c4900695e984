//! The content of a chosen unit: texts, claims that are still valid, label, transparency. Everything
//! was validated when it was saved.

use crate::domain::ad_text;
use crate::domain::creative::{Creative, Price, Proof};
use crate::domain::label::{Label, Words};
use crate::domain::region::Country;
use crate::selection::choose::Winner;
use crate::selection::page::Page;
use crate::selection::snapshot::Snapshot;
use std::borrow::Cow;

/// The content of a unit.
pub struct Unit<'a> {
    /// The creative.
    pub creative: &'a Creative,
    /// Content hash of the creative.
    pub hash: &'a str,
    /// The advertiser's id and name.
    pub advertiser: (&'a str, &'a str),
    /// The campaign's id.
    pub campaign: &'a str,
    /// The flight's id.
    pub flight: &'a str,
    /// The line above the headline, with its placeholder filled.
    pub kicker: Option<Cow<'a, str>>,
    /// Headline of the chosen variant.
    pub headline: &'a str,
    /// Body of the chosen variant.
    pub body: &'a str,
    /// The claim for the reader's region, if still valid.
    pub proof: Option<&'a Proof>,
    /// The price, if still valid.
    pub price: Option<&'a Price>,
    /// Host of the main call to action.
    pub landing_domain: &'a str,
    /// The label for the reader's region.
    pub label: &'a Label,
    /// Name of the label table.
    pub ruleset: &'a str,
    /// "brought to you by" with the advertiser's name.
    pub sponsor_line: String,
    /// On whose behalf the unit is shown.
    pub on_behalf_of: &'a str,
    /// Who paid.
    pub paid_by: &'a str,
    /// Why the unit is shown, as a sentence for the reader.
    pub why: String,
    /// Interface words around the unit, in the label's language.
    pub words: &'a Words,
    /// Interface words inside the unit, in the creative's language, else English.
    pub inside: &'a Words,
}

/// The content of a chosen unit. `None` only if the label that made it eligible is missing, which
/// cannot happen within one snapshot.
pub fn unit<'a>(
    snapshot: &'a Snapshot,
    page: &Page,
    win: &Winner,
    now_ms: i64,
) -> Option<Unit<'a>> {
    let inventory = &snapshot.inventory;
    let flight = &snapshot.flights[win.place];
    let campaign = &inventory.campaigns[flight.campaign];
    let advertiser = &inventory.advertisers[flight.advertiser];
    let creative = &inventory.creatives[win.creative as usize];
    let label = snapshot.labels.find(page.viewer.country, &page.language)?;
    let words = snapshot.labels.words(&label.language)?;
    let inside = snapshot.labels.words(&creative.language)?;
    let wording = usize::from(win.variant).checked_sub(1).and_then(|at| creative.variants.get(at));
    let names = matched_names(snapshot, win);
    let why = match names.topic.or(names.entity) {
        Some(name) => words.because.replace("{match}", name),
        None => words.because_site.clone(),
    };
    Some(Unit {
        creative,
        hash: &snapshot.creatives[win.creative as usize].hash,
        advertiser: (advertiser.id.as_str(), &advertiser.name),
        campaign: campaign.id.as_str(),
        flight: inventory.flights[flight.doc].id.as_str(),
        kicker: kicker(snapshot, creative, win),
        headline: wording.and_then(|w| w.headline.as_deref()).unwrap_or(&creative.headline),
        body: wording.and_then(|w| w.body.as_deref()).unwrap_or(&creative.body),
        proof: proof(snapshot, creative, page.viewer.country, now_ms),
        price: creative.price.as_ref().filter(|price| is_valid(price.valid_until, now_ms)),
        landing_domain: landing(snapshot, win),
        sponsor_line: label.sponsor_line.replace("{sponsor}", &advertiser.name),
        ruleset: &snapshot.labels.ruleset,
        on_behalf_of: campaign.on_behalf_of.as_deref().unwrap_or(&advertiser.name),
        paid_by: campaign.paid_by.as_deref().unwrap_or(&advertiser.name),
        label,
        words,
        inside,
        why,
    })
}

/// Host of a chosen unit's main call to action.
pub fn landing<'a>(snapshot: &'a Snapshot, win: &Winner) -> &'a str {
    let creative = &snapshot.inventory.creatives[win.creative as usize];
    creative.ctas.first().map_or("", |cta| host(&cta.url))
}

/// Names of the topic and entity on which the flight matched the page.
struct MatchedNames<'a> {
    topic: Option<&'a str>,
    entity: Option<&'a str>,
}

fn matched_names<'a>(snapshot: &'a Snapshot, win: &Winner) -> MatchedNames<'a> {
    MatchedNames {
        topic: win.matched.topic.map(|topic| snapshot.taxonomy.name(topic)),
        entity: win.matched.entity.map(|entity| snapshot.entities.name(entity)),
    }
}

/// The kicker with the matched name in its placeholder, if the creative lists it; else its fallback.
fn kicker<'a>(snapshot: &Snapshot, creative: &'a Creative, win: &Winner) -> Option<Cow<'a, str>> {
    let kicker = creative.kicker.as_ref()?;
    if !kicker.text.contains('{') {
        return Some(Cow::Borrowed(&kicker.text));
    }
    let listed = |id: &str| kicker.echo.iter().any(|one| one == id);
    let topic = win.matched.topic.filter(|topic| listed(snapshot.taxonomy.id(*topic).as_str()));
    let entity = win.matched.entity.filter(|e| listed(snapshot.entities.id(*e).as_str()));
    let filled = ad_text::fill(
        &kicker.text,
        topic.map(|topic| snapshot.taxonomy.name(topic)),
        entity.map(|entity| snapshot.entities.name(entity)),
    );
    filled.map(Cow::Owned).or(kicker.fallback.as_deref().map(Cow::Borrowed))
}

fn proof<'a>(
    snapshot: &Snapshot,
    creative: &'a Creative,
    country: Option<Country>,
    now_ms: i64,
) -> Option<&'a Proof> {
    creative.proofs.iter().filter(|proof| is_valid(proof.valid_until, now_ms)).find(|proof| {
        let covers = |region| country.is_some_and(|c| snapshot.regions.covers(region, c));
        let clause = &proof.regions;
        (clause.any.is_empty() || clause.any.iter().any(covers)) && !clause.none.iter().any(covers)
    })
}

fn is_valid(until: jiff::Timestamp, now_ms: i64) -> bool {
    until.as_millisecond() > now_ms
}

/// The host of a validated URL.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#', ':']).next().unwrap_or(rest)
}

/// The topic, entity and country that a decision is attributed to: the matched topic and entity, else
/// the page's first, else none.
pub fn attributed(page: &Page, win: &Winner) -> (Option<u32>, Option<u32>, Option<Country>) {
    let topic = win.matched.topic.or_else(|| page.topics.first().copied());
    let entity = win.matched.entity.or_else(|| page.entities.first().map(|(entity, _)| *entity));
    (topic.map(|ix| ix.0), entity.map(|ix| ix.0), page.viewer.country)
}
