//! Changes by API or console outlive a restart, and `adjacent pull` brings the files up to date with them.

use crate::harness::process::Installation;
use crate::harness::{Process, Reader, wait_until};
use serde_json::{Value, json};

const FLIGHT: &str = "zahid-ai-europe";
const REFERENCE: &str = "inventory/zahid-host.toml";

async fn call(
    installation: &Installation,
    process: &Process,
    (method, path): (&str, &str),
    body: &Value,
) -> Value {
    let text = std::fs::read_to_string(installation.path("data/local-keys.toml")).unwrap();
    let keys: toml::Table = toml::from_str(&text).unwrap();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = Reader::new().request(method, &format!("{}/v1/admin/{path}", process.ops));
    let request = request.bearer_auth(keys["operator"].as_str().unwrap()).json(body);
    let reply = request.send().await.unwrap();
    let status = reply.status();
    let body = reply.json::<Value>().await.unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn get(installation: &Installation, process: &Process, path: &str) -> Value {
    call(installation, process, ("GET", path), &json!({})).await
}

async fn set_price(installation: &Installation, process: &Process, price: i64) {
    let path = format!("flights/{FLIGHT}");
    let mut flight = get(installation, process, &path).await;
    flight["price_micros"] = json!(price);
    call(installation, process, ("PUT", &path), &flight).await;
}

async fn price(installation: &Installation, process: &Process) -> Value {
    get(installation, process, &format!("flights/{FLIGHT}")).await["price_micros"].clone()
}

async fn pending(installation: &Installation, process: &Process) -> Vec<Value> {
    get(installation, process, "pending").await.as_array().unwrap().clone()
}

fn run(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.command(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    text
}

fn file(installation: &Installation, name: &str) -> String {
    std::fs::read_to_string(installation.path("config").join(name)).unwrap()
}

#[tokio::test]
async fn a_restart_keeps_what_was_changed_by_the_api_and_pauses_and_reports_the_file() {
    let installation = Installation::new();
    let process = installation.serve();
    set_price(&installation, &process, 9_000_000).await;
    let path = "creatives/zahid-git-push/state";
    call(&installation, &process, ("POST", path), &json!({"state": "paused"})).await;
    let mut weights = get(&installation, &process, "weights").await;
    weights["entity_boost"] = json!(2.5);
    call(&installation, &process, ("PUT", "weights"), &weights).await;
    process.kill();

    // Whether the file has changed since or not.
    for edited in [false, true] {
        if edited {
            installation.change(REFERENCE, "Launch in Europe", "Launch");
        }
        let process = installation.serve();

        assert_eq!(price(&installation, &process).await, 9_000_000);
        assert_eq!(get(&installation, &process, "weights").await["entity_boost"], 2.5);
        let pauses = get(&installation, &process, "pauses").await;
        assert_eq!(pauses[0]["id"], "zahid-git-push", "a creative that was paused by hand");
        let waiting = pending(&installation, &process).await;
        let parts: Vec<&Value> = waiting.iter().map(|one| &one["part"]).collect();
        assert_eq!(parts, ["weights", "inventory"], "{waiting:?}");
        for one in &waiting {
            let reason = one["reason"].as_str().unwrap();
            assert!(reason.starts_with("served was changed by "), "{reason}");
            assert!(reason.contains("after this file was applied; `adjacent pull"), "{reason}");
            assert!(reason.contains("`adjacent apply --force /"), "{reason}");
        }
        process.wait_for_log("price_micros: 9000000 → 8000000").await;
        process.kill();
    }
}

#[tokio::test]
async fn a_restart_applies_a_file_that_alone_has_changed() {
    let installation = Installation::new();
    let process = installation.serve();
    let pause = json!({"what": "flight", "id": FLIGHT, "paused": true});
    call(&installation, &process, ("POST", "pauses"), &pause).await;
    process.kill();
    installation.change(REFERENCE, "= 8_000_000", "= 9_000_000");
    let process = installation.serve();
    assert_eq!(price(&installation, &process).await, 9_000_000);
    assert!(pending(&installation, &process).await.is_empty());
    assert_eq!(get(&installation, &process, "pauses").await[0]["id"], FLIGHT);
    process.wait_for_log("8000000 → 9000000").await;
}

#[tokio::test]
async fn after_a_pull_the_files_have_what_is_served_with_their_comments_and_are_applied_again() {
    let installation = Installation::new();
    installation.change(REFERENCE, "= 8_000_000", "= 8_000_000 # as agreed");
    let process = installation.serve();
    let others = file(&installation, "inventory/others.toml");
    set_price(&installation, &process, 9_000_000).await;
    let topic = json!({"id": "quiet-topic", "name": "Quiet topic"});
    call(&installation, &process, ("POST", "topics"), &topic).await;
    let mut weights = get(&installation, &process, "weights").await;
    weights["entity_boost"] = json!(2.5);
    call(&installation, &process, ("PUT", "weights"), &weights).await;
    process.kill();
    let process = installation.serve();
    assert_eq!(pending(&installation, &process).await.len(), 2);

    let said = run(&installation, &["pull", "config", "--yes"]);

    assert!(said.contains("price_micros: 8000000 → 9000000"), "{said}");
    assert!(file(&installation, REFERENCE).contains("price_micros = 9000000 # as agreed"));
    assert!(file(&installation, "inventory/topics.toml").contains("quiet-topic"));
    assert!(file(&installation, "weights.toml").contains("entity_boost = 2.5"));
    assert_eq!(file(&installation, "inventory/others.toml"), others, "byte for byte");
    assert_eq!(run(&installation, &["diff", "config"]), "no difference\n");
    let none = async || pending(&installation, &process).await.is_empty().then_some(());
    wait_until("nothing waits", none).await;

    // The file alone has changed after the pull.
    process.kill();
    installation.change(REFERENCE, "price_micros = 9000000", "price_micros = 10_000_000");
    let process = installation.serve();
    assert_eq!(price(&installation, &process).await, 10_000_000);
    assert!(pending(&installation, &process).await.is_empty());
    process.kill();
    let said = run(&installation, &["pull", "new", "--yes"]);
    for list in ["advertisers", "campaigns", "flights", "creatives", "publishers", "topics"] {
        assert!(said.contains(&format!("creates new/{list}.toml")), "{list}: {said}");
    }
    assert_eq!(run(&installation, &["diff", "new"]), "no difference\n");
}

#[test]
fn a_pull_asks_and_needs_a_catalog() {
    let installation = Installation::new();
    let pull = |arguments: &[&str]| {
        let output = installation.command(&[&["pull"], arguments].concat()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(pull(&["config", "--yes"]).0, Some(64), "nothing was applied");
    assert!(!installation.path("data/catalog").exists());
    run(&installation, &["apply", "config", "--yes"]);
    installation.change(REFERENCE, "= 8_000_000", "= 9_000_000");
    let before = file(&installation, REFERENCE);
    let (code, said) = pull(&["config"]);
    assert!(code == Some(64) && said.contains("use --yes"), "{said}");
    assert_eq!(file(&installation, REFERENCE), before);
    assert_eq!(pull(&["config", "--yes"]).0, Some(0));
    assert!(file(&installation, REFERENCE).contains("price_micros = 8000000"));
    assert_eq!(pull(&["--yes"]).0, Some(64), "neither a path nor weights");
}
