//! Invalid traffic: detection of bots, and findings that the operator should review.

use crate::harness::process::Installation;
use crate::harness::{Decision, Process, Reader, Setup, reference, wait_until};
use adjacent::config::limit_settings::QuotaSetting;
use serde_json::{Value, json};

async fn unit(process: &Process) -> Decision {
    let answer = process.decide(&Reader::new(), &reference()).await.unwrap();
    Decision(answer["decisions"]["article-end"].clone())
}

async fn idle_impressions(process: &Process) -> u64 {
    process.scrape().await.invalid("impression", "idle")
}

#[tokio::test]
async fn a_saved_data_centre_list_applies_and_an_invalid_one_changes_nothing() {
    let installation =
        Installation::new().set("ADJACENT__TRAFFIC__DATACENTERS", "config/datacenters.txt");
    let save =
        |text: &str| std::fs::write(installation.path("config/datacenters.txt"), text).unwrap();
    save("127.0.0.0/8 # loopback\n");
    let process = installation.serve();
    let reader = Reader::new();

    assert!(reader.impression(&unit(&process).await).await.recorded);
    assert_eq!(idle_impressions(&process).await, 1);

    save("192.0.2.0/24\n");
    let reloads = |result: &'static str| {
        let process = &process;
        async move {
            let what = "what=\"datacenters\"";
            let series = format!("adjacent_config_reloads_total{{result=\"{result}\",{what}}}");
            process.scrape().await.count(&series)
        }
    };
    wait_until("the new list", async || (reloads("applied").await > 0).then_some(())).await;
    assert!(reader.impression(&unit(&process).await).await.recorded);
    assert_eq!(idle_impressions(&process).await, 1);

    save("192.0.2.0/24\n127.0.0.1/8\n");
    wait_until("the rejection", async || (reloads("refused").await > 0).then_some(())).await;
    process.wait_for_log("config/datacenters.txt:2: ").await;
    assert!(reader.impression(&unit(&process).await).await.recorded);
    assert_eq!(idle_impressions(&process).await, 1, "the previous list stays");
}

#[tokio::test]
async fn a_site_whose_units_are_never_viewable_is_flagged_and_its_verdicts_stay() {
    let server = Setup::default()
        .settings(|settings| settings.review.impressions = 30)
        .manual_clock()
        .start()
        .await;
    for _ in 0..30 {
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
        server.advance_ms(1_000 + i64::from(rand::random::<u16>()));
    }
    let review = async || -> Value {
        let request = server.reader.get(&format!("{}/v1/admin/review", server.ops));
        let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.json().await.unwrap()
    };

    let found = review().await;
    let signs: Vec<&str> =
        found["findings"].as_array().unwrap().iter().map(|f| f["sign"].as_str().unwrap()).collect();
    assert_eq!(signs, ["view_ratio"], "{found:#}");
    let finding = &found["findings"][0];
    assert_eq!(finding["publisher"], "eu-tech-news");
    assert_eq!((finding["found"].as_f64(), finding["events"].as_u64()), (Some(0.0), Some(30)));
    assert_eq!(server.scrape().await.events("impression", "counted"), 30);
}

#[tokio::test]
async fn a_bot_receives_the_same_responses_as_a_reader() {
    let server = Setup::default().start().await;
    let readers =
        [Reader::new(), Reader::with_headers([("user-agent", "curl/8.5.0"), ("accept", "*/*")])];
    let mut responses = Vec::new();
    for reader in &readers {
        let unit = server.unit().await;
        let mut own_responses = Vec::new();
        for url in [unit.impression_url(), unit.impression_url(), unit.click_url("primary")] {
            let reply = reader.get(url).send().await.unwrap();
            let mut headers: Vec<(String, String)> = reply
                .headers()
                .iter()
                .filter(|(name, _)| *name != "date")
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            headers.sort();
            let status = reply.status();
            own_responses.push((status, headers, reply.text().await.unwrap()));
        }
        responses.push(own_responses);
    }
    assert_eq!(responses[0], responses[1]);
    assert_eq!(server.scrape().await.invalid("impression", "bot"), 2);
}

#[tokio::test]
async fn the_published_traffic_rules_print_the_settings_in_force() {
    let server = Setup::default()
        .settings(|settings| {
            settings.windows.click_after_ms = 650;
            settings.limits.layers.network.clicks = vec![QuotaSetting { count: 9, seconds: 60 }];
        })
        .start()
        .await;
    let reply = server.reader.get(&format!("{}/v1/limits", server.public)).send().await.unwrap();
    let limits: Value = reply.json().await.unwrap();
    let rules = limits["rules"].as_array().unwrap();
    let defaults = include_str!("../../config/adjacent.toml").parse::<toml::Table>().unwrap();
    // Settings without a default are commented out.
    let optional = ["traffic.datacenters", "server.country_header", "server.geoip"];
    for name in rules.iter().flat_map(|rule| rule["settings"].as_object().unwrap().keys()) {
        let (section, key) = name.split_once('.').unwrap();
        let exists = defaults[section].get(key).is_some() || optional.contains(&name.as_str());
        assert!(exists, "{name} is not a setting");
    }
    let settings =
        |name: &str| &rules.iter().find(|rule| rule["name"] == name).unwrap()["settings"];
    assert_eq!(settings("too_fast")["windows.click_after_ms"], 650);
    assert_eq!(settings("too_fast")["windows.viewable_after_ms"], 900);
    assert_eq!(
        settings("network_rate")["limits.layers"]["network"]["clicks"],
        json!([{"count": 9, "seconds": 60}])
    );
    assert_eq!(settings("datacenter")["traffic.datacenters"], false, "no path is published");
    let classes = ["givt", "sivt"];
    assert!(rules.iter().all(|rule| classes.contains(&rule["class"].as_str().unwrap())));
    assert!(rules.len() > 20, "{}", rules.len());
}
