//! Dashboards and alert rules use only series, labels and label values that a server exports.
//! `tests/numbers` checks the values that they show.

use crate::harness::TestServer;
use crate::harness::promql::{children, metric_name, selectors, visit};
use promql_parser::label::Matcher;
use promql_parser::parser::{Expr, LabelModifier, VectorSelector};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const BOARDS: [&str; 6] = ["serving", "delivery", "money", "traffic", "ledger", "instances"];

/// Series that Prometheus itself creates for every target.
const UP: &str = "up";

/// Labels that Prometheus adds to every series.
const TARGET_LABELS: [&str; 2] = ["instance", "job"];

type Labels = BTreeMap<String, BTreeSet<String>>;

/// Every series that a query may read: its labels and their values.
struct KnownSeries(BTreeMap<String, Labels>);

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

/// The rules of a file with this key: `alert` or `record`.
fn rules(file: &str, key: &str) -> Vec<Value> {
    let groups = yaml(file);
    let rules = list(&groups["groups"]).iter().flat_map(|group| list(&group["rules"]));
    rules.filter(|rule| rule.get(key).is_some()).cloned().collect()
}

/// Parses an expression with Grafana's variables filled in.
fn parsed(expression: &str, source: &str) -> Expr {
    let plain = expression
        .replace("$__rate_interval", "1m")
        .replace("$__range", "1h")
        .replace("$instance", ".*");
    let plain = ["$campaign", "$currency", "$flight", "$kind", "$publisher"]
        .iter()
        .fold(plain, |text, variable| text.replace(variable, ".*"));
    assert!(!plain.contains('$'), "{source}: unknown dashboard variable: {expression}");
    promql_parser::parser::parse(&plain).unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// All expressions: source, expression, and template of its legend or text.
fn expressions() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for name in BOARDS {
        let board = board(name);
        for panel in panels(&board) {
            for target in list(&panel["targets"]) {
                let source = format!("{name}: {}", text(&panel["title"]));
                found.push((
                    source,
                    text(&target["expr"]).into(),
                    text(&target["legendFormat"]).into(),
                ));
            }
        }
        for annotation in list(&board["annotations"]["list"]) {
            if let Some(expression) = annotation["expr"].as_str() {
                let source = format!("{name}: {}", text(&annotation["name"]));
                found.push((source, expression.into(), text(&annotation["textFormat"]).into()));
            }
        }
    }
    for (file, key) in [("rules/recording.yml", "record"), ("rules/alerts.yml", "alert")] {
        for rule in rules(file, key) {
            let templates = ["summary", "description"].map(|name| text(&rule["annotations"][name]));
            let templates = templates.join(" ").replace("$labels.", "");
            found.push((text(&rule[key]).to_owned(), text(&rule["expr"]).to_owned(), templates));
        }
    }
    found
}

impl KnownSeries {
    async fn new() -> KnownSeries {
        let server = TestServer::start().await;
        let mut known = BTreeMap::<String, Labels>::new();
        for series in server.scrape().await.0.keys() {
            let Expr::VectorSelector(series) = parsed(series, series) else {
                panic!("not a series: {series}")
            };
            let labels = known.entry(metric_name(&series).to_owned()).or_default();
            for label in &series.matchers.matchers {
                labels.entry(label.name.clone()).or_default().insert(label.value.clone());
            }
        }
        for labels in known.values_mut() {
            labels.extend(TARGET_LABELS.map(|label| (label.to_owned(), BTreeSet::new())));
        }
        let up = TARGET_LABELS.map(|label| (label.to_owned(), BTreeSet::new()));
        known.insert(UP.to_owned(), up.into_iter().collect());
        let mut known = KnownSeries(known);
        for rule in rules("rules/recording.yml", "record") {
            let expr = parsed(text(&rule["expr"]), text(&rule["record"]));
            let labels = known.result(&expr).into_iter().map(|label| (label, BTreeSet::new()));
            let labels = labels.collect();
            known.0.insert(text(&rule["record"]).to_owned(), labels);
        }
        known
    }

    fn labels(&self, source: &str, selector: &VectorSelector) -> &Labels {
        let name = metric_name(selector);
        self.0.get(name).unwrap_or_else(|| panic!("{source}: unknown series `{name}`"))
    }

    /// The labels in the result of an expression.
    fn result(&self, expr: &Expr) -> BTreeSet<String> {
        match expr {
            Expr::Aggregate(node) => match &node.modifier {
                Some(LabelModifier::Include(by)) => by.labels.iter().cloned().collect(),
                Some(LabelModifier::Exclude(_)) => {
                    panic!("use `by` instead of `without`, so that the labels are visible")
                }
                None if node.op.to_string() == "topk" => self.result(&node.expr),
                None => BTreeSet::new(),
            },
            Expr::VectorSelector(node) => self.labels("", node).keys().cloned().collect(),
            Expr::MatrixSelector(node) => self.labels("", &node.vs).keys().cloned().collect(),
            // Of two operands, the one with labels: the other may be a number.
            _ => {
                let operands = children(expr).into_iter().map(|operand| self.result(operand));
                operands.max_by_key(BTreeSet::len).unwrap_or_default()
            }
        }
    }

    fn assert_has_label(&self, source: &str, selector: &VectorSelector, label: &str) {
        let labels = self.labels(source, selector);
        let name = metric_name(selector);
        assert!(labels.contains_key(label), "{source}: `{name}` has no label `{label}`");
    }

    /// A label value that no series has would never match, or never exclude, anything.
    fn assert_matches(&self, source: &str, selector: &VectorSelector, matcher: &Matcher) {
        self.assert_has_label(source, selector, &matcher.name);
        let values = &self.labels(source, selector)[&matcher.name];
        if matcher.name == "job" {
            assert_eq!(matcher.value, "adjacent", "{source}");
        }
        for value in matcher.value.split('|').filter(|value| *value != ".*" && !values.is_empty()) {
            let label = &matcher.name;
            assert!(
                values.contains(value),
                "{source}: no `{}` has {label}=\"{value}\"",
                metric_name(selector)
            );
        }
    }
}

#[tokio::test]
async fn every_expression_reads_series_labels_and_values_that_a_server_exports() {
    let known = KnownSeries::new().await;
    let all = expressions();
    assert!(all.len() > 100, "only {} expressions found", all.len());

    for (source, expression, legend) in all {
        let expr = parsed(&expression, &source);
        for selector in selectors(&expr) {
            for matcher in &selector.matchers.matchers {
                known.assert_matches(&source, selector, matcher);
            }
        }
        visit(&expr, &mut |part| {
            let labels = match part {
                Expr::Aggregate(node) => node.modifier.as_ref(),
                Expr::Binary(node) => node.modifier.as_ref().and_then(|m| m.matching.as_ref()),
                _ => None,
            };
            let Some(LabelModifier::Include(by)) = labels else { return };
            for (selector, label) in
                selectors(part).into_iter().flat_map(|s| by.labels.iter().map(move |l| (s, l)))
            {
                known.assert_has_label(&source, selector, label);
            }
        });
        let labels = known.result(&expr);
        for template in legend.split("{{").skip(1).filter_map(|after| after.split("}}").next()) {
            let label = template.split('|').next().unwrap_or("").trim();
            let is_known = label == "$value" || labels.contains(label);
            assert!(is_known, "{source}: the result has no label `{label}`, only {labels:?}");
        }
    }
}

#[tokio::test]
async fn every_dashboard_variable_lists_values_of_an_existing_label() {
    let known = KnownSeries::new().await;

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
fn rates_are_taken_of_counters_only() {
    let mut rates = 0;
    for (source, expression, _) in expressions() {
        visit(&parsed(&expression, &source), &mut |part| {
            let Expr::Call(call) = part else { return };
            if !["rate", "irate", "increase"].contains(&call.func.name) {
                return;
            }
            for selector in selectors(part) {
                rates += 1;
                let counters = ["_total", "_count", "_bucket", "_sum"];
                let name = metric_name(selector);
                let is_counter = counters.iter().any(|suffix| name.ends_with(suffix));
                assert!(is_counter, "{source}: {name} is a gauge");
                // The number of pending events falls when they get their final verdict.
                let verdict =
                    selector.matchers.matchers.iter().find(|matcher| matcher.name == "verdict");
                let is_final = verdict.is_some_and(|verdict| {
                    verdict
                        .value
                        .split('|')
                        .all(|v| ["counted", "duplicate", "invalid"].contains(&v))
                });
                assert!(
                    name != "adjacent_events_total" || is_final,
                    "{source}: a rate of pending events"
                );
            }
        });
    }
    assert!(rates > 50, "{rates}");
}

#[test]
fn every_panel_has_a_description_and_a_unit() {
    let mut uids = BTreeSet::new();
    for name in BOARDS {
        let board = board(name);
        let mut ids = BTreeSet::new();
        assert!(uids.insert(text(&board["uid"]).to_owned()), "{name}: duplicate uid");
        assert_eq!(board["uid"], format!("adjacent-{name}"), "links and bookmarks use this uid");
        assert!((39..=42).contains(&board["schemaVersion"].as_u64().unwrap()), "{name}");
        for panel in list(&board["panels"]) {
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{name}: duplicate panel id {}",
                panel["id"]
            );
        }
        for panel in panels(&board) {
            let source = format!("{name}: {}", panel["title"]);
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(text(&panel["description"]).len() > 8, "{source} has no description");
            assert!(!text(&defaults["unit"]).is_empty(), "{source} has no unit");
            assert!(
                !list(&defaults["thresholds"]["steps"]).is_empty(),
                "{source} has no thresholds"
            );
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{source}");
            assert!(!list(&panel["targets"]).is_empty(), "{source} has no query");
            for target in list(&panel["targets"]) {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{source}");
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
        assert_eq!(links, others, "{name} must link to all other dashboards");
    }
}

#[test]
fn every_recording_rule_is_used() {
    let mut used = BTreeSet::new();
    for (source, expression, _) in expressions() {
        let expr = parsed(&expression, &source);
        let names = selectors(&expr).into_iter().map(metric_name);
        used.extend(names.map(str::to_owned));
    }

    for rule in rules("rules/recording.yml", "record") {
        let name = text(&rule["record"]);
        assert!(used.contains(name), "unused recording rule: {name}");
    }
}

#[test]
fn every_alert_has_a_runbook_section_and_tests_that_fire_and_stay_silent() {
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
            "{name} needs a test that fires and one that stays silent"
        );
        assert!(headings.contains(&*name), "{name} has no section in the runbook");
        assert_eq!(annotations["runbook"], format!("runbook.md#{}", name.to_lowercase()));
        assert!(
            ["critical", "warning", "info"].contains(&text(&rule["labels"]["severity"])),
            "{name}"
        );
        for field in ["summary", "description"] {
            assert!(!text(&annotations[field]).is_empty(), "{name} has no {field}");
        }
        assert!(alerts.insert(name.clone()), "duplicate alert: {name}");
    }
    let described: BTreeSet<String> = headings.into_iter().map(str::to_owned).collect();
    assert_eq!(described, alerts, "the runbook must describe exactly the existing alerts");
}

#[tokio::test]
async fn alert_tests_use_series_with_the_labels_of_a_server() {
    let known = KnownSeries::new().await;

    for entry in std::fs::read_dir(folder().join("rules/tests")).unwrap() {
        let file = format!("rules/tests/{}", entry.unwrap().file_name().to_string_lossy());
        for test in list(&yaml(&file)["tests"]) {
            for input in list(&test["input_series"]) {
                let source = text(&test["name"]);
                let expr = parsed(text(&input["series"]), source);
                let Expr::VectorSelector(series) = &expr else { panic!("{source}: {input}") };
                let given: BTreeSet<_> = series.matchers.matchers.iter().map(|m| &m.name).collect();
                let expected: BTreeSet<_> = known.labels(source, series).keys().collect();
                assert_eq!(given, expected, "{source}: {}", metric_name(series));
            }
        }
    }
}
