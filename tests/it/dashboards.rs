//! What dashboards and rules may say: series that a server has, labels that these series have, values
//! that their labels take. What they show is compared with the truth by `tests/numbers`.

use crate::harness::TestServer;
use crate::harness::expression::children;
use crate::harness::expression::name;
use crate::harness::expression::selectors;
use crate::harness::expression::visit;
use promql_parser::label::Matcher;
use promql_parser::parser::Expr;
use promql_parser::parser::LabelModifier;
use promql_parser::parser::VectorSelector;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

const BOARDS: [&str; 5] = ["serving", "money", "traffic", "ledger", "machines"];

/// Made by Prometheus itself for every target.
const PROMETHEUS: &str = "up";

/// Given to every series by Prometheus.
const OF_TARGET: [&str; 2] = ["instance", "job"];

type Labels = BTreeMap<String, BTreeSet<String>>;

/// Every series that may be read: its labels, and the values that they have.
struct Known(BTreeMap<String, Labels>);

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn board(name: &str) -> Value {
    serde_json::from_str(&read(&format!("{name}.json"))).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    list(&board["panels"]).iter().filter(|panel| panel["type"] != "row")
}

/// The rules of a file that have this key: `alert` or `record`.
fn rules(file: &str, key: &str) -> Vec<Value> {
    let groups = yaml(file);
    let rules = list(&groups["groups"]).iter().flat_map(|group| list(&group["rules"]));
    rules.filter(|rule| rule.get(key).is_some()).cloned().collect()
}

/// An expression as Prometheus gets it, Grafana's variables filled in.
fn parsed(expression: &str, of: &str) -> Expr {
    let plain = expression
        .replace("$__rate_interval", "1m")
        .replace("$__range", "1h")
        .replace("$instance", ".*");
    let plain = ["$campaign", "$currency", "$flight", "$kind"]
        .iter()
        .fold(plain, |text, variable| text.replace(variable, ".*"));
    assert!(!plain.contains('$'), "{of}: a variable that the dashboard has not: {expression}");
    promql_parser::parser::parse(&plain).unwrap_or_else(|error| panic!("{of}: {error}"))
}

/// Where it stands, the expression, and the template of its legend.
fn expressions() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for name in BOARDS {
        let board = board(name);
        for panel in panels(&board) {
            for target in list(&panel["targets"]) {
                let of = format!("{name}: {}", text(&panel["title"]));
                found.push((
                    of,
                    text(&target["expr"]).into(),
                    text(&target["legendFormat"]).into(),
                ));
            }
        }
        for annotation in list(&board["annotations"]["list"]) {
            if let Some(expression) = annotation["expr"].as_str() {
                let of = format!("{name}: {}", text(&annotation["name"]));
                found.push((of, expression.into(), text(&annotation["textFormat"]).into()));
            }
        }
    }
    for (file, key) in [("rules/recording.yml", "record"), ("rules/alerts.yml", "alert")] {
        for rule in rules(file, key) {
            let words = ["summary", "description"].map(|name| text(&rule["annotations"][name]));
            let words = words.join(" ").replace("$labels.", "");
            found.push((text(&rule[key]).to_owned(), text(&rule["expr"]).to_owned(), words));
        }
    }
    found
}

impl Known {
    async fn new() -> Known {
        let server = TestServer::start().await;
        let mut known = BTreeMap::<String, Labels>::new();
        for series in server.scrape().await.0.keys() {
            let Expr::VectorSelector(series) = parsed(series, series) else {
                panic!("{series} is no series")
            };
            let labels = known.entry(name(&series).to_owned()).or_default();
            for label in &series.matchers.matchers {
                labels.entry(label.name.clone()).or_default().insert(label.value.clone());
            }
        }
        for labels in known.values_mut() {
            labels.extend(OF_TARGET.map(|label| (label.to_owned(), BTreeSet::new())));
        }
        let up = OF_TARGET.map(|label| (label.to_owned(), BTreeSet::new()));
        known.insert(PROMETHEUS.to_owned(), up.into_iter().collect());
        let mut known = Known(known);
        for rule in rules("rules/recording.yml", "record") {
            let expr = parsed(text(&rule["expr"]), text(&rule["record"]));
            let labels = known.result(&expr).into_iter().map(|label| (label, BTreeSet::new()));
            let labels = labels.collect();
            known.0.insert(text(&rule["record"]).to_owned(), labels);
        }
        known
    }

    fn labels(&self, of: &str, selector: &VectorSelector) -> &Labels {
        let name = name(selector);
        self.0.get(name).unwrap_or_else(|| panic!("{of}: there is no series `{name}`"))
    }

    /// The labels that the answer to an expression has.
    fn result(&self, expr: &Expr) -> BTreeSet<String> {
        match expr {
            Expr::Aggregate(of) => match &of.modifier {
                Some(LabelModifier::Include(by)) => by.labels.iter().cloned().collect(),
                Some(LabelModifier::Exclude(_)) => {
                    panic!("say `by`, so that a reader sees the labels")
                }
                None if of.op.to_string() == "topk" => self.result(&of.expr),
                None => BTreeSet::new(),
            },
            Expr::VectorSelector(of) => self.labels("", of).keys().cloned().collect(),
            Expr::MatrixSelector(of) => self.labels("", &of.vs).keys().cloned().collect(),
            // Of two sides, those of the one that has labels at all: the other may be a number.
            _ => {
                let sides = children(expr).into_iter().map(|side| self.result(side));
                sides.max_by_key(BTreeSet::len).unwrap_or_default()
            }
        }
    }

    fn assert_has_label(&self, of: &str, selector: &VectorSelector, label: &str) {
        let labels = self.labels(of, selector);
        assert!(labels.contains_key(label), "{of}: `{}` has no label `{label}`", name(selector));
    }

    /// A value that no series has would match nothing, or keep nothing out, for ever.
    fn assert_matches(&self, of: &str, selector: &VectorSelector, matcher: &Matcher) {
        self.assert_has_label(of, selector, &matcher.name);
        let values = &self.labels(of, selector)[&matcher.name];
        if matcher.name == "job" {
            assert_eq!(matcher.value, "adjacent", "{of}");
        }
        for value in matcher.value.split('|').filter(|value| *value != ".*" && !values.is_empty()) {
            let label = &matcher.name;
            assert!(
                values.contains(value),
                "{of}: no `{}` has {label}=\"{value}\"",
                name(selector)
            );
        }
    }
}

#[tokio::test]
async fn every_expression_reads_series_labels_and_values_that_a_server_has() {
    let known = Known::new().await;
    let all = expressions();
    assert!(all.len() > 100, "{} expressions: were the files read?", all.len());

    for (of, expression, legend) in all {
        let expr = parsed(&expression, &of);
        for selector in selectors(&expr) {
            for matcher in &selector.matchers.matchers {
                known.assert_matches(&of, selector, matcher);
            }
        }
        visit(&expr, &mut |part| {
            let labels = match part {
                Expr::Aggregate(of) => of.modifier.as_ref(),
                Expr::Binary(of) => of.modifier.as_ref().and_then(|how| how.matching.as_ref()),
                _ => None,
            };
            let Some(LabelModifier::Include(by)) = labels else { return };
            for (selector, label) in
                selectors(part).into_iter().flat_map(|s| by.labels.iter().map(move |l| (s, l)))
            {
                known.assert_has_label(&of, selector, label);
            }
        });
        let labels = known.result(&expr);
        for template in legend.split("{{").skip(1).filter_map(|after| after.split("}}").next()) {
            let label = template.split('|').next().unwrap_or("").trim();
            let fits = label == "$value" || labels.contains(label);
            assert!(fits, "{of}: its answer has no label `{label}`, only {labels:?}");
        }
    }
}

#[tokio::test]
async fn every_variable_of_a_dashboard_lists_a_label_that_its_series_has() {
    let known = Known::new().await;

    for name in BOARDS {
        for variable in list(&board(name)["templating"]["list"]) {
            let query = text(&variable["definition"]);
            if variable["type"] == "datasource" {
                continue;
            }
            let inside = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')'));
            let (series, label) = inside.and_then(|inside| inside.rsplit_once(", ")).unwrap();
            let expr = parsed(series, name);
            known.assert_has_label(name, selectors(&expr)[0], label);
        }
    }
}

#[test]
fn rates_are_taken_of_what_only_grows() {
    let mut rates = 0;
    for (of, expression, _) in expressions() {
        visit(&parsed(&expression, &of), &mut |part| {
            let Expr::Call(call) = part else { return };
            if !["rate", "irate", "increase"].contains(&call.func.name) {
                return;
            }
            for selector in selectors(part) {
                rates += 1;
                let grows = ["_total", "_count", "_bucket", "_sum"];
                let name = name(selector);
                assert!(grows.iter().any(|end| name.ends_with(end)), "{of}: {name} is a gauge");
                // A pending event moves on when it is settled.
                let verdict =
                    selector.matchers.matchers.iter().find(|matcher| matcher.name == "verdict");
                let says = verdict.is_some_and(|verdict| {
                    verdict
                        .value
                        .split('|')
                        .all(|v| ["counted", "duplicate", "invalid"].contains(&v))
                });
                assert!(name != "adjacent_events_total" || says, "{of}: a rate of pending events");
            }
        });
    }
    assert!(rates > 50, "{rates}");
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit() {
    let mut uids = BTreeSet::new();
    for name in BOARDS {
        let board = board(name);
        let mut ids = BTreeSet::new();
        assert!(uids.insert(text(&board["uid"]).to_owned()), "{name}: its uid is another's");
        assert_eq!(board["uid"], format!("adjacent-{name}"), "links and bookmarks name it");
        assert!((39..=42).contains(&board["schemaVersion"].as_u64().unwrap()), "{name}");
        for panel in list(&board["panels"]) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: id {} twice", panel["id"]);
        }
        for panel in panels(&board) {
            let of = format!("{name}: {}", panel["title"]);
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(text(&panel["description"]).len() > 8, "{of} has no description");
            assert!(!text(&defaults["unit"]).is_empty(), "{of} has no unit");
            assert!(!list(&defaults["thresholds"]["steps"]).is_empty(), "{of} has no thresholds");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{of}");
            assert!(!list(&panel["targets"]).is_empty(), "{of} shows nothing");
            for target in list(&panel["targets"]) {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{of}");
            }
        }
    }
    for name in BOARDS {
        let links: BTreeSet<String> = list(&board(name)["links"])
            .iter()
            .map(|link| text(&link["url"]).trim_start_matches("/d/").to_owned())
            .collect();
        let others: BTreeSet<String> =
            uids.iter().filter(|uid| **uid != format!("adjacent-{name}")).cloned().collect();
        assert_eq!(links, others, "{name} links to the others");
    }
}

#[test]
fn every_recording_rule_is_read_somewhere() {
    let mut read = BTreeSet::new();
    for (of, expression, _) in expressions() {
        let expr = parsed(&expression, &of);
        read.extend(selectors(&expr).into_iter().map(|selector| name(selector).to_owned()));
    }

    for rule in rules("rules/recording.yml", "record") {
        let name = text(&rule["record"]);
        assert!(read.contains(name), "nobody reads {name}");
    }
}

#[test]
fn every_alert_has_a_text_and_a_test_of_both_sides() {
    let runbook = read("runbook.md");
    let headings: BTreeSet<&str> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut fires = BTreeSet::new();
    let mut silent = BTreeSet::new();
    for entry in std::fs::read_dir(folder().join("rules/tests")).unwrap() {
        let file = format!("rules/tests/{}", entry.unwrap().file_name().to_string_lossy());
        for case in
            list(&yaml(&file)["tests"]).iter().flat_map(|test| list(&test["alert_rule_test"]))
        {
            let side = if list(&case["exp_alerts"]).is_empty() { &mut silent } else { &mut fires };
            side.insert(text(&case["alertname"]).to_owned());
        }
    }

    let mut alerts = BTreeSet::new();
    for rule in rules("rules/alerts.yml", "alert") {
        let name = text(&rule["alert"]).to_owned();
        let annotations = &rule["annotations"];
        assert!(
            fires.contains(&name) && silent.contains(&name),
            "{name} has no test of both sides"
        );
        assert!(headings.contains(&*name), "{name} is not in the runbook");
        assert_eq!(annotations["runbook"], format!("runbook.md#{}", name.to_lowercase()));
        assert!(
            ["critical", "warning", "info"].contains(&text(&rule["labels"]["severity"])),
            "{name}"
        );
        for words in ["summary", "description"] {
            assert!(!text(&annotations[words]).is_empty(), "{name} has no {words}");
        }
        assert!(alerts.insert(name.clone()), "{name} is there twice");
    }
    let told: BTreeSet<String> = headings.into_iter().map(str::to_owned).collect();
    assert_eq!(told, alerts, "the runbook tells of the alerts there are");
}

#[tokio::test]
async fn alerts_are_tested_on_series_as_a_server_has_them() {
    let known = Known::new().await;

    for entry in std::fs::read_dir(folder().join("rules/tests")).unwrap() {
        let file = format!("rules/tests/{}", entry.unwrap().file_name().to_string_lossy());
        for test in list(&yaml(&file)["tests"]) {
            for input in list(&test["input_series"]) {
                let of = text(&test["name"]);
                let expr = parsed(text(&input["series"]), of);
                let Expr::VectorSelector(series) = &expr else { panic!("{of}: {input}") };
                let given: BTreeSet<_> = series.matchers.matchers.iter().map(|m| &m.name).collect();
                let has: BTreeSet<_> = known.labels(of, series).keys().collect();
                assert_eq!(given, has, "{of}: {}", name(series));
            }
        }
    }
}
