//! The executable as an operator meets it: words, files and exit codes.

use crate::harness::ports::free_port;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

fn adjacent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    adjacent(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A copy of the project's configuration to change, and a data directory beside it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        for inner in ["", "inventory", "inventory/pictures"] {
            let to = place.folder.path().join("config").join(inner);
            std::fs::create_dir_all(&to).unwrap();
            for entry in std::fs::read_dir(config.join(inner)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
                }
            }
        }
        place
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join("config").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    fn apply(&self, more: &[&str]) -> Output {
        let (config, data) = (self.at("config"), self.at("data"));
        run(&[&["apply", &config, "--data", &data], more].concat())
    }

    fn diff(&self) -> String {
        let output = run(&["diff", &self.at("config"), "--data", &self.at("data")]);
        assert!(output.status.success(), "{}", err(&output));
        out(&output)
    }

    fn head(&self) -> String {
        std::fs::read_to_string(self.at("data/catalog/head.json")).unwrap_or_default()
    }
}

#[test]
fn the_projects_own_configuration_is_valid_also_where_no_file_is() {
    let output = run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).starts_with("valid: settings, weights, "), "{}", out(&output));
    let nowhere = tempfile::tempdir().unwrap();
    let again = adjacent(&["check"]).current_dir(nowhere.path()).output().unwrap();
    assert_eq!(out(&again), out(&output), "the same is compiled in");
    assert_eq!(json(&run(&["check", "--json"]))["valid"], true);
}

#[test]
fn a_mistake_is_named_with_file_line_column_and_remedy() {
    let place = Place::new();
    place.change("inventory/zahid-host.toml", "price_micros", "price_micro");
    place.change("weights.toml", "entity_boost = 2.0", "entity_boost = nan");

    let output = run(&["check", &place.at("config")]);

    assert_eq!(output.status.code(), Some(64));
    assert_eq!(out(&output), "");
    let said = err(&output);
    let file = place.at("config/inventory/zahid-host.toml");
    assert!(said.contains(&format!("{file}:27:1: ")), "{said}");
    assert!(said.contains("did you mean `price_micros`?"), "{said}");
    assert!(said.contains("weights.toml:5:16: entity_boost: is not a finite number"), "{said}");

    let output = run(&["check", "--json", &place.at("config")]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(json(&output)["problems"].as_array().unwrap().len(), 2);
    assert!(json(&output)["problems"][0]["line"].is_u64());
}

#[test]
fn what_cannot_be_followed_is_the_operators_to_mend() {
    for arguments in [
        vec!["chek"],
        vec!["check", "/no/such/file.toml"],
        vec!["schema", "everything"],
        vec!["synth"],
        vec!["apply"],
        vec!["import", "iab", "/no/such/file.tsv"],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", err(&output));
        assert!(!output.stderr.is_empty());
    }
    assert_eq!(run(&["--help"]).status.code(), Some(0));
}

#[test]
fn check_reads_the_datacenters_that_the_settings_name() {
    let place = Place::new();
    let networks = place.at("datacenters.txt");
    std::fs::write(&networks, "203.0.113.0/24\n203.0.113.0/40\n").unwrap();
    let path = place.at("config/adjacent.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let named = format!("[traffic]\ndatacenters = \"{networks}\"\n");
    assert!(settings.contains("[traffic]\n"), "{settings}");
    std::fs::write(&path, settings.replacen("[traffic]\n", &named, 1)).unwrap();

    let output = run(&["check", &place.at("config")]);

    assert_eq!(output.status.code(), Some(64), "{}", out(&output));
    assert!(err(&output).contains(&format!("{networks}:2: ")), "{}", err(&output));
    std::fs::write(&networks, "203.0.113.0/24\n").unwrap();
    assert_eq!(run(&["check", &place.at("config")]).status.code(), Some(0));
}

#[test]
fn what_synth_prints_check_accepts() {
    let synth = |seed: &str| run(&["synth", "--flights", "40", "--seed", seed]);
    let text = out(&synth("7"));
    assert_eq!(text, out(&synth("7")), "the same seed, the same inventory");
    assert_ne!(text, out(&synth("8")));

    let mut check = adjacent(&["check", "-"]);
    let mut check = check.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut check.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("41 flights"), "{}", out(&output));
}

#[test]
fn what_is_applied_twice_shows_no_difference() {
    let place = Place::new();
    let first = place.apply(&[]);
    assert!(first.status.success(), "{}", err(&first));
    assert!(out(&first).contains("+ zahid-ai-europe"), "{}", out(&first));
    assert!(out(&first).ends_with("applied as number 1\n"), "{}", out(&first));
    let head = place.head();

    assert_eq!(out(&place.apply(&[])), "no difference\n");
    assert_eq!(place.diff(), "no difference\n");
    assert_eq!(place.head(), head);

    place.change("inventory/zahid-host.toml", "8_000_000", "9_000_000");
    let shown = "flights\n  ~ zahid-ai-europe\n      price_micros: 8000000 → 9000000\n";
    assert_eq!(place.diff(), shown);
    let output = place.apply(&["--json"]);
    assert_eq!(json(&output)["applied"], true);
    assert_eq!(json(&output)["number"], 2);
    let audit = std::fs::read_to_string(place.at("data/catalog/audit.log")).unwrap();
    assert_eq!(audit.lines().count(), 2);
}

#[test]
fn a_broken_folder_changes_nothing_that_is_served() {
    let place = Place::new();
    assert!(place.apply(&[]).status.success());
    let head = place.head();
    place.change("inventory/zahid-host.toml", "8_000_000", "9_000_000");
    place.change("labels.toml", "[\"AT\"]", "[\"DE\"]");

    let output = place.apply(&[]);

    assert_eq!(output.status.code(), Some(64));
    assert!(err(&output).contains("labels.toml:"), "{}", err(&output));
    assert_eq!(place.head(), head);
}

#[test]
fn a_look_at_the_difference_leaves_no_trace() {
    let place = Place::new();
    assert!(place.diff().contains("+ zahid-ai-europe"));
    assert!(!Path::new(&place.at("data")).exists());
}

#[test]
fn a_weight_that_moves_by_more_than_half_needs_force() {
    let place = Place::new();
    assert!(place.apply(&[]).status.success());
    place.change("weights.toml", "entity_boost = 2.0", "entity_boost = 20.0");

    let output = place.apply(&["--yes"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(err(&output).contains("entity_boost by 900 %"), "{}", err(&output));
    assert!(place.head().contains("\"number\": 1"));

    assert!(place.apply(&["--force"]).status.success());
    assert!(place.head().contains("\"number\": 2"));
}

#[test]
fn schemas_and_imports_are_printed_for_others_to_read() {
    for what in ["inventory", "weights", "labels", "config"] {
        assert!(json(&run(&["schema", what]))["properties"].is_object(), "{what}");
    }
    let place = Place::new();
    let file = place.at("tiers.tsv");
    let text = "Tiers v9.2\t\t\nUnique ID\tParent\tName\n1\t\tBoats & Ships\nX2\t1\tCanoes\n";
    std::fs::write(&file, text).unwrap();
    let output = run(&["import", "iab", &file]);
    assert_eq!(
        out(&output),
        "[[topics]]\nid = \"boats-and-ships\"\nname = \"Boats & Ships\"\naliases = [\"iab-9.2-1\"]\n\n\
         [[topics]]\nid = \"canoes\"\nname = \"Canoes\"\nparent = \"boats-and-ships\"\naliases = [\"iab-9.2-X2\"]\n\n"
    );
}

#[test]
fn a_probe_that_reaches_no_server_says_so_with_1() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let output = run(&["health", "--ops", &nobody]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("not ready"), "{}", err(&output));
}
