//! Creatives: every text, every link, every claim.

use crate::catalog::check::Findings;
use crate::catalog::check::known::Known;
use crate::catalog::check::pictures;
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

pub(super) fn check(inventory: &Inventory, known: &Known<'_>, findings: &mut Findings) {
    for creative in &inventory.creatives {
        findings.of("creatives", creative.id.as_str());
        findings.refers("flight", creative.flight.as_str(), &known.flights);
        texts(creative, findings);
        pictures::image(creative, findings);
        if let Some(kicker) = &creative.kicker {
            echo(known, kicker, findings);
        }
        if let Some(advertiser) = known.advertiser_of(creative) {
            links(creative, advertiser, findings);
        }
        claims(creative, known, findings);
    }
}

fn texts(creative: &Creative, findings: &mut Findings) {
    findings.named("headline", &creative.headline, 90);
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
        findings.named("price.text", &price.text, 60);
        findings.named("price.per", &price.per, 20);
        price.note.iter().for_each(|text| findings.plain("price.note", text));
    }
}

fn echo(known: &Known<'_>, kicker: &Kicker, findings: &mut Findings) {
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
    if kicker.echo.is_empty() {
        findings
            .add("kicker.echo", "is required where the text has a slot: list what may be named");
    }
    for (at, id) in kicker.echo.iter().enumerate() {
        let field = format!("kicker.echo[{at}]");
        let Some(name) = known.called.get(id.as_str()) else {
            findings.unknown(field, "topic or entity", id, known.called.keys().copied());
            continue;
        };
        let filled = copy::fill(&kicker.text, Some(name), Some(name)).unwrap_or_default();
        let chars = filled.chars().count();
        if chars > KICKER_CHARS {
            let reason =
                format!("makes the kicker {chars} characters long: {KICKER_CHARS} at most");
            findings.add(field, reason);
        }
    }
}

fn links(creative: &Creative, advertiser: &Advertiser, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (at, cta) in creative.ctas.iter().enumerate() {
        findings.named(format_args!("ctas[{at}].text"), &cta.text, 40);
        if !seen.insert(&cta.id) {
            findings.add(format_args!("ctas[{at}].id"), format!("`{}` is given twice", cta.id));
        }
        if let Err(problem) = landing::check(&cta.url, &advertiser.domains, advertiser.allow_http) {
            let help = format!("`{}` allows {}", advertiser.id, advertiser.domains.join(", "));
            findings.helped(format!("ctas[{at}].url"), problem.to_string(), Some(help));
        }
    }
}

fn claims(creative: &Creative, known: &Known<'_>, findings: &mut Findings) {
    for (at, proof) in creative.proofs.iter().enumerate() {
        findings.named(format_args!("proofs[{at}].text"), &proof.text, 80);
        findings.named(format_args!("proofs[{at}].source"), &proof.source, 160);
        let until = proof.valid_until.to_zoned(jiff::tz::TimeZone::UTC).date();
        if until <= proof.as_of {
            findings.add(format_args!("proofs[{at}].valid_until"), "is not after `as_of`");
        }
        let clause = &proof.regions;
        for (side, list) in [("any", &clause.any), ("none", &clause.none)] {
            for (n, region) in list.iter().enumerate() {
                let field = format_args!("proofs[{at}].regions.{side}[{n}]");
                findings.region(field, region, &known.regions);
            }
        }
    }
    if let Some(price) = &creative.price
        && price.audience == Audience::Consumer
        && !price.tax_included
    {
        findings.add("price.tax_included", "a price for consumers includes tax");
    }
}
