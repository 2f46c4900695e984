//! Checks creatives: texts, links, proofs and prices.

use crate::catalog::check::index::Index;
use crate::catalog::check::{Finding, Findings, images};
use crate::domain::creative::{
    AdText, Audience, BODY_CHARS, Creative, EchoText, HEADLINE_CHARS, KICKER_CHARS,
};
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;
use crate::domain::{ad_text, command, landing};
use std::collections::HashSet;

pub(super) fn check(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    for creative in &inventory.creatives {
        findings.begin("creatives", creative.id.as_str());
        findings.reference("flight", creative.flight.as_str(), &index.flights);
        texts(creative, index, findings);
        if creative.language.is_none() && index.has_no_language(creative) {
            let reason =
                "is required, because neither its campaign nor its advertiser has a language";
            findings.add("language", reason);
        }
        images::image(creative, findings);
        if let Some(advertiser) = index.advertiser_of(creative) {
            links(creative, advertiser, findings);
        }
        claims(creative, index, findings);
    }
}

fn texts(creative: &Creative, index: &Index<'_>, findings: &mut Findings) {
    if creative.headline.as_written().trim().is_empty() {
        findings.add("headline", "must not be empty");
    }
    ad_text(index, "headline", &creative.headline, HEADLINE_CHARS, findings);
    ad_text(index, "body", &creative.body, BODY_CHARS, findings);
    if let Some(kicker) = &creative.kicker {
        echo(index, "kicker", kicker, KICKER_CHARS, findings);
    }
    if let Some(command_line) = &creative.command {
        if let Err(problem) = command::check(&command_line.text) {
            findings.add("command.text", problem.to_string());
        }
        findings.visible_text("command.output", &command_line.output);
    }
    for (at, variant) in creative.variants.iter().enumerate() {
        if variant.headline.is_none() && variant.body.is_none() {
            findings.add(format!("variants[{at}]"), "must have a headline or a body");
        }
        if let Some(headline) = &variant.headline {
            let field = format!("variants[{at}].headline");
            ad_text(index, &field, headline, HEADLINE_CHARS, findings);
        }
        if let Some(body) = &variant.body {
            ad_text(index, &format!("variants[{at}].body"), body, BODY_CHARS, findings);
        }
    }
    if let Some(price) = &creative.price {
        findings.required_text("price.text", &price.text, 60);
        findings.required_text("price.per", &price.per, 20);
        price.note.iter().for_each(|text| findings.visible_text("price.note", text));
    }
}

/// A headline or a body.
fn ad_text(index: &Index<'_>, field: &str, text: &AdText, limit: usize, findings: &mut Findings) {
    let plain = match text {
        AdText::Echo(text) => return echo(index, field, text, limit, findings),
        AdText::Plain(plain) => plain,
    };
    let chars = plain.chars().count();
    if chars > limit {
        findings.add(field, format!("must have at most {limit} characters (got {chars})"));
    }
    findings.visible_text(field, plain);
    if ["{topic", "{entity"].iter().any(|slot| plain.contains(slot)) {
        let help = "write { text = \"…\", fallback = \"…\", echo = [\"…\"] }";
        let reason = "contains a slot, but no fallback and no list of names that may fill it";
        findings.add_with_help(field, reason, Some(help.into()));
    }
}

/// A text with slots: it has a fallback, lists the names that may fill it, and stays within `limit`
/// characters with the longest of them.
fn echo(index: &Index<'_>, field: &str, own: &EchoText, limit: usize, findings: &mut Findings) {
    findings.visible_text(format_args!("{field}.text"), &own.text);
    if let Some(fallback) = &own.fallback {
        findings.required_text(format_args!("{field}.fallback"), fallback, limit);
        if fallback.contains('{') {
            findings.add(
                format_args!("{field}.fallback"),
                "must not contain a slot: it is shown when the slots of `text` cannot be filled",
            );
        }
    }
    let slots = match ad_text::placeholders(&own.text) {
        Ok(slots) => slots,
        Err(problem) => return findings.add(format_args!("{field}.text"), problem.to_string()),
    };
    if slots.is_empty() {
        return findings.required_text(format_args!("{field}.text"), &own.text, limit);
    }
    if own.fallback.is_none() {
        findings.add(format_args!("{field}.fallback"), "is required if `text` contains a slot");
    }
    if own.echo.is_empty() {
        let reason = "must list the topics and entities that may fill the slot";
        findings.add(format_args!("{field}.echo"), reason);
    }
    for (at, id) in own.echo.iter().enumerate() {
        let entry = format!("{field}.echo[{at}]");
        let Some(name) = index.names.get(id.as_str()) else {
            findings.unknown(entry, "topic or entity", id, index.names.keys().copied());
            continue;
        };
        let filled = ad_text::fill(&own.text, Some(name), Some(name)).unwrap_or_default();
        let chars = filled.chars().count();
        if chars > limit {
            let reason =
                format!("must keep the filled text within {limit} characters (got {chars})");
            findings.add(entry, reason);
        }
    }
}

/// Commands that start with no approved shape.
pub(crate) fn commands(inventory: &Inventory, approved: &[String]) -> Vec<Finding> {
    let mut findings = Findings::new();
    for creative in &inventory.creatives {
        let Some(text) = creative.command.as_ref().map(|command| &command.text) else { continue };
        if !command::is_approved(text, approved) {
            findings.begin("creatives", creative.id.as_str());
            let reason =
                format!("must start with a command of `creatives.commands` (got `{text}`)");
            let help = format!(
                "the settings approve {}; add its program, such as `{}`, if readers may run it",
                if approved.is_empty() { "none".to_owned() } else { approved.join(", ") },
                text.split(' ').next().unwrap_or_default(),
            );
            findings.add_with_help("command.text", reason, Some(help));
        }
    }
    findings.found
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
