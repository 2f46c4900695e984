//! Checks creatives: texts, links, proofs and prices.

use crate::catalog::check::index::Index;
use crate::catalog::check::{Findings, images};
use crate::domain::creative::{Audience, Creative, Kicker};
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;
use crate::domain::{ad_text, landing};
use std::collections::HashSet;

/// The maximum length of a kicker with its slots filled, in characters.
const KICKER_CHARS: usize = 90;

pub(super) fn check(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    for creative in &inventory.creatives {
        findings.begin("creatives", creative.id.as_str());
        findings.reference("flight", creative.flight.as_str(), &index.flights);
        texts(creative, findings);
        images::image(creative, findings);
        if let Some(kicker) = &creative.kicker {
            echo(index, kicker, findings);
        }
        if let Some(advertiser) = index.advertiser_of(creative) {
            links(creative, advertiser, findings);
        }
        claims(creative, index, findings);
    }
}

fn texts(creative: &Creative, findings: &mut Findings) {
    findings.required_text("headline", &creative.headline, 90);
    findings.visible_text("body", &creative.body);
    if let Some(kicker) = &creative.kicker {
        findings.visible_text("kicker.text", &kicker.text);
        kicker.fallback.iter().for_each(|text| findings.visible_text("kicker.fallback", text));
    }
    if let Some(command) = &creative.command {
        if let Err(problem) = ad_text::command(&command.text) {
            findings.add("command.text", problem.to_string());
        }
        findings.visible_text("command.output", &command.output);
    }
    for (at, variant) in creative.variants.iter().enumerate() {
        if variant.headline.is_none() && variant.body.is_none() {
            findings.add(format!("variants[{at}]"), "must have a headline or a body");
        }
        variant
            .headline
            .iter()
            .for_each(|t| findings.visible_text(format!("variants[{at}].headline"), t));
        variant.body.iter().for_each(|t| findings.visible_text(format!("variants[{at}].body"), t));
    }
    if let Some(price) = &creative.price {
        findings.required_text("price.text", &price.text, 60);
        findings.required_text("price.per", &price.per, 20);
        price.note.iter().for_each(|text| findings.visible_text("price.note", text));
    }
}

fn echo(index: &Index<'_>, kicker: &Kicker, findings: &mut Findings) {
    let slots = match ad_text::placeholders(&kicker.text) {
        Ok(slots) => slots,
        Err(problem) => return findings.add("kicker.text", problem.to_string()),
    };
    if kicker.fallback.as_deref().is_some_and(|text| text.contains('{')) {
        findings.add(
            "kicker.fallback",
            "must not contain a slot: it is shown when the slots of `text` cannot be filled",
        );
    }
    if slots.is_empty() {
        return;
    }
    if kicker.fallback.is_none() {
        findings.add("kicker.fallback", "is required if `text` contains a slot");
    }
    if kicker.echo.is_empty() {
        findings.add("kicker.echo", "must list the topics and entities that may fill the slot");
    }
    for (at, id) in kicker.echo.iter().enumerate() {
        let field = format!("kicker.echo[{at}]");
        let Some(name) = index.names.get(id.as_str()) else {
            findings.unknown(field, "topic or entity", id, index.names.keys().copied());
            continue;
        };
        let filled = ad_text::fill(&kicker.text, Some(name), Some(name)).unwrap_or_default();
        let chars = filled.chars().count();
        if chars > KICKER_CHARS {
            let reason = format!(
                "must keep the filled kicker within {KICKER_CHARS} characters (got {chars})"
            );
            findings.add(field, reason);
        }
    }
}

fn links(creative: &Creative, advertiser: &Advertiser, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (at, cta) in creative.ctas.iter().enumerate() {
        findings.required_text(format_args!("ctas[{at}].text"), &cta.text, 40);
        if !seen.insert(&cta.id) {
            let reason = format!("must be unique (got `{}` twice)", cta.id);
            findings.add(format_args!("ctas[{at}].id"), reason);
        }
        if let Err(problem) = landing::check(&cta.url, &advertiser.domains, advertiser.allow_http) {
            let help = format!("`{}` allows {}", advertiser.id, advertiser.domains.join(", "));
            findings.add_with_help(format!("ctas[{at}].url"), problem.to_string(), Some(help));
        }
    }
}

fn claims(creative: &Creative, index: &Index<'_>, findings: &mut Findings) {
    for (at, proof) in creative.proofs.iter().enumerate() {
        findings.required_text(format_args!("proofs[{at}].text"), &proof.text, 80);
        findings.required_text(format_args!("proofs[{at}].source"), &proof.source, 160);
        let until = proof.valid_until.to_zoned(jiff::tz::TimeZone::UTC).date();
        if until <= proof.as_of {
            let reason = format!("must be after `as_of`, {} (got {until})", proof.as_of);
            findings.add(format_args!("proofs[{at}].valid_until"), reason);
        }
        let clause = &proof.regions;
        for (side, list) in [("any", &clause.any), ("none", &clause.none)] {
            for (n, region) in list.iter().enumerate() {
                let field = format_args!("proofs[{at}].regions.{side}[{n}]");
                findings.region(field, region, &index.regions);
            }
        }
    }
    if let Some(price) = &creative.price
        && price.audience == Audience::Consumer
        && !price.tax_included
    {
        findings.add("price.tax_included", "must be true for audience \"consumer\" (got false)");
    }
}
