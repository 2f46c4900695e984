//! The guard on effect: dangerous changes wait for confirmation, whichever way they come.

use crate::harness::process::Installation;
use crate::harness::{Process, Reader, TestServer, wait_until};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

/// A dangerous change of the files of an installation, and what the guard says about it.
struct Danger {
    name: &'static str,
    says: &'static str,
    change: fn(&Path),
}

const FLIGHT: &str = "zahid-ai-europe";
const REFERENCE: &str = "inventory/zahid-host.toml";

/// Saves a file as an editor does, at once: the empty file in the middle of a write would be a change of its own.
fn save(path: &Path, text: &str) {
    let beside = path.with_extension("saving");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

fn replace(config: &Path, file: &str, from: &str, to: &str) {
    let path = config.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "not found: {from}");
    save(&path, &text.replacen(from, to, 1));
}

/// Changes of inventory files.
const INVENTORY: [Danger; 5] = [
    Danger {
        name: "emptied files",
        says: "flights: removes `zahid-ai-europe`",
        change: |config| {
            for entry in std::fs::read_dir(config.join("inventory")).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    std::fs::write(path, "").unwrap();
                }
            }
        },
    },
    Danger {
        name: "a price times 100",
        says: "price_micros: 8000000 → 800000000",
        change: |config| replace(config, REFERENCE, "= 8_000_000", "= 800_000_000"),
    },
    Danger {
        name: "a weight times 100",
        says: "weight: 1.0 → 100.0",
        change: |config| {
            replace(config, REFERENCE, "pacing = \"asap\"", "pacing = \"asap\"\nweight = 100.0");
        },
    },
    Danger {
        name: "a tenth of a budget",
        says: "budget.daily_micros: 200000000 → 20000000",
        change: |config| replace(config, REFERENCE, "= 200_000_000", "= 20_000_000"),
    },
    Danger {
        name: "a truncated file",
        says: "creatives: removes `lernwerk-abend`",
        change: |config| {
            let path = config.join("inventory/others.toml");
            let text = std::fs::read_to_string(&path).unwrap();
            let end = text.rfind("[[creatives]]").unwrap();
            save(&path, &text[..end]);
        },
    },
];

const WEIGHTS: Danger = Danger {
    name: "a scoring weight times 100",
    says: "weights: clicks_per_thousand: 4.0 → 400.0",
    change: |config| {
        replace(config, "weights.toml", "clicks_per_thousand = 4.0", "clicks_per_thousand = 400.0");
    },
};

fn adjacent(installation: &Installation, arguments: &[&str]) -> Output {
    installation.command(arguments).output().unwrap()
}

fn answered(installation: &Installation, arguments: &[&str], answer: &str) -> Output {
    let mut command = installation.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat())
        .into_owned()
}

fn head(installation: &Installation) -> String {
    std::fs::read_to_string(installation.path("data/catalog/head.json")).unwrap_or_default()
}

fn operator_key(installation: &Installation) -> String {
    let text = std::fs::read_to_string(installation.path("data/local-keys.toml")).unwrap();
    toml::from_str::<toml::Table>(&text).unwrap()["operator"].as_str().unwrap().to_owned()
}

async fn served(process: &Process) -> (String, String) {
    let reply = Reader::new().get(&format!("{}/version", process.ops)).send().await.unwrap();
    let version: Value = reply.json().await.unwrap();
    let hash = |name: &str| version[name].as_str().unwrap().to_owned();
    (hash("inventory"), hash("weights"))
}

async fn pending(installation: &Installation, process: &Process) -> Vec<Value> {
    let request = Reader::new().get(&format!("{}/v1/admin/pending", process.ops));
    let reply = request.bearer_auth(operator_key(installation)).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.json().await.unwrap()
}

async fn counted(process: &Process, what: &str) -> u64 {
    let series = format!("adjacent_config_reloads_total{{result=\"pending\",what=\"{what}\"}}");
    process.scrape().await.count(&series)
}

fn copy_of_files(installation: &Installation) -> std::path::PathBuf {
    let (from, to) = (installation.path("config"), installation.path("other"));
    for inner in ["", "inventory", "inventory/pictures"] {
        std::fs::create_dir_all(to.join(inner)).unwrap();
        for entry in std::fs::read_dir(from.join(inner)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                std::fs::copy(entry.path(), to.join(inner).join(entry.file_name())).unwrap();
            }
        }
    }
    to
}

#[test]
fn the_command_line_without_a_server_stops_a_dangerous_change_until_it_is_forced() {
    for danger in INVENTORY.iter().chain([&WEIGHTS]) {
        let installation = Installation::new();
        let first = adjacent(&installation, &["apply", "config", "--yes"]);
        assert_eq!(first.status.code(), Some(0), "{}", text(&first));
        let before = head(&installation);
        (danger.change)(&installation.path("config"));

        let stopped = adjacent(&installation, &["apply", "config", "--yes"]);

        assert_eq!(stopped.status.code(), Some(64), "{}: {}", danger.name, text(&stopped));
        assert!(text(&stopped).contains(danger.says), "{}: {}", danger.name, text(&stopped));
        assert!(text(&stopped).contains("use --force"), "{}", text(&stopped));
        assert_eq!(head(&installation), before, "{}", danger.name);
        let forced = adjacent(&installation, &["apply", "--force", "config"]);
        assert_eq!(forced.status.code(), Some(0), "{}: {}", danger.name, text(&forced));
        assert_ne!(head(&installation), before, "{}", danger.name);
    }
}

#[tokio::test]
async fn the_command_line_with_a_server_stops_a_dangerous_change_until_it_is_forced() {
    for danger in INVENTORY.iter().chain([&WEIGHTS]) {
        let installation = Installation::new();
        let process = installation.serve();
        let before = served(&process).await;
        (danger.change)(&copy_of_files(&installation));

        let stopped = adjacent(&installation, &["apply", "other", "--yes"]);

        assert_eq!(stopped.status.code(), Some(64), "{}: {}", danger.name, text(&stopped));
        assert!(text(&stopped).contains(danger.says), "{}: {}", danger.name, text(&stopped));
        assert_eq!(served(&process).await, before, "{}", danger.name);
        let forced = adjacent(&installation, &["apply", "--force", "other"]);
        assert_eq!(forced.status.code(), Some(0), "{}: {}", danger.name, text(&forced));
        assert_ne!(served(&process).await, before, "{}", danger.name);
    }
}

#[tokio::test]
async fn a_dangerous_saved_file_waits_until_it_is_forced_and_is_counted_and_logged_once() {
    for danger in INVENTORY.iter().chain([&WEIGHTS]) {
        let installation = Installation::new();
        let process = installation.serve();
        let before = served(&process).await;
        let (part, path) = match danger.name == WEIGHTS.name {
            true => ("weights", "config/weights.toml"),
            false => ("inventory", "config/inventory"),
        };

        (danger.change)(&installation.path("config"));
        let waits = async || {
            let waiting = pending(&installation, &process).await;
            // Several files are saved one after the other.
            let found = waiting.into_iter().find(|one| one["part"] == part)?;
            found.to_string().contains(danger.says).then_some(found)
        };
        let waiting = wait_until(danger.name, waits).await;

        assert_eq!(served(&process).await, before, "{}: what is served stays", danger.name);
        assert!(counted(&process, part).await >= 1, "{}", danger.name);
        let command = waiting["command"].as_str().unwrap();
        process.wait_for_log(command).await;
        // Every file is read again, and nothing is new.
        process.signal("HUP");
        assert!(command.starts_with("adjacent apply --force /"), "{command}");

        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        let forced = adjacent(&installation, &arguments);
        assert_eq!(forced.status.code(), Some(0), "{}: {}", danger.name, text(&forced));
        assert_ne!(served(&process).await, before, "{}", danger.name);
        let none = async || pending(&installation, &process).await.is_empty().then_some(());
        wait_until("nothing waits", none).await;
        assert!(installation.path(path).exists());
        // Files that are saved one after the other are judged one after the other.
        let logged = process.log().matches("waits for confirmation").count();
        assert!(logged == 1 || danger.name == "emptied files", "{}: {logged} times", danger.name);
    }
}

#[tokio::test]
async fn a_waiting_change_is_accepted_by_the_api_if_its_file_still_has_that_content() {
    let installation = Installation::new();
    let process = installation.serve();
    let before = served(&process).await;
    let accept = async |body: Value| {
        let request = Reader::new().post(&format!("{}/v1/admin/pending/accept", process.ops));
        let request = request.bearer_auth(operator_key(&installation)).json(&body);
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    assert_eq!(accept(json!({})).await.0, 404, "nothing waits");
    let waits = async |price: &str| {
        let says = format!("8000000 → {price}");
        wait_until("a change that waits", async || {
            let waiting = pending(&installation, &process).await;
            waiting.into_iter().find(|one| one["reason"].as_str().unwrap().contains(&says))
        })
        .await
    };

    // A file that is changed back no longer waits.
    installation.change(REFERENCE, "= 8_000_000", "= 800_000_000");
    let seen = waits("800000000").await["hash"].clone();
    installation.change(REFERENCE, "= 800_000_000", "= 8_000_000");
    let none = async || pending(&installation, &process).await.is_empty().then_some(());
    wait_until("nothing waits", none).await;

    installation.change(REFERENCE, "= 8_000_000", "= 80_000_000");
    waits("80000000").await;
    assert_eq!(accept(json!({ "hash": seen })).await.0, 412, "another content was seen");
    assert_eq!(served(&process).await, before);
    let (status, reply) = accept(json!({ "part": "inventory" })).await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(reply["difference"]["lists"][0]["changed"][0]["id"], FLIGHT);
    assert!(pending(&installation, &process).await.is_empty());
    assert_ne!(served(&process).await, before);
}

#[tokio::test]
async fn an_emptied_folder_and_a_half_written_file_are_refused() {
    let installation = Installation::new();
    let process = installation.serve();
    let before = served(&process).await;
    let path = installation.path("config").join(REFERENCE);
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    process.wait_for_log("invalid file not reloaded").await;
    assert_eq!(served(&process).await, before);
    std::fs::write(&path, whole).unwrap();
    for entry in std::fs::read_dir(installation.path("config/inventory")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::remove_file(path).unwrap();
        }
    }
    process.wait_for_log("contains no .toml file").await;
    assert_eq!(served(&process).await, before);
}

#[tokio::test]
async fn a_start_with_a_dangerous_file_serves_what_was_served() {
    for danger in INVENTORY.iter().chain([&WEIGHTS]) {
        let installation = Installation::new();
        let process = installation.serve();
        let before = served(&process).await;
        process.kill();
        (danger.change)(&installation.path("config"));

        let process = installation.serve();

        assert_eq!(served(&process).await, before, "{}", danger.name);
        let waiting = pending(&installation, &process).await;
        assert_eq!(waiting.len(), 1, "{}", danger.name);
        assert!(waiting[0].to_string().contains(danger.says), "{}: {}", danger.name, waiting[0]);
        process.wait_for_log("waits for confirmation").await;
        assert_eq!(counted(&process, waiting[0]["part"].as_str().unwrap()).await, 1);
        process.kill();
        let forced = adjacent(&installation, &["apply", "--force", "config"]);
        assert_eq!(forced.status.code(), Some(0), "{}: {}", danger.name, text(&forced));
        let process = installation.serve();
        assert_ne!(served(&process).await, before, "{}", danger.name);
        assert!(pending(&installation, &process).await.is_empty(), "{}", danger.name);
    }
}

async fn call(server: &TestServer, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = server.reader.request(method, &format!("{}/v1/admin/{path}", server.ops));
    let request = request.bearer_auth(server.key("operator")).json(body);
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn the_admin_api_stops_a_dangerous_inventory_until_it_is_confirmed() {
    let server = TestServer::start().await;
    let (_, example) = call(&server, "GET", "inventory", &json!({})).await;
    let changed = |list: &str, id: &str, field: &str, value: Value| {
        let mut inventory = example.clone();
        let documents = inventory[list].as_array_mut().unwrap();
        let document = documents.iter_mut().find(|one| one["id"] == id).unwrap();
        *document.pointer_mut(field).unwrap() = value;
        inventory
    };
    let mut truncated = example.clone();
    truncated["creatives"].as_array_mut().unwrap().pop();
    for (name, inventory) in [
        ("emptied", json!({})),
        ("a price", changed("flights", FLIGHT, "/price_micros", json!(800_000_000))),
        ("a weight", changed("flights", FLIGHT, "/weight", json!(100.0))),
        (
            "a budget",
            changed("campaigns", "zahid-launch", "/budget/daily_micros", json!(20_000_000)),
        ),
        ("truncated", truncated),
    ] {
        let (status, reply) =
            call(&server, "PUT", "inventory", &json!({"inventory": inventory})).await;
        assert_eq!(
            (status, &reply["code"]),
            (409, &json!("confirmation_required")),
            "{name}: {reply}"
        );
        assert!(!reply["problems"].as_array().unwrap().is_empty(), "{name}: {reply}");
        let (_, now) = call(&server, "GET", "inventory", &json!({})).await;
        assert_eq!(now, example, "{name}");
        let body = json!({"inventory": inventory, "confirm": true});
        let (status, reply) = call(&server, "PUT", "inventory", &body).await;
        assert_eq!(status, 200, "{name}: {reply}");
        let back = json!({"inventory": example, "confirm": true});
        assert_eq!(call(&server, "PUT", "inventory", &back).await.0, 200);
    }
}

#[tokio::test]
async fn the_admin_api_stops_dangerous_weights_and_documents_until_they_are_confirmed() {
    let server = TestServer::start().await;
    let (_, mut weights) = call(&server, "GET", "weights", &json!({})).await;
    weights["clicks_per_thousand"] = json!(400.0);
    let (_, mut flight) = call(&server, "GET", &format!("flights/{FLIGHT}"), &json!({})).await;
    flight["price_micros"] = json!(800_000_000);
    let (_, mut campaign) = call(&server, "GET", "campaigns/zahid-launch", &json!({})).await;
    campaign["budget"]["daily_micros"] = json!(20_000_000);
    let (_, mut site) = call(&server, "GET", "publishers/eu-tech-news", &json!({})).await;
    site["placements"].as_array_mut().unwrap().pop();
    assert!(!site["placements"].as_array().unwrap().is_empty(), "the example has two placements");
    let topic = json!({"id": "quiet-topic", "name": "Quiet topic"});
    assert_eq!(call(&server, "POST", "topics", &topic).await.0, 200, "new ones are no concern");
    for (method, path, body) in [
        ("PUT", "weights".to_owned(), weights),
        ("PUT", format!("flights/{FLIGHT}"), flight),
        ("PUT", "campaigns/zahid-launch".to_owned(), campaign),
        ("PUT", "publishers/eu-tech-news".to_owned(), site),
        ("DELETE", "topics/quiet-topic".to_owned(), json!({})),
    ] {
        let (status, reply) = call(&server, method, &path, &body).await;
        assert_eq!(
            (status, &reply["code"]),
            (409, &json!("confirmation_required")),
            "{path}: {reply}"
        );
        let (status, reply) = call(&server, method, &format!("{path}?confirm=true"), &body).await;
        assert_eq!(status, 200, "{path}: {reply}");
    }
}

#[test]
fn without_a_terminal_apply_reads_its_answer_and_an_empty_input_names_the_option() {
    let installation = Installation::new();
    for (answer, code, applied) in
        [("n\n", 0, false), ("yesterday\n", 0, false), ("", 64, false), ("y\n", 0, true)]
    {
        let output = answered(&installation, &["apply", "config"], answer);
        assert_eq!(output.status.code(), Some(code), "{answer:?}: {}", text(&output));
        assert_eq!(head(&installation).contains("\"number\": 1"), applied, "{answer:?}");
        if code == 64 {
            assert!(text(&output).contains("use --yes"), "{}", text(&output));
        }
    }
    installation.change(REFERENCE, "= 8_000_000", "= 9_000_000");
    let output = answered(&installation, &["apply", "config"], "YES\n");
    assert!(text(&output).contains("applied as change 2"), "{}", text(&output));
}

#[tokio::test]
async fn the_limits_are_settings_that_apply_at_once() {
    let installation = Installation::new();
    let process = installation.serve();
    let before = served(&process).await;
    installation.change("adjacent.toml", "factor = 2.0", "factor = 1000.0");
    process.wait_for_log("file reloaded").await;

    installation.change(REFERENCE, "= 8_000_000", "= 800_000_000");

    let moved = async || (served(&process).await != before).then_some(());
    wait_until("the price is served", moved).await;
}
