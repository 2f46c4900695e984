//! The command line of the executable: output, files and exit codes.

use crate::harness::ports::free_port;
use crate::harness::process::Installation;
use std::process::{Command, Output, Stdio};

fn adjacent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    adjacent(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A path in an installation, as an argument.
fn path_in(installation: &Installation, name: &str) -> String {
    installation.path(name).display().to_string()
}

fn apply(installation: &Installation, arguments: &[&str]) -> Output {
    let (config, data) = (path_in(installation, "config"), path_in(installation, "data"));
    run(&[&["apply", &config, "--data", &data, "--yes"], arguments].concat())
}

fn diff(installation: &Installation) -> String {
    let output =
        run(&["diff", &path_in(installation, "config"), "--data", &path_in(installation, "data")]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

fn head_of(installation: &Installation) -> String {
    std::fs::read_to_string(installation.path("data/catalog/head.json")).unwrap_or_default()
}

#[test]
fn the_default_configuration_is_valid_with_and_without_files() {
    let output = run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("valid: settings, weights, "), "{}", stdout(&output));
    let empty_folder = tempfile::tempdir().unwrap();
    let without_files = adjacent(&["check"]).current_dir(empty_folder.path()).output().unwrap();
    assert_eq!(stdout(&without_files), stdout(&output), "the defaults are compiled in");
    assert_eq!(json(&run(&["check", "--json"]))["valid"], true);
}

#[test]
fn an_error_has_file_line_column_and_remedy() {
    let installation = Installation::new();
    installation.change("inventory/zahid-host.toml", "price_micros", "price_micro");
    installation.change("weights.toml", "entity_boost = 2.0", "entity_boost = nan");

    let output = run(&["check", &path_in(&installation, "config")]);

    assert_eq!(output.status.code(), Some(64));
    assert_eq!(stdout(&output), "");
    let errors = stderr(&output);
    let file = path_in(&installation, "config/inventory/zahid-host.toml");
    assert!(errors.contains(&format!("{file}:27:1: ")), "{errors}");
    assert!(errors.contains("did you mean `price_micros`?"), "{errors}");
    assert!(
        errors.contains("weights.toml:5:16: entity_boost: must be a finite number"),
        "{errors}"
    );

    let output = run(&["check", "--json", &path_in(&installation, "config")]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(json(&output)["problems"].as_array().unwrap().len(), 2);
    assert!(json(&output)["problems"][0]["line"].is_u64());
}

#[test]
fn invalid_commands_and_arguments_exit_with_64() {
    for arguments in [
        vec!["chek"],
        vec!["check", "/no/such/file.toml"],
        vec!["schema", "everything"],
        vec!["synth"],
        vec!["apply"],
        vec!["import", "iab", "/no/such/file.tsv"],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", stderr(&output));
        assert!(!output.stderr.is_empty());
    }
    assert_eq!(run(&["--help"]).status.code(), Some(0));
}

#[test]
fn check_validates_the_datacenter_list_named_in_the_settings() {
    let installation = Installation::new();
    let networks = path_in(&installation, "datacenters.txt");
    std::fs::write(&networks, "203.0.113.0/24\n203.0.113.0/40\n").unwrap();
    let path = path_in(&installation, "config/adjacent.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let section = format!("[traffic]\ndatacenters = \"{networks}\"\n");
    assert!(settings.contains("[traffic]\n"), "{settings}");
    std::fs::write(&path, settings.replacen("[traffic]\n", &section, 1)).unwrap();

    let output = run(&["check", &path_in(&installation, "config")]);

    assert_eq!(output.status.code(), Some(64), "{}", stdout(&output));
    assert!(stderr(&output).contains(&format!("{networks}:2: ")), "{}", stderr(&output));
    std::fs::write(&networks, "203.0.113.0/24\n").unwrap();
    assert_eq!(run(&["check", &path_in(&installation, "config")]).status.code(), Some(0));
}

#[test]
fn check_accepts_a_synthetic_inventory() {
    let synth = |seed: &str| run(&["synth", "--flights", "40", "--seed", seed]);
    let text = stdout(&synth("7"));
    assert_eq!(text, stdout(&synth("7")), "the same seed gives the same inventory");
    assert_ne!(text, stdout(&synth("8")));

    let mut check = adjacent(&["check", "-"]);
    let mut check = check.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut check.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("41 flights"), "{}", stdout(&output));
}

#[test]
fn applying_the_same_files_again_shows_no_difference() {
    let installation = Installation::new();
    let first = apply(&installation, &[]);
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(stdout(&first).contains("+ zahid-ai-europe"), "{}", stdout(&first));
    assert!(stdout(&first).ends_with("applied as change 1\n"), "{}", stdout(&first));
    let head = head_of(&installation);

    assert_eq!(stdout(&apply(&installation, &[])), "no difference\n");
    assert_eq!(diff(&installation), "no difference\n");
    assert_eq!(head_of(&installation), head);

    installation.change("inventory/zahid-host.toml", "8_000_000", "9_000_000");
    let expected = "flights\n  ~ zahid-ai-europe\n      price_micros: 8000000 → 9000000\n";
    assert_eq!(diff(&installation), expected);
    let output = apply(&installation, &["--json"]);
    assert_eq!(json(&output)["applied"], true);
    assert_eq!(json(&output)["number"], 2);
    let audit = std::fs::read_to_string(installation.path("data/catalog/audit.log")).unwrap();
    assert_eq!(audit.lines().count(), 2);
}

#[test]
fn an_invalid_folder_does_not_change_the_served_catalog() {
    let installation = Installation::new();
    assert!(apply(&installation, &[]).status.success());
    let head = head_of(&installation);
    installation.change("inventory/zahid-host.toml", "8_000_000", "9_000_000");
    installation.change("labels.toml", "[\"AT\"]", "[\"DE\"]");

    let output = apply(&installation, &[]);

    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("labels.toml:"), "{}", stderr(&output));
    assert_eq!(head_of(&installation), head);
}

#[test]
fn diff_writes_no_files() {
    let installation = Installation::new();
    assert!(diff(&installation).contains("+ zahid-ai-europe"));
    assert_eq!(std::fs::read_dir(installation.path("data")).unwrap().count(), 0);
}

#[test]
fn a_weight_that_is_multiplied_by_more_than_two_needs_confirmation() {
    let installation = Installation::new();
    assert!(apply(&installation, &[]).status.success());
    installation.change("weights.toml", "entity_boost = 2.0", "entity_boost = 20.0");

    let output = apply(&installation, &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("weights: entity_boost: 2.0 → 20.0"), "{}", stderr(&output));
    assert!(head_of(&installation).contains("\"number\": 1"));

    assert!(apply(&installation, &["--force"]).status.success());
    assert!(head_of(&installation).contains("\"number\": 2"));
}

#[test]
fn schemas_and_imports_are_printed_to_standard_output() {
    for document in ["inventory", "weights", "labels", "config"] {
        assert!(json(&run(&["schema", document]))["properties"].is_object(), "{document}");
    }
    let installation = Installation::new();
    let file = path_in(&installation, "tiers.tsv");
    let text = "Tiers v3.1\t\t\nUnique ID\tParent\tName\n1\t\tBoats & Ships\nX2\t1\tCanoes\n";
    std::fs::write(&file, text).unwrap();
    let output = run(&["import", "iab", &file]);
    assert_eq!(
        stdout(&output),
        "[[topics]]\nid = \"boats-and-ships\"\nname = \"Boats & Ships\"\naliases = [\"iab-3.1-1\"]\n\n\
         [[topics]]\nid = \"canoes\"\nname = \"Canoes\"\nparent = \"boats-and-ships\"\naliases = [\"iab-3.1-X2\"]\n\n"
    );
}

#[test]
fn a_health_check_without_a_server_exits_with_1() {
    let unused_address = format!("127.0.0.1:{}", free_port());
    let output = run(&["health", "--ops", &unused_address]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("not ready"), "{}", stderr(&output));
}
