//! Creatives: every text, every link, every claim.

use crate::catalog::check::Findings;
use crate::domain::copy;
use crate::domain::creative::Audience;
use crate::domain::creative::Creative;
use crate::domain::creative::Kicker;
use crate::domain::inventory::Inventory;
use crate::domain::landing;
use crate::domain::party::Advertiser;
use std::collections::HashSet;

/// The longest kicker, in characters, with its slots filled.
const KICKER_CHARS: usize = 90;

pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    let flights = inventory.flights.iter().map(|flight| flight.id.as_str());
    for creative in &inventory.creatives {
        findings.of("creatives", creative.id.as_str());
        findings.refers("flight", "flight", creative.flight.as_str(), flights.clone());
        texts(creative, findings);
        if let Some(kicker) = &creative.kicker {
            echo(inventory, kicker, findings);
        }
        if let Some(advertiser) = advertiser_of(inventory, creative) {
            links(creative, advertiser, findings);
        }
        claims(creative, findings);
    }
}

fn advertiser_of<'a>(inventory: &'a Inventory, creative: &Creative) -> Option<&'a Advertiser> {
    let flight = inventory.flights.iter().find(|flight| flight.id == creative.flight)?;
    let campaign = inventory.campaigns.iter().find(|campaign| campaign.id == flight.campaign)?;
    inventory.advertisers.iter().find(|advertiser| advertiser.id == campaign.advertiser)
}

fn texts(creative: &Creative, findings: &mut Findings) {
    findings.plain("headline", &creative.headline);
    findings.plain("body", &creative.body);
    if let Some(kicker) = &creative.kicker {
        findings.plain("kicker.text", &kicker.text);
        kicker.fallback.iter().for_each(|text| findings.plain("kicker.fallback", text));
    }
    if let Some(command) = &creative.command {
        if let Err(problem) = copy::command(&command.text) {
            findings.add("command.text", problem.to_string());
        }
        findings.plain("command.output", &command.output);
    }
    for (at, variant) in creative.variants.iter().enumerate() {
        if variant.headline.is_none() && variant.body.is_none() {
            findings.add(format!("variants[{at}]"), "changes nothing: give a headline or a body");
        }
        variant.headline.iter().for_each(|t| findings.plain(format!("variants[{at}].headline"), t));
        variant.body.iter().for_each(|t| findings.plain(format!("variants[{at}].body"), t));
    }
    if let Some(price) = &creative.price {
        findings.plain("price.text", &price.text);
        findings.plain("price.per", &price.per);
        price.note.iter().for_each(|text| findings.plain("price.note", text));
    }
}

fn echo(inventory: &Inventory, kicker: &Kicker, findings: &mut Findings) {
    let slots = match copy::slots(&kicker.text) {
        Ok(slots) => slots,
        Err(problem) => return findings.add("kicker.text", problem.to_string()),
    };
    if kicker.fallback.as_deref().is_some_and(|text| text.contains('{')) {
        findings.add(
            "kicker.fallback",
            "has a slot: it is what is shown when there is nothing to fill one",
        );
    }
    if slots.is_empty() {
        return;
    }
    if kicker.fallback.is_none() {
        findings.add("kicker.fallback", "is required where the text has a slot");
    }
    let topics = inventory.topics.iter().map(|topic| (topic.id.as_str(), topic.name.as_str()));
    let entities = inventory.entities.iter().map(|e| (e.id.as_str(), e.name.as_str()));
    let known = topics.chain(entities);
    if kicker.echo.is_empty() {
        findings
            .add("kicker.echo", "is required where the text has a slot: list what may be named");
    }
    for (at, id) in kicker.echo.iter().enumerate() {
        let field = format!("kicker.echo[{at}]");
        findings.refers(field.as_str(), "topic or entity", id, known.clone().map(|(id, _)| id));
        for (_, name) in known.clone().filter(|(one, _)| one == id) {
            let filled = copy::fill(&kicker.text, Some(name), Some(name)).unwrap_or_default();
            let chars = filled.chars().count();
            if chars > KICKER_CHARS {
                let reason =
                    format!("makes the kicker {chars} characters long: {KICKER_CHARS} at most");
                findings.add(field.as_str(), reason);
            }
        }
    }
}

fn links(creative: &Creative, advertiser: &Advertiser, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (at, cta) in creative.ctas.iter().enumerate() {
        findings.plain(format!("ctas[{at}].text"), &cta.text);
        if !seen.insert(&cta.id) {
            findings.add(format!("ctas[{at}].id"), format!("`{}` is given twice", cta.id));
        }
        if let Err(problem) = landing::check(&cta.url, &advertiser.domains, advertiser.allow_http) {
            let help = format!("`{}` allows {}", advertiser.id, advertiser.domains.join(", "));
            findings.helped(format!("ctas[{at}].url"), problem.to_string(), Some(help));
        }
    }
}

fn claims(creative: &Creative, findings: &mut Findings) {
    for (at, proof) in creative.proofs.iter().enumerate() {
        findings.plain(format!("proofs[{at}].text"), &proof.text);
        findings.plain(format!("proofs[{at}].source"), &proof.source);
        let until = proof.valid_until.to_zoned(jiff::tz::TimeZone::UTC).date();
        if until <= proof.as_of {
            findings.add(format!("proofs[{at}].valid_until"), "is not after `as_of`");
        }
    }
    if let Some(price) = &creative.price
        && price.audience == Audience::Consumer
        && !price.tax_included
    {
        findings.add("price.tax_included", "a price for consumers includes tax");
    }
}
