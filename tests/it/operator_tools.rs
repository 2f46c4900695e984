//! An operator's tools on the command line: a starter inventory, and how verbs find the data directory and
//! the server.

use crate::harness::process::Installation;
use crate::harness::{Reader, decision::reference, wait_until};
use serde_json::{Value, json};
use std::process::Output;

/// Runs the executable in the folder of an installation.
pub fn run(installation: &Installation, arguments: &[&str]) -> Output {
    installation.command(arguments).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The JSON on standard output of a command that succeeds.
pub fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An installation without files.
fn empty() -> Installation {
    let installation = Installation::new();
    std::fs::remove_dir_all(installation.path("config")).unwrap();
    std::fs::remove_dir(installation.path("data")).unwrap();
    installation
}

#[tokio::test]
async fn init_writes_an_inventory_that_the_printed_command_serves() {
    let installation = empty();
    let arguments = ["init", "my shop", "--publisher", "shop-news", "--advertiser", "acme"];
    let said = stdout(&run(&installation, &arguments));
    assert!(said.contains("--inventory 'my shop/inventory' --watch"), "{said}");

    std::fs::remove_dir_all(installation.path("my shop")).unwrap();
    let arguments = ["init", "shop", "--publisher", "shop-news", "--advertiser", "acme", "--json"];
    let init = document(&run(&installation, &arguments));
    let checked = document(&run(&installation, &["check", "shop", "--json"]));
    assert_eq!((&checked["valid"], &checked["warnings"]), (&json!(true), &json!([])));

    let serve = init["serve"].as_str().unwrap();
    let words: Vec<&str> = serve.split(' ').collect();
    assert_eq!(words[..2], ["adjacent", "serve"]);
    let process = installation.serve_with(&words[2..]);
    let mut page = reference();
    page["publisher"] = json!("shop-news");
    page["page"]["topics"] = json!(["cloud-computing"]);
    let response = process.decide(&Reader::new(), &page).await.unwrap();
    let decision = &response["decisions"]["article-end"];
    assert_eq!(decision["advertiser"]["id"], "acme", "{response:#}");
    assert!(init["snippet"].as_str().unwrap().contains("data-publisher=\"shop-news\""));
    let words: Vec<&str> = init["report_link"].as_str().unwrap().split(' ').collect();
    let link = stdout(&run(&installation, &words[1..]));
    let page = Reader::new().get(&format!("{}{}", process.public, link.trim())).send().await;
    assert_eq!(page.unwrap().status(), 200);
}

#[test]
fn init_overwrites_no_file_and_names_those_that_exist() {
    let installation = empty();
    assert!(run(&installation, &["init"]).status.success());
    let path = installation.path("config/inventory/advertiser.toml");
    std::fs::write(&path, "# mine\n").unwrap();
    std::fs::remove_file(installation.path("config/inventory/topics.toml")).unwrap();
    std::fs::write(installation.path("config/inventory/others.toml"), "# mine\n").unwrap();

    let again = run(&installation, &["init", "--advertiser", "acme"]);

    assert_eq!(again.status.code(), Some(64));
    let said = stderr(&again);
    assert!(said.contains("inventory/advertiser.toml, config/inventory/others.toml"), "{said}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "# mine\n");
    assert!(!installation.path("config/inventory/topics.toml").exists());
}

/// Arguments of every verb that reads or changes a data directory, except `serve`.
const VERBS: [&[&str]; 17] = [
    &["apply", "config", "--yes"],
    &["diff", "config"],
    &["forecast", "--flight", "zahid-ai-europe"],
    &["explain", "01890a5d-ac96-774b-bcce-b302099a8057"],
    &["why", "zahid-ai-europe"],
    &["gaps"],
    &["export"],
    &["audit"],
    &["journal", "repair"],
    &["drain", "--store", "redis://127.0.0.1:1"],
    &["migrate", "--to", "redis://127.0.0.1:1"],
    &["keys", "list"],
    &["keys", "create", "--role", "operator", "--owner", "alice"],
    &["keys", "revoke", "aaaaaaaa"],
    &["keys", "rotate"],
    &["keys", "link", "zahid-host"],
    &["check", "config"],
];

#[test]
fn no_verb_makes_a_data_directory_that_it_should_have_found() {
    let installation = Installation::new();
    let wrong = installation.path("wrong");
    for verb in VERBS {
        let output = run(&installation, &[verb, &["--data", "wrong"]].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(64), "{verb:?}: {}{said}", stdout(&output));
        assert!(said.contains(&wrong.display().to_string()), "{verb:?}: {said}");
        assert!(said.contains("--data DIR"), "{verb:?}: {said}");
        assert!(!wrong.exists(), "{verb:?}");
    }
    let installation = installation.set("ADJACENT__STORE__DATA", "wrong");
    // Without a data directory, `check` checks what needs none.
    for verb in VERBS.iter().filter(|verb| verb[0] != "check") {
        let output = run(&installation, verb);
        assert_eq!(output.status.code(), Some(64), "{verb:?}: {}", stdout(&output));
        assert!(stderr(&output).contains("ADJACENT__STORE__DATA"), "{}", stderr(&output));
        assert!(!wrong.exists(), "{verb:?}");
    }
    assert_eq!(run(&installation, &["check", "config"]).status.code(), Some(0));
}

#[tokio::test]
async fn verbs_find_the_data_directory_and_the_server_by_the_settings_of_serve() {
    let installation = Installation::new();
    let file = installation.path("etc.toml");
    std::fs::write(&file, "[store]\ndata = \"elsewhere\"\n").unwrap();
    let config = ["--config", "etc.toml"];
    let serve = [&config[..], &["--inventory", "config/inventory"]].concat();
    let process = installation.serve_with(&serve);
    let decided = process.decide(&Reader::new(), &reference()).await.unwrap();
    let id = decided["request_id"].as_str().unwrap();

    for verb in
        [&["health"][..], &["why", "zahid-ai-europe"], &["keys", "list"], &["diff", "config"]]
    {
        let output = run(&installation, &[verb, &config].concat());
        assert!(output.status.success(), "{verb:?}: {}", stderr(&output));
    }
    wait_until("the decision in the log", async || {
        let explained = run(&installation, &[&["explain", id], &config[..]].concat());
        stdout(&explained).contains("zahid-ai-europe").then_some(())
    })
    .await;
    let installation = installation.set("ADJACENT__STORE__DATA", "elsewhere");
    assert!(run(&installation, &["health"]).status.success());
    assert!(run(&installation, &["why", "zahid-ai-europe"]).status.success());
}

#[tokio::test]
async fn an_operator_who_cannot_read_the_data_directory_asks_the_server_of_the_settings() {
    let installation = Installation::new();
    let process = installation.serve();
    let ops = process.ops.trim_start_matches("http://").to_owned();
    let key = std::fs::read_to_string(installation.path("data/local-keys.toml")).unwrap();
    let key = key.split('"').nth(1).unwrap().to_owned();
    let other = Installation::new().set("ADJACENT__SERVER__OPS_LISTEN", &ops);
    std::fs::remove_dir(other.path("data")).unwrap();

    let without_key = run(&other, &["why", "zahid-ai-europe"]);
    assert_eq!(without_key.status.code(), Some(64));
    assert!(stderr(&without_key).contains("ADJACENT_OPERATOR_KEY"), "{}", stderr(&without_key));

    let other = other.set("ADJACENT_OPERATOR_KEY", &key);
    assert!(run(&other, &["why", "zahid-ai-europe"]).status.success());
    let named = run(&other, &["why", "zahid-ai-europe", "--data", "none"]);
    assert_eq!(named.status.code(), Some(64), "a data directory that is named must exist");
    assert!(run(&other, &["why", "zahid-ai-europe", "--ops", &ops]).status.success());
    assert!(!other.path("data").exists());
}
