//! What a chosen unit says: wording, claims that still hold, label, transparency. Everything was
//! checked when it was saved; here it is only put together.

use crate::domain::copy;
use crate::domain::creative::Creative;
use crate::domain::creative::Price;
use crate::domain::creative::Proof;
use crate::domain::label::Label;
use crate::domain::label::Words;
use crate::domain::region::Country;
use crate::selection::choose::Win;
use crate::selection::page::Page;
use crate::selection::snapshot::Snapshot;
use std::borrow::Cow;

/// A unit's texts.
pub struct Unit<'a> {
    /// The creative.
    pub creative: &'a Creative,
    /// Its content hash.
    pub hash: &'a str,
    /// The sponsor's id and name.
    pub advertiser: (&'a str, &'a str),
    /// The campaign's id.
    pub campaign: &'a str,
    /// The flight's id.
    pub flight: &'a str,
    /// The line above the headline, its slot filled.
    pub kicker: Option<Cow<'a, str>>,
    /// The headline of the chosen wording.
    pub headline: &'a str,
    /// The body of the chosen wording.
    pub body: &'a str,
    /// The claim for the reader's region, if it still holds.
    pub proof: Option<&'a Proof>,
    /// The price, if it still holds.
    pub price: Option<&'a Price>,
    /// Host of the main call to action.
    pub landing_domain: &'a str,
    /// The label of the reader's region.
    pub label: &'a Label,
    /// The label table's name.
    pub ruleset: &'a str,
    /// "brought to you by", with the sponsor's name in it.
    pub sponsor_line: String,
    /// On whose behalf.
    pub on_behalf_of: &'a str,
    /// Who paid.
    pub paid_by: &'a str,
    /// Why it is here, in a sentence.
    pub why: String,
    /// The words around it, in the label's language.
    pub words: &'a Words,
    /// Words inside of it, in the creative's language, or in English.
    pub inside: &'a Words,
}

/// Puts a chosen unit together; `None` only when the label that made it eligible is gone, which
/// cannot be within one snapshot.
pub fn unit<'a>(snapshot: &'a Snapshot, page: &Page, win: &Win, now_ms: i64) -> Option<Unit<'a>> {
    let inventory = &snapshot.inventory;
    let flight = &snapshot.flights[win.place];
    let campaign = &inventory.campaigns[flight.campaign];
    let advertiser = &inventory.advertisers[flight.advertiser];
    let creative = &inventory.creatives[win.creative as usize];
    let label = snapshot.labels.find(page.viewer.country, &page.language)?;
    let words = snapshot.labels.words(&label.language)?;
    let inside = snapshot.labels.words(&creative.language)?;
    let wording = usize::from(win.variant).checked_sub(1).and_then(|at| creative.variants.get(at));
    let met = met(snapshot, win);
    let why = match met.topic.or(met.entity) {
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
        price: creative.price.as_ref().filter(|price| holds(price.valid_until, now_ms)),
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

/// The host that a chosen unit leads to.
pub fn landing<'a>(snapshot: &'a Snapshot, win: &Win) -> &'a str {
    let creative = &snapshot.inventory.creatives[win.creative as usize];
    creative.ctas.first().map_or("", |cta| host(&cta.url))
}

/// Names of what the flight met on the page.
struct Met<'a> {
    topic: Option<&'a str>,
    entity: Option<&'a str>,
}

fn met<'a>(snapshot: &'a Snapshot, win: &Win) -> Met<'a> {
    Met {
        topic: win.matched.topic.map(|topic| snapshot.taxonomy.name(topic)),
        entity: win.matched.entity.map(|entity| snapshot.entities.name(entity)),
    }
}

/// The kicker with the matched name in its slot, where the creative lists it; else its fallback.
fn kicker<'a>(snapshot: &Snapshot, creative: &'a Creative, win: &Win) -> Option<Cow<'a, str>> {
    let kicker = creative.kicker.as_ref()?;
    if !kicker.text.contains('{') {
        return Some(Cow::Borrowed(&kicker.text));
    }
    let listed = |id: &str| kicker.echo.iter().any(|one| one == id);
    let topic = win.matched.topic.filter(|topic| listed(snapshot.taxonomy.id(*topic).as_str()));
    let entity = win.matched.entity.filter(|e| listed(snapshot.entities.id(*e).as_str()));
    let filled = copy::fill(
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
    creative.proofs.iter().filter(|proof| holds(proof.valid_until, now_ms)).find(|proof| {
        let here = |region| country.is_some_and(|c| snapshot.regions.covers(region, c));
        let clause = &proof.regions;
        (clause.any.is_empty() || clause.any.iter().any(here)) && !clause.none.iter().any(here)
    })
}

fn holds(until: jiff::Timestamp, now_ms: i64) -> bool {
    until.as_millisecond() > now_ms
}

/// The host of an address that passed the checks.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#', ':']).next().unwrap_or(rest)
}

/// The one topic, entity and country a decision is reported under: the matched one, else the
/// page's first, else none.
pub fn attributed(page: &Page, win: &Win) -> (Option<u32>, Option<u32>, Option<Country>) {
    let topic = win.matched.topic.or_else(|| page.topics.first().copied());
    let entity = win.matched.entity.or_else(|| page.entities.first().map(|(entity, _)| *entity));
    (topic.map(|ix| ix.0), entity.map(|ix| ix.0), page.viewer.country)
}
